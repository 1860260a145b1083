"""The command line as a user calls it: a new process in a folder of its own, the scripted engine or a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def s1(tmp_path: Path) -> Run:
    """Call ``s1`` with arguments; stdout, stderr and exit code come back."""

    def call(*arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "s1kit.cli.main", *map(str, arguments)]
        environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240)
        if check is not None:
            assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Twelve small sums as a JSONL file."""
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(12)))
    return file


@pytest.fixture
def scripted(tiny_model: Path, questions: Path) -> list[str]:
    """Flags of a quick run: the scripted engine over the tiny tokenizer."""
    return ["--engine", "scripted", "--model", str(tiny_model), "--benchmark", str(questions), "--max-answer", "8"]
