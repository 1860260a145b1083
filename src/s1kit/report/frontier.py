"""The picture of a comparison: accuracy against cost, a line per method, and what the tokens were spent on.

Knows how a method is drawn and named. Refuses to compute: intervals and the frontier are in the rows it is given. The
cost is on a log2 axis. Methods are told apart by colour, shape and dash together, and each is named at its line's end,
so no colour has to be matched with a legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from s1kit.compare.frontier import Frontier
from s1kit.compare.table import PointRow
from s1kit.report.charts import Frame, Layer, frame
from s1kit.report.labels import Dot, place
from s1kit.report.picture import DASHES, HUES, SHAPES, Picture
from s1kit.report.svg import COLOURS, FONT, quiet, to_svg
from s1kit.report.text import number, one_line

WIDE, HIGH = 640, 380
_LINE = 14.0
_BAR, _BARS = 13, 420
"""Height of a bar with its gap, width of the bars."""
_KINDS = (("thinking", "#2f7fc1"), ("answer", "#a07a1c"), ("forced", "#cf5a2c"), ("reward model", "#7b7b7b"))


def frontier_picture(rows: Sequence[PointRow], found: Frontier) -> Picture | None:
    """Accuracy against tokens or seconds, as ``found`` says; None where no point can be drawn.

    Whiskers are 95% intervals over questions; the step line is the frontier, its settings are named.
    """
    drawn = [row for row in rows if row.accuracy is not None and row.interval is not None and _cost(row, found)]
    if not drawn:
        return None
    spans = [row.interval for row in drawn if row.interval is not None]
    costs = [_cost(row, found) for row in drawn]
    area = frame(costs, [s.low for s in spans], [s.high for s in spans], (WIDE, HIGH))
    methods = list(dict.fromkeys(row.method for row in drawn))
    layers = [_frontier_line(found, area)]
    ends = []
    for index, method in enumerate(methods):
        mine = sorted((row for row in drawn if row.method == method), key=lambda row: _cost(row, found))
        layers += _method_layers(mine, index, found, area)
        ends.append(area.pixel(_cost(mine[-1], found), mine[-1].accuracy or 0.0))
    layers += _method_names(methods, ends, area)
    layers += _setting_names(found, drawn, area)
    unit = "tokens of all kinds" if found.axis == "tokens" else "seconds of engine time"
    title = f"Accuracy against {unit} per question: {len(methods)} methods, {len(found.best)} settings on the frontier."
    return Picture(
        to_svg(
            _spec(layers, area, f"{unit} per question, mean (log scale); broad line: the frontier"), title, "frontier"
        )
    )


def composition_picture(rows: Sequence[PointRow]) -> Picture | None:
    """What each method's tokens were, at its most accurate setting: shares of the total, which is written beside."""
    best: dict[str, PointRow] = {}
    for row in rows:
        if row.accuracy is None or not row.tokens > 0:
            continue
        old = best.setdefault(row.method, row)
        if (row.accuracy, -row.tokens) > (old.accuracy or 0.0, -old.tokens):
            best[row.method] = row
    if not best:
        return None
    bars, totals = [], []
    for rank, row in enumerate(best.values()):
        start = 0.0
        for (kind, colour), part in zip(_KINDS, (row.thinking, row.answer, row.forced, row.reward), strict=True):
            end = start + part / row.tokens
            bars.append({"rank": rank, "start": start, "end": end, "kind": kind, "colour": colour})
            start = end
        name = f"{one_line(row.method, 20)}, {one_line(row.label, 20)}"
        totals.append({"rank": rank, "name": name, "total": f"{number(row.tokens)} tokens"})
    title = f"Shares of thinking, answer, forced and reward model's tokens: {len(best)} methods at their best setting."
    return Picture(to_svg(_bars(bars, totals), title, "composition"))


def _cost(row: PointRow, found: Frontier) -> float:
    """0 where it was not measured: such a row is not drawn."""
    return row.tokens if found.axis == "tokens" else row.seconds or 0.0


