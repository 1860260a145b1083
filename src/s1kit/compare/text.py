"""The tables of a comparison as text, for a terminal (rich) and as Markdown, at most 120 columns wide.

Knows columns and digits. Refuses to print: the caller has the console. Names come from recipes and may hold anything,
so they are shown as text, never as markup or control sequences.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table
from rich.text import Text

from s1kit.compare.frontier import Frontier
from s1kit.compare.pair import MatchedComparison
from s1kit.compare.table import MethodRow, PointRow
from s1kit.metrics.intervals import Interval
from s1kit.metrics.ledger import LedgerEntry
from s1kit.metrics.scaling import Scaling

WIDTH = 120
_NAME = 14
"""Letters of a method or a setting; the widest table has two such columns."""
NONE = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text. ``heads`` and every row have as many cells; the first ``names`` columns are words."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int = 1


def method_grid(rows: Sequence[MethodRow]) -> Grid:
    """Control, scaling and performance of every method."""
    heads = (
        "method", "|A|", "control", "points per doubling", "per 1k", "best", "95%", "at", "think", "total", "draws",
        "spread",
    )  # fmt: skip
    cells = [
        (
            name(row.method),
            str(row.n_points),
            percent(row.control.value if row.control else None, 0),
            _slope(row.scaling),
            _signed(row.scaling_1k.value),
            percent(row.performance),
            _span(row.interval),
            name(row.best) if row.best else NONE,
            count(row.best_used),
            count(row.best_tokens),
            str(row.draws),
            f"{percent(row.spread[0], 0)} to {percent(row.spread[1], 0)}" if row.spread else NONE,
        )
        for row in rows
    ]
    return Grid(heads, tuple(cells))


def point_grid(rows: Sequence[PointRow]) -> Grid:
    """Every setting: asked, used, tokens by kind, seconds, accuracy, and what is beside it; empty columns left out."""
    heads = (
        "method", "setting", "asked", "used", "think", "answer", "forced", "reward", "total", "sec", "acc", "95%",
        "cens.", "none", "tries", "unmet", "steps", "per step",
    )  # fmt: skip
    cells = [
        (
            name(row.method),
            name(row.label),
            NONE if row.asked is None else f"{row.asked:g}" if row.asked < 10 else count(row.asked),
            count(row.used) + ("!" if row.within is False else ""),
            count(row.thinking),
            count(row.answer),
            count(row.forced),
            count(row.reward),
            count(row.tokens),
            count(row.seconds),
            percent(row.accuracy),
            _span(row.interval),
            percent(row.censored, 0),
            percent(row.no_answer, 0),
            NONE if row.tries is None else f"{row.tries:.1f}",
            percent(row.unmet, 0),
            NONE if row.steps is None else f"{row.steps:.1f}",
            count(row.tokens_per_step),
        )
        for row in rows
    ]
    wanted = [place for place in range(len(heads)) if place < 2 or any(row[place] not in (NONE, "0") for row in cells)]
    return Grid(tuple(heads[i] for i in wanted), tuple(tuple(row[i] for i in wanted) for row in cells), names=2)


def frontier_grid(found: Frontier) -> Grid:
    """The settings that no other beats, by rising cost, and how often resampling leaves them there."""
    heads = ("method", "setting", "total" if found.axis == "tokens" else "sec", "acc", "on the frontier")
    cells = [
        (name(p.method), name(p.label), count(p.cost), percent(p.accuracy), percent(p.share, 0)) for p in found.best
    ]
    return Grid(heads, tuple(cells), names=2)


def ledger_grid(entries: Sequence[LedgerEntry]) -> Grid:
    """What every further "Wait" changed, in (question, sample) pairs."""
    heads = ("extension", "against", "wrong>right", "right>wrong", "still right", "still wrong", "tokens", "p")
    rows = tuple(
        (
            name(entry.label),
            name(entry.baseline_label),
            str(entry.wrong_to_right),
            str(entry.right_to_wrong),
            str(entry.same_right),
            str(entry.same_wrong),
            f"+{count(entry.extra_thinking)}",
            "" if entry.comparison is None else f"{entry.comparison.p:.2g}",
        )
        for entry in entries
    )
    return Grid(heads, rows, 2)


def pair_lines(compared: MatchedComparison) -> list[str]:
    """One sentence per pair on equal cost, one more where best against best shows a difference; then the notes."""
    unit = "tokens" if compared.axis == "tokens" else "seconds"
    lines = [
        f"At equal {unit}, {compared.n} questions; p by Holm over {compared.n_tests} tests, "
        "intervals of each difference alone (95%)."
    ]
    for pair in compared.pairs:
        lines.append(pair.verdict)
        lines += [test.verdict for test in pair.tests if test.place == "best" and test.shown]
    lines += [f"Note: {note}" for note in compared.notes]
    return [line for text in lines for line in textwrap.wrap(name(text, 2000), WIDTH, subsequent_indent="    ")]


def terminal(grid: Grid) -> Table:
    """The grid for rich; fits `WIDTH` columns."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for place, head in enumerate(grid.heads):
        justify: Literal["left", "right"] = "left" if place < grid.names else "right"
        table.add_column(Text(head), justify=justify, no_wrap=True, overflow="ellipsis")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def markdown(grid: Grid) -> str:
    """The grid as a Markdown table; cells lose their padding where a line would pass `WIDTH`."""
    rule = tuple(":--" if place < grid.names else "--:" for place in range(len(grid.heads)))
    lines = [tuple(map(_escaped, row)) for row in (grid.heads, *grid.rows)]
    lines.insert(1, rule)
    wide = ["| " + " | ".join(row) + " |" for row in lines]
    if max(map(len, wide)) > WIDTH:
        wide = ["|" + "|".join(row) + "|" for row in lines]
    return "\n".join(wide) + "\n"


def name(text: str, limit: int = _NAME) -> str:
    """``text`` on one line, of printable characters, at most ``limit`` of them."""
    folded = " ".join(text[: 4 * limit].split())
    shown = "".join(letter if letter.isprintable() else "�" for letter in folded)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 without its sign: "12.3"; a dash where there is none."""
    return NONE if share is None else f"{100 * share:.{digits}f}"


def count(value: float | None) -> str:
    """At most six letters: 0.42, 7.5, 64, 9,876, 12.3k, 4.5M; a dash where there is none."""
    if value is None or value != value:
        return NONE
    if value >= 9999.5:
        power = 1 if value < 999_500 else 2 if value < 999_500_000 else 3
        scaled = value / 1000**power
        return f"{scaled:.{1 if scaled < 99.95 else 0}f}{'kMG'[power - 1]}"
    if value >= 9.95 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def _signed(value: float | None) -> str:
    if value is None:
        return NONE
    shown = f"{value:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", "−")


def _slope(scaled: Scaling) -> str:
    if scaled.interval is None:
        return _signed(scaled.value)
    low, high = scaled.interval.low, scaled.interval.high
    return f"{_signed(scaled.value)} [{_signed(low)}, {_signed(high)}]".replace("+", "")


def _span(interval: Interval | None) -> str:
    return NONE if interval is None else f"[{100 * interval.low:.0f},{100 * interval.high:.0f}]"


def _escaped(cell: str) -> str:
    """A cell that Markdown shows as it is; a bracket alone means nothing there, a link would need ``](``."""
    return "".join(f"\\{letter}" if letter in "\\|`*_<>" else letter for letter in cell).replace("](", "]\\(")
