"""Ctrl-C and kill -9 in the middle of a comparison: the same command again ends where an undisturbed one does."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Run
from cli.test_killed import start

METHODS = [
    {"method": "budget_forcing", "budgets": [4, 16], "natural": True, "extensions": [1], "max_thinking": 40},
    {"method": "rejection", "limits": [16], "tries": 3, "seeds": 2},
    {"method": "vote", "k": [1, 3], "max_thinking": 40},
    {"method": "vote", "rule": "best_of_n", "scorer": "length", "k": [3], "max_thinking": 40},
    {
        "method": "tree_search",
        "widths": [2],
        "scorer": "random",
        "steps": {"by": "tokens", "size": 8},
        "seeds": 1,
        "max_thinking": 30,
    },
]


@pytest.fixture
def recipe(tiny_model: Path, tmp_path: Path) -> Path:
    sums = tmp_path / "sums.jsonl"
    sums.write_text("".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(60)))
    shared = {"model": str(tiny_model), "benchmark": str(sums), "limit": None, "max_answer": 6, "methods": METHODS}
    engine = {"kind": "scripted", "slots": 4, "context_len": 300}
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump({**shared, "engine": engine}))
    return file


def generated(folder: Path) -> int:
    """Bytes of rows so far, in journals and in finished runs."""
    total = 0
    for name in ("generations.jsonl", "generations.parquet"):
        for file in folder.glob(f"runs/compare/runs/*/*/{name}"):
            try:
                total += file.stat().st_size
            except FileNotFoundError:  # a journal that has just become a Parquet file
                continue
    return total


def timeless(value: Any) -> Any:
    """Without seconds, what follows from them, names of runs, and what was paid in which session."""
    left_out = {"seconds", "best_seconds", "frontier_seconds", "runs", "shared", "name"}
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in left_out}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def found(folder: Path) -> Any:
    return timeless(json.loads((folder / "compare.json").read_text()))


def wait_for_rows(child: subprocess.Popen[str], folder: Path, more_than: int) -> None:
    deadline = time.monotonic() + 60
    while child.poll() is None and generated(folder) <= more_than and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.slow
def test_ctrl_c_keeps_its_rows_and_the_same_command_goes_on(s1: Run, recipe: Path, tmp_path: Path) -> None:
    child = start(["compare", str(recipe)], tmp_path)
    wait_for_rows(child, tmp_path, 0)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "rows are safe" in said
    assert not (tmp_path / "runs/compare/compare.json").exists()
    s1("compare", str(recipe))
    s1("compare", str(recipe), "--set", "name=calm")
    assert found(tmp_path / "runs/compare") == found(tmp_path / "runs/calm")
    manifests = [json.loads(f.read_text()) for f in tmp_path.glob("runs/compare/runs/*/*/manifest.json")]
    assert [m["status"] for m in manifests] == ["finished"] * 3


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_comparison_killed_again_and_again_equals_an_undisturbed_one(s1: Run, recipe: Path, tmp_path: Path) -> None:
    chance = random.Random(0)
    kills = 0
    for _ in range(12):
        child = start(["compare", str(recipe)], tmp_path)
        wait_for_rows(child, tmp_path, generated(tmp_path) + chance.choice((0, 2_000, 20_000)))
        time.sleep(chance.random() * 0.05)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        _, said = child.communicate()
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, said
    s1("compare", str(recipe))
    s1("compare", str(recipe), "--set", "name=calm")
    assert kills >= 4, f"the comparison ended after {kills} kills: make it longer"
    assert found(tmp_path / "runs/compare") == found(tmp_path / "runs/calm")
