"""A finished drawing, as a page or a file wants it: inline SVG, SVG of its own, PNG, PDF.

Knows the colours of light and dark paper, how series are told apart, and the physical width of a printed column.
Refuses to know what is drawn. Colours are of middle lightness: they stand on light paper and on dark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import vl_convert
from markupsafe import Markup

from s1kit.report.svg import FONT, MONO

COLUMN, PAGE = 84.0, 174.0
"""Millimetres: one column of a two-column page, and both."""
HUES = ("#2f7fc1", "#cf5a2c", "#1f8f6b", "#9a6bc0", "#a07a1c", "#c8559a", "#7b7b7b")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
DASHES = ([1, 0], [6, 3], [2, 2])
LIGHT = {"ink": "#1d1c1a", "muted": "#6d685f", "faint": "#d8d3c8", "accent": "#b3441c", "paper": "#fcfbf8"}
DARK = {"ink": "#e8e4dc", "muted": "#a09a8e", "faint": "#3d3a34", "accent": "#ec9466", "paper": "#171614"}
"""As in the page's style sheet."""
_HALO = "text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; }"
_PRINTED = {FONT: "Liberation Sans, Arial, sans-serif", MONO: "Liberation Mono, Courier New, monospace"}
"""The first of each comes with the renderer: pixels and pages look the same wherever they are made."""
_POINTS = 72 / 25.4
"""Per millimetre."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing to be put into a page or a file."""

    inline: Markup
    """For a page that defines the colours; it takes the page's font and theme."""
    halo: bool = True
    """Whether text is set off from the lines behind it."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in units of the drawing. ValueError where it has no view box."""
        box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', str(self.inline).split(">", 1)[0])
        if box is None:
            raise ValueError("the renderer gave no viewBox")
        return float(box[1]), float(box[2])

    def svg(self) -> str:
        """A file of its own, light or dark as its reader likes."""
        light, dark = (" ".join(f"--{name}: {value};" for name, value in p.items()) for p in (LIGHT, DARK))
        return self._file(f":root {{ {light} }} @media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}")

    def png(self, scale: float = 2) -> bytes:
        """The light one as pixels, ``scale`` of them per unit."""
        return bytes(vl_convert.svg_to_png(self._printed(), scale=scale))

    def pdf(self, millimetres: float = COLUMN) -> bytes:
        """The light one as one page so wide; letters stay letters, their fonts are embedded."""
        return bytes(vl_convert.svg_to_pdf(self._printed(millimetres * _POINTS)))

    def _printed(self, width: float | None = None) -> str:
        drawn = self._file("", width)
        for name, value in LIGHT.items():
            drawn = drawn.replace(f"var(--{name})", value)
        for family, printed in _PRINTED.items():
            drawn = drawn.replace(f'font-family="{family}"', f'font-family="{printed}"')
        return drawn

    def _file(self, style: str, width: float | None = None) -> str:
        head, body = str(self.inline).split(">", 1)
        wide, high = self.size
        grown = 1.0 if width is None else width / wide
        sides = f'width="{wide * grown:.10g}" height="{high * grown:.10g}"'
        head = head.replace("<svg", f'<svg xmlns="http://www.w3.org/2000/svg" {sides}', 1)
        style += _HALO if self.halo else ""
        return f'{head}><style>{style}</style><rect width="100%" height="100%" fill="var(--paper)"/>{body}\n'
