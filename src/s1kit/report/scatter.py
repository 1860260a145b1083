"""The control picture: thinking tokens that were asked for against those that were used.

Knows the spread of single generations at every bound. Refuses to know why one left its bound. Both axes are log2 and
share their ends, so the line y = x is the diagonal and keeping to a maximum means standing on or below it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from s1kit.report.charts import Layer
from s1kit.report.marks import Marked
from s1kit.report.rows import Row
from s1kit.report.svg import COLOURS, FONT, quiet, to_svg
from s1kit.report.text import number, percent

OUTSIDE = 60
"""Single generations outside their bound that are drawn, per point; the share is in the words."""


def control_svg(points: Sequence[Marked], rows: Sequence[Row], size: tuple[int, int], css_class: str) -> Markup:
    """Asked against used; empty where no point asked for a number of tokens."""
    asked = [(m, _asked(m)) for m in points]
    bounded = [(m, bound) for m, bound in asked if bound]
    if not bounded:
        return Markup()
    used = _used(rows)
    spreads = [_spread(m, bound, used.get(m.point.policy_id, [])) for m, bound in bounded]
    ends = [value for spread in spreads for value in (spread["x"], spread["low"], spread["high"], spread["mean"])]
    low, high = 2 ** math.floor(math.log2(min(ends)) - 0.3), 2 ** math.ceil(math.log2(max(ends)) + 0.3)
    layers = [
        _layer(
            [{"x": low, "y": low}, {"x": high, "y": high}], {"type": "line", **_quiet("muted", 1, [3, 3])}, low, high
        ),
        _layer(spreads, {"type": "rule", **_quiet("ink", 1)}, low, high, y="low", y2="high"),
        _layer(spreads, {"type": "rule", **_quiet("ink", 5), "opacity": 0.35}, low, high, y="q1", y2="q3"),
        _layer(spreads, {**_dot(70), "fill": COLOURS["ink"]}, low, high, y="mean"),
        _layer(_strays(bounded, used), {**_dot(16), "fill": COLOURS["accent"], "opacity": 0.7}, low, high),
        _words(spreads, low, high),
    ]
    title = (
        f"Thinking tokens asked for against those used, {len(bounded)} points; the table of points holds the numbers."
    )
    return to_svg(_spec(layers, size, low, high), title, css_class)


def control_sentence(points: Sequence[Marked], rows: Sequence[Row]) -> str:
    """How many points and how many single generations kept to what was asked, and how much of it they used."""
    bounded = [m for m in points if m.point.share_within is not None]
    if not bounded:
        return "No point asked for a number of thinking tokens, so there is nothing to hold the model to."
    kept = sum(
        (m.point.max_thinking is None or m.point.thinking_mean <= m.point.max_thinking)
        and m.point.thinking_mean >= (m.point.min_thinking or 0)
        for m in bounded
    )
    n = sum(m.point.n for m in bounded)
    inside = sum((m.point.share_within or 0.0) * m.point.n for m in bounded) / n
    said = f"{kept} of {len(bounded)} points kept their mean within what was asked"
    said += f", and {percent(inside, 0 if inside in (0, 1) else 1)} of the {number(n)} single generations kept to it"
    most = {m.point.policy_id: m.point.max_thinking for m in bounded if m.point.max_thinking}
    full = [row.thinking / (most[row.policy_id] or 1) for row in rows if row.policy_id in most]
    if full:
        said += f"; under a maximum they used {percent(float(np.mean(full)), 0)} of it on average"
    return f"{said}."


def _asked(m: Marked) -> int | None:
    return (m.point.max_thinking or m.point.min_thinking) if m.counted else None


def _used(rows: Sequence[Row]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.policy_id, []).append(max(1.0, row.thinking))
    return found


def _spread(m: Marked, asked: int, used: Sequence[float]) -> dict[str, Any]:
    """Mean, quartiles and the middle 90% of the single generations; at 0 tokens they stand at 1."""
    low, q1, q3, high = np.percentile(used, [5, 25, 75, 95]) if used else [max(1.0, m.point.thinking_mean)] * 4
    inside = percent(m.point.share_within, 0)
    mean = max(1.0, m.point.thinking_mean)
    return {"x": asked, "low": low, "q1": q1, "q3": q3, "high": high, "mean": mean, "name": f"{inside} within"}


def _strays(bounded: Sequence[tuple[Marked, int]], used: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Single generations outside their bound, evenly picked where they are many."""
    found = []
    for m, asked in bounded:
        most, least = m.point.max_thinking or math.inf, m.point.min_thinking or 0
        out = sorted(value for value in used.get(m.point.policy_id, []) if not least <= value <= most)
        step = max(1, math.ceil(len(out) / OUTSIDE))
        found += [{"x": asked, "y": value} for value in out[::step]]
    return found


def _quiet(colour: str, width: float, dash: Sequence[int] = (1, 0)) -> dict[str, Any]:
    return {"color": COLOURS[colour], "strokeWidth": width, "strokeDash": list(dash), "strokeCap": "round"}


def _dot(size: int) -> dict[str, Any]:
    return {"type": "point", "shape": "circle", "size": size, "filled": True, "stroke": COLOURS["paper"], "opacity": 1}


def _layer(
    values: Sequence[dict[str, Any]], mark: dict[str, Any], low: float, high: float, y: str = "y", y2: str = ""
) -> Layer:
    scale = {"type": "log", "base": 2, "domain": [low, high], "nice": False}
    encoding: dict[str, Any] = {
        "x": {"field": "x", "type": "quantitative", "scale": scale},
        "y": {"field": y, "type": "quantitative", "scale": scale},
    }
    if y2:
        encoding["y2"] = {"field": y2}
    return {"data": {"values": list(values)}, "mark": mark, "encoding": encoding}


def _words(spreads: Sequence[dict[str, Any]], low: float, high: float) -> Layer:
    """The share within, above each point's spread; left out where all of them kept to it."""
    shown = [
        {**s, "y": max(s["high"], s["x"]) * 1.18, "name": s["name"]} for s in spreads if s["name"] != "100% within"
    ]
    style = {"type": "text", "baseline": "bottom", "fontSize": 11, "font": FONT, "color": COLOURS["muted"]}
    layer = _layer(shown, style, low, high)
    layer["encoding"]["text"] = {"field": "name", "type": "nominal"}
    return layer


def _spec(layers: list[Layer], size: tuple[int, int], low: float, high: float) -> dict[str, Any]:
    exponents = range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)
    step = max(1, math.ceil(len(exponents) * 46 / size[0]))
    axis = {"values": [2.0**e for e in exponents][::step], "grid": False, "labelExpr": "format(datum.value, ',')"}
    for layer in layers:
        layer["encoding"]["x"]["axis"] = {**axis, "title": "thinking tokens asked for (log scale)"}
        layer["encoding"]["y"]["axis"] = {**axis, "grid": True, "domain": False, "ticks": False, "title": None}
    return {
        "width": size[0],
        "height": size[1],
        "padding": 4,
        "background": "transparent",
        "layer": layers,
        "config": quiet(),
    }
