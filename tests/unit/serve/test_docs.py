"""The guide's tables say what the server does."""

from __future__ import annotations

import re
from pathlib import Path

from s1kit.serve.catalog import CARRIERS, EFFECTIVE, REFUSED, WITHOUT_EFFECT
from s1kit.serve.fields import COMPLETION_TOKENS, EFFORTS, UNLIMITED, Rules
from s1kit.serve.server import Process
from s1kit.serve.service import SILENT_SECONDS, Limits

GUIDE = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()


def test_every_field_stands_in_the_guide_with_its_effect() -> None:
    by_effect: dict[tuple[str, str | None], list[str]] = {}
    for field in EFFECTIVE:
        by_effect.setdefault((field.effect, field.endpoint), []).append(field.name)
    lines = []
    for (effect, endpoint), names in by_effect.items():
        only = f" ({endpoint} only)" if endpoint else ""
        lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {effect}{only} |")
    assert "| field | effect |\n|---|---|\n" + "\n".join(lines) + "\n\n" in GUIDE


def test_so_do_the_efforts_and_the_other_names() -> None:
    rows = [f"| `{name}` | {'unlimited' if n == UNLIMITED else n} |" for name, n in EFFORTS.items()]
    assert "|---|---|\n" + "\n".join(rows) + "\n\n" in GUIDE
    for group, words in ((WITHOUT_EFFECT, "Accepted without effect"), (REFUSED, "Refused as not supported")):
        paragraph = GUIDE[GUIDE.index(words) :].split("\n\n")[0]
        assert re.findall(r"`(\w+)`", paragraph) == list(group)
    for name in CARRIERS:
        assert f"`{name}`" in GUIDE


def test_and_the_defaults() -> None:
    limits, process = Limits(), Process()
    assert f"at most `max_tokens` ({COMPLETION_TOKENS})" in GUIDE
    assert f"`--max-answer` ({Rules().max_answer})" in GUIDE
    assert f"| `--max-n` | {Rules().most_choices} |" in GUIDE
    assert f"| `--queue` | {process.waiting} |" in GUIDE
    assert f"| `--grace` | {process.grace:g} s |" in GUIDE
    assert f"| `--timeout` | {limits.seconds:g} s |" in GUIDE
    assert f"| `--max-body` | {limits.body_bytes // 2**20} MiB |" in GUIDE
    assert f"| `--max-prompt` | {limits.prompt_characters:,} characters |" in GUIDE
    assert limits.stall_seconds == 60
    assert SILENT_SECONDS == 10
