"""The guide's tables say what the server does, and its examples run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s1kit.serve.catalog import CARRIERS, EFFECTIVE, REFUSED, WITHOUT_EFFECT
from s1kit.serve.fields import COMPLETION_TOKENS, EFFORTS, UNLIMITED, Rules
from s1kit.serve.server import Process
from s1kit.serve.service import SILENT_SECONDS, Limits
from unit.serve.serving import Running, chatty, serving

GUIDE = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL))
CURLS = re.findall(r"^\$ (curl .*?)(?=^\$ |\Z)", CONSOLE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving(chatty(), name="nano", rules=Rules(max_answer=64)) as running:
        yield running
        running.idle()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", CURLS, ids=range(len(CURLS)))
def test_the_curl_examples_run(server: Running, command: str) -> None:
    assert ADDRESS in command
    done = subprocess.run(["bash", "-c", command.replace(ADDRESS, server.url)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if '"stream"' in command:
        assert done.stdout.endswith("data: [DONE]\n\n")
        assert '"error"' not in done.stdout
    else:
        assert "error" not in json.loads(done.stdout)


def test_there_are_examples_to_run() -> None:
    assert len(CURLS) >= 5


def test_the_budget_in_the_guide_has_the_fields_of_a_real_one(server: Running) -> None:
    [shown] = re.findall(r'```json\n{"budget": (.*?)}\n```', GUIDE, re.DOTALL)
    body = {"messages": [{"role": "user", "content": "hello"}], "wait": 1}
    assert list(json.loads(shown)) == list(server.post(body).json()["budget"])


def test_the_python_example_runs(server: Running) -> None:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code.replace(ADDRESS, server.url)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


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
