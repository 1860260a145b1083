"""When a claim holds: a rule reads a comparison and says yes, no, or that it cannot be told.

Knows statistics of points. Refuses to be overruled: what a rule's docstring says decides, and nothing else. A
difference counts where an exact test over questions says p < 0.05 and the bootstrap interval lies on the same side; a
slope, which has no exact test, where its interval leaves out 0 and there are questions enough for one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np

from s1kit.compare.matched import ALPHA, compare_methods
from s1kit.compare.pair import MatchedComparison
from s1kit.compare.point import MethodPoint
from s1kit.compare.result import Comparison
from s1kit.metrics.intervals import Array, bootstrap_mean, paired_p, percentile_interval
from s1kit.reproduce.judging import (
    Found,
    Rule,
    Verdict,
    by_interval,
    control_of,
    point_at,
    points_of,
    row_of,
    said,
    side,
    slope_draws,
    span,
    tests_of,
    unknown,
    won,
)

Quantity = Literal["accuracy", "thinking", "answer"]
Setting = tuple[str, str | int]
"""A method, and the label or the place of one of its settings."""


def inverse(rule: Rule) -> Rule:
    """Holds where ``rule`` does not, and the other way round."""
    other: dict[Verdict, Verdict] = {"holds": "does not hold", "does not hold": "holds"}

    def read(found: Comparison) -> Found:
        verdict, why = rule(found)
        return Found(other.get(verdict, verdict), why)

    return read


def controlled(method: str) -> Rule:
    """Holds where every bounded setting of ``method`` keeps its bounds; does not where one breaks them."""

    def read(found: Comparison) -> Found:
        value = control_of(found, method)
        if value is None:
            return unknown(f"{method} has no bounded setting")
        return Found(said(value == 1), f"control of {method} {100 * value:.0f}%")

    return read


def raises_control(free: str, forced: str) -> Rule:
    """Holds where ``forced`` has 100% control and ``free`` less; does not where ``forced`` has less than 100%; cannot
    be told where ``free`` has 100% already."""

    def read(found: Comparison) -> Found:
        before, after = control_of(found, free), control_of(found, forced)
        if before is None or after is None:
            return unknown(f"{free} or {forced} has no bounded setting")
        why = f"control {100 * before:.0f}% without, {100 * after:.0f}% with a forced end"
        if before == 1 == after:
            return unknown(f"{why}: nothing to raise")
        return Found(said(after == 1), why)

    return read


def scales(method: str) -> Rule:
    """Holds where the interval of the scaling of ``method`` lies above 0; does not where it lies below."""

    def read(found: Comparison) -> Found:
        row = row_of(found, method)
        if row is None or row.scaling.value is None or row.scaling.interval is None:
            return unknown(f"{method} has no slope")
        return by_interval(row.scaling.value, row.scaling.interval, "points per doubling", found.n_questions)

    return read


def scales_better(better: str, than: str) -> Rule:
    """Holds where the interval of the difference of both scalings lies above 0; does not where it lies below. The same
    questions are drawn for both methods."""

    def read(found: Comparison) -> Found:
        sides = [points_of(found, method) for method in (better, than)]
        if not all(len(own) > 1 for own in sides):
            return unknown(f"{better} or {than} has no slope")
        (one, draws), (other, theirs) = (slope_draws(own) for own in sides)
        if math.isnan(one - other):
            return unknown(f"{better} or {than} has no slope")
        unit = f"points per doubling more than {than}"
        return by_interval(one - other, percentile_interval(draws - theirs), unit, found.n_questions)

    return read


def more(what: Quantity, one: Setting, than: Setting) -> Rule:
    """Holds where the setting ``one`` is shown to have more of ``what`` than the other on the same questions; does not
    where it is shown to have less. p of the mean difference over questions (`paired_p`)."""

    def read(found: Comparison) -> Found:
        right, left = point_at(found, *one), point_at(found, *than)
        if right is None or left is None:
            return unknown(f"{' '.join(map(str, one))} or {' '.join(map(str, than))} was not run")
        scale, unit = (100.0, "points") if what == "accuracy" else (1.0, f"{what} tokens")
        gained = scale * (_values(right, what) - _values(left, what))
        if np.isnan(gained).any():
            return unknown("undefined on some question")
        interval = bootstrap_mean(gained)
        p = float(paired_p(gained[:, None])[0])
        why = f"{gained.mean():+.1f} {span(interval)} {unit}, p = {p:.2g}, n = {len(gained)}"
        return Found(side(interval), why) if p < ALPHA else unknown(why)

    return read


def _values(point: MethodPoint, what: Quantity) -> Array:
    values = [cost.answer for cost in point.cost] if what == "answer" else getattr(point, what)
    return np.asarray(values, dtype=np.float64)


def best_of(method: str, others: Sequence[str] | None = None) -> Rule:
    """Best setting against best setting: holds where ``method`` is shown better than each of the ``others`` (None:
    all); does not where one of them is shown better. The comparison's own tests, p by Holm over all of them."""

    def read(found: Comparison) -> Found:
        against = [row.method for row in found.methods if row.method != method] if others is None else list(others)
        tests = {other: tests_of(found.tokens, method, other, ("best",)) for other in against}
        if not tests or not all(tests.values()):
            return unknown(f"{method} was not tested against {', '.join(o for o in tests if not tests[o]) or 'any'}")
        shown = {other: won(test, method) for other, (test,) in tests.items() if test.shown}
        lost, beaten = [o for o, better in shown.items() if not better], [o for o, better in shown.items() if better]
        why = f"shown better than {', '.join(beaten) or 'none'}, worse than {', '.join(lost) or 'none'}"
        why = f"{why} of {', '.join(against)}; n = {found.n_questions}"
        if lost or len(beaten) == len(against):
            return Found(said(not lost), why)
        return unknown(why)

    return read


