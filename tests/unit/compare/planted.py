"""Rows made by hand for the tests of a comparison: one word per row says what was answered, at what length and cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s1kit.compare.recipe import CompareConfig
from s1kit.compare.rows import Graded, Rows
from s1kit.compare.settings import Setting, identity, settings
from s1kit.formats import load_format
from s1kit.store.scores import Score
from s1kit.types import Generation, Grade, Question

SPEC = load_format("s1").model_dump(mode="json")
QUESTIONS = tuple(Question.make(text=f"question {i}", answer="7", answer_kind="integer") for i in range(3))
QUESTION = QUESTIONS[0]
POLICY = "p-00000000"
PACE = 0.5
"""Seconds per generated token; a fraction that floats hold exactly."""


def recipe(*methods: dict[str, Any], **rest: Any) -> CompareConfig:
    """A recipe of these methods."""
    return CompareConfig.model_validate({"methods": methods, **rest})


def one(method: dict[str, Any], at: int = 0, **rest: Any) -> Setting:
    """One setting of a recipe of this method alone."""
    return settings(recipe(method, **rest))[at]


def name(setting: Setting) -> str:
    """The policy id of its rows."""
    return identity(setting.wanted, SPEC)


def row(
    answer: str | None = "7", thinking: int = 10, sample: int = 0, question: Question = QUESTION, **fields: Any
) -> Graded:
    """A row and its grade. The answer: "7" is right, None is none, "?" is ungraded, whatever else is wrong."""
    key: dict[str, Any] = {"question_id": question.id, "policy_id": POLICY, "sample": sample}
    given = {"ended": "model", "n_answer": 4, "n_paid": thinking + 4, "n_paid_thinking": thinking} | fields
    verdict = {"7": "correct", None: "no_answer", "?": "ungraded"}.get(answer, "incorrect")
    grade = {"grader": "default", "version": 1, "verdict": verdict, "rule": "planted", "reference": "7"}
    extracted = None if verdict in ("no_answer", "ungraded") else answer
    return Generation(**key, n_thinking_model=thinking, **given), Grade(**key, **grade, extracted=extracted)


def several(
    answers: Sequence[str | None], thinking: Sequence[int] | None = None, question: Question = QUESTION, **fields: Any
) -> list[Graded]:
    """Samples 0, 1, ... of one question."""
    lengths = [10] * len(answers) if thinking is None else thinking
    return [
        row(answer, length, sample, question, **fields)
        for sample, (answer, length) in enumerate(zip(answers, lengths, strict=True))
    ]


def rows(*graded: Graded, pace: float = PACE) -> Rows:
    """One policy's rows as a comparison reads them."""
    found: dict[str, list[Graded]] = {}
    for pair in sorted(graded, key=lambda pair: pair[0].sample):
        found.setdefault(pair[0].question_id, []).append(pair)
    return Rows(Path("nowhere"), pace, found)


def scores(
    graded: Sequence[Graded], values: Sequence[float | Sequence[float]], tokens: int = 30, ms: float = 250.0
) -> dict[tuple[str, str, int], Score]:
    """A reward model's scores of these rows, one step each unless said otherwise."""
    return {
        g.key: Score(
            question_id=g.question_id,
            policy_id=g.policy_id,
            sample=g.sample,
            scorer="s",
            steps=(value,) if isinstance(value, (int, float)) else tuple(value),
            tokens=tokens,
            ms=ms,
        )
        for (g, _), value in zip(graded, values, strict=True)
    }
