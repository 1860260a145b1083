"""``s1 train`` through the command line: a run, its plan, its launch files, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cli.conftest import Run
from s1kit.curate.trainset import FILE, write_trainset
from s1kit.formats import BUILT_IN
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.settings import Settings

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
    length = {"value": None, "trl": 1024, "differs": True}
    assert manifest["arguments"]["max_length"] | length == manifest["arguments"]["max_length"]
    assert all(row["source"] for row in manifest["arguments"].values())
    assert "No row was truncated." in (out / "README.md").read_text()
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
    card = (tmp_path / "tuned" / "README.md").read_text()
    assert f"**{len(manifest['rows_cut'])} rows were cut at 60 tokens**" in card
    assert "No row was truncated." not in card


def test_explain_shows_every_value_that_trl_gets_and_where_it_comes_from(s1: Run, tmp_path: Path) -> None:
    done = s1("train", recipe(tmp_path, save_every=5), "--explain", "--plan")
    lines = [" ".join(line.split()) for line in done.stderr.splitlines()]
    for start in (
        "save_every 5 r.yaml",
        "max_length None 1024 s1kit: 1,024 would behead",
        "learning_rate 0.001 r.yaml",
        "learning_rate 0.001 2e-05 setting learning_rate;",
        "packing False the same s1kit: the layout",
        "gradient_checkpointing_kwargs None the same setting checkpointing;",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert set(Settings().arguments()) <= {line.partition(" ")[0] for line in lines}


def test_rows_that_cannot_be_trained_on_are_named_with_what_to_do(s1: Run, tmp_path: Path) -> None:
    row = {"question": "How much?", "thinking": "1 + 1 = 2\n" * 900, "answer": "2"}
    (tmp_path / "long.jsonl").write_text(json.dumps(row) + "\n")
    refused = s1("train", recipe(tmp_path, data="long.jsonl"), check=2)
    assert re.search(r"row \w{16}: \d+ tokens, the model has \d+ positions", refused.stderr)
    assert "on_overflow: cut" in refused.stderr
    for name, said in (("qwen3", "'</think>' is ordinary text"), ("r1", "none of its turn ends")):
        refused = s1("train", recipe(tmp_path, format=name), check=2)
        assert said in refused.stderr, "the nano tokenizer has no <think> and no <｜end▁of▁sentence｜>"
        assert "the format of this model's family" in refused.stderr
    s1("train", recipe(tmp_path, data="long.jsonl", max_tokens=400, on_overflow="cut"))


def test_a_training_set_of_masked_labels_or_another_tokenizer_is_refused(
    s1: Run, tmp_path: Path, tiny_model: Path
) -> None:
    def write(model: str | Path) -> None:
        write_trainset(tmp_path / "set", traces.load(4), BUILT_IN["s1"].resolve(Tokenizer.load(model)))

    write(tiny_model)
    refused = s1("train", recipe(tmp_path, data="set"), check=2)
    assert "was made with the tokenizer" in refused.stderr
    assert "make the training set again with the tokenizer" in refused.stderr
    write(resolve_model("nano-base"))
    table = pq.read_table(tmp_path / "set" / FILE)
    masked = pa.array([[-100] * len(ids) for ids in table["labels"].to_pylist()], table.schema.field("labels").type)
    pq.write_table(table.set_column(table.schema.get_field_index("labels"), "labels", masked), tmp_path / "set" / FILE)
    refused = s1("train", recipe(tmp_path, data="set"), check=2)
    assert "the turn end is not in the labels, so the model would never learn to stop" in refused.stderr


def test_the_card_gets_the_metrics_of_a_run_of_these_weights_and_of_no_other(
    s1: Run, tmp_path: Path, questions: Path
) -> None:
    s1("train", recipe(tmp_path))
    card = tmp_path / "tuned" / "README.md"
    before = card.read_text()
    assert "**Nothing was measured.**" in before
    flags = ["--benchmark", questions, "--limit", "8", "--max-thinking", "16", "--max-answer", "8"]
    measured = s1("eval", "--model", "tuned", *flags).stdout.split()[-1]
    of_another = s1("eval", "--model", "nano", *flags).stdout.split()[-1]
    refused = s1("train", "r.yaml", "--metrics-from", of_another, check=2)
    assert "measured nano, whose weights are not those of tuned" in refused.stderr
    assert card.read_text() == before
    done = s1("train", "r.yaml", "--metrics-from", measured)
    assert done.stdout.strip() == "tuned"
    point = json.loads((tmp_path / measured / "metrics.json").read_text())["points"][0]
    [line] = [line for line in card.read_text().splitlines() if line.startswith("| sums |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2] == f"{100 * point['accuracy']:.2f}".rstrip("0").rstrip(".") + " %"
    assert cells[4] == "8"
    assert float(cells[5]) == pytest.approx(point["thinking_mean"], abs=0.01)
    assert "Nothing was measured" not in card.read_text()
    s1("train", "r.yaml", "--metrics-from", measured)
    assert len([line for line in card.read_text().splitlines() if line.startswith("| sums |")]) == 1
    refused = s1("train", recipe(tmp_path, out="nowhere"), "--metrics-from", measured, check=2)
    assert "nothing was trained in nowhere" in refused.stderr


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
