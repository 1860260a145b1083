r"""Integer answers: AIME (000 to 999), counting, arithmetic.

Knows every usual way to write an integer: leading zeros, a sign, thousands separators (``,`` ``{,}`` ``\,`` ``,\!``),
``$``, a trailing point or zeros behind it (``25.0``), bold. Refuses to know expressions: what is no integer literal
but has a digit in it (``5^2``, ``33 cm``, ``x = 5``, ``10\%``) goes on to the rules for maths.
"""

from __future__ import annotations

import re

from s1kit.grading import math
from s1kit.grading.extract import Candidate
from s1kit.grading.literal import tidy, unwrap_text
from s1kit.grading.ruling import Comparison, Ruling, verdict_of

_SEPARATOR = r"(?:,\\!|\{,\}|\\,|,)"
_INTEGER = re.compile(rf"([+-]?)(?:\\?\$)?(\d{{1,3}}(?:{_SEPARATOR}\d{{3}})+|\d+)(?:\.0*)?", re.ASCII)


def integer_literal(text: str) -> str | None:
    """The canonical digits of an integer literal (``-7``, ``0``, ``1234``); None where ``text`` is not one.

    A string, not an int: a thousand-digit answer is compared without being converted, and nothing can raise.
    """
    match = _INTEGER.fullmatch(tidy(unwrap_text(tidy(text))).strip("{} "))
    if match is None:
        return None
    digits = re.sub(r"\D", "", match[2], flags=re.ASCII).lstrip("0") or "0"
    return "-" + digits if match[1] == "-" and digits != "0" else digits


def rule(candidate: Candidate, reference: str) -> Ruling | Comparison:
    """Decide an integer question, or hand the pair on to Math-Verify. Extracted are the canonical digits: 4 for 004.

    A bare line is an answer only where it is a number. A box without any digit is a wrong answer (a box is a
    statement); a line behind a marker without any digit is no answer ("I cannot tell").
    """
    gold, given = integer_literal(reference), integer_literal(candidate.text)
    if gold is None:
        return Ruling("ungraded", "bad_reference", candidate.text)
    if given is not None:
        return Ruling(verdict_of(given == gold), f"{candidate.source}/integer", given)
    if candidate.source == "bare":
        return Ruling("no_answer", "none")
    if not any(character.isdigit() for character in candidate.text):
        if candidate.source == "box":
            return Ruling("incorrect", "box/no_number", candidate.text)
        return Ruling("no_answer", f"{candidate.source}/no_number")
    return math.rule(candidate, reference)
