"""Counts as horizontal bars with their names and numbers: the domains of a selection.

Knows rows of a name and a count. Refuses to sort: the rows come in the order in which they are read. Rows past the
room for them are added up and said to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s1kit.report.pictures import INNER, heading
from s1kit.report.svg import COLOURS, FONT
from s1kit.report.text import number, one_line

_ROW, _NAMES, _NUMBERS, _LETTERS = 14, 116, 34, 25
MOST = 16
"""Rows, the rest included."""


@dataclass(frozen=True, slots=True)
class Count:
    """One bar."""

    name: str
    count: int


def shown(counts: Sequence[Count]) -> list[Count]:
    """At most sixteen rows: the first fifteen, and one that adds up the others."""
    if len(counts) <= MOST:
        return list(counts)
    rest = counts[MOST - 1 :]
    return [*counts[: MOST - 1], Count(f"{len(rest)} others", sum(row.count for row in rest))]


def bars_view(counts: Sequence[Count], title: str) -> dict[str, Any]:
    """The bars as a view of a picture. ValueError without a row."""
    if not counts:
        raise ValueError("bars without a row")
    own = shown(counts)
    most = max(row.count for row in own)
    rows = [
        {"rank": rank, "count": row.count, "name": one_line(row.name, _LETTERS), "said": number(row.count)}
        for rank, row in enumerate(own)
    ]
    rank = {"field": "rank", "type": "ordinal", "axis": None, "scale": {"paddingInner": 0.35, "paddingOuter": 0.1}}
    scale = {"domain": [0, max(most, 1)], "range": [_NAMES, INNER - _NUMBERS]}
    across = {"field": "count", "type": "quantitative", "axis": None, "scale": scale}
    words = {"type": "text", "baseline": "middle", "fontSize": 10, "font": FONT, "color": COLOURS["ink"]}
    said = {"field": "said", "type": "nominal"}
    name = {"field": "name", "type": "nominal"}
    return {
        "data": {"values": rows},
        "width": INNER,
        "height": _ROW * len(own),
        "layer": [
            {
                "mark": {"type": "bar", "orient": "horizontal", "color": COLOURS["muted"]},
                "encoding": {"y": rank, "x": across},
            },
            *heading(title, INNER),
            {"mark": {**words, "align": "right"}, "encoding": {"y": rank, "x": {"value": _NAMES - 6}, "text": name}},
            {"mark": {**words, "align": "left", "dx": 5}, "encoding": {"y": rank, "x": across, "text": said}},
        ],
    }
