"""Rows for the metric tests, written as verdict strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from s1kit.types import Generation, Grade, Question, Verdict

VERDICTS: dict[str, Verdict] = {"R": "correct", "w": "incorrect", "-": "no_answer", "?": "ungraded"}


def questions(n: int) -> list[Question]:
    return [Question.make(text=f"question {index}", answer="7", answer_kind="integer") for index in range(n)]


def rows(
    policy_id: str, verdicts: str, thinking: int | Sequence[int] = 100, sample: int = 0, **fields: Any
) -> tuple[list[Generation], list[Grade]]:
    """One generation and grade per letter: R right, w wrong, - no answer, ? ungraded; answers 7, 5 and none."""
    tokens = [thinking] * len(verdicts) if isinstance(thinking, int) else list(thinking)
    generations, grades = [], []
    for question, letter, spent in zip(questions(len(verdicts)), verdicts, tokens, strict=True):
        given = {"ended": "model", "n_answer": 5, "n_paid": spent + 5, "n_paid_thinking": spent} | fields
        key = {"question_id": question.id, "policy_id": policy_id, "sample": sample}
        generations.append(Generation(**key, n_thinking_model=spent, **given))
        extracted = {"R": "7", "w": "5"}.get(letter)
        grade = {"grader": "default", "version": 1, "verdict": VERDICTS[letter], "rule": "r", "extracted": extracted}
        grades.append(Grade(**key, **grade))
    return generations, grades


def forcing(label: str, **fields: Any) -> dict[str, Any]:
    """A described budget-forcing policy, all fields present as in a manifest."""
    empty: dict[str, Any] = {"max_thinking": None, "min_thinking": 0, "extensions": 0, "nudges": None}
    return {"label": label, "policy": {"kind": "budget_forcing", **empty, "max_answer": 64, **fields}}
