"""Where the names of points go, so that few of them cover a point or each other.

Knows pixels and approximate letter widths. Refuses to know what is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LETTER, LINE = 6.1, 12.0
"""Pixels of an 11-pixel label: mean width of a letter, height of a line."""
_AWAY = 8.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A point in pixels, y downwards, with its name."""

    x: float
    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a name is anchored."""

    x: float
    y: float
    align: Literal["left", "center", "right"]


_Box = tuple[float, float, float, float]


def place(
    dots: Sequence[Dot], width: float, height: float, avoid: Sequence[tuple[float, float]] = ()
) -> list[Placed | None]:
    """For each dot the least crowded of eight spots around it; None where every one would cover another name.

    Greedy, in the given order: put the most important first. ``avoid`` are pixels better not covered: lines.
    """
    taken: list[_Box] = []
    lines = [(x - 1, y - 1, x + 1, y + 1) for x, y in avoid]
    points = [(dot.x - 4, dot.y - 4, dot.x + 4, dot.y + 4) for dot in dots]
    placed: list[Placed | None] = []
    for dot in dots:
        best: tuple[float, Placed, _Box] | None = None
        for rank, spot in enumerate(_spots(dot)):
            box = _box(spot, dot.name)
            cost = rank * 0.5 + 6 * sum(_overlap(box, other) > 0 for other in points)
            cost += 40 * _outside(box, width, height) + sum(_overlap(box, other) > 0 for other in lines)
            cost += 100 * sum(_overlap(box, other) > 0 for other in taken)
            if best is None or cost < best[0]:
                best = (cost, spot, box)
        if best is None or best[0] >= 90:
            placed.append(None)
            continue
        placed.append(best[1])
        taken.append(best[2])
    return placed


def _spots(dot: Dot) -> list[Placed]:
    x, y, far = dot.x, dot.y, _AWAY + LINE
    return [
        Placed(x, y - _AWAY - LINE / 2, "center"),
        Placed(x, y + _AWAY + LINE / 2, "center"),
        Placed(x + _AWAY, y, "left"),
        Placed(x - _AWAY, y, "right"),
        Placed(x + _AWAY / 2, y + _AWAY + LINE / 2, "left"),
        Placed(x - _AWAY / 2, y - _AWAY - LINE / 2, "right"),
        Placed(x, y + far + LINE / 2, "center"),
        Placed(x, y - far - LINE / 2, "center"),
    ]


def _box(spot: Placed, name: str) -> _Box:
    wide = LETTER * len(name)
    left = spot.x - {"left": 0.0, "center": wide / 2, "right": wide}[spot.align]
    return (left, spot.y - LINE / 2, left + wide, spot.y + LINE / 2)


def _overlap(a: _Box, b: _Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: _Box, width: float, height: float) -> int:
    return int(box[0] < 0) + int(box[1] < 0) + int(box[2] > width) + int(box[3] > height)
