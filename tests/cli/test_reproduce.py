"""``s1 reproduce nano``: one cell of every part from pool to table, and nothing twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.conftest import Run

SMALL = ("pool=150", "size=8", "traces=16", "epochs=1", "seeds=[0]", "questions=8", "curve=8")
TINY = [f"--set={item}" for item in SMALL]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_command_goes_from_pool_to_report_and_cells_share_its_work(s1: Run, tmp_path: Path) -> None:
    call = ("reproduce", "nano", "--out", "rep", *TINY)
    assert "| natural |" in s1(*call).stdout
    assert list((tmp_path / "rep").glob("runs/s1K-seed0-seed0-sweep/*/report/index.html"))
    weights = tmp_path / "rep" / "models" / "s1K-seed0-seed0" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = s1(*call, "--only", "table2", "--cells", "2", "--json")
    assert "5 cells, 0 done, 2 to do" in again.stderr
    found = json.loads(again.stdout)
    assert [row["row"] for row in found["table2"]] == ["s1K", "random", "s1K", "random"]
    assert [row["difference"] is None for row in found["table2"]] == [True, False, True, False]
    assert weights.stat().st_mtime_ns == before, "the main run's model is the table's"
    cell = found["cells"]["table2-random-seed0"]
    assert (cell["rows"], len(cell["data_sha256"])) == (8, 64)
    assert "table2-full-seed0" in found["missing"]
    cut = s1(*call, "--only", "table7-cut-at-128-seed0")
    assert "| cut-at-128 | 8, " in cut.stdout
    assert (tmp_path / "rep" / "table7.md").read_text() in cut.stdout
    assert "0 to do" in s1(*call).stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_models_are_asked_for_tokens_and_steps_and_a_cell_that_was_killed_goes_on(s1: Run, tmp_path: Path) -> None:
    call = ("reproduce", "nano", "--out", "rep", *TINY, "--only", "variants", "--json")
    done = s1(*call)
    lines = json.loads(done.stdout)["variants"]
    asked = [(line["model"], line["asked"]) for line in lines]
    assert asked[:3] == [("base", "unforced 400"), ("fine-tuned", "Wait x1"), ("fine-tuned", "natural")]
    assert ("token-conditional", "512 tokens") in asked
    assert asked[-4:] == [("step-conditional", f"{n} steps") for n in (1, 2, 4, 8)]
    assert all((line["kept"] is None) == (line["model"] in ("base", "fine-tuned")) for line in lines)
    assert all((line["steps"] is None) == (line["model"] != "step-conditional") for line in lines)

    [folder] = (tmp_path / "rep" / "runs" / "nano-ends").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "status": "running", "finished": None}))
    again = s1(*call)
    assert "4 cells, 3 done, 1 to do" in again.stderr
    assert [path.name for path in (tmp_path / "rep" / "runs" / "nano-ends").iterdir()] == [folder.name]
    assert json.loads(again.stdout)["variants"] == lines
    assert "0 to do" in s1(*call).stderr


TINY_RECIPE = """
name: tiny
models: {s1: nano, step: nano-step}
benchmarks: {aime: nano_hard, math: null, gpqa: null}
limit: 2
max_answer: 16
step_limits: [1, 2]
step_tokens: 64
"""


def test_an_unknown_cell_is_told_what_there_is(s1: Run) -> None:
    said = s1("reproduce", "nano", "--only", "fig1,tabel3", check=2).stderr
    assert "no part or cell 'tabel3'" in said
    assert "did you mean 'table3'?" in said
    for part in ("main", "table2", "table3", "figure7"):
        assert part in said
    assert "no recipe nanoo" in s1("reproduce", "nanoo", check=2).stderr


def test_a_dry_run_says_rows_and_cost_and_makes_nothing(s1: Run, tmp_path: Path) -> None:
    told = json.loads(s1("reproduce", "nano", "--only", "fig4a,tab1,fig3", "--dry-run", "--json").stdout)
    assert [(one["name"], one["rows"], one["done"]) for one in told["cells"]] == [
        *((f"figure1-nano-{name}", 2000, False) for name in ("hard", "mixed", "choice")),
        ("figure3-raspberry-seed0", 2, False),
    ]
    (tmp_path / "tiny.yaml").write_text(TINY_RECIPE.replace("s1: nano,", "s1: my-32b,"))
    text = s1("reproduce", "tiny.yaml", "--dry-run").stdout
    assert re.search(r"table12-tiny-aime: 8 rows on 2 questions, about \d\.\dM tokens, \d\.\d H100 hours\n", text)
    assert "table11: needs a model: token" in text
    assert "together " in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_recipe_makes_tables_of_its_own_models_and_says_what_it_lacks(s1: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY_RECIPE)
    call = ("reproduce", "tiny.yaml", "--out", "rep", "--only", "tab12,table11,fig3")
    done = s1(*call)
    assert "2 cells, 0 done, 2 to do" in done.stderr
    assert "# Figure 3: " in done.stdout, "what has no page of its own shows its caption"
    assert "table11: needs a model: token" in done.stderr
    for ending in ("md", "tex", "csv"):
        assert (tmp_path / "rep" / "artefacts" / f"table12.{ending}").stat().st_size > 100
    [line, *_] = (tmp_path / "rep" / "artefacts" / "table11.csv").read_text().splitlines()[1:]
    assert line.startswith("TCC,1024,,7939.0,")
    assert line.endswith("needs a model,needs a model,needs a model,,")
    note = (tmp_path / "rep" / "artefacts" / "table12.md").read_text()
    [run] = (tmp_path / "rep" / "compare" / "table12-tiny-aime" / "runs").glob("*/*")
    assert "Obtained by `s1 reproduce tiny.yaml --only table12`" in note
    assert run.name in note
    content = json.loads((tmp_path / "rep" / "results.json").read_text())
    assert content["needs"]["table11"] == "needs a model: token"
    assert [row["values"][0] for row in content["table12"][0]["published"]["rows"]][:2] == [123, 90]
    [asked] = (tmp_path / "rep" / "runs" / "nano-raspberry").iterdir()
    assert json.loads((asked / "manifest.json").read_text())["counts"]["questions"] == 1
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "rep" / "artefacts").iterdir()}
    assert "2 cells, 2 done, 0 to do" in s1(*call).stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "rep" / "artefacts").iterdir()} == before


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_comparisons_are_run_gone_on_with_and_judged(s1: Run, tmp_path: Path) -> None:
    call = ("reproduce", "nano", "--out", "rep", "--set=compared=2", "--only")
    assert "3 cells, 0 done, 1 to do" in s1(*call, "table13", "--cells", "1").stderr
    folder = tmp_path / "rep" / "compare" / "table13-nano-hard"
    [made] = (folder / "runs").glob("*/*/manifest.json")
    manifest = json.loads(made.read_text())
    made.write_text(json.dumps({**manifest, "status": "running", "finished": None}))
    (folder / "recipe.yaml").unlink()
    assert "1 cells, 0 done, 1 to do" in s1(*call, "table13-nano-hard").stderr
    assert list((folder / "runs").glob("*/*/manifest.json")) == [made], "the run went on"
    done = s1(*call, "table13", "--json")
    assert "3 cells, 1 done, 2 to do" in done.stderr
    content = json.loads(done.stdout)
    assert [(one["benchmark"], one["questions"]) for one in content["table13"]] == [
        ("nano_hard", 2),
        ("nano_mixed", 2),
        ("nano_choice", 2),
    ]
    assert all(claim["verdict"] == "cannot be told" for one in content["table13"] for claim in one["claims"])
    [run] = content["cells"]["table13-nano-hard"]["runs"].values()
    assert run["model"] == manifest["inputs"]["model"]
    again = s1(*call, "table13")
    assert "0 to do" in again.stderr
    assert (tmp_path / "rep" / "table13.md").read_text() in again.stdout


def test_a_folder_of_another_scale_is_refused(s1: Run, tmp_path: Path) -> None:
    (tmp_path / "rep").mkdir()
    content = {"scale": {"curve": 200}, "cells": {"main-s1K-seed0": {}}}
    (tmp_path / "rep" / "results.json").write_text(json.dumps(content))
    said = s1("reproduce", "nano", "--out", "rep", "--set", "curve=20", "--dry-run", check=2).stderr
    assert "rep holds cells of another scale: curve=200" in said
    assert "--set curve=200" in said
