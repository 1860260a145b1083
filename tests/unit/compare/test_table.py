"""The table of methods, on the paper's own points (paper, Table 3 and its tables of token, step and class control)."""

from __future__ import annotations

import json
import math

import pytest

from s1kit.compare.point import MethodPoint, by_method
from s1kit.compare.table import MethodRow, method_rows, point_rows
from s1kit.search.samples import Cost
from unit.compare.points import drawn_method, made, shuffled, thirtieths

LIMITS = [1024, 2048, 4096, 8192, 16384]
STEPS = [1600, 3200, 6400, 12800, 25600]
# name: mean thinking tokens, right of 30, a_min, a_max, control, scaling, performance in %
PAPER = {
    "TCC": ([7939, 7158, 8263, 7108, 7500], [8, 9, 10, 10, 12], [None] * 5, LIMITS, 40, -24, 40.0),
    "TCC+BF": ([1024, 2048, 4031, 5664, 6330], [1, 9, 10, 10, 12], [None] * 5, LIMITS, 100, 13, 40.0),
    "SCC": ([7252, 6277, 5396, 5552, 7551], [10, 7, 10, 11, 10], [None] * 5, STEPS, 60, 3, 36.7),
    "SCC+BF": ([1517, 2963, 4636, 5409, 7551], [7, 7, 10, 11, 10], [None] * 5, STEPS, 100, 6, 36.7),
    "CCC": ([8033, 9651], [9, 11], [None, 6109], [6109, None], 50, 25, 36.7),
}


def paper_points() -> list[MethodPoint]:
    return [
        made(method, f"run {run}", thirtieths(right), tokens, minimum=low, maximum=high)
        for method, (means, rights, lows, highs, *_) in PAPER.items()
        for run, (tokens, right, low, high) in enumerate(zip(means, rights, lows, highs, strict=True))
    ]


@pytest.fixture(scope="module")
def paper() -> dict[str, MethodRow]:
    return {row.method: row for row in method_rows(paper_points(), resamples=200)}


@pytest.mark.parametrize("method", PAPER)
def test_published_values(paper: dict[str, MethodRow], method: str) -> None:
    *_, expected_control, expected_scaling, best = PAPER[method]
    row = paper[method]
    assert row.control is not None
    assert row.control.value is not None
    assert row.scaling.value is not None
    assert round(100 * row.control.value) == expected_control
    assert round(row.scaling.value) == expected_scaling
    assert row.performance is not None
    assert round(100 * row.performance, 1) == best
    assert row.n_points == len(PAPER[method][0])
    assert row.scaling.interval is not None
    assert row.scaling.interval.low <= row.scaling.interval.high


def test_methods_keep_the_order_of_the_recipe(paper: dict[str, MethodRow]) -> None:
    assert list(paper) == list(PAPER)


def test_a_method_without_bounds_has_no_control() -> None:
    free = [made("majority", f"k = {k}", [1.0, 0.0], 10 * k) for k in (1, 2)]
    (row,) = method_rows(free, resamples=50)
    assert row.control is not None
    assert row.control.value is None
    assert row.control.n_unbounded == 2


def test_scaling_of_parallel_methods_is_over_all_their_thinking() -> None:
    def voted(k: int, right: int) -> MethodPoint:
        return made("majority", f"k = {k}", thirtieths(right), 1, thinking=(50.0,) * 30, cost=(Cost(50.0 * k),) * 30)

    (row,) = method_rows([voted(1, 6), voted(2, 9), voted(4, 12)], resamples=50)
    assert row.scaling.value == pytest.approx(10.0)
    assert row.best_used == 50
    assert row.best_tokens == 200


def test_scaling_of_rejection_leaves_rejected_tries_out() -> None:
    def kept(limit: int, right: int, tries: float) -> MethodPoint:
        cost = (Cost(limit * tries),) * 30
        return made(
            "RS",
            f"max {limit}",
            thirtieths(right),
            1,
            thinking=(float(limit),) * 30,
            cost=cost,
            tries=tries,
            maximum=limit,
        )

    (row,) = method_rows([kept(100, 12, 16.0), kept(200, 9, 2.0)], resamples=50)
    assert row.scaling.value == pytest.approx(-10.0)
    assert row.best == "max 100"
    assert row.best_tokens == 1600
    assert row.control is not None
    assert row.control.value == 1.0


def test_of_equal_settings_the_cheaper_is_best_and_its_draws_are_told() -> None:
    points = [
        made("A", "dear", [1.0, 0.5], 90, by_draw=(0.5, 1.0), draws=2),
        made("A", "cheap", [0.5, 1.0], 30, by_draw=(0.7, 0.8), draws=2),
    ]
    (row,) = method_rows(points, resamples=50)
    assert (row.best, row.spread, row.draws, row.performance) == ("cheap", (0.7, 0.8), 2, 0.75)


def test_an_undefined_point_is_left_out_of_the_metrics_and_named() -> None:
    points = [made("A", "k = 1", [1.0, 0.0], 10), made("A", "k = 64", [math.nan, 1.0], 640, note="8 samples stored")]
    (row,) = method_rows(points, resamples=50)
    assert row.left_out == ("k = 64",)
    assert row.n_points == 1
    assert row.best == "k = 1"
    cells = point_rows(points, resamples=50)
    assert cells[1].accuracy is None
    assert cells[1].interval is None
    assert cells[1].note == "8 samples stored"
    (nothing,) = method_rows(points[1:], resamples=50)
    assert nothing.performance is None
    assert nothing.control is None
    assert nothing.scaling.value is None


def test_the_order_of_the_questions_does_not_show() -> None:
    points = drawn_method("A", [20, 40, 80], [0.3, 0.5, 0.6]) + drawn_method("B", [30, 60], [0.4, 0.45])
    assert method_rows(points, resamples=200) == method_rows(shuffled(points, 3), resamples=200)
    assert point_rows(points, resamples=200) == point_rows(shuffled(points, 3), resamples=200)


def test_parts_of_the_cost_add_up_to_the_total() -> None:
    costs = (Cost(10, 2, 1, 4, 0.5), Cost(20, 2, 3, 0, 1.5))
    (row,) = point_rows([made("A", "x", [1, 0], 1, cost=costs, maximum=5)], resamples=50)
    assert (row.thinking, row.answer, row.forced, row.reward, row.tokens, row.seconds) == (15, 2, 2, 2, 21, 1.0)
    assert row.used == 1
    assert row.within is True


def test_a_point_comes_back_from_json_with_its_nan() -> None:
    point = made("A", "x", [math.nan, 1.0], 5, cost=(Cost(1, seconds=math.nan), Cost(2)))
    for text in (point.model_dump_json(), json.dumps(point.model_dump(mode="json"), allow_nan=False)):
        again = MethodPoint.model_validate_json(text)
        assert math.isnan(again.accuracy[0])
        assert math.isnan(again.cost[0].seconds)
        assert again.cost[1] == Cost(2)
        assert again.model_dump_json() == point.model_dump_json()


def test_points_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="same questions"):
        by_method([made("A", "x", [1], 1), made("B", "x", [1, 0], 1)])
    with pytest.raises(ValueError, match="none"):
        method_rows([])
    with pytest.raises(ValueError, match="A, x: this setting occurs twice"):
        by_method([made("A", "x", [1], 1), made("A", "x", [0], 2)])
    with pytest.raises(ValueError, match="one value per question"):
        made("A", "x", [1, 0], 1, cost=(Cost(1),))
