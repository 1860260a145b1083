"""What a grading rule hands back: a ruling, or the question it could not settle itself.

Knows the two outcomes of looking at one answer. Refuses to know any rule, and which generation the answer is from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from s1kit.types import Verdict

Source = Literal["box", "marker", "phrase", "bare"]
"""Where in the answer text the candidate was found; the first half of a rule name such as ``box/integer``."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with the name of the rule that decided it and the answer that it was decided on."""

    verdict: Verdict
    rule: str
    extracted: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two mathematical answers that no cheap rule could tell apart or together: Math-Verify has to look.

    ``gold`` and ``answer`` are LaTeX without delimiters; ``source`` says where the answer was found.
    """

    gold: str
    answer: str
    source: Source


def verdict_of(equal: bool) -> Verdict:
    """``correct`` or ``incorrect``: the verdict of a rule that could read both sides."""
    return "correct" if equal else "incorrect"
