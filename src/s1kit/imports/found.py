"""What a reader hands on: one generation of somebody else's, before it is a record of ours.

Knows the fields that every kind of result has in some form. Refuses to know where they stand in a file, and to invent
what a file does not say: None is "not stated".
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from s1kit.policies import AnyPolicy, Sampling, Unforced
from s1kit.types import Verdict

Kind = Literal["lm-eval", "inspect", "s1-reference", "jsonl"]
"""What wrote a file; also the name of the grader that its own verdicts are kept under."""
_PLACE = re.compile(r":\d+$|\[\d+\]$|!samples/.*$", re.DOTALL)
KINDS: tuple[Kind, ...] = ("lm-eval", "inspect", "s1-reference", "jsonl")


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict that the file states, the rule in its own words, and the answer that it was passed on."""

    verdict: Verdict
    rule: str
    extracted: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts that the file states. ``output`` is thinking and answer together."""

    prompt: int | None = None
    thinking: int | None = None
    answer: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One generation. ``text`` is split by its delimiters later, unless ``thinking`` says that the file did so."""

    where: str
    question: str
    text: str
    reference: str | None = None
    choices: tuple[str, ...] = ()
    answer_kind: str | None = None
    """``integer``, ``math``, ``choice`` or ``text``, where the file says so; anything else is passed over."""
    source: str = ""
    thinking: str | None = None
    model: str = ""
    label: str | None = None
    policy: AnyPolicy = field(default_factory=Unforced)
    sampling: Sampling | None = None
    """None: not stated."""
    sample: int | None = None
    tokens: Tokens = Tokens()
    cut: bool = False
    """The file says that the room or the limit ended the text."""
    error: str | None = None
    said: dict[str, Said] = field(default_factory=dict)
    """Grader -> verdict."""

    @property
    def file(self) -> str:
        """The file of ``where``, without the place in it."""
        return _PLACE.sub("", self.where)


@dataclass(slots=True)
class Reading:
    """What came of the files: rows in order, rows left out with the reason, and facts about the tool that wrote them.

    ``left_out`` counts reasons; ``example`` names the first place of each.
    """

    rows: list[Found] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    """Every file that was read, in order, beside those that were named: the results that stand by the samples."""

    def leave_out(self, where: str, reason: str) -> None:
        """Count a row that nothing is made of."""
        self.left_out[reason] += 1
        self.example.setdefault(reason, where)
