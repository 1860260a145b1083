"""Transcripts as pictures whose text stays text: questions, thinking with what was forced lit, answers.

Knows lines, letters and how forced text is told from the model's without colour (it is bold, underlined and on a tint).
Refuses to know tokens. Every run of text has its width written beside it, so a tint lies behind its words in any font.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from s1kit.report.picture import Picture
from s1kit.report.pictures import WIDTH
from s1kit.report.svg import FONT, MONO
from s1kit.report.text import visible

Kind = Literal["model", "forced"]
_LETTER, _LINE, _SIZE = 5.7, 13.5, 9.5
"""Width of a letter, height of a line and of a letter of the fixed-width face."""
_EDGE, _BAR = 6, 8
COLUMNS = int((WIDTH - _BAR) / _LETTER)
"""Letters in a line."""
_CUT = "[…]"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text by one writer."""

    text: str
    kind: Kind = "model"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph with a heading over it."""

    heading: str
    runs: tuple[Run, ...]
    note: str = ""
    """Beside the heading: how many tokens, which verdict."""


@dataclass(frozen=True, slots=True)
class Laid:
    """A run in its place in a line: columns from the left."""

    column: int
    text: str
    kind: Kind


def columns(text: str) -> int:
    """How many letters wide it stands: wide characters take two, combining ones none."""
    return sum(_wide(char) for char in text)


def _wide(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def lines(runs: Sequence[Run], width: int = COLUMNS) -> list[list[Laid]]:
    """The runs broken into lines of at most ``width`` columns: at spaces and new lines, in a word only where it is
    longer than a line. A line that is empty but for spaces is left out."""
    done: list[list[Laid]] = [[]]
    at = 0
    for text, kind in _words(runs):
        if text == "\n" or (at + columns(text.rstrip(" ")) > width and at > 0):
            done.append([])
            at = 0
        for part in _fitting(text, width):
            if at + columns(part.rstrip(" ")) > width:
                done.append([])
                at = 0
            shown = part if at or part.strip() else ""
            if shown and shown != "\n":
                done[-1].append(Laid(at, shown, kind))
                at += columns(shown)
    return [_joined(line) for line in done if any(piece.text.strip() for piece in line)]


def _words(runs: Sequence[Run]) -> Iterator[tuple[str, Kind]]:
    """Words with the spaces behind them, and new lines alone."""
    for run in runs:
        word = ""
        for char in visible(run.text).replace("\t", "  "):
            if char == "\n":
                yield from ((part, run.kind) for part in (word, "\n") if part)
                word = ""
            elif word.endswith(" ") and char != " ":
                yield word, run.kind
                word = char
            else:
                word += char
        if word:
            yield word, run.kind


def _fitting(text: str, width: int) -> Iterator[str]:
    """A word in pieces that each fit a line."""
    part = ""
    for char in text:
        if part.strip() and char != " " and columns(part + char) > width:
            yield part
            part = ""
        part += char
    if part:
        yield part


def _joined(line: Sequence[Laid]) -> list[Laid]:
    """Neighbours by the same writer as one piece, spaces at the line's end left out."""
    found: list[Laid] = []
    for piece in line:
        if found and found[-1].kind == piece.kind and found[-1].column + columns(found[-1].text) == piece.column:
            found[-1] = Laid(found[-1].column, found[-1].text + piece.text, piece.kind)
        else:
            found.append(piece)
    found[-1] = Laid(found[-1].column, found[-1].text.rstrip(" "), found[-1].kind)
    return [piece for piece in found if piece.text]


def excerpt(runs: Sequence[Run], most: int) -> tuple[Run, ...]:
    """At most ``most`` letters of the model's text: its beginning and its end. What was forced is never left out."""
    total = sum(len(run.text) for run in runs if run.kind == "model")
    if total <= most:
        return tuple(runs)
    head, tail = most - most // 3, total - most // 3
    found: list[Run] = []
    at = 0
    for run in runs:
        if run.kind == "forced":
            found.append(run)
            continue
        first, rest = run.text[: max(0, head - at)], run.text[max(0, tail - at) :] if at + len(run.text) > tail else ""
        middle = f" {_CUT} " if len(first) + len(rest) < len(run.text) else ""
        found.append(Run(first + middle + rest if middle else run.text, run.kind))
        at += len(run.text)
    return tuple(found)


def transcript(blocks: Sequence[Block], title: str) -> Picture:
    """The blocks under each other. ``title`` is for a screen reader. ValueError without a block."""
    if not blocks:
        raise ValueError("a transcript without a block")
    drawn, y = Markup(), float(_EDGE)
    for index, block in enumerate(blocks):
        y += 0 if index == 0 else 9
        part, y = _block(block, y)
        drawn += part
    head = Markup('<svg class="figure" viewBox="0 0 {} {:.1f}" role="img" aria-label="{}">')
    return Picture(head.format(WIDTH + 2 * _EDGE, y + _EDGE, visible(title)) + drawn + Markup("</svg>"), halo=False)


def _block(block: Block, y: float) -> tuple[Markup, float]:
    """Heading, bar at the left and lines; where the next one may begin."""
    small = Markup('<text x="{}" y="{:.1f}" font-family="{}" font-size="9" font-weight="{}" fill="{}"{}>{}</text>')
    right = Markup(' text-anchor="end"')
    drawn = small.format(_EDGE, y + 9, FONT, "bold", "var(--muted)", "", visible(block.heading))
    drawn += small.format(WIDTH + _EDGE, y + 9, FONT, "normal", "var(--muted)", right, visible(block.note))
    y += 14
    top, laid = y, lines(block.runs)
    for line in laid:
        for piece in line:
            drawn += _piece(piece, y)
        y += _LINE
    bar = Markup('<rect x="{}" y="{:.1f}" width="1.5" height="{:.1f}" fill="var(--faint)"/>')
    return drawn + bar.format(_EDGE, top, max(y - top - 2, 0)), y


def _piece(piece: Laid, y: float) -> Markup:
    x, wide = _EDGE + _BAR + piece.column * _LETTER, columns(piece.text) * _LETTER
    drawn, more, ink = Markup(), Markup(), "var(--ink)"
    if piece.kind == "forced":
        tint = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{}" rx="2" {} fill="var(--accent)"/>')
        drawn = tint.format(x - 1.5, y, wide + 3, _LINE - 2, Markup('opacity="0.16"'))
        rule = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="1" fill="var(--accent)"/>')
        drawn += rule.format(x, y + _LINE - 3, wide)
        more, ink = Markup(' font-weight="bold"'), "var(--accent)"
    text = Markup(
        '<text x="{:.1f}" y="{:.1f}" textLength="{:.1f}" lengthAdjust="spacingAndGlyphs" font-family="{}" '
        'font-size="{}" fill="{}"{} xml:space="preserve">{}</text>'
    )
    return drawn + text.format(x, y + 9, wide, MONO, _SIZE, ink, more, piece.text)
