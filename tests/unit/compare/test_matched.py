"""Methods at matched cost: exact mixtures, honest words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.compare.matched import compare_methods, holm, mixture
from s1kit.compare.pair import MatchedTest
from s1kit.metrics.intervals import compare
from unit.compare.points import drawn_method, made, shuffled, thirtieths


def test_a_mixture_at_a_points_own_cost_is_that_point() -> None:
    points = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.4])
    for point in points:
        mixed = mixture(points, point.mean_cost("tokens"))
        assert mixed is not None
        assert mixed.mix == ((point.label, 1.0),)
        assert mixed.accuracy.tolist() == list(point.accuracy)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=6), st.floats(0, 1))
@settings(deadline=None)
def test_a_mixture_costs_what_was_asked_and_answers_as_its_settings_do(costs: list[float], where: float) -> None:
    points = [made("A", f"{i}", thirtieths(i % 4, 3), cost) for i, cost in enumerate(costs)]
    means = {p.label: p.mean_cost("tokens") for p in points}
    asked = min(
        max(min(means.values()) * (1 - where) + max(means.values()) * where, min(means.values())), max(means.values())
    )
    mixed = mixture(points, asked)
    assert mixed is not None
    assert math.isclose(sum(weight for _, weight in mixed.mix), 1)
    assert all(weight >= 0 for _, weight in mixed.mix)
    assert math.isclose(sum(weight * means[label] for label, weight in mixed.mix), asked)
    expected = sum(weight * np.asarray(points[int(label)].accuracy) for label, weight in mixed.mix)
    assert np.allclose(mixed.accuracy, expected)
    between = [mean for mean in means.values() if min(means[label] for label, _ in mixed.mix) < mean < asked]
    assert not between, "a neighbour was skipped"


def test_a_dominated_setting_is_part_of_its_method() -> None:
    points = [made("A", "1", [0.0], 10), made("A", "2", [1.0], 20), made("A", "3", [0.0], 30)]
    mixed = mixture(points, 25)
    assert mixed is not None
    assert mixed.accuracy.tolist() == [0.5]


def test_outside_its_range_a_method_is_nothing() -> None:
    points = drawn_method("A", [20, 40], [0.3, 0.5])
    assert mixture(points, 41) is None
    assert mixture(points, 19) is None
    assert mixture([], 1) is None


def test_settings_of_equal_cost_are_chosen_alike() -> None:
    mixed = mixture([made("A", "x", [1.0, 0.0], 10), made("A", "y", [0.0, 0.0], 10)], 10)
    assert mixed is not None
    assert mixed.mix == (("x", 0.5), ("y", 0.5))
    assert mixed.accuracy.tolist() == [0.5, 0.0]


def test_a_against_b_is_the_negative_of_b_against_a() -> None:
    a, b = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.6]), drawn_method("B", [30, 60, 100], [0.2, 0.3, 0.5])
    (one,), (two,) = compare_methods(a + b, resamples=500).pairs, compare_methods(b + a, resamples=500).pairs
    assert (one.baseline, one.other) == (two.other, two.baseline)
    for x, y in zip(one.tests, two.tests, strict=True):
        assert (x.baseline, x.other, x.p_holm, x.shown) == (y.other, y.baseline, y.p_holm, y.shown)
        assert (x.comparison.wins, x.comparison.losses) == (y.comparison.losses, y.comparison.wins)
        assert x.comparison.difference == -y.comparison.difference
        assert x.comparison.interval.low == pytest.approx(-y.comparison.interval.high)


def test_the_order_of_the_questions_does_not_show() -> None:
    points = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.6]) + drawn_method("B", [30, 60], [0.4, 0.45])
    assert compare_methods(points, resamples=300) == compare_methods(shuffled(points, 5), resamples=300)


@pytest.mark.parametrize("axis", ["tokens", "seconds"])
def test_identical_methods_show_no_difference(axis: str) -> None:
    a = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.6])
    b = [point.model_copy(update={"method": "B"}) for point in a]
    (pair,) = compare_methods(a + b, axis, resamples=300).pairs  # type: ignore[arg-type]
    assert [test.place for test in pair.tests] == ["lowest", "middle", "highest", "best"]
    for test in pair.tests:
        assert not test.shown
        assert test.comparison.difference == 0
        assert test.p_holm == 1
        assert test.comparison.wins == test.comparison.losses == 0
    assert pair.verdict.startswith("no difference shown between A and B")
    assert "same on all 60" in pair.verdict


def planted(points: float, n: int = 200) -> list[MatchedTest]:
    """Tests between two methods of which the second is better by so many points at every cost."""
    right = np.arange(n) % 2 == 0
    gain = np.arange(n) % 100 < 2 * points
    a = [made("A", f"{c}", right.astype(float).tolist(), c) for c in (50, 100)]
    b = [made("B", f"{c}", (right | gain).astype(float).tolist(), c) for c in (50, 100)]
    (pair,) = compare_methods(a + b, resamples=1000).pairs
    return list(pair.tests)


def test_twenty_points_at_200_questions_are_shown_and_two_are_not() -> None:
    for test in planted(20):
        assert test.shown
        assert test.comparison.difference == pytest.approx(20)
        assert test.comparison.interval.low > 0
        assert "B better than A by 20.0 points" in test.verdict
    for test in planted(2):
        assert not test.shown
        assert test.verdict.startswith("no difference shown between A and B")
        assert test.comparison.mdd is None
        assert "n = 200 could show none here" in test.verdict


def test_the_numbers_are_those_of_the_plain_paired_comparison() -> None:
    a, b = drawn_method("A", [50], [0.4], n=150), drawn_method("B", [50], [0.6], n=150)
    (pair,) = compare_methods(a + b).pairs
    plain = compare(a[0].accuracy, b[0].accuracy)
    for test in pair.tests:
        found = test.comparison
        assert (found.wins, found.losses, found.p) == (plain.wins, plain.losses, plain.p)
        assert found.difference == pytest.approx(plain.difference)
        assert found.interval.low == pytest.approx(plain.interval.low, abs=0.7)
        assert found.interval.high == pytest.approx(plain.interval.high, abs=0.7)
        assert found.mdd is not None
        assert plain.mdd is not None
        assert found.mdd > plain.mdd, "the first level of Holm is stricter"


def test_many_tiny_wins_do_not_outvote_a_loss() -> None:
    """A count of wins would call the other one better (50 to 10); its mean is worse, and that is what is tested."""
    a = made("A", "x", [0.5] * 60, 10, draws=50)
    b = made("B", "x", [0.52] * 50 + [0.0] * 10, 10, draws=50)
    (pair,) = compare_methods([a, b], resamples=1000).pairs
    assert (pair.tests[0].comparison.wins, pair.tests[0].comparison.losses) == (50, 10)
    assert pair.tests[0].comparison.difference < 0
    assert all(test.comparison.interval.high < 0 for test in pair.tests if test.shown)
    assert "A better" in pair.verdict


def test_methods_without_a_common_cost_are_told_apart_and_still_compared_at_their_best() -> None:
    a, b = drawn_method("A", [10, 40], [0.3, 0.5]), drawn_method("B", [60, 200], [0.3, 0.5])
    (pair,) = compare_methods(b + a, resamples=200).pairs
    assert pair.common is None
    assert [test.place for test in pair.tests] == ["best"]
    assert pair.verdict == "no common cost: A costs 10 to 40 tokens, B 60 to 200 tokens; A is cheaper"


def test_one_shared_cost_is_tested_once() -> None:
    a, b = drawn_method("A", [50], [0.4]), drawn_method("B", [20, 100], [0.4, 0.6])
    (pair,) = compare_methods(a + b, resamples=200).pairs
    assert pair.common == pytest.approx((50, 50))
    assert [test.place for test in pair.tests] == ["lowest", "best"]


def test_undefined_points_are_left_out_with_a_note() -> None:
    a = [made("A", "k = 1", [1.0, 0.0], 10), made("A", "k = 64", [math.nan, 0.0], 640, note="8 samples stored")]
    b = [made("B", "x", [1.0, 1.0], 10, seconds=math.nan)]
    tokens = compare_methods(a + b, resamples=100)
    assert tokens.notes == ("A, k = 64 is left out: accuracy is undefined on 1 of 2 questions (8 samples stored)",)
    assert len(tokens.pairs) == 1
    seconds = compare_methods(a + b, "seconds", resamples=100)
    assert not seconds.pairs
    assert "B has no point to compare" in seconds.notes
    assert "B, x is left out: seconds were not measured on 2 of 2 questions" in seconds.notes


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_monotone_never_smaller_and_bounded_by_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p)
    by_rank = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert by_rank == sorted(by_rank)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_more_pairs_raise_the_bar() -> None:
    a, b = drawn_method("A", [50], [0.4]), drawn_method("B", [50], [0.6])
    more = [point for name in "CDEF" for point in drawn_method(name, [50], [0.5])]
    alone, among = (compare_methods(points, resamples=100).pairs[0].tests[0] for points in (a + b, a + b + more))
    assert alone.comparison.p == among.comparison.p < alone.p_holm < among.p_holm
