"""A training run that is stopped, killed or poisoned: it goes on as if nothing had happened, or says what did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from s1kit.config import load
from s1kit.errors import UserError
from s1kit.train.checkpoints import CHECKPOINTS, TrainLog, keep_newest, latest, mark, remove_torn
from s1kit.train.recipe import TrainConfig, run
from s1kit.train.sft import TrainError

SMALL = {"size": 24, "epochs": 3, "batch_size": 4, "learning_rate": 1e-3, "log_every": 1, "save_every": 3}


def test_only_whole_checkpoints_count(tmp_path: Path) -> None:
    for step in (3, 12, 6):
        (tmp_path / CHECKPOINTS / f"checkpoint-{step}").mkdir(parents=True)
    assert latest(tmp_path) is None
    for step in (3, 6):
        mark(tmp_path / CHECKPOINTS / f"checkpoint-{step}")
    found = latest(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-6", "12 was torn"


def test_an_old_checkpoint_goes_when_the_new_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / CHECKPOINTS
    for step in (3, 6, 9, 10):
        (folder / f"checkpoint-{step}").mkdir(parents=True)
    for step in (3, 9, 10):
        mark(folder / f"checkpoint-{step}")
    keep_newest(folder, 2)
    assert {path.name for path in folder.iterdir()} == {"checkpoint-6", "checkpoint-9", "checkpoint-10"}
    assert [path.name for path in remove_torn(tmp_path)] == ["checkpoint-6"], "torn, and never in the count"
    assert {path.name for path in folder.iterdir()} == {"checkpoint-9", "checkpoint-10"}


def test_the_log_is_cut_back_to_the_checkpoint_and_a_torn_line_is_none(tmp_path: Path) -> None:
    log = TrainLog(tmp_path / "log.jsonl")
    for step in (1, 2, 3):
        log.add(step, {"loss": 1.0 / step}, 10 * step)
    with log.path.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [entry["step"] for entry in log.read()] == [1, 2, 3]
    log.cut(2)
    assert [entry["step"] for entry in log.read()] == [1, 2]


@pytest.mark.filterwarnings("ignore")
def test_a_loss_that_is_no_number_stops_it_and_names_the_rows(tmp_path: Path) -> None:
    config = TrainConfig.model_validate({**SMALL, "learning_rate": 1e30, "max_grad_norm": 1e30, "out": str(tmp_path)})
    with pytest.raises(
        TrainError, match=r"the loss is (nan|inf) at step \d+; rows of the batch: (\w{16}, ){3}\w{16}\n"
    ):
        run(config)


@pytest.mark.filterwarnings("ignore")
def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    config = TrainConfig.model_validate({**SMALL, "size": 8, "epochs": 1, "out": str(tmp_path)})
    run(config)
    checkpoint = tmp_path / CHECKPOINTS / "checkpoint-1"
    checkpoint.mkdir(parents=True)
    mark(checkpoint)
    (tmp_path / CHECKPOINTS / "run.json").write_text('{"settings": "x", "data": "y", "base": "z"}')
    with pytest.raises(UserError, match="unfinished run with other settings and data and base\nhint: train into"):
        run(config)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_and_started_again_it_takes_the_same_steps(tmp_path: Path) -> None:
    def recipe(name: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**SMALL, "out": str(tmp_path / name)}))
        return path

    def losses(name: str) -> list[tuple[int, float]]:
        return [(entry["step"], entry["loss"]) for entry in TrainLog(tmp_path / name / "log.jsonl").read()]

    command = [sys.executable, "-m", "s1kit.cli.main", "train"]
    subprocess.run([*command, str(recipe("whole"))], check=True, capture_output=True)
    torn = subprocess.Popen([*command, str(recipe("torn"))], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while latest(tmp_path / "torn") is None and time.monotonic() < until and torn.poll() is None:
        time.sleep(0.02)
    os.kill(torn.pid, signal.SIGKILL)
    torn.wait()
    assert latest(tmp_path / "torn") is not None, "it was killed with a checkpoint behind it"
    subprocess.run([*command, str(recipe("torn"))], check=True, capture_output=True)
    config, _ = load(TrainConfig, recipe("torn"))
    assert len(losses("whole")) == config.steps(24) == 18
    assert losses("torn") == losses("whole"), "the same loss at every step, bit for bit"
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "torn")]
    assert weights[0] == weights[1]
