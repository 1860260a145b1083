"""Adaptive consistency: when the majority is safe."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.search.adaptive import Rule, adaptive, beta_safety, dirichlet_safety, safety, samples_needed
from s1kit.search.samples import Sample
from s1kit.search.vote import majority
from unit.search.vote_samples import any_samples, first_sample, samples


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(0, 0, 0.5), (1, 0, 0.75), (3, 0, 0.9375), (4, 0, 0.96875), (7, 7, 0.5)]
)
def test_beta_values(first: int, second: int, expected: float) -> None:
    assert beta_safety(first, second) == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12))
def test_beta_is_the_integral(one: int, other: int) -> None:
    first, second = max(one, other), min(one, other)
    x = (np.arange(20_000) + 0.5) / 20_000
    density = x**first * (1 - x) ** second
    assert beta_safety(first, second) == pytest.approx(density[x > 0.5].sum() / density.sum(), abs=1e-6)


@settings(deadline=None)
@given(st.integers(1, 30))
def test_with_one_answer_seen_both_rules_agree(count: int) -> None:
    assert dirichlet_safety([count]) == pytest.approx(beta_safety(count, 0), abs=1e-7)


@pytest.mark.parametrize("counts", [[3], [3, 1], [5, 4, 1], [2, 2, 2], [20, 10], [1]], ids=str)
def test_dirichlet_is_the_share_of_draws(counts: Sequence[int]) -> None:
    draws = np.random.default_rng(0).dirichlet([*(count + 1 for count in counts), 1], size=100_000)
    assert dirichlet_safety(counts) == pytest.approx((draws.argmax(axis=1) == 0).mean(), abs=0.01)


def test_three_equal_answers_are_not_safe_four_are() -> None:
    assert samples_needed([0] * 10) == 4
    assert samples_needed([0] * 10, rule="dirichlet") == 4
    assert samples_needed([0] * 3) is None
    assert samples_needed([0, 1] * 20) is None


def test_rivals_beyond_the_second_count_for_dirichlet_only() -> None:
    assert safety([0] * 6 + [1, 2, 3, 4, 5]) == safety([0] * 6 + [1])
    assert safety([0] * 6 + [1, 2, 3, 4, 5], "dirichlet") < safety([0] * 6 + [1], "dirichlet")


@pytest.mark.parametrize("rule", ["beta", "dirichlet"])
@settings(deadline=None)
@given(answers=st.lists(st.sampled_from([None, 0, 1, 2]), max_size=12))
def test_the_stream_stops_at_the_first_safe_point(rule: Rule, answers: list[int | None]) -> None:
    used = samples_needed(answers, rule=rule)
    safe = [safety(answers[:n], rule) > 0.95 for n in range(1, len(answers) + 1)]
    assert used == (safe.index(True) + 1 if any(safe) else None)


def test_only_the_samples_that_were_needed_are_paid() -> None:
    got = adaptive(samples("baaaaaaaaaaa"))
    assert first_sample(samples("ba")).accuracy == 0.0
    assert (got.accuracy, got.samples, got.note) == (1.0, 7, None)
    assert beta_safety(6, 1) > 0.95 >= beta_safety(5, 1)
    assert got.cost.tokens == 7 * 110.0


def test_an_unsafe_stream_uses_all_and_says_so() -> None:
    got = adaptive(samples("abab"))
    assert (got.accuracy, got.samples) == (0.5, 4)
    assert got.note == "the majority was not safe after all 4 samples"


def test_missing_answers_do_not_make_it_safer() -> None:
    assert samples_needed([None, 0, None, 0, 0, None, 0]) == 7
    assert safety([None, None]) == 0.0
    assert adaptive(samples("----")).accuracy == 0.0


@settings(deadline=None)
@given(any_samples())
def test_a_threshold_that_is_never_met_is_the_majority(given_samples: list[Sample]) -> None:
    got = adaptive(given_samples, threshold=1.0)
    assert got.accuracy == majority(given_samples).accuracy
    assert got.cost == majority(given_samples).cost


def test_refusals() -> None:
    assert math.isnan(adaptive([]).accuracy)
    with pytest.raises(ValueError, match="first >= second"):
        beta_safety(1, 2)
    with pytest.raises(ValueError, match="one above it"):
        dirichlet_safety([0])
