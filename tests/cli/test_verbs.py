"""Every verb does its job once, and says what it did where it belongs: data on stdout, people on stderr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from cli.conftest import Run

VERBS = ["ask", "eval", "sweep", "grade", "metrics", "report", "view", "runs", "query", "train", "nano", "env"]
SUB = [
    ("runs", "ls"),
    ("runs", "show"),
    ("runs", "verify"),
    ("runs", "diff"),
    ("runs", "import"),
    ("runs", "export"),
    ("benchmarks", "ls"),
    ("benchmarks", "show"),
    ("nano", "demo"),
    ("nano", "questions"),
    ("nano", "traces"),
]


def test_help_lists_every_verb(s1: Run) -> None:
    assert all(f" {verb} " in s1("--help").stdout for verb in VERBS)


@pytest.mark.parametrize("path", [(v,) for v in VERBS] + SUB, ids=" ".join)
def test_every_verb_has_help(s1: Run, path: tuple[str, ...]) -> None:
    assert "Usage" in s1(*path, "--help").stdout


def test_a_sweep_can_be_graded_measured_verified_queried_and_reported(s1: Run, scripted: list[str]) -> None:
    done = s1("sweep", *scripted, "--budgets", "4,16,64", "--extensions", "1,2", "--placebos", "Hmm,", "--limit", "0")
    run = Path(done.stdout.strip().splitlines()[-1])
    assert "12 questions x 10 policies" in done.stderr

    assert json.loads(s1("grade", run, "--json").stdout)
    measured = json.loads(s1("metrics", run, "--json").stdout)
    assert len(measured["points"]) == 10
    assert "error" not in s1("runs", "verify", run).stdout
    rows = json.loads(s1("query", "select count(*) as n from generations", "--json").stdout)
    assert rows == [{"n": 120}]
    page = Path(s1("report", run).stdout.strip())
    assert page.name == "index.html"
    assert json.loads(s1("runs", "ls", "--json").stdout)[0]["status"] == "finished"
    assert json.loads(s1("runs", "show", run).stdout)["counts"]["generations"] == 120


def test_the_anytime_curve_comes_with_every(s1: Run, scripted: list[str]) -> None:
    done = s1("sweep", *scripted, "--budgets", "8", "--every", "4", "--upto", "16", "--json", "--limit", "6")
    measured = json.loads(done.stdout)["metrics"]
    assert [p["tokens"] for p in measured["anytime"]["curve"]][:2] == [4, 8]
    assert len(measured["points"]) == 2, "probes are no points of the curve"


def test_ask_prints_the_answer_on_stdout_as_json(s1: Run, tiny_model: Path) -> None:
    done = s1(
        "ask",
        "How many?",
        "--engine",
        "scripted",
        "--model",
        tiny_model,
        "--wait",
        "1",
        "--max-thinking",
        "40",
        "--json",
    )
    said = json.loads(done.stdout)
    assert said["n_thinking_model"] + said["n_thinking_forced"] <= 40


def test_ask_shows_forced_tokens_live(s1: Run, tiny_model: Path) -> None:
    done = s1("ask", "How many?", "--engine", "scripted", "--model", tiny_model, "--wait", "1", "--max-answer", "8")
    assert "<|im_start|>answer" in done.stdout
    assert "thinking tokens" in done.stderr
    assert "extensions 1" in done.stderr


def test_dry_run_generates_nothing(s1: Run, scripted: list[str], tmp_path: Path) -> None:
    done = s1("sweep", *scripted, "--budgets", "4,16", "--dry-run", "--json")
    assert json.loads(done.stdout)["generations"] == 24
    assert not (tmp_path / "runs").exists()


def test_explain_says_where_a_value_came_from(s1: Run, scripted: list[str], tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("samples: 2\n")
    done = s1("eval", recipe, *scripted, "--set", "seed=7", "--temperature", "1", "--explain", "--dry-run")
    assert "r.yaml" in done.stderr.replace("\n", "").replace(" ", "")
    assert "--set seed=7" in done.stderr
    assert "default" in done.stderr


def test_env_names_no_path_and_no_host(s1: Run) -> None:
    facts = json.loads(s1("env", "--json").stdout)
    assert facts["s1kit"]
    assert not any(str(v).startswith("/") for v in facts.values())


def test_a_run_is_verified_with_the_grader_that_its_metrics_name(s1: Run, scripted: list[str]) -> None:
    run = s1("eval", *scripted, "--max-thinking", "20", "--set", "grader=s1_compat").stdout.strip()
    assert "error" not in s1("runs", "verify", run).stdout


def test_metrics_without_grades_say_what_to_do(s1: Run, scripted: list[str], tmp_path: Path) -> None:
    run = s1("eval", *scripted, "--max-thinking", "20").stdout.strip()
    [grades] = (tmp_path / run).glob("grades/*.parquet")
    rows = pq.read_table(grades)
    pq.write_table(rows.slice(2), grades)
    done = s1("metrics", run, check=2)
    assert "2 rows of" in done.stderr
    assert "hint: s1 grade" in done.stderr


def test_other_weights_in_the_same_folder_are_refused_on_resume(
    s1: Run, questions: Path, tiny_model: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    flags = ["--model", "model", "--benchmark", str(questions), "--limit", "2", "--max-answer", "4"]
    run = tmp_path / s1("eval", *flags, "--max-thinking", "8").stdout.strip()
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "status": "interrupted"}))
    weights = load_file(model / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, model / "model.safetensors")
    done = s1("eval", *flags, "--max-thinking", "8", "--resume", check=2)
    assert "inputs.model" in done.stderr
