"""Soft cut-off: at the limit the thought may end its line.

Knows the limit and the grace behind it. Refuses to count the grace as free: both together are the maximum. Source: what
users of hard limits ask for (a cut in the middle of a word or an equation; llama.cpp's and vLLM's issue threads).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from s1kit.policies.forcing import Bounded, Positive
from s1kit.policies.sampling import Count


class SoftCutoff(Bounded):
    """Budget forcing's maximum with a window of ``grace`` further tokens, which ends behind the next ``until``."""

    kind: Literal["soft_cutoff"] = "soft_cutoff"
    max_thinking: Count = Field()
    """The limit, in thinking tokens, behind which the window begins."""
    grace: Positive = 64
    """Tokens of the window."""
    until: str = Field(default="\n", min_length=1)
    """What ends the window: a newline, unless said otherwise."""

    def most_thinking(self) -> int | None:
        """The limit and the grace."""
        return self.max_thinking + self.grace

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named(f"soft{self.grace}")

    def label(self) -> str:
        """What a table or a plot calls it."""
        return f"{self._said('soft')} + {self.grace}"
