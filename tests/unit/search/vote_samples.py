"""Samples of one question for the vote tests, written as short words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from s1kit.search.samples import Cost, Outcome, Sample, total_cost

ANSWERS = "abcdefgh"


def samples(
    word: str, right: str = "a", thinking: Sequence[float] | None = None, scores: Sequence[float] | None = None
) -> list[Sample]:
    """One letter per sample: its answer, ``-`` for none, upper case for ungraded; ``right`` are the correct answers."""
    made = []
    for place, letter in enumerate(word):
        answer = None if letter == "-" else ANSWERS.index(letter.lower())
        correct = None if letter.isupper() else letter in right
        cost = Cost(thinking=100.0 if thinking is None else thinking[place], answer=10.0, seconds=1.0)
        made.append(Sample(answer, correct, cost, math.nan if scores is None else scores[place]))
    return made


def first_sample(given: Sequence[Sample]) -> Outcome:
    """Plain sampling: what every method must differ from."""
    return Outcome(float(bool(given[0].correct)), given[0].cost, 1)


def same(one: Outcome, other: Outcome) -> bool:
    """Equal outcomes up to the last bits; NaN equals NaN."""
    numbers = [(o.accuracy, o.samples, *dataclasses.astuple(o.cost)) for o in (one, other)]
    return one.answers == other.answers and numbers[0] == pytest.approx(numbers[1], nan_ok=True)


def mean_accuracy(given: Sequence[Sample]) -> float:
    return sum(bool(sample.correct) for sample in given) / len(given)


def all_cost(given: Sequence[Sample]) -> Cost:
    return total_cost([sample.cost for sample in given])


def any_samples(min_size: int = 1, max_size: int = 7, ungraded: bool = False) -> st.SearchStrategy[list[Sample]]:
    """Samples with ties of every kind: few answers, few lengths, few scores; equal answers are graded alike or not."""

    def build(rows: list[tuple[Any, ...]]) -> list[Sample]:
        return [
            Sample(answer, None if verdict is None else verdict and answer is not None, Cost(thinking, 5.0), score)
            for answer, verdict, thinking, score in rows
        ]

    verdicts = st.sampled_from([True, False, None] if ungraded else [True, False])
    row = st.tuples(
        st.sampled_from([None, 0, 1, 2]), verdicts, st.sampled_from([1.0, 8.0, 20.0]), st.sampled_from([0.0, 0.1, 0.9])
    )
    return st.lists(row, min_size=min_size, max_size=max_size).map(build)
