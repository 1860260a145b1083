"""The golden grading cases: one line per known trap, graded exactly as the file says.

The file is data (``grading_cases.jsonl``): anybody's grader can be run over it. A case that changes its verdict or its
rule is a new ``GRADER_VERSION``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.grading import GraderName, grade_all
from s1kit.types import Generation, Grade, Question, Segment

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("grading_cases.jsonl").read_text().splitlines()
]


def as_rows(number: int, case: dict[str, Any]) -> tuple[Question, Generation]:
    question = Question.make(
        text=f"golden case {number}", answer=case["gold"], answer_kind=case["kind"], choices=tuple(case["choices"])
    )
    segments: tuple[Segment, ...] = ()
    if case.get("answer_phase"):
        segments = (Segment(phase="answer", origin="forced", why="close", start=0, end=1),)
    generation = Generation(
        question_id=question.id,
        policy_id="golden",
        ended=case.get("ended", "model"),
        segments=segments,
        thinking_text=case.get("thinking", ""),
        answer_text=case["output"],
    )
    return question, generation


@pytest.fixture(scope="module")
def graded() -> list[Grade]:
    """All cases in two batches, so that the worker processes start once per grader."""
    grades: dict[int, Grade] = {}
    graders: tuple[GraderName, ...] = ("default", "s1_compat")
    for grader in graders:
        numbers = [number for number, case in enumerate(CASES) if case["grader"] == grader]
        rows = [as_rows(number, CASES[number]) for number in numbers]
        batch = grade_all([question for question, _ in rows], [generation for _, generation in rows], grader)
        grades |= dict(zip(numbers, batch, strict=True))
    return [grades[number] for number in range(len(CASES))]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{n}-{case['why'][:40]}" for n, case in enumerate(CASES)])
def test_golden_case(number: int, graded: list[Grade]) -> None:
    case, grade = CASES[number], graded[number]
    assert (grade.verdict, grade.rule) == (case["verdict"], case["rule"]), (case["output"], case["why"])
    assert grade.reference == case["gold"]


def test_the_file_covers_every_kind_and_every_verdict() -> None:
    assert len(CASES) >= 60
    assert {case["kind"] for case in CASES} == {"integer", "math", "choice", "text"}
    assert {case["verdict"] for case in CASES} == {"correct", "incorrect", "no_answer", "ungraded"}
