r"""From the text of an answer phase to the one stretch that is the answer.

Knows where answers stand: in the last box, behind the last "Answer:", behind "the answer is", or alone. Refuses to
know what was asked and what is right. Order, first match wins:

1. **box**: the last ``\boxed{...}`` or ``\fbox{...}``, braces balanced, ``\{`` and ``\}`` not counted; of nested
   boxes the innermost last one; ``\boxed 25`` up to the next blank or ``$``. *An unterminated last box is no answer*:
   the model was cut while writing it, 25 may have been going to be 250, and the earlier box is what it had just
   decided to write again. An empty last box is no answer either.
2. **marker**: behind the last "Answer:" (also "Final Answer:", any case, any markdown around, and a heading
   "Final Answer" without a colon), the first line that is not empty, or the whole of a display formula; a sentence
   behind a number is cut away. The marker may have been forced by us, so the text graded starts with the suffix.
   Where that line says "the answer is X", X. What follows on later lines is explanation.
3. **phrase**: behind the last "answer is", up to the end of the line or sentence.
4. **bare**: the whole text, where it is a single line. Whether a bare line may be an answer is for each kind to
   say (`integer`: only a number; `choice`: only a letter or a choice; `math`: only a number or a formula between
   delimiters; `text`: five words at most), so "There are 3" is no answer to "How many?".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from s1kit.grading.literal import tidy
from s1kit.grading.ruling import Source

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_MARKER = re.compile(r"\banswer\b[\s*_]{0,4}(?:\bis\b[\s*_]{0,4})?[:\uff1a]|\bfinal answer[ *_]*\n", re.IGNORECASE)
_PHRASE = re.compile(r"\banswer\s+is\b", re.IGNORECASE)
_AFTER_NUMBER = re.compile(r"(?<=[\d$})*])\.\s+(?=[A-Z])")
"""A full stop behind a number or formula, and a new sentence: "25. This is" (but not "St. Petersburg")."""
LONGEST = 1000
"""Characters. A longer stretch is a loop or a text, and no answer; the longest reference of MATH-500 has 53."""
_DISPLAYS = (("$$", "$$"), ("\\[", "\\]"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """The stretch of text that is taken for the answer, tidied, and where it stood."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Missing:
    """No candidate: ``rule`` says why (``none``, ``box/unterminated``, ``box/empty``, ``marker/too_long``, ...)."""

    rule: str


def extract(text: str) -> Candidate | Missing:
    """The candidate answer of an answer phase. Never raises; `Missing` where there is none."""
    return _from_box(text) or _from_marker(text) or _from_phrase(text) or _bare(text)


def _from_box(text: str) -> Candidate | Missing | None:
    """The last box; None where the text has no box at all."""
    starts = list(_BOX.finditer(text))
    if not starts:
        return None
    begin = starts[-1].end()
    if text[begin : begin + 1] == "{":
        content = balanced(text, begin)
        if content is None:
            return Missing("box/unterminated")
    else:
        content = re.split(r"[\s$]", text[begin:], maxsplit=1)[0]
    return _candidate(content, "box")


def balanced(text: str, begin: int) -> str | None:
    """What stands between the brace at ``begin`` and its partner; None where it has none. Skips escaped braces."""
    depth = 0
    position = begin
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return text[begin + 1 : position]
        position += 1
    return None


def _from_marker(text: str) -> Candidate | Missing | None:
    """What stands behind the last "Answer:"; None where there is no such marker."""
    markers = list(_MARKER.finditer(text))
    if not markers:
        return None
    rest = text[markers[-1].end() :].strip().lstrip("*").lstrip()
    for opening, closing in _DISPLAYS:
        if rest.startswith(opening) and (end := rest.find(closing, len(opening))) > 0:
            rest = rest[len(opening) : end].replace("\n", " ")
    line = rest.split("\n", 1)[0]
    if phrases := list(_PHRASE.finditer(line)):
        line = _first_sentence(line[phrases[-1].end() :])
    return _candidate(_AFTER_NUMBER.split(line, maxsplit=1)[0], "marker")


def _from_phrase(text: str) -> Candidate | Missing | None:
    """What stands behind the last "answer is", to the end of its sentence; None where there is no such phrase."""
    phrases = list(_PHRASE.finditer(text))
    if not phrases:
        return None
    line = text[phrases[-1].end() :].strip().split("\n", 1)[0]
    return _candidate(_first_sentence(line), "phrase")


def _first_sentence(line: str) -> str:
    return re.split(r"[.;]\s", line, maxsplit=1)[0]


def _bare(text: str) -> Candidate | Missing:
    """The whole text where it is one line."""
    line = text.strip()
    found = Missing("none") if "\n" in line else _candidate(line, "bare")
    return found if isinstance(found, Candidate) else Missing("none")


def _candidate(stretch: str, source: Source) -> Candidate | Missing:
    """The stretch, tidied, as a candidate; `Missing` where nothing is left or it is too long to be an answer."""
    if len(stretch) > LONGEST:
        return Missing(f"{source}/too_long")
    text = tidy(stretch)
    return Candidate(text, source) if text else Missing(f"{source}/empty")
