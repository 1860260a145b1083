"""Text that nobody vouched for, made safe to look at and short enough to ship.

Knows which characters hide or rearrange what a reader sees, and how to leave out a middle. Refuses to know HTML
structure: escaping itself is the template's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import escape

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Control, format, direction and zero-width characters, lone surrogates, tags. New line and tab are left alone. Python
matches astral characters whole, so a surrogate matched here is a lone one, which UTF-8 cannot write."""


def visible(text: str) -> str:
    """``text`` with every character that would hide, reorder or break what is shown replaced by a name of itself.

    Controls become their pictures (``\\x1b`` -> ``␛``), the rest ``⟨U+202E⟩``. The result can always be encoded.
    """
    return _HIDDEN.sub(_named, text)


def _named(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def one_line(text: str, limit: int) -> str:
    """``text`` on one line, visible, with at most ``limit`` characters of the original and an ellipsis."""
    folded = " ".join(text[: 4 * limit].split())
    return visible(folded if len(folded) <= limit else folded[: limit - 1] + "…")


def weight(text: str) -> int:
    """Bytes that ``text`` takes in the page, escaped and encoded."""
    return len(str(escape(visible(text))).encode())


def shorten(text: str, limit: int) -> str:
    """``text`` where it weighs at most ``limit`` bytes in the page, else its beginning and end around a count.

    What is left out is the middle: a trace is read for how it sets out and what it concludes. The count of left-out
    characters comes on top of ``limit``.
    """
    keep = limit
    while len(text) > 16:
        if len(text) <= keep and weight(text) <= limit:
            return text
        head, tail = text[: keep - keep // 3], text[len(text) - keep // 3 :]
        heavy = weight(head) + weight(tail)
        if len(text) > keep and heavy <= limit:
            return f"{head} […{len(text) - len(head) - len(tail):,} characters left out…] {tail}"
        keep = max(16, min(keep - 1, keep * limit // max(heavy, 1)))
        if keep == 16:
            return f"{text[:16]} […{len(text) - 16:,} characters left out…]"
    return text


def shares(weights: Sequence[int], total: int) -> list[int]:
    """``total`` divided among texts of these weights: a light one takes what it needs, the heavy share the rest."""
    given = [0] * len(weights)
    left = total
    order = sorted(range(len(weights)), key=lambda index: weights[index])
    for place, index in enumerate(order):
        given[index] = min(weights[index], left // (len(order) - place))
        left -= given[index]
    return given


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 as ``12.3%``; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f}%"


def number(value: float | None, digits: int = 0) -> str:
    """A count or a mean with thousands separated; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 1) -> str:
    """A difference with its sign, a real minus; a dash where there is none."""
    if value is None:
        return "–"
    shown = f"{value:+.{digits}f}"
    return f"{0:.{digits}f}" if float(shown) == 0 else shown.replace("-", "−")


def chance(p: float) -> str:
    """A p-value with as many digits as anybody should read."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
