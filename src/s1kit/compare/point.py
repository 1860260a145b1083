"""One setting of one method on all questions: what it got right, what it thought, and what it cost.

Knows one accuracy, one length and one cost per question, in the same order of questions for every point that is
compared. Refuses to know generations and verdicts: the points are filled from runs elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, PlainSerializer, model_validator

from s1kit.metrics.intervals import Array
from s1kit.search.samples import Cost
from s1kit.types import Record

Axis = Literal["tokens", "seconds"]
"""What is matched: mean tokens of all kinds per question, or mean seconds of engine time per question."""


def _null_to_nan(value: Any) -> Any:
    return math.nan if value is None else value


def _nan_to_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _cost_from(value: Any) -> Any:
    return {name: _null_to_nan(part) for name, part in value.items()} if isinstance(value, dict) else value


def _cost_to(value: Cost) -> dict[str, float | None]:
    return {name: _nan_to_null(part) for name, part in asdict(value).items()}


Defined = Annotated[float, BeforeValidator(_null_to_nan), PlainSerializer(_nan_to_null, when_used="json")]
"""A number that may be NaN; JSON has no NaN, so it is null there."""
Spent = Annotated[Cost, BeforeValidator(_cost_from), PlainSerializer(_cost_to, when_used="json")]
"""A cost, in JSON an object of its parts; NaN is null there."""


class MethodPoint(Record):
    """One setting of one method. Tokens are means per question; what has one entry per question is in their order.

    Raises ValueError where the per-question sequences differ in length or are empty.
    """

    method: str
    """The method's name in the recipe: "BF", "TCC+BF", "majority"."""
    label: str
    """One setting of it: "max 64", "Wait x2", "k = 8"."""
    asked: float | None
    """What was asked for, in the method's own unit (tokens, steps, samples)."""
    minimum: float | None
    """a_min in mean thinking tokens, by the method's own rule; None: not bounded below."""
    maximum: float | None
    """a_max, likewise."""
    draws: int
    """Independent runs behind the means (seeds); 1 for greedy decoding."""
    by_draw: tuple[float, ...]
    """Accuracy of each draw, 0..1; empty where draws cannot be told apart."""
    accuracy: tuple[Defined, ...]
    """[questions], in 0..1, mean over draws; NaN: undefined (more samples asked for than were stored)."""
    thinking: tuple[Defined, ...]
    """[questions], mean thinking tokens of one train of thought, nudges counted: what a budget bounds."""
    cost: tuple[Spent, ...]
    """[questions], mean cost of all that was generated, rejected tries and other samples included."""
    censored: float
    """Share of rows without an answer of their own accord: cut off, context full, unmet, no answer."""
    no_answer: float
    """Share of rows without an answer."""
    tries: float | None = None
    """Rejection: mean tries per question."""
    unmet: float | None = None
    """Rejection: share of questions (over draws) whose limit no try met."""
    steps: float | None = None
    """Mean steps that a countdown announced, over the rows that announced any; None where none did."""
    tokens_per_step: float | None = None
    """Thinking tokens inside those steps, announcements left out, over all of them."""
    note: str | None = None

    @model_validator(mode="after")
    def _one_value_per_question(self) -> Self:
        sizes = {len(self.accuracy), len(self.thinking), len(self.cost)}
        if len(sizes) != 1 or sizes == {0}:
            raise ValueError(f"{self.name}: accuracy, thinking and cost need one value per question, not {sizes}")
        return self

    @property
    def name(self) -> str:
        """Method and setting, for messages."""
        return f"{self.method}, {self.label}"

    @property
    def n_questions(self) -> int:
        """Questions behind the point."""
        return len(self.accuracy)

    @property
    def mean_accuracy(self) -> float:
        """In 0..1; NaN where one question's is."""
        return mean(self.accuracy)

    @property
    def paced(self) -> tuple[float, ...]:
        """[questions], thinking tokens that scaling is taken over.

        All thinking that was generated: ``thinking`` for one train of thought (and what it threw away), k trains
        together for a method that samples k. A rejected try is waste and no thinking of the answer, so rejection
        counts the kept one (the paper's Figure 6).
        """
        if self.tries is not None:
            return self.thinking
        return tuple(cost.thinking + cost.forced for cost in self.cost)

    def costs(self, axis: Axis) -> tuple[float, ...]:
        """[questions], tokens of all kinds or seconds."""
        return tuple(cost.tokens if axis == "tokens" else cost.seconds for cost in self.cost)

    def mean_cost(self, axis: Axis) -> float:
        """Per question, to nine decimals: equal costs are equal; NaN where it was not measured."""
        return round(mean(self.costs(axis)), 9)


def mean(values: Sequence[float]) -> float:
    """Mean, rounded once, so that the order of the questions does not show."""
    return math.fsum(values) / len(values)


def by_method(points: Sequence[MethodPoint]) -> dict[str, list[MethodPoint]]:
    """Points by method, in the order in which the methods first appear.

    Raises ValueError for no points, a setting that occurs twice, or points on different numbers of questions.
    """
    sizes = sorted({point.n_questions for point in points})
    if len(sizes) != 1:
        raise ValueError(f"points to compare must be on the same questions, not on {sizes or 'none'}")
    methods: dict[str, list[MethodPoint]] = {}
    for point in points:
        mine = methods.setdefault(point.method, [])
        if any(other.label == point.label for other in mine):
            raise ValueError(f"{point.name}: this setting occurs twice")
        mine.append(point)
    return methods


def defined(points: Sequence[MethodPoint], axis: Axis | None = None) -> tuple[list[MethodPoint], tuple[str, ...]]:
    """Points whose accuracy (and cost on ``axis``) is known on every question, and a note on each other one.

    A point that lacks some questions is left out whole: the rest of it would be compared on easier or harder ones.
    """
    kept, notes = [], []
    for point in points:
        unknown = sum(map(math.isnan, point.accuracy))
        unmeasured = sum(map(math.isnan, point.costs(axis))) if axis else 0
        if unknown or unmeasured:
            what = "accuracy is undefined" if unknown else f"{axis} were not measured"
            why = f" ({point.note})" if point.note else ""
            count = f"{unknown or unmeasured} of {point.n_questions} questions"
            notes.append(f"{point.name} is left out: {what} on {count}{why}")
        else:
            kept.append(point)
    return kept, tuple(notes)


def in_one_order(points: Sequence[MethodPoint]) -> list[MethodPoint]:
    """The same points with their questions sorted by content, alike in all: resampling then draws the same questions,
    in whatever order questions and points were given. Raises ValueError as `by_method` does.
    """
    by_method(points)
    columns = []
    for point in sorted(points, key=lambda p: (p.method, p.label)):
        columns += [point.accuracy, point.thinking, point.costs("tokens"), point.costs("seconds")]
    order = [int(index) for index in np.lexsort(columns)]
    return [
        point.model_copy(
            update={
                "accuracy": tuple(point.accuracy[i] for i in order),
                "thinking": tuple(point.thinking[i] for i in order),
                "cost": tuple(point.cost[i] for i in order),
            }
        )
        for point in points
    ]


def columns_of(points: Sequence[MethodPoint], what: Literal["accuracy", "paced", "tokens", "seconds"]) -> Array:
    """One number per question and point: [questions, points]."""
    picked = [p.accuracy if what == "accuracy" else p.paced if what == "paced" else p.costs(what) for p in points]
    return np.asarray(picked, dtype=np.float64).T
