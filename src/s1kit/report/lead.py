"""The sentences that answer a reader's questions in numbers: what more thinking bought, and what a "Wait" changed.

Knows which numbers make an answer, and says "not shown" where they do not. Refuses to compute one.
"""

from __future__ import annotations

from s1kit.metrics.scaling import Scaling
from s1kit.metrics.summary import Metrics
from s1kit.report.marks import Marked, caption, ledger_order
from s1kit.report.page import is_shown
from s1kit.report.text import chance, percent, signed


def bought(metrics: Metrics, points: list[Marked]) -> str:
    """What more thinking bought, in one or two sentences; of a run with one point, its accuracy."""
    said = caption(points, metrics.natural)
    if not said:
        best = max(points, key=lambda m: m.accuracy, default=None)
        if best is None:
            return ""
        spent = f" with {best.point.thinking_mean:,.0f} thinking tokens" if best.counted else ""
        return f"{best.point.label}: {best.share} right{spent}."
    peak = next((m for m in points if m.point.policy_id == metrics.best), None)
    if peak is not None and f"{100 * peak.accuracy:.1f}%" not in said:
        at = f" at {peak.point.thinking_mean:,.0f}" if peak.counted else ""
        said += f" The best point is {peak.point.label}: {percent(peak.accuracy)}{at}."
    whole = metrics.scaling
    if whole.value is None:
        return said
    said += f" A doubling of thinking goes with {_slope(whole)} points on average"
    sides = [
        f"{_slope(side)} {where} the natural end"
        for where, side in (("below", metrics.scaling_below), ("above", metrics.scaling_above))
        if side is not None and side.value is not None
    ]
    return f"{said}{': ' + ', '.join(sides) if sides else ''}."


def changed(metrics: Metrics, points: list[Marked]) -> str:
    """What the first extension changed against the natural end; empty where nothing was extended."""
    marks = {m.point.policy_id: m.mark for m in points}
    steps = [e for e in ledger_order(metrics, points) if marks.get(e.policy_id) == "extension"]
    first = next((e for e in steps if e.against == "natural" and e.comparison), None)
    if first is None or first.comparison is None:
        return ""
    found = first.comparison
    low, high = found.interval.low, found.interval.high
    said = f"{first.label} repaired {first.wrong_to_right} answers and broke {first.right_to_wrong} of {first.n_pairs}"
    exact = "exact " if found.n == first.n_pairs else ""  # samples are averaged, and the signs of fractions drawn
    said += f": {signed(found.difference)} points [{signed(low)}, {signed(high)}], {exact}p {_p(found.p)}"
    return f"{said}{'' if is_shown(found) else ', which shows no difference at this number of questions'}."


def _slope(found: Scaling) -> str:
    span = found.interval
    return signed(found.value) + (f" [{signed(span.low)}, {signed(span.high)}]" if span else "")


def _p(p: float) -> str:
    said = chance(p)
    return said if said.startswith("<") else f"= {said}"
