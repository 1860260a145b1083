"""The key above a printed picture: line, symbol and name of every series, in as many rows as it takes.

Knows how a series looks. Refuses to know its points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s1kit.report.svg import COLOURS, FONT
from s1kit.report.text import one_line

_ROW, _SAMPLE, _SPACE = 14, 24, 12
_NARROW, _BROAD = frozenset("ijltfrI.,;:'|!()[] "), frozenset("mwMW@%")
_LONGEST = 44
SYMBOL, LONE = 38, 60
"""Area of a symbol on a line and of one alone, in square units."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour, shape and dash of a series; no ``dash``: its points are not joined."""

    hue: str
    shape: str
    dash: tuple[int, ...] | None
    hollow: bool = False

    def line(self) -> dict[str, Any]:
        """Its line as a mark."""
        return {"type": "line", "color": self.hue, "strokeWidth": 1.4, "strokeDash": list(self.dash or (1, 0))}

    def symbol(self) -> dict[str, Any]:
        """Its symbol as a mark."""
        fill, stroke = (COLOURS["paper"], self.hue) if self.hollow else (self.hue, COLOURS["paper"])
        mark = {
            "type": "point",
            "shape": self.shape,
            "size": LONE if self.dash is None else SYMBOL,
            "filled": True,
            "opacity": 1,
        }
        return {**mark, "fill": fill, "stroke": stroke, "strokeWidth": 1.3 if self.hollow else 0.8}


def breadth(name: str) -> float:
    """Width of a name of letters 10 high in a sans-serif face, rather too wide than too narrow."""
    return sum(3.0 if c in _NARROW else 8.4 if c in _BROAD else 7.2 if c.isupper() else 5.6 for c in name)


def rows(names: list[str], width: float) -> list[tuple[float, float]]:
    """Where each entry begins, so that none passes the right edge unless it is wider than the whole."""
    spots, x, y = [], 0.0, 0.0
    for name in names:
        wide = _SAMPLE + 4 + breadth(name)
        if x > 0 and x + wide > width:
            x, y = 0.0, y + _ROW
        spots.append((x, y))
        x += wide + _SPACE
    return spots


def key(looks: Mapping[str, Look], width: float) -> dict[str, Any]:
    """The key as a view of its own."""
    names = [one_line(name, _LONGEST) for name in looks]
    spots = rows(names, width)
    layers: list[dict[str, Any]] = []
    for name, look, (x, y) in zip(names, looks.values(), spots, strict=True):
        at = {"y": {"value": y + _ROW / 2}}
        if look.dash is not None:
            rule = {**look.line(), "type": "rule"}
            layers.append({"mark": rule, "encoding": {"x": {"value": x}, "x2": {"value": x + _SAMPLE}, **at}})
        layers.append({"mark": look.symbol(), "encoding": {"x": {"value": x + _SAMPLE / 2}, **at}})
        words = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 10, "font": FONT}
        layers.append(
            {
                "data": {"values": [{"name": name}]},
                "mark": {**words, "color": COLOURS["ink"]},
                "encoding": {"x": {"value": x + _SAMPLE + 4}, "text": {"field": "name", "type": "nominal"}, **at},
            }
        )
    for layer in layers:
        layer.setdefault("data", {"values": [{}]})
    return {"width": width, "height": spots[-1][1] + _ROW, "layer": layers}
