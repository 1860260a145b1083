"""k out of the stored samples: closed forms against enumeration, and nothing padded."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.search.adaptive import adaptive
from s1kit.search.pick import best_of_n, short_m
from s1kit.search.samples import Sample
from s1kit.search.subsets import best_of_n_at, majority_at, over_subsets, pass_at, prefix
from s1kit.search.vote import majority, weighted
from unit.search.vote_samples import any_samples, first_sample, mean_accuracy, samples

CLOSED = {"pass": pass_at, "majority": majority_at, "best": best_of_n_at}


def graded_alike(given_samples: list[Sample]) -> bool:
    """Every class has one verdict, so that a class means the same in every subset."""
    seen: dict[int | None, set[bool | None]] = {}
    for sample in given_samples:
        seen.setdefault(sample.answer, set()).add(sample.correct)
    return all(len(verdicts) == 1 for verdicts in seen.values())


@settings(deadline=None)
@given(any_samples(), st.integers(1, 7))
def test_exact_majority_is_the_mean_over_all_subsets(given_samples: list[Sample], k: int) -> None:
    k = min(k, len(given_samples))
    listed = over_subsets(majority, given_samples, k)
    got = majority_at(given_samples, k)
    assert got.accuracy == pytest.approx(listed.accuracy)
    assert got.cost.tokens == pytest.approx(listed.cost.tokens)
    assert got.samples == listed.samples == k


@settings(deadline=None)
@given(any_samples(), st.integers(1, 7))
def test_exact_best_of_k_is_the_mean_over_all_subsets(given_samples: list[Sample], k: int) -> None:
    k = min(k, len(given_samples))
    assert best_of_n_at(given_samples, k).accuracy == pytest.approx(over_subsets(best_of_n, given_samples, k).accuracy)


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
@settings(deadline=None)
@given(given_samples=any_samples())
def test_k_of_one_is_the_mean_accuracy(closed: object, given_samples: list[Sample]) -> None:
    assert callable(closed)
    assert closed(given_samples, 1).accuracy == pytest.approx(mean_accuracy(given_samples))


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
def test_more_than_stored_is_undefined_never_padded(closed: object) -> None:
    assert callable(closed)
    stored = samples("aaaa", scores=[1.0] * 4)
    for got in (closed(stored, 5), over_subsets(majority, stored, 5), prefix(majority, stored, 5)):
        assert math.isnan(got.accuracy)
        assert got.note == "5 samples asked for, 4 are stored"
        assert got.cost.tokens == 0
    with pytest.raises(ValueError, match="k >= 1"):
        closed(stored, 0)


def test_the_closed_forms_are_no_plain_sampling() -> None:
    stored = samples("baaab", scores=[0.1, 0.9, 0.9, 0.9, 0.1])
    for closed in CLOSED.values():
        assert closed(stored, 5).accuracy == 1.0
        assert first_sample(stored).accuracy == 0.0
        assert 0.6 < closed(stored, 3).accuracy <= 1.0


def test_ungraded_samples_make_it_undefined_only_where_they_matter() -> None:
    got = majority_at(samples("aBb"), 1)
    assert math.isnan(majority_at(samples("aaB"), 1).accuracy)
    assert "between 0.667 and 1.000" in str(majority_at(samples("aaB"), 1).note)
    assert got.accuracy == pytest.approx(1 / 3), "the class is known by its graded sample"
    assert majority_at(samples("aaB"), 3).accuracy == 1.0
    assert pass_at(samples("aaB"), 2).accuracy == 1.0
    assert math.isnan(pass_at(samples("aB"), 1).accuracy)


def test_64_samples_are_counted_not_listed() -> None:
    stored = samples("a" * 22 + "b" * 20 + "c" * 12 + "-" * 10)
    got = [majority_at(stored, k).accuracy for k in (1, 2, 4, 8, 16, 32, 64)]
    assert got[0] == pytest.approx(22 / 64)
    assert got[-1] == 1.0
    assert got == sorted(got)
    seeded = over_subsets(majority, stored, 16, subsets=400, seed=3)
    assert seeded.accuracy == pytest.approx(got[4], abs=4 * math.sqrt(0.25 / 400))


def test_seeded_subsets_are_stated_and_repeat() -> None:
    stored = samples("ab" * 10, scores=[0.3, 0.2] * 10)
    one = over_subsets(weighted, stored, 10, subsets=50, seed=1)
    assert one == over_subsets(weighted, stored, 10, subsets=50, seed=1)
    assert one != over_subsets(weighted, stored, 10, subsets=50, seed=2)
    assert one.note == "mean over 50 seeded subsets (seed 1)"
    assert over_subsets(weighted, stored[:5], 3).note == "mean over all 10 subsets"


def test_orders_are_enumerated_for_a_stream() -> None:
    stored = samples("aaaab")
    got = over_subsets(adaptive, stored, 5, ordered=True)
    listed = [adaptive(order) for order in itertools.permutations(stored)]
    assert got.samples == pytest.approx(sum(outcome.samples for outcome in listed) / 120)
    assert 4 < got.samples < 5
    assert got.note == "mean over all 120 orders"


def test_one_undefined_subset_is_said() -> None:
    got = over_subsets(lambda drawn: short_m(drawn, 3), samples("aaa"), 2)
    assert math.isnan(got.accuracy)
    assert "needs 3 samples" in str(got.note)


@settings(deadline=None)
@given(any_samples().filter(graded_alike))
def test_all_samples_give_one_subset(given_samples: list[Sample]) -> None:
    n = len(given_samples)
    whole = majority(given_samples).accuracy
    assert majority_at(given_samples, n).accuracy == pytest.approx(whole)
    assert prefix(majority, given_samples, n).accuracy == whole


def test_too_many_for_exact_floats_is_refused() -> None:
    with pytest.raises(ValueError, match="use over_subsets"):
        majority_at(samples("a" * 1001), 3)
