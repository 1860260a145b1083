"""``s1 train`` through the command line: a run, its plan, its launch files, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli.conftest import Run

RECIPES = Path(__file__).parents[2] / "recipes"
TINY = {"size": 16, "epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "log_every": 1, "out": "tuned"}


def recipe(folder: Path, **changes: object) -> str:
    (folder / "r.yaml").write_text(yaml.safe_dump({**TINY, **changes}))
    return "r.yaml"


def test_a_run_leaves_weights_card_log_picture_and_manifest(s1: Run, tmp_path: Path) -> None:
    done = s1("train", recipe(tmp_path))
    out = tmp_path / done.stdout.strip()
    names = {"model.safetensors", "config.json", "tokenizer.json", "generation_config.json", "README.md"}
    assert names | {"log.jsonl", "training.svg", "manifest.json"} <= {path.name for path in out.iterdir()}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["arguments"]["max_length"] == "None"
    assert manifest["rows_cut"] == []
    assert json.loads((out / "config.json").read_text())["use_cache"] is True


def test_rows_that_are_cut_are_named(s1: Run, tmp_path: Path) -> None:
    refused = s1("train", recipe(tmp_path, max_tokens=60), check=2)
    assert "nothing is truncated" in refused.stderr
    done = s1("train", recipe(tmp_path, max_tokens=60, on_overflow="cut"))
    manifest = json.loads((tmp_path / "tuned" / "manifest.json").read_text())
    assert manifest["rows_cut"]
    assert all(row["tokens"] > 60 for row in manifest["rows_cut"])
    assert any(row["answer_lost"] for row in manifest["rows_cut"])
    assert f"{len(manifest['rows_cut'])} rows were cut at 60 tokens" in done.stderr


@pytest.mark.parametrize("name", ["s1-32b", "lora-24gb", "qlora-80gb"])
def test_shipped_recipes_fit_the_cards_they_name(s1: Run, name: str) -> None:
    text = (RECIPES / f"{name}.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("#   s1 train") and "--plan" in line)
    flags = line.split("--plan")[1].split()
    done = s1("train", str(RECIPES / f"{name}.yaml"), "--plan", "--json", *flags)
    assert json.loads(done.stdout)["fits"] is True


def test_launch_files_are_written_and_bad_sizes_refused(s1: Run, tmp_path: Path) -> None:
    done = s1("train", recipe(tmp_path, batch_size=16), "--launch", "2x8")
    assert [Path(line).name for line in done.stdout.split()] == ["accelerate.yaml", "torchrun.sh", "slurm.sh"]
    for sizes, said in (("eight", "write NODESxGPUS"), ("1x3", "hint:")):
        refused = s1("train", "r.yaml", "--launch", sizes, check=2)
        assert said in refused.stderr
