"""What rules are made of: verdicts, and the parts of a comparison that they read.

Knows where a comparison keeps points and tests, and when an interval takes a side. Refuses to know the claims.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from s1kit.compare.pair import MatchedComparison, MatchedTest, Place
from s1kit.compare.point import MethodPoint, columns_of, mean
from s1kit.compare.result import Comparison
from s1kit.compare.table import MethodRow
from s1kit.metrics.intervals import Array, Interval, resampled_means
from s1kit.metrics.scaling import pair_slopes

Verdict = Literal["holds", "does not hold", "cannot be told"]
FEWEST = 20
"""Questions below which a bootstrap interval alone decides nothing."""


class Found(NamedTuple):
    """A verdict and the numbers behind it."""

    verdict: Verdict
    why: str


Rule = Callable[[Comparison], Found]


def said(yes: bool) -> Verdict:
    """A verdict that can always be told."""
    return "holds" if yes else "does not hold"


def unknown(why: str) -> Found:
    """What a rule says that has not got what it reads."""
    return Found("cannot be told", why)


def side(interval: Interval) -> Verdict:
    """Whether an interval lies above 0 or below."""
    return "holds" if interval.low > 0 else "does not hold" if interval.high < 0 else "cannot be told"


def by_interval(value: float, interval: Interval, unit: str, n: int) -> Found:
    """The side of an interval over ``n`` questions; with fewer than `FEWEST` it says nothing."""
    why = f"{value:+.1f} {span(interval)} {unit}, n = {n}"
    return Found(side(interval), why) if n >= FEWEST else unknown(f"{why}, too few questions for an interval")


def span(interval: Interval) -> str:
    """As text."""
    return f"[{interval.low:+.1f}, {interval.high:+.1f}]"


def row_of(found: Comparison, method: str) -> MethodRow | None:
    """The method's row, None where it was not run."""
    return next((row for row in found.methods if row.method == method), None)


def control_of(found: Comparison, method: str) -> float | None:
    """Share of bounded settings within their bounds; None where there is none."""
    row = row_of(found, method)
    return row.control.value if row and row.control else None


def points_of(found: Comparison, method: str) -> list[MethodPoint]:
    """The method's settings, in the recipe's order."""
    return [point for point in found.points if point.method == method]


def point_at(found: Comparison, method: str, which: str | int) -> MethodPoint | None:
    """A setting by its label, or by its place in the recipe (-1: the last)."""
    own = points_of(found, method)
    if isinstance(which, str):
        return next((point for point in own if point.label == which), None)
    return own[which] if -len(own) <= which < len(own) else None


def slope_draws(points: Sequence[MethodPoint]) -> tuple[float, Array]:
    """Mean slope over pairs of settings, points per doubling, and its bootstrap over questions [resamples].

    NaN where no pair has a slope. The draws are the same for every method of a comparison: seed 0 draws the same rows.
    """
    tokens, right = columns_of(points, "paced"), columns_of(points, "accuracy")
    draws = resampled_means(np.concatenate([tokens, right], axis=1))
    means = np.asarray([mean(p.paced) for p in points]), np.asarray([mean(p.accuracy) for p in points])
    return float(_mean_slope(*means)), _mean_slope(draws[:, : len(points)], draws[:, len(points) :])


def _mean_slope(tokens: Array, right: Array) -> Array:
    slopes = pair_slopes(tokens, right)
    known = ~np.isnan(slopes)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, slopes, 0.0).sum(axis=-1) / np.maximum(count, 1), math.nan)


def tests_of(compared: MatchedComparison | None, one: str, other: str, places: Sequence[Place]) -> list[MatchedTest]:
    """The tests between two methods at these places, in whichever order they were compared."""
    return [
        test
        for pair in (compared.pairs if compared else ())
        if {pair.baseline, pair.other} == {one, other}
        for test in pair.tests
        if test.place in places
    ]


def won(test: MatchedTest, method: str) -> bool:
    """Whether ``method`` is the better side of a test."""
    return (test.comparison.difference > 0) == (test.other.method == method)
