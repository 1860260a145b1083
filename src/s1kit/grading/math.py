r"""Mathematical answers: cheap exact rules first, Math-Verify for the rest.

Knows which pairs of answers can be decided by reading them, and the pairs that Math-Verify would get wrong, which are
decided here before it sees them. Refuses to run Math-Verify: an undecided pair leaves as a `Comparison`, because the
parser can hang or eat all memory and belongs in a process that can be killed (`s1kit.grading.pool`).

Rules in order: ``word`` (gold is text: ``Evelyn``; as maths an anagram would equal it), ``literal`` (equal normal
forms), ``number`` (two integers decide it; two equal decimals agree), ``base`` (``2516_8`` against ``2516_7``),
``time`` (``10:20`` is not ``5:10``), ``percent``, then Math-Verify. Known and accepted: units are not compared, so
33 m passes for 33 cm, and a missing unit, base or ``x =`` is forgiven, as the reference's own judge examples do.

Percent: with the sign on both sides or on neither, the numbers are compared; with it on one side the answer may be
the number or its hundredth. So gold ``10`` takes ``10\%`` but never ``0.1``; gold ``10\%`` takes both.
"""

from __future__ import annotations

import re
from fractions import Fraction

from s1kit.grading import text as text_rule
from s1kit.grading.extract import Candidate
from s1kit.grading.literal import latex_literal, number, tidy
from s1kit.grading.ruling import Comparison, Ruling, verdict_of

_WORD = re.compile(r"\\text(?:bf|it|rm)?\s*\{[^{}]*[A-Za-z]{2}[^{}]*\}|[A-Za-z]{3,}(?:[ -][A-Za-z]+)*")
_LETTER = re.compile(r"\(?([A-Za-z])\)?")
_BASE = re.compile(r"\d+_\{?(\d+)\}?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?:([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)
_DELIMITED = re.compile(r"(\$|\\\(|\\\[).+(\$|\\\)|\\\])", re.DOTALL)


def is_word(reference: str) -> bool:
    """Whether a reference is text (``Evelyn``, ``\\text{even}``): compared as words, never as a product of letters."""
    return bool(_WORD.fullmatch(tidy(reference)))


def bare_is_answer(line: str) -> bool:
    """Whether a whole answer text is an answer by itself: a number, or a formula between delimiters."""
    literal = latex_literal(line)
    return number(literal.replace(",", "")) is not None or bool(_DELIMITED.fullmatch(line.strip().rstrip(".")))


def rule(candidate: Candidate, reference: str) -> Ruling | Comparison:
    """Decide a maths answer by reading it, or return the `Comparison` that Math-Verify has to decide."""
    if is_word(reference):
        return text_rule.rule(candidate, reference)
    gold, given = latex_literal(reference), latex_literal(candidate.text)
    decided = _by_literal(gold, given) or _by_base(gold, given) or _by_clock(gold, given) or _by_percent(gold, given)
    if decided is not None:
        name, equal = decided
        return Ruling(verdict_of(equal), f"{candidate.source}/{name}", candidate.text)
    return Comparison(gold=reference, answer=candidate.text, source=candidate.source)


def _by_literal(gold: str, given: str) -> tuple[str, bool] | None:
    """Equal normal forms, a single letter with or without parentheses, plain numbers."""
    if gold == given:
        return ("literal", True)
    gold_letter, given_letter = _LETTER.fullmatch(gold), _LETTER.fullmatch(given)
    if gold_letter and given_letter:
        return ("letter", gold_letter[1] == given_letter[1])
    gold_number, given_number = _thousands(gold), _thousands(given)
    if gold_number is None or given_number is None:
        return None
    if gold_number == given_number:
        return ("number", True)
    both_integers = gold_number.denominator == given_number.denominator == 1
    return ("number", False) if both_integers else None


def _thousands(text: str) -> Fraction | None:
    """Value of a plain number, thousands separated by commas or not."""
    return number(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text))


def _by_base(gold: str, given: str) -> tuple[str, bool] | None:
    """Both sides name a base, and not the same one: Math-Verify would drop both and agree."""
    gold_base, given_base = _BASE.fullmatch(gold), _BASE.fullmatch(given)
    if gold_base and given_base and gold_base[1] != given_base[1]:
        return ("base", False)
    return None


def _by_clock(gold: str, given: str) -> tuple[str, bool] | None:
    """Times of day: Math-Verify reads ``10:20`` as a ratio and ``12:00`` as a division by zero."""
    gold_time, given_time = _CLOCK.fullmatch(gold), _CLOCK.fullmatch(given)
    if gold_time is None or given_time is None:
        return None
    same_clock = (int(gold_time[1]), gold_time[2]) == (int(given_time[1]), given_time[2])
    halves = {half.lower() for half in (gold_time[3], given_time[3]) if half}
    return ("time", same_clock and len(halves) < 2)


def _by_percent(gold: str, given: str) -> tuple[str, bool] | None:
    """Numbers with a percent sign on at least one side (Math-Verify lets 10%, 10 and 0.1 all agree)."""
    signs = (gold.endswith("%"), given.endswith("%"))
    gold_number, given_number = _thousands(gold.rstrip("%")), _thousands(given.rstrip("%"))
    if not any(signs) or gold_number is None or given_number is None:
        return None
    equal = gold_number == given_number
    if signs == (True, False):
        equal = equal or gold_number == given_number * 100
    elif signs == (False, True):
        equal = equal or gold_number * 100 == given_number
    return ("percent", equal)
