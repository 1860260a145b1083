"""The real datasets library against a hub that stands on this machine, against one that does not answer, and offline.

In a process of its own: the libraries read the hub's address when they are imported.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unit.benchmarks.rows import gpqa_rows, math_rows
from unit.curate.test_hub import COMMIT, FILES, address  # noqa: F401

CHILD = """
import json, sys
from s1kit.benchmarks.registry import load
from s1kit.benchmarks.spec import BenchmarkError
for name in sys.argv[1:]:
    try:
        print(json.dumps([[q.text, q.answer, q.meta] for q in load(name)]))
    except BenchmarkError as error:
        print(json.dumps(str(error)))
"""
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the datasets library is not installed"
)


def ask(endpoint: str, home: Path, *names: str, **more: str) -> list[str | list[list[object]]]:
    """What each set is when it is asked of the hub at ``endpoint``: rows, or the error."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
    environment = {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **more}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *names], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_from_the_hub_then_from_its_cache(
    address: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(FILES, "simplescaling/openaimath", {"test.jsonl": lines(math_rows())})
    monkeypatch.setitem(FILES, "TIGER-Lab/AIME25", {"train.jsonl": lines([{"question": "q", "answer": "1"}])})
    math500, aime25, gone = ask(address, tmp_path, "math500", "aime25", "gpqa_diamond")
    assert len(math500) == 500
    assert math500[1] == [
        "Compute $1/2$.",
        "\\frac{1}{2}",
        {"unique_id": "test/1.json", "level": 1, "revision": COMMIT},
    ]
    assert "aime25 has 30 questions, TIGER-Lab/AIME25 has 1\n" in aime25
    assert "Idavidrein/gpqa" in gone
    assert "accept its terms" in gone
    assert "gpqa_diamond=FILE" in gone
    [cached] = ask("http://127.0.0.1:9", tmp_path, "math500", HF_HUB_OFFLINE="1")
    assert [row[:2] for row in cached] == [row[:2] for row in math500]


def test_without_a_network_the_way_by_a_file_is_shown(tmp_path: Path) -> None:
    [said] = ask("http://127.0.0.1:9", tmp_path, "aime24")
    assert isinstance(said, str)
    assert said.startswith("the hub does not give simplescaling/aime24_figures, which aime24 is read from: ")
    assert "hint: without a network: --benchmark aime24=FILE" in said
    assert "columns problem, answer" in said
    assert gpqa_rows(1)[0]["Question"] not in said
