"""Normal forms of an answer as text: tidied, as a LaTeX literal, as words.

Knows which differences in spelling never change an answer (dollar signs, bold, ``\\dfrac``). Refuses to know what an
answer means: everything here is string to string, and equal normal forms are the only claim.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

_WRAPPERS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|operatorname|mbox|boxed|fbox)\s*\{([^{}]*)\}"
)
_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"), ("**", "**"), ("__", "__"), ("`", "`"))
_TRAILING_SPACE = ("~", "\\\\", "\\ ", "\\,", "\\;", "\\:", "\\!")
_MAX_DIGITS = 4000
"""Longer digit strings are not converted: Python refuses int() above 4,300 digits, and no answer is that long."""


def tidy(text: str) -> str:
    """``text`` without the dress an answer comes in: space, markdown, maths delimiters, a trailing full stop.

    Repeats until nothing changes, so ``**$25$.**`` becomes ``25``. Keeps ``!`` (a factorial) and a leading ``-``
    (a sign), and a lone leading ``$`` (money; the number rules drop it).
    """
    while True:
        before = text
        text = text.replace("\u2212", "-").strip().strip("*").strip()
        text = text.lstrip("#").rstrip(".,;:").strip()
        while text.endswith(_TRAILING_SPACE):  # not a regular expression: "+$" takes quadratic time on a loop of blanks
            text = text[: -1 if text.endswith("~") else -2]
        for opening, closing in _DELIMITERS:
            inner = text[len(opening) : len(text) - len(closing)]
            wrapped = len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing)
            if wrapped and closing not in inner and not inner.endswith("\\"):
                text = inner
                break
        if text.endswith("$") and text.count("$") == 1 and not text.endswith("\\$"):
            text = text[:-1]
        if text == before:
            return text


def unwrap_text(text: str) -> str:
    r"""``\text{B}`` -> ``B``, also ``\mathrm``, ``\textbf`` and a box inside the box, anywhere; ``{,}`` -> ``,``."""
    text = text.replace("{,}", ",")
    while (unwrapped := _WRAPPERS.sub(r"\1", text)) != text:
        text = unwrapped
    return text


def latex_literal(text: str) -> str:
    r"""A spelling-free form of a LaTeX answer; equal forms are equal answers, unequal ones say nothing.

    Drops ``\left``, ``\right``, thin spaces, delimiters, degree signs, ``\$`` and a trailing full stop; ``\dfrac`` and
    ``\tfrac`` become ``\frac``; ``\text{x}`` becomes ``x``. A blank between two digits is kept: ``1 1/2`` is not
    ``11/2``.
    """
    text = unwrap_text(tidy(text))
    text = re.sub(r"(?<!\\)\\[,;:!]", "", text)
    text = re.sub(r"(?<!\\)\\ |~", " ", text)
    text = re.sub(r"\\(?:left|right)(?![a-zA-Z])", "", text)
    text = re.sub(r"\\[dt]frac(?![a-zA-Z])", r"\\frac", text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?|°", "", text)
    text = text.replace("{,}", ",").replace("\\$", "").replace("$", "").replace("\\%", "%")
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?<![0-9]) | (?![0-9])", "", text)
    return tidy(text)


def words(text: str) -> str:
    """Case-folded words and numbers of ``text``, single blanks between: the form in which text answers are compared.

    Punctuation becomes a blank, except a minus in front of a number and a point between digits. Where nothing else
    is left (an answer made of brackets), the text itself without white space, so that two such answers still differ.
    """
    text = unicodedata.normalize("NFKC", unwrap_text(tidy(text))).casefold()
    kept = re.sub(r"(?<![\w)])-(?=\d)", "\0", text)
    kept = re.sub(r"(?<=\d)\.(?=\d)", "\1", kept)
    kept = re.sub(r"[^\w\0\1]|_", " ", kept).replace("\0", "-").replace("\1", ".")
    return " ".join(kept.split()) or "".join(text.split())


def number(text: str) -> Fraction | None:
    """Exact value of a plain integer or decimal such as ``-0.50``; None for anything else, also for fractions."""
    if len(text) <= _MAX_DIGITS and re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)", text, re.ASCII):
        return Fraction(text if not text.endswith(".") else text[:-1])
    return None
