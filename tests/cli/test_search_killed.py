"""Many samples and trees, killed with -9 at random moments: nothing stored is drawn again, nothing is missing."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.test_killed import generated, rows, start
from s1kit.store.journal import read_journal
from s1kit.store.run import RunDir
from s1kit.store.scores import read_scores
from s1kit.types import Generation

KILLS = 2
VOTES = ["--samples", "16", "--set", "policies=[{kind: budget_forcing, max_thinking: 200, max_answer: 8}]"]
TREE = "{kind: tree_search, width: 8, max_thinking: 200, max_answer: 8, steps: {by: tokens, size: 8}}"
TREES = ["--samples", "2", "--set", f"policies=[{TREE}]"]


def kill_at(command: list[str], folder: Path, size: int, pause: float) -> bool:
    """Start the command and kill it once so many bytes are stored; False where it was over before."""
    child = start(command, folder)
    deadline = time.monotonic() + 120
    while child.poll() is None and generated(folder) < size and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(pause)
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
    _, said = child.communicate()
    assert child.returncode in (0, -signal.SIGKILL), said
    return child.returncode != 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", [VOTES, TREES], ids=["votes", "rebase"])
def test_samples_killed_twice_equal_an_undisturbed_run_and_none_is_drawn_again(
    s1: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: list[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    file = tmp_path / "sums.jsonl"
    file.write_text("".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(10)))
    flags = ["--engine", "scripted", "--model", str(tiny_model), "--benchmark", str(file), "--temperature", "1"]
    command = ["eval", *flags, "--slots", "2", "--limit", "0", *what]
    calm = Path(s1(*command, "--out", "calm").stdout.strip().splitlines()[-1])
    undisturbed = list(RunDir.open(tmp_path / calm).generations())
    assert len(undisturbed) == 160
    size = sum(len(row.model_dump_json()) for row in undisturbed)

    chance = random.Random(1)
    stored: dict[tuple[str, str, int], Generation] = {}
    for kill in range(KILLS):
        resume = ["--resume"] if kill else []
        target = round(size * chance.uniform(0.35 * kill, 0.35 * (kill + 1)))
        assert kill_at([*command, *resume], tmp_path, target, chance.random() * 0.01), "it was over before the kill"
        [journal] = tmp_path.glob("runs/*/generations.jsonl")
        now = {row.key: row for row in read_journal(journal)}
        assert all(now[key] == row for key, row in stored.items() if key in now)
        stored |= now
    assert 0 < len(stored) < 160
    s1(*command, "--resume")
    [run] = list((tmp_path / "runs").iterdir())
    final = {row.key: row for row in RunDir.open(run).generations()}
    assert rows(run) == rows(tmp_path / calm)
    made_again = Counter(key for key, row in stored.items() if final[key] != row)
    assert not made_again if what is VOTES else len(made_again) < 8  # a tree that was torn is made again whole
    assert sum(row.n_paid for row in final.values()) == sum(row.n_paid for row in undisturbed)
    assert "error" not in s1("runs", "verify", run).stdout
    if what is TREES:
        assert read_scores(run, "random").keys() == final.keys()
