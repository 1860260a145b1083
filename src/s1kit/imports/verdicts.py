"""Other tools' scores as verdicts.

Knows how right and wrong are written: true and false, 1 and 0, Inspect's letters. Refuses to round: a score between
right and wrong, or one that is no score, is ``ungraded`` and says what it was.
"""

from __future__ import annotations

import re
from typing import Any

from s1kit.imports.found import Said
from s1kit.types import Verdict

_WORDS: dict[str, Verdict] = {
    "C": "correct",
    "CORRECT": "correct",
    "TRUE": "correct",
    "YES": "correct",
    "I": "incorrect",
    "INCORRECT": "incorrect",
    "WRONG": "incorrect",
    "FALSE": "incorrect",
    "NO": "incorrect",
    "N": "no_answer",
    "NO_ANSWER": "no_answer",
    "NOANSWER": "no_answer",
    "UNGRADED": "ungraded",
}


def said(value: Any, rule: str, extracted: str | None = None) -> Said:
    """The verdict that a score is."""
    if isinstance(value, str) and value.strip().upper() in _WORDS:
        return Said(_WORDS[value.strip().upper()], rule, extracted)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return Said("ungraded", f"{rule}: {value[:40]!r} is no verdict", extracted)
    if isinstance(value, bool | int | float) and value in (0, 1):
        return Said("correct" if value else "incorrect", rule, extracted)
    return Said("ungraded", f"{rule}: {_shown(value)} is no verdict", extracted)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, int | float) else type(value).__name__


def grader_name(kind: str, *parts: str) -> str:
    """A name that a grade file can have: the kind, then what tells several verdicts of it apart."""
    clean = [re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-") for part in parts]
    return ".".join([kind, *(part for part in clean if part)])
