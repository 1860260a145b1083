"""The pictures of the page: accuracy against thinking tokens, and the anytime curve.

Knows how a point of each kind is drawn and where the axes end. Refuses to compute a number that is not in the metrics.
The tokens are on a log2 axis, because the paper's slope is per doubling; a point at 0 tokens stands at the left edge
on a tick that says 0. Charts are Vega-Lite specifications, written as plain data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from s1kit.metrics.anytime import Anytime
from s1kit.report.labels import Dot, place
from s1kit.report.marks import CURVE, Mark, Marked
from s1kit.report.svg import COLOURS, FONT, quiet, to_svg
from s1kit.report.text import one_line

_SHAPES: dict[Mark, tuple[str, str, bool]] = {
    "truncation": ("circle", "ink", True),
    "natural": ("diamond", "ink", True),
    "extension": ("circle", "accent", True),
    "placebo": ("triangle-up", "muted", False),
    "fresh": ("square", "muted", False),
    "unforced": ("cross", "ink", True),
}
"""Shape, colour, filled: the legend in the template draws the same."""
Layer = dict[str, Any]
"""One layer of a Vega-Lite specification."""
_ORDER: tuple[Mark, ...] = ("natural", "extension", "truncation", "unforced", "fresh", "placebo")
"""Whose name is placed first."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area: pixels and the ends of the axes."""

    width: int
    height: int
    x_low: float
    x_high: float
    zero: float | None
    """Where 0 tokens stand; None where no point has 0."""
    y_low: float
    y_high: float

    def at(self, tokens: float) -> float:
        """Where on the token axis a point stands, in axis units."""
        return max(tokens, self.zero) if self.zero is not None else tokens

    def pixel(self, tokens: float, accuracy: float) -> tuple[float, float]:
        """Data to pixels, y downwards."""
        span = math.log2(self.x_high / self.x_low)
        across = math.log2(self.at(tokens) / self.x_low) / span
        return across * self.width, (self.y_high - accuracy) / (self.y_high - self.y_low) * self.height

    def data(self, x: float, y: float) -> tuple[float, float]:
        """Pixels to data."""
        span = math.log2(self.x_high / self.x_low)
        return self.x_low * 2 ** (x / self.width * span), self.y_high - y / self.height * (self.y_high - self.y_low)

    def ticks(self, room: int = 46) -> list[float]:
        """Powers of two inside the axis, fewer where each would have less than ``room``, and the place of 0."""
        exponents = range(math.ceil(math.log2(self.x_low)), math.floor(math.log2(self.x_high)) + 1)
        step = max(1, math.ceil(len(exponents) * room / self.width))
        powers = [2.0**e for e in exponents if (e - exponents[-1]) % step == 0]
        return powers if self.zero is None else [self.zero, *(p for p in powers if p > 1.2 * self.zero)]


def frame(tokens: Sequence[float], lows: Sequence[float], highs: Sequence[float], size: tuple[int, int]) -> Frame:
    """Axes that hold all points with their intervals, and a little room for the names."""
    positive = [t for t in tokens if t > 0] or [1.0]
    zero = min(positive) / 2 if min(tokens) <= 0 else None
    left = (zero or min(positive)) / 1.25
    low = math.floor(10 * min(lows) - 0.2) / 10
    y_low = 0.0 if low <= 0.3 else low
    return Frame(*size, left, max(positive) * 1.4, zero, y_low, min(1.0, math.ceil(10 * max(highs) + 0.2) / 10))


