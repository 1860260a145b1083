"""Any two methods at equal cost, and whether the difference between them is real.

Knows points of methods and the cost to match, tokens or seconds. Refuses to interpolate a curve that nobody measured:
between two settings stands the random choice between them, which anybody can run and whose accuracy is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from s1kit.compare.pair import MatchedComparison, MatchedTest, MethodPair, Place, Side
from s1kit.compare.point import Axis, MethodPoint, by_method, defined, in_one_order, mean
from s1kit.compare.words import across, no_common_cost, verdict
from s1kit.metrics.intervals import (
    RESAMPLES,
    SMALL_N,
    Array,
    Interval,
    PairedComparison,
    minimum_detectable_difference,
    paired_p,
    percentile_interval,
    resampled_means,
)

ALPHA = 0.05
POWER = 0.8
_Named = tuple[str, Sequence[MethodPoint]]
"""A method and its points."""
_DIGITS = 12
"""Differences are rounded to this many decimals: the last bit of a mixture is no win."""


class Mixture(NamedTuple):
    """A random choice between settings of one method."""

    cost: float
    """Expected, per question."""
    accuracy: Array
    """[questions], expected, so it may be a fraction."""
    mix: tuple[tuple[str, float], ...]
    """Settings and their probabilities."""


class _Test(NamedTuple):
    """A test before it is computed."""

    place: Place
    baseline: tuple[str, Mixture]
    other: tuple[str, Mixture]

    @property
    def differences(self) -> Array:
        return np.round(self.other[1].accuracy - self.baseline[1].accuracy, _DIGITS)


class _Plan(NamedTuple):
    """Two methods, the costs that both cover, and the tests to be made."""

    sides: tuple[_Named, _Named]
    common: tuple[float, float] | None
    tests: tuple[_Test, ...]


def mixture(points: Sequence[MethodPoint], cost: float, axis: Axis = "tokens") -> Mixture | None:
    """The method at a mean cost: a random choice between the next cheaper and the next dearer setting.

    The weights make the expected cost ``cost``; settings of equal cost are chosen alike. Dominated settings are used
    too: a method is what its settings are, not the best of them. None outside the method's range of costs.
    """
    levels: dict[float, list[MethodPoint]] = {}
    for point in sorted(points, key=lambda p: (p.mean_cost(axis), p.label)):
        levels.setdefault(point.mean_cost(axis), []).append(point)
    if not levels or not min(levels) <= cost <= max(levels):
        return None
    below = max(level for level in levels if level <= cost)
    above = min(level for level in levels if level >= cost)
    high = (cost - below) / (above - below) if above > below else 0.0
    weighted = [(p, (1 - high) / len(levels[below])) for p in levels[below]]
    if high:
        weighted += [(p, high / len(levels[above])) for p in levels[above]]
    accuracy = np.sum([weight * np.asarray(p.accuracy) for p, weight in weighted], axis=0)
    return Mixture(cost, accuracy, tuple((p.label, weight) for p, weight in weighted))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order: p times the tests not yet rejected, never falling, at most 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def compare_methods(
    points: Sequence[MethodPoint],
    axis: Axis = "tokens",
    *,
    baseline: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> MatchedComparison:
    """Every pair of methods (with a ``baseline``: it and each other one) at equal cost and best against best; the
    second is held against the first.

    A best setting was picked on the questions that it is tested on, alike for both methods: the matched tests are the
    ones to quote. Raises ValueError as `by_method` does.
    """
    ordered = in_one_order(points)
    kept, notes = defined(ordered, axis)
    methods = by_method(kept) if kept else {}
    absent = [f"{m} has no point to compare" for m in by_method(ordered) if m not in methods]
    named = [(baseline, m) for m in methods if m != baseline and baseline in methods]
    sides = list(combinations(methods, 2)) if baseline is None else named
    plans = [_plan((a, methods[a]), (b, methods[b]), axis) for a, b in sides]
    done = iter(_carry_out([test for plan in plans for test in plan.tests], axis, seed, resamples))
    pairs = []
    for plan in plans:
        first, second = plan.sides
        tests = tuple(next(done) for _ in plan.tests)
        words = across(tests, axis) if plan.common else _apart(first, second, axis)
        pairs.append(MethodPair(baseline=first[0], other=second[0], common=plan.common, tests=tests, verdict=words))
    return MatchedComparison(
        axis=axis,
        n=ordered[0].n_questions,
        n_tests=sum(len(pair.tests) for pair in pairs),
        pairs=tuple(pairs),
        notes=(*notes, *absent),
    )


def _plan(first: _Named, second: _Named, axis: Axis) -> _Plan:
    """The common range of costs, and the tests to be made."""
    spans = [sorted(p.mean_cost(axis) for p in points) for _, points in (first, second)]
    low, high = max(span[0] for span in spans), min(span[-1] for span in spans)
    tests: list[_Test] = []
    if low <= high:
        middle = min(max(math.sqrt(low * high), low), high) if low > 0 else high / 2
        places: dict[Place, float] = {"lowest": low, "middle": middle, "highest": high}
        for place, cost in places.items():
            sides = [(method, mixture(points, cost, axis)) for method, points in (first, second)]
            (a, left), (b, right) = sides
            if left and right and not any(test.baseline[1].cost == cost for test in tests):
                tests.append(_Test(place, (a, left), (b, right)))
    bests = [(method, _best(points, axis)) for method, points in (first, second)]
    tests.append(_Test("best", bests[0], bests[1]))
    return _Plan((first, second), (low, high) if low <= high else None, tuple(tests))


def _best(points: Sequence[MethodPoint], axis: Axis) -> Mixture:
    best = min(points, key=lambda p: (-p.mean_accuracy, p.mean_cost(axis), p.label))
    return Mixture(best.mean_cost(axis), np.asarray(best.accuracy), ((best.label, 1.0),))


def _carry_out(tests: Sequence[_Test], axis: Axis, seed: int, resamples: int) -> list[MatchedTest]:
    """All tests over the same resampled questions, and Holm's correction over all of them."""
    if not tests:
        return []
    columns = np.stack([100 * test.differences for test in tests], axis=1)
    draws = resampled_means(columns, resamples=resamples, seed=seed)
    chance = paired_p(columns, seed=seed)
    results = [
        _compared(test, percentile_interval(draws[:, place]), float(chance[place]), ALPHA / len(tests))
        for place, test in enumerate(tests)
    ]
    adjusted = holm([result.p for result in results])
    return [_judged(test, found, p, axis) for test, found, p in zip(tests, results, adjusted, strict=True)]


