"""kill -9 at any moment: a resumed run has no row twice, loses only rows in flight, and equals an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from s1kit.store.run import RunDir
from s1kit.types import Generation

FLAGS = ["--budgets", "4,16,64", "--extensions", "1,2", "--limit", "0"]


def rows(path: Path) -> dict[Any, Generation]:
    """Every row by key, without what a session's clock and luck decide: time, and what was paid in which session."""
    kept = {}
    for g in RunDir.open(path).generations():
        assert g.key not in kept, f"{g.key} is there twice"
        kept[g.key] = g.model_copy(update={"engine_ms": 0.0, "n_paid": 0, "n_paid_thinking": 0})
    return kept


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "s1kit.cli.main", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """A shell starts background jobs deaf to Ctrl-C, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def generated(folder: Path) -> int:
    """Bytes of journal so far: rows that survive."""
    return sum(f.stat().st_size for f in folder.glob("runs/*/generations.jsonl"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_twenty_times_equals_an_undisturbed_one(
    s1: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(150)))
    flags = ["--engine", "scripted", "--model", str(tiny_model), "--benchmark", str(file), "--max-answer", "8", *FLAGS]
    command = ["sweep", *flags, "--slots", "4"]
    calm = Path(s1(*command, "--out", "calm").stdout.strip().splitlines()[-1])

    chance = random.Random(0)
    kills = 0
    while kills < 20:
        resume = ["--resume"] if list((tmp_path / "runs").glob("*/manifest.json")) else []
        before = generated(tmp_path)
        child = start([*command, *resume], tmp_path)
        wait_until = time.monotonic() + 60
        # the moment is random: while starting, while writing rows, or in the middle of one
        target = before + chance.choice((0, 1, 2_000, 6_000))
        while child.poll() is None and generated(tmp_path) < target and time.monotonic() < wait_until:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.05)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        _, said = child.communicate()
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, said
    if child.returncode != 0:
        s1(*command, "--resume")
    [run] = list((tmp_path / "runs").iterdir())
    assert kills >= 10, f"the run ended after {kills} kills: make it longer"
    assert rows(run) == rows(tmp_path / calm)
    assert json.loads((run / "manifest.json").read_text())["status"] == "finished"


def test_ctrl_c_finishes_cleanly_and_resumes(s1: Run, scripted: list[str], tmp_path: Path) -> None:
    file = Path(scripted[scripted.index("--benchmark") + 1])
    file.write_text("".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(150)))
    command = ["sweep", *scripted, *FLAGS]
    child = start(command, tmp_path)
    deadline = time.monotonic() + 60
    while child.poll() is None and not generated(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "rows are safe" in said
    assert "--resume" in said
    [run] = list((tmp_path / "runs").iterdir())
    assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
    s1(*command, "--resume")
    assert json.loads((run / "manifest.json").read_text())["status"] == "finished"
    assert len(rows(run)) == 150 * 6


def test_resume_with_another_config_is_refused_with_the_difference(
    s1: Run, scripted: list[str], tmp_path: Path
) -> None:
    s1("eval", *scripted, "--limit", "3")
    [run] = list((tmp_path / "runs").iterdir())
    said = s1("eval", *scripted, "--limit", "3", "--seed", "5", "--resume", check=None)
    assert said.returncode == 2
    assert "seed" in said.stderr or "no unfinished run" in said.stderr
    assert run.exists()
