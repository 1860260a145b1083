"""The curves of several runs in one picture, each named at its end.

Knows how runs are told apart: by colour, shape and dash together, never by colour alone. Refuses to compute a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from s1kit.report.charts import Frame, Layer, frame
from s1kit.report.frontier import spread
from s1kit.report.marks import CURVE, Marked
from s1kit.report.picture import DASHES, HUES, SHAPES
from s1kit.report.svg import COLOURS, FONT, quiet, to_svg
from s1kit.report.text import one_line

_LINE = 14.0
_BANDS = 3
"""Runs up to which every curve has its interval band; with more, bands would only cover each other."""
Curve = tuple[str, Sequence[Marked]]
"""A run's name and its points."""


def curves_svg(runs: Sequence[Curve], size: tuple[int, int], css_class: str, letters: int) -> Markup:
    """Accuracy against mean thinking tokens of every run; ``letters`` of a name fit beside the plot.

    Points without a count of tokens are left out; empty where no run has any other.
    """
    kept = [(name, [m for m in points if m.mark in (*CURVE, "unforced") and m.counted]) for name, points in runs]
    kept = [(name, points) for name, points in kept if points]
    if not kept:
        return Markup()
    every = [m for _, points in kept for m in points]
    area = frame([m.point.thinking_mean for m in every], [m.low for m in every], [m.high for m in every], size)
    layers: list[Layer] = []
    for index, (_, points) in enumerate(kept):
        layers += _curve(points, index, area, bands=len(kept) <= _BANDS)
    ends = [area.pixel(points[-1].point.thinking_mean, points[-1].accuracy) for _, points in kept]
    heights = spread([y for _, y in ends], _LINE, area.height)
    for index, ((name, _), height) in enumerate(zip(kept, heights, strict=True)):
        layers += _name(one_line(name, letters), ends[index], height, index, area)
    title = f"Accuracy against mean thinking tokens of {len(kept)} runs; the tables hold the numbers."
    return to_svg(_spec(layers, area), title, css_class)


def _curve(points: Sequence[Marked], index: int, area: Frame, bands: bool) -> list[Layer]:
    hue = HUES[index % len(HUES)]
    dash = DASHES[index // len(HUES) % len(DASHES)]
    rows = [{"x": area.at(m.point.thinking_mean), "y": m.accuracy, "low": m.low, "high": m.high} for m in points]
    lows = [{**row, "y": row["low"]} for row in rows]
    line = {"type": "line", "color": hue, "strokeWidth": 1.7, "strokeDash": dash}
    symbol = {"type": "point", "shape": SHAPES[index % len(SHAPES)], "filled": True, "fill": hue, "opacity": 1}
    symbol |= {"stroke": COLOURS["paper"], "strokeWidth": 0.8}
    ends = [row for row, m in zip(rows, points, strict=True) if m.mark == "natural"]
    layers = [_layer(lows, {"type": "area", "color": hue, "opacity": 0.1}, area, y2={"field": "high"})] if bands else []
    return [
        *layers,
        _layer(rows, line, area),
        _layer(rows, {**symbol, "size": 48}, area),
        _layer(ends, {**symbol, "size": 130}, area),
    ]


def _name(name: str, end: tuple[float, float], height: float, index: int, area: Frame) -> list[Layer]:
    """The name beside the plot, joined to its line's end by a hairline."""
    hue, edge = HUES[index % len(HUES)], area.width + 12.0
    path = [end, (edge - 8, height), (edge - 3, height)]
    points = [{**dict(zip("xy", area.data(*spot), strict=True)), "order": order} for order, spot in enumerate(path)]
    hair = {"type": "line", "color": hue, "strokeWidth": 0.7, "opacity": 0.6, "clip": False}
    word = dict(zip("xy", area.data(edge, height), strict=True)) | {"name": name}
    style = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 11, "font": FONT, "fontWeight": "bold"}
    return [
        _layer(points, hair, area, order={"field": "order", "type": "quantitative"}),
        _layer([word], {**style, "color": hue, "clip": False}, area, text={"field": "name", "type": "nominal"}),
    ]


def _layer(rows: list[dict[str, Any]], mark: dict[str, Any], area: Frame, **more: Any) -> Layer:
    across = {"type": "log", "base": 2, "domain": [area.x_low, area.x_high], "nice": False}
    x = {"field": "x", "type": "quantitative", "scale": across}
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [area.y_low, area.y_high], "nice": False}}
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, **more}}


def _spec(layers: list[Layer], area: Frame) -> dict[str, Any]:
    zero = "" if area.zero is None else f"datum.value == {area.zero!r} ? '0' : "
    axes = {
        "x": {"values": area.ticks(), "labelExpr": f"{zero}format(datum.value, ',')", "grid": False},
        "y": {"format": ".0%", "tickCount": 5, "domain": False, "ticks": False, "title": None},
    }
    axes["x"]["title"] = "mean thinking tokens (log scale)"
    for layer in layers:
        for side, axis in axes.items():
            layer["encoding"][side]["axis"] = axis
    return {
        "width": area.width,
        "height": area.height,
        "padding": 4,
        "autosize": {"type": "pad"},
        "background": "transparent",
        "layer": layers,
        "config": quiet(),
    }
