"""From a chart specification to an SVG that may stand inside the page.

Knows the renderer, the stand-ins for the page's colours, and what an embedded picture must not contain. Refuses to
know what the chart shows. The picture holds no script, no link and no font: it takes the reader's font and theme.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import vl_convert
from markupsafe import Markup

COLOURS = {"ink": "#1b1b01", "muted": "#1b1b02", "faint": "#1b1b03", "accent": "#1b1b04", "paper": "#1b1b05"}
"""Stand-ins: the renderer knows hexadecimal colours only, the page swaps them for its own of the same names."""
_ALLOWED = frozenset({"svg", "g", "path", "rect", "line", "text", "tspan", "defs", "clipPath"})
_NAMESPACES = re.compile(r' (?:xmlns(?::\w+)?|version)="[^"]*"')
FONT, MONO = "system-ui, sans-serif", "ui-monospace, monospace"


def quiet(size: float = 11, **axis: Any) -> dict[str, Any]:
    """The configuration of every chart: no frame, faint lines, muted words of ``size`` pixels in the page's font."""
    words = {"labelColor": COLOURS["muted"], "titleColor": COLOURS["muted"], "titleFontWeight": "normal"}
    lines = {"domainColor": COLOURS["faint"], "tickColor": COLOURS["faint"], "gridColor": COLOURS["faint"]}
    fonts = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": size, "titleFontSize": size, "gridOpacity": 0.5}
    return {"aria": False, "view": {"stroke": None}, "axis": {**words, **lines, **fonts, **axis}}


def to_svg(spec: dict[str, Any], title: str, css_class: str) -> Markup:
    """The chart as inline SVG. Raises ValueError where the picture holds anything that can act or load.

    ``title`` is what a screen reader says instead of the picture; the numbers stand in a table beside it.
    """
    drawn = vl_convert.vegalite_to_svg(spec)
    _refuse_active(drawn)
    for name, stand_in in COLOURS.items():
        drawn = drawn.replace(f'"{stand_in}"', f'"var(--{name})"')
    head, body = drawn.split(">", 1)
    head = _NAMESPACES.sub("", head).replace('class="marks"', Markup('class="{}"').format(css_class))
    width, height = (re.search(rf'{side}="(\d+)"', head) for side in ("width", "height"))
    if width and height:
        head = head.replace(width[0], "").replace(height[0], "")  # the viewBox is left: the page decides the size
    return Markup('{} role="img" aria-label="{}">{}').format(Markup(head), title, Markup(body))


def _refuse_active(drawn: str) -> None:
    for element in ElementTree.fromstring(drawn).iter():
        tag = element.tag.rpartition("}")[2]
        bad = [name for name in element.attrib if name.lower().startswith("on") or name.rpartition("}")[2] == "href"]
        if tag not in _ALLOWED or bad:
            raise ValueError(f"the chart contains <{tag}> {' '.join(bad)}, which has no place in the page")
