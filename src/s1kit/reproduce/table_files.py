"""A table in three forms: Markdown to read, LaTeX to print, CSV to compute with.

Knows escaping and digits. Refuses to know what the numbers mean. LaTeX needs no package: an input of the fragment
between ``\\begin{document}`` and ``\\end{document}`` compiles. CSV has every number in full, an interval in two columns
of its own, and one line of heads.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from s1kit.compare.text import NONE, Grid, markdown
from s1kit.store.files import write_atomic
from s1kit.types import Record

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "'": r"\char39{}",
    "`": r"\char96{}",
    "-": r"{-}",
    "*": r"{*}",
    "[": r"{[}",
    "]": r"{]}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\dots{}",
    "−": r"\(-\)",
    "×": r"\(\times\)",
    "±": r"\(\pm\)",
    "≤": r"\(\leq\)",
    "≥": r"\(\geq\)",
    "→": r"\(\to\)",
}
"""Brackets, stars and hyphens stand in braces: behind a line's end ``[`` and ``*`` mean something, ``--`` is a dash.
Straight quotes stand by number: their names are of an encoding that plain LaTeX does not load."""


class Entry(Record):
    """A number, with its interval where there is one. ``value`` is text where a word stands instead of a number."""

    value: int | float | str | None
    low: float | None = None
    high: float | None = None


class Column(Record):
    """A column: its head, and whether its numbers have intervals."""

    head: str
    words: bool = False
    interval: bool = False


class PaperTable(Record):
    """One table: as many cells in every row as there are columns."""

    name: str
    """Its files are called so."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str, ...] = ()
    """What it is, and how it was obtained."""


def write_table(folder: Path, table: PaperTable) -> list[Path]:
    """Write ``<name>.md``, ``.tex`` and ``.csv``; a file that would not change is left alone. Their paths."""
    texts = {"md": as_markdown(table), "tex": as_latex(table), "csv": as_csv(table)}
    return [write_changed(folder / f"{table.name}.{ending}", text) for ending, text in texts.items()]


def write_changed(path: Path, text: str) -> Path:
    """Write ``text`` unless the file holds it already; the path. The folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_atomic(path, text)
    return path


def as_markdown(table: PaperTable) -> str:
    """Title, table, notes. Digits are as many as help: CSV has the rest."""
    words = sum(column.words for column in table.columns)
    heads = tuple(column.head for column in table.columns)
    grid = Grid(heads, told(table), names=words)
    parts = [f"## {table.title}", markdown(grid).rstrip("\n"), "\n".join(f"- {_line(note)}" for note in table.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_latex(table: PaperTable) -> str:
    """A ``table`` environment with a plain ``tabular``; the notes stand below it in small letters."""
    spec = "".join("l" if column.words else "r" for column in table.columns)
    lines = [r"\begin{table}", r"\centering\footnotesize", rf"\caption{{{latex(table.title)}}}"]
    lines += [
        rf"\begin{{tabular}}{{{spec}}}",
        r"\hline",
        _row(tuple(column.head for column in table.columns)),
        r"\hline",
    ]
    lines += [_row(row) for row in told(table)]
    lines += [r"\hline", r"\end{tabular}"]
    lines += [rf"\par\scriptsize {latex(note)}" for note in table.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def as_csv(table: PaperTable) -> str:
    """One line of heads, then numbers as Python writes them (they read back to the same float); empty: none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [f"{column.head}{part}" for column in table.columns for part in ("", *_INTERVAL[: 2 * column.interval])]
    writer.writerow(heads)
    for row in table.rows:
        cells: list[float | str | None] = []
        for column, cell in zip(table.columns, row, strict=True):
            value = _line(cell.value) if isinstance(cell.value, str) else cell.value
            cells += [value, cell.low, cell.high][: 3 if column.interval else 1]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return out.getvalue()


_INTERVAL = (" (low)", " (high)")


def told(table: PaperTable) -> tuple[tuple[str, ...], ...]:
    """The rows for people: 12.3, 12.3 [10.1, 14.9], 1,234, or a word. A column has one digit where any of its numbers
    needs one; from 100 on there is none."""
    exact = [_whole([row[place] for row in table.rows]) for place in range(len(table.columns))]
    return tuple(tuple(_shown(cell, whole) for cell, whole in zip(row, exact, strict=True)) for row in table.rows)


def _whole(cells: Sequence[Entry]) -> bool:
    numbers = [n for cell in cells for n in (cell.value, cell.low, cell.high) if isinstance(n, int | float)]
    return all(abs(n) >= 100 or float(n).is_integer() for n in numbers)


def _shown(cell: Entry, whole: bool) -> str:
    if not isinstance(cell.value, int | float):
        return NONE if cell.value is None else _line(cell.value)
    if cell.low is None or cell.high is None:
        return _digits(cell.value, whole)
    return f"{_digits(cell.value, whole)} [{_digits(cell.low, whole)}, {_digits(cell.high, whole)}]"


def _digits(value: float, whole: bool) -> str:
    return f"{value:,.0f}" if whole or abs(value) >= 100 else f"{value:.1f}"


def latex(text: str) -> str:
    """``text`` as LaTeX shows it. A letter that a plain LaTeX may lack is told by its number: U+4E2D."""
    return "".join(_LATEX.get(c, c if 0x20 <= ord(c) < 0x7F else f"U+{ord(c):04X}") for c in _line(text))


def _line(text: str) -> str:
    return " ".join(text.split())


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(latex, cells)) + r" \\"
