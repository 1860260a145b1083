r"""Multiple-choice answers: a letter, or the full text of exactly one choice.

Knows the ways to name a choice (``B``, ``b``, ``(B)``, ``B)``, ``B.``, ``\text{B}``, ``option B``, ``B) Paris``).
Refuses to guess: a line that names no choice is never read as "A", which would give a quarter of the points for
silence. Where letter and text disagree (``B) Paris``, but A is Paris), the letter counts: it is what was asked for.
"""

from __future__ import annotations

import re

from s1kit.grading.extract import Candidate
from s1kit.grading.literal import latex_literal, tidy, unwrap_text, words
from s1kit.grading.ruling import Ruling, verdict_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PREFIX = re.compile(r"^(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)(?:\s+is)?)\s*:?\s+", re.IGNORECASE)
_ALONE = re.compile(r"[(\[]?([A-Za-z])[)\].:]?")
_WITH_TEXT = re.compile(
    r"(?:[(\[]([A-Za-z])[)\]]|([A-Z])(?:[).:,]|\s*[-\u2013\u2014]|(?=\s+(?:is|because|since)\b)))\s*\S.*", re.DOTALL
)


def choice_letter(text: str, choices: tuple[str, ...]) -> str | None:
    """The letter that ``text`` names, or None.

    ``choices`` are the texts behind the letters; where empty (the question's own text lists them), A to J are taken.
    A text equal to exactly one choice names that choice; equal to two, none.
    """
    plain = _PREFIX.sub("", tidy(unwrap_text(tidy(text)))).strip()
    valid = LETTERS[: len(choices) or 10]
    if (match := _ALONE.fullmatch(tidy(plain))) and match[1].upper() in valid:
        return match[1].upper()
    if by_text := _equal_choice(plain, choices):
        return by_text
    if (match := _WITH_TEXT.fullmatch(plain)) and (letter := (match[1] or match[2]).upper()) in valid:
        return letter
    return None


def _equal_choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The letter of the one choice with this text: as a LaTeX literal, then as words where no LaTeX is involved."""
    literal = latex_literal(text).casefold()
    named = list(zip(LETTERS, choices, strict=False))
    same = [letter for letter, choice in named if latex_literal(choice).casefold() == literal]
    if not same and literal and re.fullmatch(r"[\w\s.,;:'\"!?-]+", text):
        same = [letter for letter, choice in named if words(choice) == words(text)]
    return same[0] if len(same) == 1 else None


def rule(candidate: Candidate, reference: str, choices: tuple[str, ...]) -> Ruling:
    """Decide a choice question.

    A box that names no choice is a wrong answer; a line behind a marker, or a bare one, that names none is no answer.
    A reference that is neither a letter nor the text of one choice leaves the row ungraded.
    """
    gold = choice_letter(reference, choices)
    if gold is None:
        return Ruling("ungraded", "bad_reference", candidate.text)
    given = choice_letter(candidate.text, choices)
    if given is not None:
        return Ruling(verdict_of(given == gold), f"{candidate.source}/choice", given)
    if candidate.source == "box":
        return Ruling("incorrect", "box/no_choice", candidate.text)
    return Ruling("no_answer", "none" if candidate.source == "bare" else f"{candidate.source}/no_choice")
