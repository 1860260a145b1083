"""Text answers: weekdays, names, yes or no.

Knows that case, white space and punctuation do not change such an answer. Refuses to know synonyms and typing
errors: "Mon" is not "Monday".
"""

from __future__ import annotations

import re

from s1kit.grading.extract import Candidate
from s1kit.grading.literal import words
from s1kit.grading.ruling import Ruling, verdict_of

BARE_WORDS = 5
"""A whole answer text of at most this many words is taken for the answer; a longer one is talk."""


def rule(candidate: Candidate, reference: str) -> Ruling:
    """Decide a text answer: equal words in equal order."""
    gold, given = words(reference), words(candidate.text)
    if not gold:
        return Ruling("ungraded", "bad_reference", candidate.text)
    if not given:
        return Ruling("no_answer", f"{candidate.source}/empty")
    if candidate.source == "bare" and len(re.findall(r"\S+", given)) > BARE_WORDS:
        return Ruling("no_answer", "none")
    return Ruling(verdict_of(given == gold), f"{candidate.source}/text", candidate.text)
