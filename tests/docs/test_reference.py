"""The reference is what the code says now, and leaves out no verb, flag, setting or record."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from docs.pages import ROOT
from s1kit.cli.main import app
from s1kit.config import VERBS
from s1kit.errors import UserError
from s1kit.formats import BUILT_IN
from s1kit.metrics.summary import Metrics
from s1kit.policies import AnyPolicy
from s1kit.types import Generation, Grade, Question, RunManifest

MAKE = ROOT / "docs" / "make_reference.py"


def text(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def section(page: str, head: str) -> str:
    """A page from a heading up to the next one of its level. ValueError where it is not there."""
    start = page.index(f"\n{head}\n") + 1
    level = head.partition(" ")[0]
    following = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(page, start + len(head))
    return page[start : following.start() if following else None]


def leaves(command: Any, name: str = "s1") -> list[tuple[str, Any]]:
    inner = getattr(command, "commands", {})
    return [(name, command)] if not inner else [x for n, c in inner.items() for x in leaves(c, f"{name} {n}")]


def test_the_pages_are_what_the_code_makes() -> None:
    """By the command that a person runs, which names what is stale."""
    done = subprocess.run([sys.executable, str(MAKE), "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_page_that_was_left_behind_is_named(tmp_path: Path) -> None:
    """The same check over a copy with one word changed and one page of another origin."""
    pages = tmp_path / "reference"
    pages.mkdir()
    (pages / "formats.md").write_text(text("formats.md"), encoding="utf-8")
    (pages / "errors.md").write_text(text("errors.md").replace("hint", "tip"), encoding="utf-8")
    (pages / "stray.md").write_text("# Stray\n", encoding="utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(MAKE.parent)!r}); import make_reference as made, pathlib; "
        f"made.DOCS = pathlib.Path({str(tmp_path)!r}); "
        "made.PAGES = {name: page for name, page in made.PAGES.items() if name[10:] in ('errors.md', 'formats.md')}; "
        "sys.exit(made.main(['--check']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "errors.md" in done.stderr
    assert "stray.md" in done.stderr
    assert "formats.md" not in done.stderr
    assert "hint: python docs/make_reference.py" in done.stderr


ALL = dict(leaves(get_command(app)))
"""Every verb that can be called, as it is called."""


@pytest.mark.parametrize("name", ALL)
def test_every_verb_is_there_with_every_flag(name: str) -> None:
    part = section(text("cli.md"), f"## {name}")
    for param in ALL[name].params:
        if param.param_type_name == "option" and not param.hidden and param.name != "help":
            for flag in param.opts:
                assert f"`{flag}`" in part, f"{name} {flag}"
                assert param.help, f"{name} {flag} has no help"


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_is_there(verb: str) -> None:
    part = section(text("recipes.md"), f"## s1 {verb}")
    for setting in VERBS[verb].model_fields:
        assert f"\n| `{setting}` |" in part, f"{verb}: {setting}"


def test_every_policy_and_format_is_there() -> None:
    for policy in get_args(AnyPolicy):
        part = section(text("policies.md"), f"## {policy.model_fields['kind'].default}")
        assert all(f"\n| `{field}` |" in part for field in policy.model_fields if field != "kind"), policy
    assert all(f"\n| `{name}` | " in text("formats.md") for name in BUILT_IN)


@pytest.mark.parametrize("record", [Question, Generation, Grade, RunManifest])
def test_every_field_of_a_row_is_there(record: Any) -> None:
    part = section(text("records.md"), f"## {record.__name__}")
    assert all(f"\n| `{field}` |" in part for field in record.model_fields)


def test_every_metric_is_there() -> None:
    part = section(text("metrics.md"), "### Metrics (record)")
    assert all(f"\n| `{field}` |" in part for field in Metrics.model_fields)


def test_every_refusal_that_is_loaded_is_there() -> None:
    """Found here by what is imported, on the page by what is written."""
    page = text("errors.md")
    ours = [kind for kind in UserError.__subclasses__() if kind.__module__.startswith("s1kit.")]
    assert len(ours) > 5
    for kind in ours:
        assert f"| `{kind.__name__}` | `{kind.__module__}` | {kind.exit_code} |" in page, kind