def _compared(test: _Test, interval: Interval, p: float, alpha: float) -> PairedComparison:
    """What ``metrics.intervals.compare`` says of two arrays, interval and p made elsewhere and mdd at ``alpha``."""
    found = test.differences
    n, wins, losses = len(found), int((found > 0).sum()), int((found < 0).sum())
    return PairedComparison(
        n=n,
        difference=100 * mean(found.tolist()),
        interval=interval,
        wins=wins,
        losses=losses,
        p=p,
        mdd=_detectable(found, alpha),
        caution=f"{n} questions: the bootstrap interval is too narrow at this n" if n < SMALL_N else None,
    )


def _detectable(found: Array, alpha: float) -> float | None:
    """Smallest true difference, in points, that as many questions show with 80% power.

    Connett's formula where every question is won, lost or drawn; where differences are fractions, the normal one for
    a paired mean, (z_a + z_b) * root mean square of the differences / sqrt(n). None: no difference could be shown.
    """
    if np.isin(found, (-1.0, 0.0, 1.0)).all():
        return minimum_detectable_difference(len(found), float((found != 0).mean()), power=POWER, alpha=alpha)
    z = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(POWER)
    points = 100 * z * math.sqrt(float((found**2).mean()) / len(found))
    return points if points <= 100 else None


def _judged(test: _Test, comparison: PairedComparison, p_holm: float, axis: Axis) -> MatchedTest:
    low, high = comparison.interval.low, comparison.interval.high
    shown = p_holm < ALPHA and (low > 0 or high < 0)
    result = MatchedTest(
        place=test.place,
        baseline=_side(*test.baseline),
        other=_side(*test.other),
        comparison=comparison,
        p_holm=p_holm,
        shown=shown,
        verdict="",
    )
    return result.model_copy(update={"verdict": verdict(result, axis)})


def _side(method: str, mixed: Mixture) -> Side:
    return Side(method=method, cost=mixed.cost, accuracy=mean(mixed.accuracy.tolist()), mix=mixed.mix)


def _apart(first: _Named, second: _Named, axis: Axis) -> str:
    """Words for two methods whose ranges of costs do not meet."""
    cheap, dear = sorted((first, second), key=lambda named: max(p.mean_cost(axis) for p in named[1]))
    spans = {m: (min(p.mean_cost(axis) for p in ps), max(p.mean_cost(axis) for p in ps)) for m, ps in (cheap, dear)}
    return no_common_cost(cheap[0], spans[cheap[0]], dear[0], spans[dear[0]], axis)
