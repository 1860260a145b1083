"""Which settings no other setting beats: at most as dear and at least as accurate, and better in one of the two.

Knows points of all methods together, on tokens or on seconds. Refuses to call a place on the frontier a fact: it is
picked on these questions, so the share of resamples in which a point is there stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from s1kit.compare.point import Axis, MethodPoint, columns_of, defined, in_one_order
from s1kit.metrics.intervals import RESAMPLES, Array, resampled_means
from s1kit.types import Record

_DIGITS = 12
"""Means are rounded to this many decimals before they are compared: the order of a sum makes no frontier."""


class FrontierPoint(Record):
    """One setting, and whether another one dominates it."""

    method: str
    label: str
    cost: float
    """Mean tokens or seconds per question."""
    accuracy: float
    on_frontier: bool
    share: float
    """Share of resamples of the questions in which it is on the frontier."""
    beaten_by: str | None
    """The cheapest frontier point that dominates it; None on the frontier."""


class Frontier(Record):
    """All settings by rising cost, of equal cost the more accurate first."""

    axis: Axis
    points: tuple[FrontierPoint, ...]
    notes: tuple[str, ...] = ()
    """Points that were left out, and why."""

    @property
    def best(self) -> tuple[FrontierPoint, ...]:
        """Those on the frontier, by rising cost."""
        return tuple(point for point in self.points if point.on_frontier)


def undominated(cost: Array, accuracy: Array) -> npt.NDArray[np.bool_]:
    """Which points no other dominates; ``cost`` and ``accuracy`` are [..., points], so is the result.

    q dominates p where q costs no more, is no less accurate, and is better in one of the two. Points equal in both do
    not dominate each other: both stay.
    """
    free = np.ones(cost.shape, dtype=np.bool_)
    for place in range(cost.shape[-1]):
        mine, right = cost[..., place, None], accuracy[..., place, None]
        beaten = (cost <= mine) & (accuracy >= right) & ((cost < mine) | (accuracy > right))
        free[..., place] = ~beaten.any(axis=-1)
    return free


def frontier(
    points: Sequence[MethodPoint], axis: Axis = "tokens", *, seed: int = 0, resamples: int = RESAMPLES
) -> Frontier:
    """The `Frontier` over all methods; undefined points are left out with a note. ValueError as `by_method`."""
    kept, notes = defined(in_one_order(points), axis)
    if not kept:
        return Frontier(axis=axis, points=(), notes=notes)
    cost = np.round([p.mean_cost(axis) for p in kept], _DIGITS)
    right = np.round([p.mean_accuracy for p in kept], _DIGITS)
    free = undominated(cost, right)
    values = np.concatenate([columns_of(kept, axis), columns_of(kept, "accuracy")], axis=1)
    draws = np.round(resampled_means(values, resamples=resamples, seed=seed), _DIGITS)
    shares = undominated(draws[:, : len(kept)], draws[:, len(kept) :]).mean(axis=0)
    rows = [
        FrontierPoint(
            method=point.method,
            label=point.label,
            cost=point.mean_cost(axis),
            accuracy=point.mean_accuracy,
            on_frontier=bool(free[place]),
            share=float(shares[place]),
            beaten_by=None if free[place] else _beater(place, kept, cost, right, free),
        )
        for place, point in enumerate(kept)
    ]
    return Frontier(axis=axis, points=tuple(sorted(rows, key=lambda p: (p.cost, -p.accuracy))), notes=notes)


def _beater(place: int, points: Sequence[MethodPoint], cost: Array, right: Array, free: npt.NDArray[np.bool_]) -> str:
    """The cheapest frontier point at most as dear and at least as accurate: a dominated point always has one."""
    over = np.flatnonzero(free & (cost <= cost[place]) & (right >= right[place]))
    return points[int(over[np.argmin(cost[over])])].name
