"""A table in three forms: every number comes back from CSV, every letter from LaTeX, and Markdown keeps its columns."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from s1kit.reproduce.table_files import Column, Entry, PaperTable, as_csv, as_latex, as_markdown, latex, write_table

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
NAMED = {
    "textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textless": "<", "textgreater": ">",
    "textbar": "|", "textendash": "–", "textemdash": "—", "dots": "…",
}  # fmt: skip
SIGNS = {"-": "−", r"\times": "×", r"\pm": "±", r"\leq": "≤", r"\geq": "≥", r"\to": "→"}
TOKEN = re.compile(
    r"\\char(?P<char>\d+)\{\}|\\\((?P<sign>[^)]+)\\\)|\\(?P<name>[a-zA-Z]+)\{\}|\\(?P<one>[{}$&#%_])"
    r"|\{(?P<group>[-*\[\]])\}|(?P<plain>[^\\{}$&#%_^~*\[\]-])"
)


def read_latex(text: str) -> str:
    """What LaTeX would print; AssertionError for anything that it would take for a command."""
    out, place = [], 0
    while place < len(text):
        found = TOKEN.match(text, place)
        assert found, text[place:]
        kind, value = next((k, v) for k, v in found.groupdict().items() if v is not None)
        shown = {"char": lambda v: chr(int(v)), "sign": SIGNS.__getitem__, "name": NAMED.__getitem__}
        out.append(shown.get(kind, str)(value))
        place = found.end()
    return "".join(out)


def table(rows: tuple[tuple[Entry, ...], ...], notes: tuple[str, ...] = ()) -> PaperTable:
    columns = (Column(head="method & co", words=True), Column(head="right, %", interval=True))
    return PaperTable(name="table9", title="Table 9: 100% of $x_1$", columns=columns, rows=rows, notes=notes)


def entries(numbers: list[tuple[float, float, float]], words: list[str]) -> PaperTable:
    return table(
        tuple(
            (Entry(value=word), Entry(value=value, low=low, high=high))
            for word, (value, low, high) in zip(words, numbers, strict=False)
        )
    )


@given(WORDS)
def test_latex_shows_every_letter_or_its_number(word: str) -> None:
    folded = " ".join(word.split())
    known = set(NAMED.values()) | set(SIGNS.values())
    told = "".join(c if 0x20 <= ord(c) < 0x7F or c in known else f"U+{ord(c):04X}" for c in folded)
    assert read_latex(latex(word)) == told


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=4), st.lists(WORDS, min_size=4, max_size=4))
def test_every_number_and_word_comes_back_from_csv(numbers: list[tuple[float, ...]], words: list[str]) -> None:
    made = entries([(a, b, c) for a, b, c in numbers], words)
    head, *rows = list(csv.reader(io.StringIO(as_csv(made), newline="")))
    assert head == ["method & co", "right, %", "right, % (low)", "right, % (high)"]
    assert [tuple(map(float, row[1:])) for row in rows] == [tuple(map(float, three)) for three in numbers]
    assert [row[0] for row in rows] == [" ".join(word.split()) for word in words[: len(rows)]]


@given(st.lists(WORDS, min_size=1, max_size=3))
def test_latex_is_whole_and_has_as_many_cells_in_every_line(words: list[str]) -> None:
    text = as_latex(table(tuple((Entry(value=w), Entry(value=12.34, low=-1, high=150)) for w in words), tuple(words)))
    lines = text.splitlines()
    begun = [line for line in lines if line.startswith(r"\begin")]
    assert begun == [r"\begin{table}", r"\begin{tabular}{lr}"]
    assert lines[-1] == r"\end{table}"
    assert lines.count(r"\end{tabular}") == 1
    body = lines[lines.index(r"\hline") : lines.index(r"\end{tabular}")]
    rows = [line.removesuffix(r" \\") for line in body if line != r"\hline"]
    assert len(rows) == len(words) + 1
    assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {2}
    assert [read_latex(cell.strip()) for cell in re.split(r"(?<!\\)&", rows[0])] == ["method & co", "right, %"]
    assert all(read_latex(re.split(r"(?<!\\)&", row)[1].strip()) == "12.3 [-1.0, 150]" for row in rows[1:])


@given(WORDS)
def test_markdown_keeps_its_columns(word: str) -> None:
    text = as_markdown(table(((Entry(value=word), Entry(value=None)),)))
    rows = [line for line in text.split("\n") if line.startswith("|")]
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows} == {3}


def test_digits_are_as_many_as_a_column_needs() -> None:
    mixed = table(tuple((Entry(value=f"row {n}"), Entry(value=n)) for n in (30, 26.7, 7939.4)))
    rows = [line.split("|") for line in as_markdown(mixed).split("\n") if line.startswith("| row")]
    assert [row[2].strip() for row in rows] == ["30.0", "26.7", "7,939"]
    whole = table(((Entry(value="a"), Entry(value=30)), (Entry(value="b"), Entry(value="needs a model"))))
    assert "| a | 30 |" in as_markdown(whole)
    assert "| b | needs a model |" in as_markdown(whole)


def test_a_file_that_would_not_change_is_left_alone(tmp_path: Path) -> None:
    made = entries([(1.5, 1.0, 2.0)], ["x"])
    paths = write_table(tmp_path, made)
    assert sorted(path.name for path in paths) == ["table9.csv", "table9.md", "table9.tex"]
    before = [path.stat().st_mtime_ns for path in paths]
    assert [path.stat().st_mtime_ns for path in write_table(tmp_path, made)] == before
    write_table(tmp_path, entries([(2.5, 1.0, 2.0)], ["x"]))
    assert all(path.stat().st_mtime_ns != old for path, old in zip(paths, before, strict=True))
