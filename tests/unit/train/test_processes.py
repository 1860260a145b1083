"""Several processes train what one trains. DDP over gloo: without an accelerator accelerate passes over FSDP."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from s1kit.train.checkpoints import TrainLog

SMALL = {"size": 32, "epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "log_every": 1, "save_dtype": "float32"}


def trained(folder: Path, name: str, processes: int) -> tuple[list[float], torch.Tensor]:
    recipe = folder / f"{name}.yaml"
    recipe.write_text(yaml.safe_dump({**SMALL, "out": str(folder / name)}))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "s1kit.cli.main", "train", str(recipe)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=140)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, "one of them speaks"
    log = [entry["loss"] for entry in TrainLog(folder / name / "log.jsonl").read()]
    weights = load_file(folder / name / "model.safetensors")
    return log, torch.cat([weights[key].flatten() for key in sorted(weights)])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    (one, weights), (two, others) = trained(tmp_path, "one", 1), trained(tmp_path, "two", 2)
    assert len(one) == 8, "32 rows in batches of 8, twice: each process has half of every batch"
    assert two == pytest.approx(one, abs=1e-4)
    assert float((weights - others).abs().max()) < 2e-3, "the rate is 1e-3, and no step went another way"
