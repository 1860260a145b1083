"""Real references: every MATH-500 gold, boxed, is correct against itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s1kit.grading import grade_all
from s1kit.types import Generation, Question

DATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "math500.jsonl"


@pytest.mark.shared
@pytest.mark.skipif(not DATA.exists(), reason="MATH-500 is not in ../shared/data")
def test_every_reference_equals_itself_and_not_its_neighbour() -> None:
    rows = [json.loads(line) for line in DATA.read_text().splitlines()]
    questions = [Question.make(text=row["problem"], answer=row["answer"], answer_kind="math") for row in rows]
    generations = [
        Generation(question_id=q.id, policy_id="gold", ended="model", answer_text=f"So $\\boxed{{{q.answer}}}$.")
        for q in questions
    ]
    grades = grade_all(questions, generations)
    assert [(g.reference, g.rule) for g in grades if g.verdict != "correct"] == []
    wrong = [
        generation.model_copy(update={"answer_text": f"\\boxed{{{other.answer}}}"})
        for generation, other in zip(generations[:60], questions[1:61], strict=True)
    ]
    verdicts = {(g.reference, g.extracted): g.verdict for g in grade_all(questions, wrong)}
    assert {pair for pair, verdict in verdicts.items() if verdict != "incorrect"} == {("5", "x=5")}
