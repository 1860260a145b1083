"""What a comparison of two methods says, in a sentence.

Knows tests that were made elsewhere. Refuses to say "equal" or "better" where nothing was shown: it then says how
large a difference the questions at hand would have shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from s1kit.compare.pair import MatchedTest, Side
from s1kit.compare.point import Axis


def verdict(test: MatchedTest, axis: Axis) -> str:
    """One test: who is better, by how much, how sure, and at what cost; or that no difference was shown."""
    if test.place == "best":
        sides = f"{_at_best(test.baseline, axis)} and {_at_best(test.other, axis)}"
        where = f"best against best ({sides})"
    else:
        where = f"at {amount(test.baseline.cost, axis)}"
    if not test.shown:
        names = f" between {test.baseline.method} and {test.other.method}"
        return f"no difference shown{names} {where} ({would_show(test)})"
    return f"{better(test)} {where}"


def better(test: MatchedTest) -> str:
    """ "A better than B by 4.2 points [1.0, 7.4], p = 0.010", the better one first; p is Holm's."""
    found = test.comparison
    winner, loser = (test.other, test.baseline) if found.difference > 0 else (test.baseline, test.other)
    return f"{winner.method} better than {loser.method} by {_size(test)}"


def _size(test: MatchedTest) -> str:
    """ "4.2 points [1.0, 7.4], p = 0.010", seen from the better one."""
    found = test.comparison
    sign = 1 if found.difference > 0 else -1
    low, high = sorted((sign * found.interval.low, sign * found.interval.high))
    p = "p < 0.001" if test.p_holm < 0.001 else f"p = {test.p_holm:.3f}"
    return f"{abs(found.difference):.1f} points [{low:.1f}, {high:.1f}], {p}"


def would_show(test: MatchedTest) -> str:
    """What this many questions could have shown."""
    found = test.comparison
    if found.wins + found.losses == 0:
        return f"the same on all {found.n} questions"
    if found.mdd is None:
        return f"n = {found.n} could show none here"
    return f"n = {found.n} would show {found.mdd:.0f} points"


def across(tests: Sequence[MatchedTest], axis: Axis) -> str:
    """All matched tests of a pair together; best against best is left out. Raises ValueError for no matched test."""
    matched = [test for test in tests if test.place != "best"]
    if not matched:
        raise ValueError("no test at matched cost")
    shown = [test for test in matched if test.shown]
    if not shown:
        first = matched[0]
        least = min(matched, key=lambda test: test.comparison.mdd if test.comparison.mdd is not None else 101.0)
        span = _range(matched[0].baseline.cost, matched[-1].baseline.cost, axis)
        names = f"between {first.baseline.method} and {first.other.method}"
        return f"no difference shown {names} at {span} ({would_show(least)})"
    words = f"{better(shown[0])} at {amount(shown[0].baseline.cost, axis)}"
    for before, test in pairwise(shown):
        turned = (before.comparison.difference > 0) != (test.comparison.difference > 0)
        words += f"; {better(test) if turned else f'by {_size(test)}'} at {amount(test.baseline.cost, axis)}"
    if rest := [amount(test.baseline.cost, axis) for test in matched if not test.shown]:
        words += f"; no difference shown at {' and '.join(rest)}"
    return words


def no_common_cost(
    cheap: str, cheap_span: tuple[float, float], dear: str, dear_span: tuple[float, float], axis: Axis
) -> str:
    """Two methods whose ranges of costs do not meet."""
    spans = f"{cheap} costs {_range(*cheap_span, axis)}, {dear} {_range(*dear_span, axis)}"
    return f"no common cost: {spans}; {cheap} is cheaper"


def amount(cost: float, axis: Axis) -> str:
    """A cost with its unit: "310 tokens", "0.42 s"."""
    return f"{_plain(cost)} tokens" if axis == "tokens" else f"{_plain(cost)} s"


def _range(low: float, high: float, axis: Axis) -> str:
    return amount(low, axis) if _plain(low) == _plain(high) else f"{_plain(low)} to {amount(high, axis)}"


def _plain(value: float) -> str:
    """Three digits or more: 0.042, 4.20, 42.0, 310, 1,024."""
    if value >= 100 or abs(value - round(value)) < 1e-6:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _at_best(side: Side, axis: Axis) -> str:
    return f"{side.mix[0][0]}, {amount(side.cost, axis)}"
