"""What a named benchmark is: one record that says where it comes from, what is sent, and how answers are judged.

Knows the fields, and nothing of any one benchmark: each is declared in a file of its own. Refuses prompts as code:
what is sent is the bare question, and the options of a choice question behind it (`Question.prompt`).
"""

from __future__ import annotations

from dataclasses import dataclass

from s1kit.errors import UserError
from s1kit.types import AnswerKind


class BenchmarkError(UserError, ValueError):
    """A question set that is unknown or malformed; names file and line."""


@dataclass(frozen=True, slots=True)
class Hub:
    """Where a benchmark is on the hub. ``revision`` None: none could be pinned, what was read is recorded instead."""

    dataset: str
    split: str
    config: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark as users know it. Columns are tried in order: the hub's own name first, then those of copies."""

    name: str
    title: str
    hub: Hub
    count: int
    """Questions of the whole set; any other number is refused."""
    text: tuple[str, ...]
    answer: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    """Columns of the other options of a choice question; all of them have to be there."""
    domain: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Columns that go into ``meta``: names and places, never solutions."""
    kinds: tuple[AnswerKind, ...]
    """Kinds of answer. Where ``integer`` is one of several, it is that of a reference that is an integer."""
    answers: str | None = None
    """`fingerprint` of the references, where they are facts that every copy has to agree on."""
    prompt: str
    grading: str
    licence: str
    gated: bool = False
    """The text must not be written where it would be published (``benchmarks.publishing``)."""
    caveats: tuple[str, ...] = ()
    stated_by: str
    """Where these facts come from."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The hub's names of the columns that are needed."""
        return (self.text[0], self.answer[0], *self.wrong)