def curve_svg(points: Sequence[Marked], size: tuple[int, int], css_class: str) -> Markup:
    """Accuracy against mean thinking tokens of the points that have any count; empty where none has."""
    points = [m for m in points if m.counted]
    if not points:
        return Markup()
    area = frame([m.point.thinking_mean for m in points], [m.low for m in points], [m.high for m in points], size)
    end = next((m for m in points if m.mark == "natural"), None)
    layers = [] if end is None else [_rule_at(end, area)]
    layers += _side([m for m in points if m.mark in ("truncation", "natural")], area, "ink", [1, 0])
    layers += _side([m for m in points if m.mark in ("natural", "extension")], area, "accent", [5, 3])
    layers.append(_whiskers([m for m in points if m.mark not in CURVE], area))
    layers += [_symbols([m for m in points if m.mark == mark], mark, area) for mark in reversed(_ORDER)]
    layers += _names(points, area)
    title = f"Accuracy against mean thinking tokens, {len(points)} points; the table of points holds the numbers."
    return to_svg(_spec(layers, area, "mean thinking tokens (log scale)"), title, css_class)


def anytime_svg(anytime: Anytime, size: tuple[int, int], css_class: str) -> Markup:
    """Accuracy of the forced answer after every so many tokens, with the end and the oracle marked."""
    curve = [p for p in anytime.curve if p.tokens_mean > 0]
    if not curve:
        return Markup()
    named: list[tuple[float, float, Mark, str]] = [
        (anytime.tokens_mean, anytime.accuracy, "natural", "as they ended"),
        (anytime.oracle_tokens_mean, anytime.oracle_accuracy, "extension", "oracle that stops in time"),
    ]
    accuracies = [p.accuracy for p in curve] + [accuracy for _, accuracy, _, _ in named]
    area = frame([p.tokens_mean for p in curve] + [tokens for tokens, *_ in named], accuracies, accuracies, size)
    rows = [{"x": p.tokens_mean, "y": p.accuracy} for p in curve]
    layers = [_line(rows, area, "ink", [1, 0]), _layer(rows, _look("truncation", 16), area)]
    dots = [Dot(*area.pixel(x, y), name) for x, y, _, name in named]
    for (x, y, mark, name), spot in zip(named, place(dots, *size), strict=True):
        layers.append(_layer([{"x": area.at(x), "y": y}], _look(mark, 70), area))
        if spot is not None:
            layers.append(_text([(spot.x, spot.y, name)], spot.align, _SHAPES[mark][1], area))
    title = f"Anytime curve: accuracy when stopped after so many thinking tokens, {len(curve)} probes."
    return to_svg(_spec(layers, area, "mean thinking tokens spent (log scale)"), title, css_class)


def _layer(rows: list[dict[str, Any]], mark: dict[str, Any], area: Frame, **more: Any) -> Layer:
    """A layer on the chart's two axes; ``more`` are further channels."""
    across = {"type": "log", "base": 2, "domain": [area.x_low, area.x_high], "nice": False}
    upright = {"domain": [area.y_low, area.y_high], "nice": False}
    x = {"field": "x", "type": "quantitative", "scale": across}
    y = {"field": "y", "type": "quantitative", "scale": upright}
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, **more}}


def _rows(points: Sequence[Marked], area: Frame) -> list[dict[str, Any]]:
    return [{"x": area.at(m.point.thinking_mean), "y": m.accuracy, "low": m.low, "high": m.high} for m in points]


def _side(points: Sequence[Marked], area: Frame, colour: str, dash: list[int]) -> list[Layer]:
    """Band and line of one side of the curve."""
    if len(points) < 2:
        return [_whiskers(points, area)]
    rows = _rows(points, area)
    band = {"type": "area", "color": COLOURS[colour], "opacity": 0.13}
    lows = [{**row, "y": row["low"]} for row in rows]
    return [_layer(lows, band, area, y2={"field": "high"}), _line(rows, area, colour, dash)]


def _line(rows: list[dict[str, Any]], area: Frame, colour: str, dash: list[int]) -> Layer:
    mark = {"type": "line", "color": COLOURS[colour], "strokeWidth": 1.6, "strokeDash": dash}
    return _layer(rows, mark, area)


def _whiskers(points: Sequence[Marked], area: Frame) -> Layer:
    lows = [{**row, "y": row["low"]} for row in _rows(points, area)]
    rule = {"type": "rule", "color": COLOURS["muted"], "strokeWidth": 1, "opacity": 0.55}
    return _layer(lows, rule, area, y2={"field": "high"})


