"""A run's curve for print: accuracy against thinking tokens, cut, ended by the model, and kept from ending.

Knows which mark of a run is which series. Refuses to draw what stands beside the curve: controls have the report.
"""

from __future__ import annotations

from collections.abc import Sequence

from s1kit.report.marks import Mark, Marked
from s1kit.report.picture import Picture
from s1kit.report.pictures import Panel, Series, Spot, panels_picture


def curve_picture(points: Sequence[Marked]) -> Picture:
    """The curve as one panel; extensions are named by how often the end was replaced. ValueError without a curve."""
    cut, own, longer = (_spots(points, mark) for mark in ("truncation", "natural", "extension"))
    series = (
        Series("cut at a budget", (*cut, *own)),
        Series("kept from ending", (*own, *longer)),
        Series("own end", own, joined=False),
    )
    panel = Panel("", tuple(one for one in series if one.spots), "thinking tokens, mean (log scale)")
    asked = max((m.point.n_questions for m in points), default=0)
    return panels_picture([panel], f"Accuracy against thinking tokens, {asked} questions; 95% intervals.", high=180)


def _short(label: str) -> str:
    """``Wait x2`` as ``2x``; any other label as it is."""
    times = label.rpartition(" x")[2]
    return f"{times}x" if times.isdecimal() else label


def _spots(points: Sequence[Marked], mark: Mark) -> tuple[Spot, ...]:
    own = sorted((m for m in points if m.mark == mark), key=lambda m: m.point.thinking_mean)
    return tuple(
        Spot(m.point.thinking_mean, m.accuracy, m.low, m.high, _short(m.point.label) if mark == "extension" else "")
        for m in own
    )
