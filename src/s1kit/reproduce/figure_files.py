"""A figure as files: SVG, PNG, PDF, and a caption that says what is drawn and how it was obtained.

Knows names of files and when they are already there. Refuses to know what a figure shows. The caption holds the hash of
what was drawn: where it has not changed, nothing is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from s1kit import __version__
from s1kit.report.picture import Picture
from s1kit.reproduce.published_figures import PAPER, SHOWS
from s1kit.store.files import replacing, write_atomic
from s1kit.types import sha256_hex

ENDINGS = ("svg", "png", "pdf")
_SCALE, _SHORT = 3, 12
"""Pixels per unit: 305 to the inch in a column of 84 mm."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the paper, from our data."""

    name: str
    """``figure4a``."""
    data: Any
    """Everything that is drawn, with a ``repr`` that is all of it: records and tuples of them."""
    draw: Callable[[], Picture]
    told: tuple[str, ...]
    """Paragraphs of the caption: what is drawn, of how many questions, with which intervals."""
    table: str = ""
    """The numbers, as Markdown."""
    source: str = ""
    """Command and runs."""
    beside: bool = True
    """Whether what the paper printed is about what is drawn."""

    def sourced(self, source: str) -> Figure:
        """The same, with where it comes from."""
        return replace(self, source=source)


def write_figure(folder: Path, figure: Figure) -> list[Path]:
    """The four files of a figure, drawn where they are missing or the data have changed; their paths."""
    pictures = [folder / f"{figure.name}.{ending}" for ending in ENDINGS]
    caption = folder / f"{figure.name}.md"
    text = caption_of(figure)
    if not caption.is_file() or caption.read_bytes() != text.encode() or not all(path.is_file() for path in pictures):
        folder.mkdir(parents=True, exist_ok=True)
        caption.unlink(missing_ok=True)  # written last: an interrupted drawing is drawn again
        _draw(figure.draw(), pictures)
        write_atomic(caption, text)
    return [*pictures, caption]


def _draw(picture: Picture, paths: Sequence[Path]) -> None:
    contents = (picture.svg().encode(), picture.png(_SCALE), picture.pdf())
    for path, content in zip(paths, contents, strict=True):
        with replacing(path) as temp:
            temp.write_bytes(content)


def caption_of(figure: Figure) -> str:
    """The caption as Markdown."""
    number = figure.name.removeprefix("figure")
    data = sha256_hex(repr((__version__, figure.data)))[:_SHORT]
    parts = [f"# Figure {number}: {SHOWS[figure.name]}", f"![Figure {number}]({figure.name}.png)", *figure.told]
    parts += [f"Paper: {PAPER[figure.name]}"] if figure.beside else []
    parts += [figure.table, figure.source, f"Data drawn: {data}."]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
