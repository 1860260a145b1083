"""NoThinking: the thought is a sentence that the model is told it has thought.

Knows the sentence. Refuses to count it: the model wrote none of it. Source: Ma et al. 2025 (2504.09858).
"""

from __future__ import annotations

from typing import Literal

from s1kit.policies.forcing import Bounded


class NoThinking(Bounded):
    """Open, ``prefill``, close, answer. The prefill is recorded as forced and is no thinking token."""

    kind: Literal["no_thinking"] = "no_thinking"
    max_thinking: Literal[0] = 0
    """Nothing is thought."""
    prefill: str = "Okay, I think I have finished thinking."
    """The sentence in the thought's place: the paper's."""

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return "-".join(["nothinking", *([self.ask.slug()] if self.ask else [])])

    def label(self) -> str:
        """What a table or a plot calls it."""
        return ", ".join([*([self.ask.label()] if self.ask else []), "no thinking"])
