"""From what a row says to a question, or to the reason why there is none.

Knows what makes a question: visible text, choices in order, a reference that means one of them. Refuses to know
columns: whoever read the row fills in the draft.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping as AbcMapping
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from s1kit.grading.choice import choice_letter
from s1kit.grading.extract import Candidate, extract
from s1kit.types import AnswerKind, Question

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs by category that print nothing: the Hangul fillers and the empty Braille pattern."""
_MARK = re.compile(r"\s*(?:\(\s*([A-Z])\s*\)|([A-Z])[).:?]|([A-Z])(?=\s))\s*")
_INTEGER = re.compile(r"[-\u2212\uff0d]?\d+")
PASSAGE = "passage_characters"
"""Key of ``meta``: so many characters at the beginning of the text are a passage that other questions may share."""
_JSON_SCALARS = (str, int, bool, type(None))


@dataclass(frozen=True, slots=True)
class Left:
    """Why a row gives no question: the rule in a word, and what a reader needs to check it."""

    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a row says, before it is checked. ``subset`` is the part of its source; None means the row does not say."""

    text: Any
    answer: Any = None
    kind: AnswerKind | None = None
    choices: Sequence[Any] | None = None
    lettered: bool = False
    """The choices begin with their letters, which are no part of them."""
    passage: Any = None
    subset: str = ""
    source: str | None = None
    domain: str | None = None
    licence: str | None = None
    meta: AbcMapping[str, Any] = field(default_factory=dict)


def finish(draft: Draft, source: str, licence: str | None = None) -> Question | Left:
    """The question of a draft. ``source`` and ``licence`` hold where the draft names none of its own.

    Left out: ``no_text`` (the text is no text), ``empty_question`` (nothing visible), ``mixed_choices`` (options that
    are lettered out of order), ``bad_reference`` (an answer that names none of the choices), ``broken_row`` (half a
    surrogate pair).
    """
    if not isinstance(draft.text, str):
        return Left("no_text", f"the question is {type(draft.text).__name__}, not text")
    if not visible(draft.text):
        return Left("empty_question", f"{len(draft.text)} characters, none of them visible")
    texts = tuple(str(choice) for choice in draft.choices or ())
    choices = stripped(texts) if draft.lettered else texts
    if isinstance(choices, Left):
        return choices
    answer = plain_answer(draft.answer, choices)
    kind = draft.kind or guessed_kind(answer, choices)
    if kind == "choice" and choices and answer is not None and choice_letter(answer, choices) is None:
        return Left("bad_reference", f"the answer {_short(answer)!r} names none of the {len(choices)} choices")
    if kind == "integer" and answer is not None and _INTEGER.fullmatch(answer):
        answer = ascii_integer(answer)
    passage = draft.passage.strip() + "\n\n" if isinstance(draft.passage, str) and visible(draft.passage) else ""
    meta = {key: plain(value) for key, value in draft.meta.items() if value is not None}
    try:
        return Question.make(
            text=passage + draft.text,
            answer=answer,
            answer_kind=kind,
            choices=choices,
            source=draft.source or (f"{source}/{draft.subset}" if draft.subset else source),
            domain=draft.domain,
            licence=draft.licence or licence,
            meta=meta | {PASSAGE: len(passage)} if passage else meta,
        )
    except UnicodeEncodeError:
        return Left("broken_row", "half a surrogate pair, which is no text")


def visible(text: str) -> bool:
    """Whether anything of it would be seen: no white space, control or format sign, lone mark or blank letter."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANK_LETTERS for c in set(text))


def stripped(texts: tuple[str, ...]) -> tuple[str, ...] | Left:
    """Choices without the letters in front of them, where all of them are lettered in order.

    Options lettered out of order are refused: their answer's letter may mean the place or the printed letter.
    """
    marks = [_MARK.match(text) for text in texts]
    letters = [next(filter(None, mark.groups()), "") if mark else "" for mark in marks]
    wanted = list(ascii_uppercase[: len(texts)])
    if letters == wanted:
        return tuple(text[mark.end() :] for text, mark in zip(texts, marks, strict=True) if mark)
    if texts and sorted(letters) == wanted:
        return Left("mixed_choices", f"the options are lettered {' '.join(letters)}")
    return texts


def plain_answer(value: Any, choices: tuple[str, ...] = ()) -> str | None:
    """A reference as text: lists as ``[0, 5]``, a number that counts into ``choices`` (from 0) as its letter."""
    if isinstance(value, int) and not isinstance(value, bool) and str(value) not in choices:
        if 0 <= value < len(choices):
            return ascii_uppercase[value]
    text = "" if value is None else str(value).strip()
    return text or None


def guessed_kind(answer: str | None, choices: tuple[str, ...] = ()) -> AnswerKind:
    """Choice where there are choices, integer for decimal digits of any script with an optional minus, else math."""
    if choices:
        return "choice"
    return "integer" if answer is not None and _INTEGER.fullmatch(answer) else "math"


def ascii_integer(text: str) -> str:
    """An integer in any script's decimal digits in the digits that a grader reads; leading zeros stay."""
    return "".join(str(unicodedata.decimal(c, "-")) for c in text)


def short_answer(solution: Any) -> str | None:
    """The final answer inside a worked solution: its last box, what stands behind "Answer:", or a bare short line.

    None for a proof or a long text; the solution itself is kept in ``meta`` for whoever judges by it.
    """
    found = extract(solution) if isinstance(solution, str) else None
    if not isinstance(found, Candidate) or found.source == "phrase":
        return None
    return found.text if found.source in ("box", "marker") or len(found.text) <= 40 else None


def plain(value: Any) -> Any:
    """A value as JSON can hold it; dates, bytes and other things become their text."""
    if isinstance(value, _JSON_SCALARS):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, AbcMapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."
