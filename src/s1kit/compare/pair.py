"""The records of a matched comparison: a side, a test, a pair of methods, all pairs.

Knows the shape of what is reported. Refuses to compute any of it: that is ``matched``.
"""

from __future__ import annotations

from typing import Literal

from s1kit.compare.point import Axis
from s1kit.metrics.intervals import PairedComparison
from s1kit.types import Record

Place = Literal["lowest", "middle", "highest", "best"]
"""Lowest, geometric middle and highest cost that both methods cover; or each at its most accurate setting."""


class Side(Record):
    """One method in one test."""

    method: str
    cost: float
    accuracy: float
    mix: tuple[tuple[str, float], ...]


class MatchedTest(Record):
    """Two methods compared at one place. ``comparison`` is other - baseline, in percentage points.

    Mixtures and means over draws make accuracies fractions. A win is then a question with a higher expected accuracy,
    and p is of the mean difference under random signs (`metrics.intervals.paired_p`); without fractions it is McNemar.
    """

    place: Place
    baseline: Side
    other: Side
    comparison: PairedComparison
    """Its ``p`` is of this test alone; its ``mdd`` is at the level that the first of all tests must reach (Holm)."""
    p_holm: float
    """Adjusted over all tests of the comparison."""
    shown: bool
    """p_holm < 0.05, and the interval of the difference leaves out 0."""
    verdict: str
    """In words."""


class MethodPair(Record):
    """Two methods and all tests between them."""

    baseline: str
    other: str
    common: tuple[float, float] | None
    """Lowest and highest cost that both cover; None where the ranges do not meet."""
    tests: tuple[MatchedTest, ...]
    """By place; a range of one cost has one place, "lowest"."""
    verdict: str
    """On the matched places together."""


class MatchedComparison(Record):
    """All pairs of methods on one axis."""

    axis: Axis
    n: int
    """Questions."""
    n_tests: int
    """What Holm's correction is over: every test of every pair."""
    pairs: tuple[MethodPair, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
