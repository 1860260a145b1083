"""Small multiples for print: panels side by side in one column of a page, series in them told apart without colour.

Knows points with intervals, axes and where names go. Refuses to know which figure it is and to compute a number. Series
of one name look alike in every panel; published numbers are hollow, so that they are never taken for measured ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from s1kit.report.charts import Frame, Layer, frame
from s1kit.report.labels import LETTER, Dot, Placed, place
from s1kit.report.picture import DASHES, HUES, SHAPES, Picture
from s1kit.report.pictures_key import Look, key
from s1kit.report.svg import COLOURS, FONT, quiet, to_svg
from s1kit.report.text import one_line, visible

WIDTH = 340
"""Units across a column; letters of 10 of them are seven points high when it is printed 84 mm wide."""
_LEFT, _GAP, _TEXT = 46, 12, 10
_HEAD, _EDGE = 10.5, 3
INNER = WIDTH - _LEFT
"""What is left of it beside the labels of an axis."""
_TICK_ROOM = 34
Axis = Literal["tokens", "count"]
"""Both logarithmic: powers of 2 for tokens, of 10 for counts."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A point: ``y`` and its interval in 0..1. An empty ``name`` is not written."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind."""

    name: str
    spots: tuple[Spot, ...]
    joined: bool = True
    hollow: bool = False
    """Printed elsewhere, not measured here."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a picture."""

    title: str
    series: tuple[Series, ...]
    x_title: str
    axis: Axis = "tokens"


def looks(panels: Sequence[Panel]) -> dict[str, Look]:
    """Series name -> how it is drawn, in the order of first appearance: no two alike among the first six."""
    named = {series.name: series for panel in panels for series in panel.series}
    return {
        name: Look(
            HUES[index % len(HUES)],
            SHAPES[index % len(SHAPES)],
            tuple(DASHES[index % len(DASHES)]) if series.joined else None,
            series.hollow,
        )
        for index, (name, series) in enumerate(named.items())
    }


def panels_picture(panels: Sequence[Panel], title: str, *, high: int = 170, together: bool = True) -> Picture:
    """The panels side by side as one picture, a key above them where there is more than one series.

    ``title`` is for a screen reader. ``together``: one accuracy axis for all. ValueError without a point.
    """
    everything = [panel for panel in panels if any(series.spots for series in panel.series)]
    if not everything:
        raise ValueError("a picture without a point")
    return picture_of(panel_views(everything, high=high, together=together), title)


def panel_views(
    panels: Sequence[Panel], *, high: int = 170, together: bool = True, keyed: bool = True
) -> list[dict[str, Any]]:
    """The key, where one is needed, and the row of panels: views to be put under each other."""
    found, columns = looks(panels), len(panels)
    wide = (INNER - (columns - 1) * (_GAP if together else _LEFT + _GAP)) // columns
    spans = [frame_of(panel, (wide, high)) for panel in panels]
    if together:
        low, top = min(span.y_low for span in spans), max(span.y_high for span in spans)
        spans = [replace(span, y_low=low, y_high=top) for span in spans]
    views = [
        _view(panel, area, found, labelled=not together or index == 0)
        for index, (panel, area) in enumerate(zip(panels, spans, strict=True))
    ]
    above = [key(found, INNER)] if keyed and len(found) > 1 else []
    return [*above, {"hconcat": views, "spacing": _GAP}]


def picture_of(views: Sequence[dict[str, Any]], title: str) -> Picture:
    """Views under each other as one picture."""
    return Picture(
        to_svg(
            {
                "vconcat": list(views),
                "spacing": 10,
                "padding": 6,
                "background": "transparent",
                "config": quiet(_TEXT, tickSize=4),
            },
            visible(title),
            "figure",
        )
    )


def frame_of(panel: Panel, size: tuple[int, int]) -> Frame:
    """Axes that hold every point of the panel with its interval."""
    spots = [spot for series in panel.series for spot in series.spots]
    lows = [spot.y if spot.low is None else spot.low for spot in spots]
    highs = [spot.y if spot.high is None else spot.high for spot in spots]
    return frame([spot.x for spot in spots], lows, highs, size)


def _view(panel: Panel, area: Frame, found: dict[str, Look], *, labelled: bool) -> dict[str, Any]:
    layers: list[Layer] = []
    for series in panel.series:
        layers += _drawn(series, found[series.name], area)
    layers += _names(panel, found, area)
    across: dict[str, Any] = {"values": _ticks(panel, area), "grid": False, "titlePadding": 4}
    across["title"] = one_line(panel.x_title, 60)
    across |= {"labelExpr": _tick_text(panel.axis, area), "labelOverlap": False}
    up: dict[str, Any] = {
        "format": ".0%",
        "tickCount": 5,
        "domain": False,
        "ticks": False,
        "title": "accuracy",
        "titlePadding": 3,
    }
    for layer in layers:
        layer["encoding"]["x"]["axis"] = across
        layer["encoding"]["y"]["axis"] = up if labelled else {**up, "labels": False, "title": None}
    return {"width": area.width, "height": area.height, "layer": [*layers, *heading(panel.title, area.width)]}