def _rule_at(end: Marked, area: Frame) -> Layer:
    """The line that parts truncation from extension."""
    rows = [{"x": area.at(end.point.thinking_mean), "y": area.y_low, "high": area.y_high}]
    rule = {"type": "rule", "color": COLOURS["muted"], "strokeWidth": 1, "strokeDash": [2, 3], "opacity": 0.7}
    return _layer(rows, rule, area, y2={"field": "high"})


def _look(mark: Mark, size: int) -> dict[str, Any]:
    shape, colour, filled = _SHAPES[mark]
    paint, paper = COLOURS[colour], COLOURS["paper"]
    stroke, fill = (paper, paint) if filled else (paint, paper)
    look = {"type": "point", "shape": shape, "size": size, "filled": True, "strokeWidth": 1.2, "opacity": 1}
    return {**look, "stroke": stroke, "fill": fill}


def _symbols(points: Sequence[Marked], mark: Mark, area: Frame) -> Layer:
    return _layer(_rows(points, area), _look(mark, 110 if mark == "natural" else 60), area)


def _names(points: Sequence[Marked], area: Frame) -> list[Layer]:
    """The names of the points, as far as there is room; controls are named last."""
    ordered = sorted(points, key=lambda m: _ORDER.index(m.mark))
    letters = max(8, area.width // 26)
    dots = [Dot(*area.pixel(m.point.thinking_mean, m.accuracy), one_line(m.point.label, letters)) for m in ordered]
    texts: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
    for m, dot, spot in zip(ordered, dots, place(dots, area.width, area.height, _along(points, area)), strict=True):
        if spot is not None:
            texts.setdefault((spot.align, _SHAPES[m.mark][1]), []).append((spot.x, spot.y, dot.name))
    return [_text(rows, align, colour, area) for (align, colour), rows in texts.items()]


def _along(points: Sequence[Marked], area: Frame) -> list[tuple[float, float]]:
    """Pixels along the curve and the whiskers, every few pixels: names should not cover them."""
    curve = [area.pixel(m.point.thinking_mean, m.accuracy) for m in points if m.mark in CURVE]
    lines = list(pairwise(curve))
    for m in points:
        if m.mark not in CURVE:
            lines.append((area.pixel(m.point.thinking_mean, m.low), area.pixel(m.point.thinking_mean, m.high)))
    found = []
    for (x0, y0), (x1, y1) in lines:
        steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 5))
        found += [(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps) for step in range(steps + 1)]
    return found


def _text(rows: list[tuple[float, float, str]], align: str, colour: str, area: Frame) -> Layer:
    values = []
    for x, y, name in rows:
        at = area.data(x, y)
        values.append({"x": at[0], "y": at[1], "name": name})
    style = {"baseline": "middle", "fontSize": 11, "font": FONT}
    mark = {"type": "text", "align": align, "color": COLOURS[colour], **style}
    return _layer(values, mark, area, text={"field": "name", "type": "nominal"})


def _spec(layers: list[Layer], area: Frame, x_title: str) -> dict[str, Any]:
    """The whole chart: axes on the first layer, which the others share."""
    zero = "" if area.zero is None else f"datum.value == {area.zero!r} ? '0' : "
    labels = f"{zero}format(datum.value, ',')"
    axes = {
        "x": {"values": area.ticks(), "labelExpr": labels, "grid": False, "labelOverlap": True, "title": x_title},
        "y": {"format": ".0%", "tickCount": 5, "domain": False, "ticks": False, "title": None},
    }
    for layer in layers:
        for side, axis in axes.items():
            layer["encoding"][side]["axis"] = axis
    return {
        "width": area.width,
        "height": area.height,
        "padding": 4,
        "background": "transparent",
        "layer": layers,
        "config": quiet(),
    }
