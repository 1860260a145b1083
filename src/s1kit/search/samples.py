"""One stored sample as a voter sees it, what it cost, and what a method made of several.

Knows the answer (as a class of equal answers), the verdict, the tokens and the score of each sample of one question.
Refuses to know how a method decides, and to invent what was not drawn: k beyond the stored samples is NaN and a note.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from s1kit.grading.pool import MathVerifyPool
from s1kit.metrics.points import join
from s1kit.search.answers import equal_answers
from s1kit.types import Generation, Grade, Question


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent, by kind. Tokens may be fractions: expectations and shares of a stopped sample are."""

    thinking: float = 0.0
    """Thinking tokens that the model generated."""
    answer: float = 0.0
    forced: float = 0.0
    """Nudges, which a budget counts as thinking too (``Generation.n_thinking_forced``)."""
    reward: float = 0.0
    """Tokens that a reward model read."""
    seconds: float = 0.0
    """Engine time, summed over samples; NaN where it was not measured."""

    @property
    def tokens(self) -> float:
        """Tokens of all kinds together."""
        return self.thinking + self.answer + self.forced + self.reward

    def __add__(self, other: Cost) -> Cost:
        return total_cost((self, other))

    def scaled(self, factor: float) -> Cost:
        """Every part times ``factor``."""
        return Cost(*(factor * part for part in self._parts()))

    def _parts(self) -> tuple[float, float, float, float, float]:
        return (self.thinking, self.answer, self.forced, self.reward, self.seconds)


def total_cost(costs: Sequence[Cost]) -> Cost:
    """Sum of costs, part by part, rounded once, so that the order of the samples does not show."""
    return (
        Cost(*(math.fsum(part) for part in zip(*(cost._parts() for cost in costs), strict=True))) if costs else Cost()
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of one question."""

    answer: int | None
    """Class of equal answers within the question; None: no answer, and no vote."""
    correct: bool | None
    """None: ungraded."""
    cost: Cost = Cost()
    score: float = math.nan
    """A reward or a confidence, larger is better; NaN: none was given."""
    text: str | None = None
    """The answer as extracted, for reading."""

    @property
    def thinking(self) -> float:
        """Thinking as a budget counts it: the model's own tokens and nudges."""
        return self.cost.thinking + self.cost.forced


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one method made of one question. ``accuracy`` is the expected correctness over tie-breaks, in 0..1."""

    accuracy: float
    """NaN: undefined, and ``note`` says why."""
    cost: Cost
    samples: float
    """Samples that were used, stopped ones included."""
    answers: tuple[int, ...] = ()
    """Classes that won, more than one in a tie."""
    note: str | None = None


def undefined(note: str, cost: Cost | None = None, samples: float = 0.0) -> Outcome:
    """An outcome that cannot be said, and why."""
    return Outcome(math.nan, cost or Cost(), samples, (), note)


def gather(
    question: Question,
    generations: Sequence[Generation],
    grades: Sequence[Grade],
    *,
    pool: MathVerifyPool | None = None,
) -> list[Sample]:
    """The samples of one question under one policy and one grader, by rising sample number.

    ``pool``: Math-Verify processes that the caller keeps for several questions. Raises ValueError for rows of another
    question, of two policies or graders, or without their grade.
    """
    rows = join(generations, grades)
    if len(rows) > 1 or any(row.question_id != question.id for row in generations):
        raise ValueError(f"samples must be of one policy and of question {question.id}")
    if not rows:
        return []
    (joined,) = rows.values()
    classes = equal_answers(question, joined.generations, joined.grades, pool=pool)
    return [
        Sample(
            answer=answer,
            correct=None if grade.verdict == "ungraded" else grade.verdict == "correct",
            cost=Cost(row.n_thinking_model, row.n_answer, row.n_thinking_forced, 0, row.engine_ms / 1000),
            text=grade.extracted,
        )
        for row, grade, answer in zip(joined.generations, joined.grades, classes, strict=True)
    ]


def scored(samples: Sequence[Sample], scores: Sequence[float], rewards: Sequence[Cost] | None = None) -> list[Sample]:
    """The samples with their scores, and what a reward model spent on each. ValueError for unequal lengths."""
    spent = [Cost()] * len(samples) if rewards is None else rewards
    return [
        replace(sample, score=float(score), cost=sample.cost + cost)
        for sample, score, cost in zip(samples, scores, spent, strict=True)
    ]
