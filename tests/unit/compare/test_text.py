"""The tables as text: what they say, and that they fit."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
from rich.console import Console

from s1kit.compare.frontier import frontier
from s1kit.compare.matched import compare_methods
from s1kit.compare.point import MethodPoint
from s1kit.compare.table import method_rows, point_rows
from s1kit.compare.text import (
    WIDTH,
    Grid,
    count,
    frontier_grid,
    markdown,
    method_grid,
    pair_lines,
    point_grid,
    terminal,
)
from s1kit.search.samples import Cost
from unit.compare.points import drawn_method, made, thirtieths

HOSTILE = "[red]a|b\x1b[31m\n`x` <b>](http://h) \u202e and a very long name that does not end"


def wide_points() -> list[MethodPoint]:
    """Every column filled with the largest numbers that a run could have, and names that fight back."""
    return [
        made(
            name, f"{HOSTILE} {k}", thirtieths(right), 1, asked=32768.0 * k, minimum=1e5, maximum=2e6, draws=64,
            by_draw=(0.1, 1.0), thinking=(123456.7 * k,) * 30, tries=655.0, unmet=1.0, censored=1.0, no_answer=1.0,
            cost=(Cost(99999.9 * k, 12345.6, 7654.3, 9876543.2, 98765.4 * k),) * 30,
        )
        for name in ("A" * 40, HOSTILE)
        for k, right in ((1, 0), (2, 30), (4, 15))
    ]  # fmt: skip


def grids(points: list[MethodPoint]) -> list[Grid]:
    return [
        method_grid(method_rows(points, resamples=50)),
        point_grid(point_rows(points, resamples=50)),
        frontier_grid(frontier(points, resamples=50)),
    ]


def printed(grid: Grid) -> str:
    out = io.StringIO()
    Console(file=out, width=WIDTH).print(terminal(grid))
    return out.getvalue()


@pytest.mark.parametrize("render", [printed, markdown], ids=["terminal", "markdown"])
def test_nothing_is_wider_than_the_page_and_nothing_acts(render: Callable[[Grid], str]) -> None:
    for grid in grids(wide_points()):
        drawn = render(grid)
        lines = drawn.splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert len(lines) == len(grid.rows) + (2 if render is markdown else 1)
        assert "\x1b" not in drawn
        assert "\u202e" not in drawn
        if render is printed:
            for row, line in zip(grid.rows, lines[1:], strict=True):
                assert all(cell and cell in line for cell in row), "a cell was cut"


def test_markdown_cells_stay_in_their_columns() -> None:
    for grid in grids(wide_points()):
        for line in markdown(grid).splitlines():
            bare = line.replace("\\\\", "").replace("\\|", "")
            assert bare.count("|") == len(grid.heads) + 1
        assert "](" not in markdown(grid)
        assert "<b>" not in markdown(grid).replace("\\<b\\>", "")


def test_the_table_of_methods_says_the_three_metrics() -> None:
    points = [made("BF", f"max {t}", thirtieths(r), t, maximum=t) for t, r in ((100, 6), (200, 9), (400, 12))]
    cells = dict(zip(*((g := method_grid(method_rows(points, resamples=50))).heads, g.rows[0]), strict=True))
    assert cells["control"] == "100"
    assert cells["points per doubling"].startswith("10.0 [")
    assert (cells["best"], cells["at"], cells["total"]) == ("40.0", "max 400", "400")


def test_a_missed_bound_and_an_undefined_point_can_be_seen() -> None:
    points = [made("A", "x", [1, 0], 50, maximum=40), made("A", "y", [math.nan, 1], 50, seconds=math.nan)]
    grid = point_grid(point_rows(points, resamples=50))
    first, second = (dict(zip(grid.heads, row, strict=True)) for row in grid.rows)
    assert (first["used"], second["used"]) == ("50!", "50")
    assert (second["acc"], second["95%"], second["sec"]) == ("–", "–", "–")
    assert "tries" not in grid.heads, "a column without a number is left out"
    assert "reward" not in grid.heads


def test_every_pair_has_its_sentence() -> None:
    points = drawn_method("A", [20, 40], [0.3, 0.5]) + drawn_method("B", [30, 60], [0.8, 0.9], n=60)
    points += [*drawn_method("C", [900, 1000], [0.5, 0.5]), made("D", "k = 9", [math.nan] * 60, 9)]
    lines = pair_lines(compare_methods(points, resamples=300))
    whole = " ".join(lines).replace("     ", " ")
    assert max(map(len, lines)) <= WIDTH
    assert "B better than A by " in whole
    assert whole.count("no common cost") == 2
    assert "C 900 to 1,000 tokens; A is cheaper" in whole
    assert "Note: D has no point to compare" in whole


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (math.nan, "–"), (0, "0"), (0.042, "0.04"), (0.999, "1.0"), (9.94, "9.9"), (9.96, "10"),
        (9999.4, "9,999"), (9999.6, "10.0k"), (123456, "123k"), (999_499, "999k"), (999_600, "1.0M"), (2.5e9, "2.5G"),
    ],
)  # fmt: skip
def test_counts_are_short(value: float | None, shown: str) -> None:
    assert count(value) == shown
