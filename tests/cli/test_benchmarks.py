"""Benchmarks as users ask for them: listed, shown, evaluated from a local file; refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from s1kit.benchmarks.named import NAMED
from s1kit.benchmarks.registry import NANO
from s1kit.store.run import RunDir
from unit.benchmarks.rows import gpqa_rows, write_rows


@pytest.fixture
def gpqa(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "downloaded.csv", gpqa_rows())


def test_every_named_set_is_listed(s1: Run) -> None:
    listed = json.loads(s1("benchmarks", "ls", "--json").stdout)
    assert [(one["name"], one["questions"]) for one in listed if one["name"] in NAMED] == [
        ("aime24", 30),
        ("aime24_nofigures", 30),
        ("aime25", 30),
        ("math500", 500),
        ("gpqa_diamond", 198),
    ]
    assert {one["name"] for one in listed} == {*NANO, *NAMED}


def test_a_set_is_described_without_a_network_and_its_prompt_is_shown_from_a_file(s1: Run, gpqa: Path) -> None:
    described = s1("benchmarks", "show", "gpqa_diamond")
    assert "Idavidrein/gpqa (gpqa_diamond), split train" in described.stdout
    assert "gpqa_diamond=FILE" in described.stderr
    shown = json.loads(s1("benchmarks", "show", f"gpqa_diamond={gpqa}", "--number", "2", "--json").stdout)
    lines = [line for line in shown["prompt"].splitlines() if line]
    assert [line[:3] for line in lines[1:]] == ["A) ", "B) ", "C) ", "D) "]
    assert sorted(line[3:] for line in lines[1:]) == ["down 1", "left 1", "right 1", "up 1"]
    assert lines[0] == "Which of these is number 1?"
    assert f"{shown['reference']}) right 1" in shown["prompt"]
    s1("benchmarks", "show", f"gpqa_diamond={gpqa}", "--number", "199", check=2)


def test_the_prompt_in_a_models_template(s1: Run, gpqa: Path) -> None:
    bare = s1("benchmarks", "show", f"gpqa_diamond={gpqa}", "--json").stdout
    sent = s1("benchmarks", "show", f"gpqa_diamond={gpqa}", "--json", "--model", "nano").stdout
    prompt = json.loads(bare)["prompt"]
    assert json.loads(sent)["prompt"] == (
        f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n<|im_start|>think\n"
    )


def test_a_run_keeps_the_questions_with_their_marks(s1: Run, tmp_path: Path, tiny_model: Path, gpqa: Path) -> None:
    flags = ["--engine", "scripted", "--model", tiny_model, "--limit", "2", "--max-answer", "8"]
    said = s1("eval", "--benchmark", f"gpqa_diamond={gpqa}", *flags, "--dry-run").stderr
    assert "questions: 2" in said
    path = tmp_path / s1("eval", "--benchmark", f"gpqa_diamond={gpqa}", *flags).stdout.strip().splitlines()[-1]
    assert "-gpqa-diamond-eval-" in path.name
    questions = RunDir.open(path).questions()
    assert [(q.source, q.answer_kind, q.meta["gated"]) for q in questions] == [("gpqa_diamond", "choice", True)] * 2


def test_refused(s1: Run, gpqa: Path) -> None:
    flags = ["--model", "nano", "--limit", "1", "--dry-run"]
    offline = s1("eval", "--benchmark", "aime24", *flags, check=2).stderr
    assert "--benchmark aime24=FILE" in offline
    wrong = s1("eval", "--benchmark", f"math500={gpqa}", *flags, check=2).stderr
    assert "downloaded.csv:2: no 'problem' or 'question'" in wrong
    assert "did you mean 'math500'?" in s1("benchmarks", "show", f"math50={gpqa}", check=2).stderr