def better_at_cost(method: str, than: str, *, reward: bool = True) -> Rule:
    """At equal tokens: holds where ``method`` is shown better at one cost at least and worse at none; does not where
    it is shown worse at one at least and better at none. Without ``reward`` the tokens that a reward model read cost
    nothing. The two methods are tested alone, so that both ways have the same number of tests."""

    def read(found: Comparison) -> Found:
        pairs = _alone(found, (method, than), reward)
        tests = tests_of(pairs, method, than, ("lowest", "middle", "highest"))
        if not tests:
            return unknown(f"{method} and {than} have no common cost")
        why = "; ".join(test.verdict for test in tests)
        sides = {won(test, method) for test in tests if test.shown}
        return Found(said(True in sides), why) if len(sides) == 1 else unknown(why)

    return read


def _alone(found: Comparison, methods: Sequence[str], reward: bool) -> MatchedComparison | None:
    """The methods at equal cost, perhaps had the reward model been free; None where one of them was not run."""
    points = [
        point if reward else point.model_copy(update={"cost": tuple(replace(cost, reward=0.0) for cost in point.cost)})
        for method in methods
        for point in points_of(found, method)
    ]
    return compare_methods(points) if {point.method for point in points} == set(methods) else None


def falls(method: str, what: Literal["tries", "tokens_per_step"]) -> Rule:
    """Holds where ``what`` never rises from one setting to the next larger one and is less at the last than at the
    first; does not where it never falls and is more at the last."""

    def read(found: Comparison) -> Found:
        points = sorted(points_of(found, method), key=lambda p: p.asked or 0)
        values = [getattr(p, what) for p in points]
        if len(values) < 2 or None in values:
            return unknown(f"{method} has no {what.replace('_', ' ')} in some setting")
        why = ", ".join(f"{value:.1f}" for value in values)
        if all(a >= b for a, b in pairwise(values)) and values[0] > values[-1]:
            return Found("holds", why)
        rises = all(a <= b for a, b in pairwise(values)) and values[0] < values[-1]
        return Found("does not hold", why) if rises else unknown(why)

    return read


def keeps_steps(method: str) -> Rule:
    """Holds where no setting of ``method`` uses more steps, in the mean, than it was asked for; does not where one
    does."""

    def read(found: Comparison) -> Found:
        pairs = [(point.steps, point.asked) for point in points_of(found, method)]
        known = [(steps, asked) for steps, asked in pairs if steps is not None and asked is not None]
        if not known or len(known) < len(pairs):
            return unknown(f"{method} counts no steps in some setting")
        why = ", ".join(f"{steps:.1f} of {asked:g}" for steps, asked in known)
        return Found(said(all(steps <= asked for steps, asked in known)), why)

    return read
