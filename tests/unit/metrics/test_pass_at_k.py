"""pass@k, avg@k, maj@k."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.metrics.samples import avg_at_k, maj_at_k, pass_at_k


@pytest.mark.parametrize(
    ("n", "correct", "k", "expected"),
    [(1, 1, 1, 1.0), (1, 0, 1, 0.0), (10, 3, 1, 0.3), (10, 3, 5, 1 - 21 / 252), (10, 8, 3, 1.0), (4, 2, 2, 5 / 6)],
)
def test_pass_at_k_vectors(n: int, correct: int, k: int, expected: float) -> None:
    assert pass_at_k(n, correct, k) == pytest.approx(expected)


def test_pass_at_k_of_samples_never_drawn_is_undefined() -> None:
    assert math.isnan(pass_at_k(4, 4, 5))
    assert math.isnan(avg_at_k([True] * 4, 5))
    assert math.isnan(maj_at_k(["1"] * 4, [True] * 4, 5))
    assert math.isnan(maj_at_k([], []))


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_mean_over_all_subsets(case: tuple[int, int, int]) -> None:
    n, correct, k = case
    subsets = list(itertools.combinations([True] * correct + [False] * (n - correct), k))
    assert pass_at_k(n, correct, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))


def test_avg_at_k_takes_the_first_k() -> None:
    assert avg_at_k([True, False, False, True], 2) == 0.5


@pytest.mark.parametrize(
    ("answers", "correct", "expected"),
    [
        (["1", "2", "1"], [True, False, True], 1.0),
        (["1", "2", "2"], [True, False, False], 0.0),
        (["2", "1"], [False, True], 0.5),
        (["2", "1", "3"], [False, True, False], 1 / 3),
        ([None, None, None, "1"], [False, False, False, True], 1.0),
        ([None, None], [False, False], 0.0),
        (["1", "1"], [True, False], 0.5),
    ],
)
def test_majority_vectors(answers: list[str | None], correct: list[bool], expected: float) -> None:
    assert maj_at_k(answers, correct) == pytest.approx(expected)


@given(st.lists(st.sampled_from(["1", "2", "3", None]), min_size=1, max_size=8), st.randoms())
def test_majority_does_not_depend_on_the_order(answers: list[str | None], random: Any) -> None:
    shuffled = random.sample(answers, len(answers))
    first, second = (maj_at_k(votes, [vote == "1" for vote in votes]) for votes in (answers, shuffled))
    assert first == second


def test_refusals() -> None:
    for n, correct, k in ((3, 4, 1), (3, -1, 1), (3, 1, 0)):
        with pytest.raises(ValueError, match="correct"):
            pass_at_k(n, correct, k)
    with pytest.raises(ValueError, match="1 answers but 2 verdicts"):
        maj_at_k(["1"], [True, False])
    with pytest.raises(ValueError, match="k >= 1"):
        avg_at_k([], 0)
