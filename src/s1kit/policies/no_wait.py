"""NoWait: a model that may not say "Wait".

Knows the words. Refuses to say what a model does without them. Source: Wang et al. 2025 (2506.08343).
"""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from s1kit.policies.forcing import Bounded

WORDS = ("wait", "alternatively", "hmm", "but", "however", "alternative", "another", "check", "double-check", "oh",
         "maybe", "verify", "other", "again", "now", "ah", "any")  # fmt: skip
"""The paper's keywords."""


class NoWait(Bounded):
    """While thinking, every token that is one of ``words`` (any case, with or without a blank before it) is banned."""

    kind: Literal["no_wait"] = "no_wait"
    words: tuple[str, ...] = WORDS
    """The paper's keywords, unless others are given."""

    @field_validator("words")
    @classmethod
    def _some_word(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(word.strip() for word in value):
            raise ValueError("words is empty or holds an empty one; leave it out for the paper's keywords")
        return value

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named("nowait")

    def label(self) -> str:
        """What a table or a plot calls it."""
        return self._said("NoWait")
