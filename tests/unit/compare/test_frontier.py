"""The frontier over all methods."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.compare.frontier import FrontierPoint, frontier
from s1kit.compare.point import MethodPoint
from unit.compare.points import drawn_method, made, shuffled, thirtieths


def dominates(a: FrontierPoint, b: FrontierPoint) -> bool:
    return a.cost <= b.cost and a.accuracy >= b.accuracy and (a.cost < b.cost or a.accuracy > b.accuracy)


@st.composite
def some_points(draw: st.DrawFn) -> list[MethodPoint]:
    pairs = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=10))
    return [made("ABC"[i % 3], f"{i}", thirtieths(right, 4), cost) for i, (cost, right) in enumerate(pairs)]


@settings(deadline=None)
@given(some_points())
def test_exactly_the_undominated_points_are_on_it(points: list[MethodPoint]) -> None:
    found = frontier(points, resamples=20)
    assert found.best
    for point in found.points:
        over = [other for other in found.points if dominates(other, point)]
        assert point.on_frontier == (not over)
        if over:
            assert point.beaten_by in {f"{other.method}, {other.label}" for other in over if other.on_frontier}
        else:
            assert point.beaten_by is None


@settings(deadline=None)
@given(some_points(), st.randoms(use_true_random=False))
def test_removing_a_dominated_point_changes_nothing(points: list[MethodPoint], random: st.Random) -> None:  # type: ignore[name-defined]
    before = frontier(points, resamples=5)
    beaten = [point for point in before.points if not point.on_frontier]
    if not beaten:
        return
    gone = random.choice(beaten)
    after = frontier([p for p in points if (p.method, p.label) != (gone.method, gone.label)], resamples=5)
    kept = {(p.method, p.label) for p in before.best}
    assert {(p.method, p.label) for p in after.best} == kept


def test_points_equal_in_both_stay_both() -> None:
    found = frontier(
        [made("A", "x", [1, 0], 10), made("B", "x", [0, 1], 10), made("C", "x", [0, 0], 10)], resamples=200
    )
    assert [p.on_frontier for p in found.points] == [True, True, False]
    assert [p.beaten_by for p in found.points] == [None, None, "A, x"]


def test_the_share_tells_a_lead_from_luck() -> None:
    n = 100
    sure = [made("A", "cheap", thirtieths(80, n), 10), made("B", "dear", thirtieths(20, n), 20)]
    assert [p.share for p in frontier(sure, resamples=300).points] == [1.0, 0.0]
    close = [made("A", "cheap", thirtieths(50, n), 10), made("B", "dear", [0.0] * 49 + [1.0] * 51, 20)]
    (_, dear) = frontier(close, resamples=1000).points
    assert dear.on_frontier
    assert 0.4 < dear.share < 0.7


def test_seconds_make_another_frontier_and_unmeasured_points_are_noted() -> None:
    points = [
        made("A", "x", thirtieths(6), 10, seconds=9.0),
        made("B", "x", thirtieths(6), 20, seconds=3.0),
        made("C", "x", thirtieths(9), 5, seconds=math.nan),
    ]
    assert [p.method for p in frontier(points, "tokens", resamples=20).best] == ["C"]
    seconds = frontier(points, "seconds", resamples=20)
    assert [p.method for p in seconds.best] == ["B"]
    assert len(seconds.notes) == 1


def test_the_order_of_questions_and_points_does_not_show() -> None:
    points = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.6]) + drawn_method("B", [30, 60], [0.4, 0.45])
    assert frontier(points, resamples=100) == frontier(shuffled(points[::-1], 9), resamples=100)


def test_nothing_defined_is_an_empty_frontier() -> None:
    found = frontier([made("A", "x", [math.nan], 10)], resamples=10)
    assert found.points == ()
    assert len(found.notes) == 1