def heading(text: str, width: float) -> list[Layer]:
    """The title of a view, cut to its width; nothing where there is none. A text at a fixed height: the renderer's own
    titles stand at different heights over plots with and without labels."""
    if not text:
        return []
    mark = {
        "type": "text",
        "align": "left",
        "baseline": "middle",
        "fontSize": _HEAD,
        "fontWeight": "bold",
        "font": FONT,
    }
    encoding = {"x": {"value": 0}, "y": {"value": -_HEAD}, "text": {"field": "name", "type": "nominal"}}
    values = [{"name": one_line(text, int(width / 4.8))}]
    return [{"data": {"values": values}, "mark": {**mark, "color": COLOURS["ink"]}, "encoding": encoding}]


def _ticks(panel: Panel, area: Frame) -> list[float]:
    if panel.axis == "tokens":
        return area.ticks(_TICK_ROOM)
    exponents = range(math.ceil(math.log10(area.x_low)), math.floor(math.log10(area.x_high)) + 1)
    step = max(1, math.ceil(len(exponents) * _TICK_ROOM / area.width))
    decades = [10.0**e for e in exponents if e % step == 0]
    if len(decades) < 2:
        return area.ticks(_TICK_ROOM)
    return decades if area.zero is None else [area.zero, *(p for p in decades if p > 1.2 * area.zero)]


def _tick_text(axis: Axis, area: Frame) -> str:
    zero = "" if area.zero is None else f"datum.value == {area.zero!r} ? '0' : "
    return f"{zero}format(datum.value, '{',' if axis == 'tokens' else '~s'}')"


def _on(rows: list[dict[str, Any]], mark: dict[str, Any], area: Frame, **more: Any) -> Layer:
    across = {"type": "log", "base": 2, "domain": [area.x_low, area.x_high], "nice": False}
    x = {"field": "x", "type": "quantitative", "scale": across}
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [area.y_low, area.y_high], "nice": False}}
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, **more}}


def _drawn(series: Series, look: Look, area: Frame) -> list[Layer]:
    """Whiskers, line and symbols."""
    spots = sorted(series.spots, key=lambda spot: spot.x)
    rows = [{"x": area.at(spot.x), "y": spot.y} for spot in spots]
    whiskers = [
        {"x": area.at(spot.x), "y": spot.low, "high": spot.high}
        for spot in spots
        if spot.low is not None and spot.high is not None
    ]
    rule = {"type": "rule", "color": look.hue, "strokeWidth": 1, "opacity": 0.4}
    layers = [_on(whiskers, rule, area, y2={"field": "high"})] if whiskers else []
    if look.dash is not None and len(rows) > 1:
        layers.append(_on(rows, look.line(), area))
    return [*layers, _on(rows, look.symbol(), area)] if rows else []


def _names(panel: Panel, found: dict[str, Look], area: Frame) -> list[Layer]:
    """Names of points in their series' colour, where there is room without covering another; lines are avoided."""
    named = [(series.name, spot) for series in panel.series for spot in series.spots if spot.name]
    named.sort(key=lambda pair: _from_edge(area.pixel(pair[1].x, pair[1].y)[0], area))
    dots = [Dot(*area.pixel(spot.x, spot.y), one_line(spot.name, 22)) for _, spot in named]
    hues = [found[name].hue if len(found) > 1 else COLOURS["ink"] for name, _ in named]
    layers = []
    places = place(dots, area.width + _GAP, area.height, _along(panel, area))
    for dot, hue, spot in zip(dots, hues, places, strict=True):
        if spot is not None and _inside(spot, dot.name, area):
            at = dict(zip("xy", area.data(spot.x, spot.y), strict=True))
            mark = {"type": "text", "align": spot.align, "baseline": "middle", "fontSize": _TEXT, "font": FONT}
            mark |= {"color": hue, "clip": False}
            layers.append(_on([{**at, "name": dot.name}], mark, area, text={"field": "name", "type": "nominal"}))
    return layers


def _from_edge(x: float, area: Frame) -> float:
    """A name at the edge has the fewest places: it goes first."""
    return min(x, area.width - x)


def _inside(spot: Placed, name: str, area: Frame) -> bool:
    """Whether the name covers neither the labels of the axis nor the next panel."""
    wide = LETTER * len(name)
    left = spot.x - {"left": 0.0, "center": wide / 2, "right": wide}[spot.align]
    return left >= -_EDGE and left + wide <= area.width + _GAP


def _along(panel: Panel, area: Frame) -> list[tuple[float, float]]:
    """Pixels that a name should not cover: every point, and its line and whisker every few pixels."""
    lines = []
    for series in panel.series:
        spots = sorted(series.spots, key=lambda spot: spot.x)
        middles = [area.pixel(spot.x, spot.y) for spot in spots]
        lines += [(area.pixel(a.x, a.y), area.pixel(b.x, b.y)) for a, b in pairwise(spots)] if series.joined else []
        lines += [((x - 4, y + up), (x + 4, y + up)) for x, y in middles for up in (-4, 0, 4)]
        lines += [
            (area.pixel(spot.x, spot.low), area.pixel(spot.x, spot.high))
            for spot in spots
            if spot.low is not None and spot.high is not None
        ]
    found = []
    for (x0, y0), (x1, y1) in lines:
        steps = max(1, round(math.hypot(x1 - x0, y1 - y0) / 5))
        found += [(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps) for step in range(steps + 1)]
    return found
