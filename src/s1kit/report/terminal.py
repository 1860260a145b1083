"""The curve and the tables of a run for a terminal, readable without colour.

Knows characters and columns. Refuses to print: the caller has the console. Names come from recipes and may hold
anything, so they are shown as text, never as markup or control sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.table import Table
from rich.text import Text

from s1kit.metrics.summary import Metrics
from s1kit.report.charts import Frame, frame
from s1kit.report.marks import CURVE, Mark, Marked, marked
from s1kit.report.page import facts, ledger_rows, point_rows
from s1kit.report.text import number, one_line, percent

Policies = Mapping[str, Mapping[str, Any]]
SIGNS: dict[Mark, str] = {
    "truncation": "●",
    "natural": "◆",
    "extension": "▲",
    "placebo": "△",
    "fresh": "□",
    "unforced": "■",
}
_WORDS: dict[Mark, str] = {
    "truncation": "cut off at a budget",
    "natural": "natural end",
    "extension": "extended",
    "placebo": "placebo",
    "fresh": "fresh sample",
    "unforced": "unforced",
}
_PLAIN = str.maketrans("●◆▲△□■│┤─┴└·–−…", "oN^v#=||-++.--~")
_MARGIN = 6


def curve_lines(
    metrics: Metrics, width: int = 72, height: int = 15, *, policies: Policies | None = None, plain: bool = False
) -> list[str]:
    """Accuracy against mean thinking tokens (log2), with interval whiskers; no line is longer than ``width``.

    ``policies`` (the manifest's) tells placebos and fresh samples apart for certain; ``plain`` keeps to ASCII.
    """
    points = [m for m in marked(metrics, policies) if m.counted]
    if not points or width < 24:
        return ["no points to draw"[:width]]
    tokens = [m.point.thinking_mean for m in points]
    area = frame(tokens, [m.low for m in points], [m.high for m in points], (width - _MARGIN - 1, height - 1))
    grid = [[" "] * (area.width + 1) for _ in range(height)]
    curve = [m for m in points if m.mark in CURVE]
    _connect(grid, curve, area)
    for m in sorted(points, key=lambda m: m.mark in CURVE):
        _whisker(grid, m, area)
    for m in sorted(points, key=lambda m: (m.mark in CURVE, m.mark == "natural")):
        column, row = _cell(area, m.point.thinking_mean, m.accuracy)
        grid[row][column] = SIGNS[m.mark]
    gutters = _gutters(area, height)
    lines = [gutter + "".join(cells).rstrip() for gutter, cells in zip(gutters, grid, strict=True)]
    lines += _axis(area, width)
    lines += _legend(points, width)
    return [line.translate(_PLAIN) if plain else line for line in lines]


def _cell(area: Frame, tokens: float, accuracy: float) -> tuple[int, int]:
    x, y = area.pixel(tokens, accuracy)
    return min(max(round(x), 0), area.width), min(max(round(y), 0), area.height)


def _connect(grid: list[list[str]], curve: Sequence[Marked], area: Frame) -> None:
    """Dots from each point of the curve to the next."""
    for left, right in pairwise(curve):
        (x0, y0), (x1, y1) = (_cell(area, m.point.thinking_mean, m.accuracy) for m in (left, right))
        steps = max(x1 - x0, abs(y1 - y0), 1)
        for step in range(1, steps):
            grid[round(y0 + (y1 - y0) * step / steps)][round(x0 + (x1 - x0) * step / steps)] = "·"


def _whisker(grid: list[list[str]], m: Marked, area: Frame) -> None:
    column, top = _cell(area, m.point.thinking_mean, m.high)
    _, bottom = _cell(area, m.point.thinking_mean, m.low)
    for row in range(top, bottom + 1):
        grid[row][column] = "│"


def _gutters(area: Frame, height: int) -> list[str]:
    """The axis of accuracies: round values, each on the line nearest to it."""
    span = area.y_high - area.y_low
    step = 20 if span > 0.5 else 10
    lines = ["     │"] * height
    for value in range(0, 101, step):
        row = round((area.y_high - value / 100) / span * (height - 1))
        if 0 <= row < height:
            lines[row] = f"{value:3d}% ┤"
    return lines


def _axis(area: Frame, width: int) -> list[str]:
    line, names = ["─"] * (area.width + 1), [" "] * (area.width + 1)
    free = 0
    for tick in area.ticks(room=7):
        column, _ = _cell(area, tick, area.y_low)
        name = "0" if tick == area.zero else f"{tick:,.0f}" if tick >= 1 else f"{tick:g}"
        start = min(max(column - len(name) // 2, 0), area.width + 1 - len(name))
        line[column] = "┴"
        if start >= free:
            names[start : start + len(name)] = name
            free = start + len(name) + 1
    title = "mean thinking tokens, log scale".center(max(width - _MARGIN, 0))
    return ["     └" + "".join(line), " " * _MARGIN + "".join(names).rstrip(), (" " * _MARGIN + title).rstrip()[:width]]


def _legend(points: Sequence[Marked], width: int) -> list[str]:
    """The marks that occur, folded to the width."""
    present = [mark for mark in SIGNS if any(m.mark == mark for m in points)]
    lines = [" " * _MARGIN]
    for item in [*(f"{SIGNS[mark]} {_WORDS[mark]}" for mark in present), "│ 95% interval"]:
        if lines[-1].strip() and len(lines[-1]) + len(item) + 2 > width:
            lines.append(" " * _MARGIN)
        lines[-1] += ("  " if lines[-1].strip() else "") + item
    return [line[:width] for line in lines]


def facts_lines(metrics: Metrics, policies: Policies | None = None) -> list[str]:
    """Control, scaling and performance, a line each; one more where the traces were probed along their way."""
    lines = []
    for fact in facts(metrics, marked(metrics, policies)):
        value = " ".join(part for part in (fact.value, fact.unit, fact.interval) if part)
        lines.append(f"{fact.name.lower():12}{'; '.join((value, *fact.lines))}")
    if (a := metrics.anytime) is not None:
        lines.append(
            f"{'anytime':12}{percent(a.accuracy)} as {number(a.n)} traces ended, with {number(a.tokens_mean)} tokens; "
            f"{percent(a.oracle_accuracy)} with {number(a.oracle_tokens_mean)} if each had stopped when first right; "
            f"{percent(a.share_right_then_wrong)} were right and ended wrong; first right after "
            f"{number(a.first_right_median)}, last flip after {number(a.last_flip_median)} tokens (medians)"
        )
    return lines


def points_table(metrics: Metrics, policies: Policies | None = None) -> Table:
    """The points, one a line, by rising mean thinking tokens; fits 80 columns."""
    table = _table(
        "policy", "accu-\nracy", "95%\ninterval", "think-\ning", "p95", "cut\noff", "no\nanswer", "looped", "paid"
    )
    for row in point_rows(marked(metrics, policies)):
        thinking, _, p95, _, cutoff, no_answer, looped, _, paid = row.cells
        table.add_row(
            _name(row.mark, row.label), row.accuracy, row.interval, thinking, p95, cutoff, no_answer, looped, paid
        )
    return table


def ledger_table(metrics: Metrics, policies: Policies | None = None) -> Table:
    """What each "Wait" changed, with its controls; fits 80 columns."""
    heads = ("wrong→\nright", "right→\nwrong", "points", "95%\ninterval", "p", "detect-\nable", "")
    table = _table("policy", *heads)
    for row in ledger_rows(metrics, marked(metrics, policies)):
        entry = row.entry
        if row.group:
            table.add_row(Text(one_line(row.group, 40), style="dim"))
        moves = (str(entry.wrong_to_right), str(entry.right_to_wrong))
        numbers = (*moves, row.difference, row.interval, row.p, row.mdd, row.reading)
        table.add_row(_name(row.mark, entry.label), *(Text(number) for number in numbers))
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(first, overflow="fold", vertical="top")
    for head in others:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _name(mark: Mark, label: str) -> Text:
    return Text(f"{SIGNS[mark]} {one_line(label, 32)}")