def _style(index: int) -> tuple[str, str, list[int]]:
    """Colour, shape and dash of the method at this place: no two alike among the first 21."""
    return HUES[index % len(HUES)], SHAPES[index % len(SHAPES)], DASHES[index // len(HUES) % len(DASHES)]


def _layer(rows: list[dict[str, Any]], mark: dict[str, Any], area: Frame, **more: Any) -> Layer:
    across = {"type": "log", "base": 2, "domain": [area.x_low, area.x_high], "nice": False}
    x = {"field": "x", "type": "quantitative", "scale": across}
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [area.y_low, area.y_high], "nice": False}}
    return {"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y, **more}}


def _method_layers(mine: Sequence[PointRow], index: int, found: Frontier, area: Frame) -> list[Layer]:
    """Whiskers, line and symbols of one method, by rising cost."""
    hue, shape, dash = _style(index)
    rows = [{"x": area.at(_cost(row, found)), "y": row.accuracy} for row in mine]
    whiskers = [
        {"x": row["x"], "y": span.low, "high": span.high}
        for row, span in zip(rows, (r.interval for r in mine), strict=True)
        if span is not None
    ]
    rule = {"type": "rule", "color": hue, "strokeWidth": 1, "opacity": 0.3}
    line = {"type": "line", "color": hue, "strokeWidth": 1.5, "strokeDash": dash}
    symbol = {"type": "point", "shape": shape, "size": 48, "filled": True, "fill": hue, "opacity": 1}
    symbol |= {"stroke": COLOURS["paper"], "strokeWidth": 0.8}
    return [
        _layer(whiskers, rule, area, y2={"field": "high"}),
        _layer(rows, line, area),
        _layer(rows, symbol, area),
    ]


def _frontier_line(found: Frontier, area: Frame) -> Layer:
    """The best accuracy that any setting reaches for at most so much: a step up at every frontier point."""
    rows = [{"x": area.at(point.cost), "y": point.accuracy} for point in found.best]
    rows.append({"x": area.x_high, "y": rows[-1]["y"]})
    line = {"type": "line", "interpolate": "step-after", "color": COLOURS["faint"], "strokeWidth": 7, "opacity": 0.8}
    return _layer(rows, {**line, "strokeJoin": "round"}, area)


def _method_names(methods: Sequence[str], ends: Sequence[tuple[float, float]], area: Frame) -> list[Layer]:
    """Names beside the plot, pushed apart, each joined to its line's end by a hairline."""
    layers = []
    for index, height in enumerate(spread([y for _, y in ends], _LINE, area.height)):
        hue = _style(index)[0]
        (x, y), edge = ends[index], area.width + 14.0
        path = [(x, y), (edge - 8, height), (edge - 3, height)]
        points = [dict(zip("xy", area.data(*spot), strict=True)) for spot in path]
        for order, point in enumerate(points):
            point["order"] = order
        hair = {"type": "line", "color": hue, "strokeWidth": 0.7, "opacity": 0.6, "clip": False}
        layers.append(_layer(points, hair, area, order={"field": "order", "type": "quantitative"}))
        layers.append(_words([(edge, height, one_line(methods[index], 22))], "left", hue, area, bold=True))
    return layers


def spread(wanted: Sequence[float], gap: float, height: float) -> list[float]:
    """Positions ``gap`` apart or more, in the order of ``wanted`` and near them, within 0..height where they fit."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    blocks: list[tuple[float, int]] = []
    """Mean wanted position of the first of a block, and its size: touching blocks become one."""
    for index in order:
        first, size = wanted[index], 1
        while blocks and blocks[-1][0] + gap * blocks[-1][1] > first:
            before, many = blocks.pop()
            first = (before * many + (first - gap * many) * size) / (many + size)
            size += many
        blocks.append((first, size))
    placed = [first + gap * step for first, size in blocks for step in range(size)]
    for rank in range(len(placed)):
        placed[rank] = max(placed[rank], gap * rank)
    for rank in reversed(range(len(placed))):
        placed[rank] = min(placed[rank], height - gap * (len(placed) - 1 - rank))
    result = [0.0] * len(wanted)
    for index, spot in zip(order, placed, strict=True):
        result[index] = spot
    return result


def _setting_names(found: Frontier, drawn: Sequence[PointRow], area: Frame) -> list[Layer]:
    """The settings on the frontier, the dearest first, as far as there is room."""
    best = found.best[::-1]
    dots = [Dot(*area.pixel(point.cost, point.accuracy), one_line(point.label, 24)) for point in best]
    others = [area.pixel(_cost(row, found), row.accuracy or 0.0) for row in drawn]
    layers = []
    for dot, spot in zip(dots, place(dots, area.width, area.height, others), strict=True):
        if spot is not None:
            layers.append(_words([(spot.x, spot.y, dot.name)], spot.align, COLOURS["ink"], area))
    return layers


def _words(rows: list[tuple[float, float, str]], align: str, colour: str, area: Frame, bold: bool = False) -> Layer:
    values = [{**dict(zip("xy", area.data(x, y), strict=True)), "name": name} for x, y, name in rows]
    style = {"baseline": "middle", "fontSize": 11, "font": FONT, "clip": False}
    style["fontWeight"] = "bold" if bold else "normal"
    mark = {"type": "text", "align": align, "color": colour, **style}
    return _layer(values, mark, area, text={"field": "name", "type": "nominal"})


def _spec(layers: list[Layer], area: Frame, x_title: str) -> dict[str, Any]:
    axes = {
        "x": {"values": area.ticks(), "labelExpr": "format(datum.value, ',')", "grid": False, "title": x_title},
        "y": {"format": ".0%", "tickCount": 5, "domain": False, "ticks": False, "title": None},
    }
    for layer in layers:
        for side, axis in axes.items():
            layer["encoding"][side]["axis"] = axis
    return {
        "width": area.width,
        "height": area.height,
        "padding": {"left": 4, "top": 8, "bottom": 4, "right": 8},
        "autosize": {"type": "pad"},
        "background": "transparent",
        "layer": layers,
        "config": quiet(),
    }


def _bars(bars: list[dict[str, Any]], totals: list[dict[str, Any]]) -> dict[str, Any]:
    high = _BAR * len(totals)
    rank = {"field": "rank", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.3}}
    start = {"field": "start", "type": "quantitative", "scale": {"domain": [0, 1]}, "axis": None}
    painted = {"field": "colour", "type": "nominal", "scale": None}
    words = {"type": "text", "baseline": "middle", "fontSize": 11, "font": FONT, "color": COLOURS["ink"]}
    layers: list[Layer] = [
        {
            "data": {"values": bars},
            "mark": {"type": "bar", "orient": "horizontal"},
            "encoding": {"y": rank, "x": start, "x2": {"field": "end"}, "color": painted},
        }
    ]
    for field, align, at in (("name", "right", -8), ("total", "left", _BARS + 8)):
        encoding = {"y": rank, "x": {"value": at}, "text": {"field": field, "type": "nominal"}}
        layers.append({"data": {"values": totals}, "mark": {**words, "align": align}, "encoding": encoding})
    across = 0
    for kind, colour in _KINDS:
        encoding = {"x": {"value": across}, "y": {"value": -10}}
        mark = {**words, "align": "left", "color": colour, "fontWeight": "bold", "text": kind}
        layers.append({"data": {"values": [{}]}, "mark": mark, "encoding": encoding})
        across += 14 + 6 * len(kind)
    return {
        "width": _BARS,
        "height": high,
        "padding": {"left": 4, "top": 8, "bottom": 4, "right": 8},
        "background": "transparent",
        "layer": layers,
        "config": quiet(),
    }
