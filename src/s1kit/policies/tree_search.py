"""Tree search under a reward model: REBASE, beam search, DVTS.

Knows how a tree is asked for. Refuses to know nodes and scores: `s1kit.search` grows it. Sources: Wu et al. 2024
(REBASE, 2408.00724; s1 paper, section 6.2), Snell et al. 2024 (beam search, 2408.03314), DVTS (search-and-learn).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from s1kit.policies.forcing import Bounded, Positive
from s1kit.types import Record


class StepsBy(Record):
    """What a step of a thought is."""

    by: Literal["text", "countdown", "tokens"] = "text"
    """At a text, at a countdown's announcements, or after so many tokens."""
    text: str = Field(default="\n\n", min_length=1)
    """What ends a step, where it goes by text: a blank line, unless said otherwise."""
    total: Positive = 16
    """Where it goes by countdown: the steps that the prompt asks for."""
    size: Positive = 256
    """Most tokens of a step; where it goes by tokens, all of them."""


class TreeSearch(Bounded):
    """A tree of ``width`` leaves per question; the leaves are the rows, ``width`` of them per sample of the run."""

    kind: Literal["tree_search"] = "tree_search"
    search: Literal["rebase", "beam", "dvts"] = "rebase"
    width: Positive = 16
    """Leaves of a tree."""
    scorer: str = "random"
    """``oracle``, ``random``, ``length``, or the name or folder of a reward model."""
    layout: str | None = None
    """How that model is asked (`s1kit.search.reward_load`); None: as its folder says."""
    steps: StepsBy = StepsBy()
    """Where a node ends."""
    temperature_b: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.2
    """REBASE's balance temperature; the reference's."""
    rounding: Literal["largest_remainder", "ceil", "round"] = "largest_remainder"
    """How REBASE's shares become whole children; ceil and round as its code and its paper do."""
    expand: Positive = 4
    """Children per kept node (beam, dvts)."""
    max_depth: Positive = 50
    """Steps of a branch at most; what is open then answers."""

    @model_validator(mode="after")
    def _subtrees_are_whole(self) -> Self:
        if self.search == "dvts" and self.width % self.expand:
            raise ValueError(f"dvts splits width {self.width} into subtrees of {self.expand}, which leaves a rest")
        return self

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named(f"{self.search}{self.width}")

    def label(self) -> str:
        """What a table or a plot calls it."""
        return self._said(f"{self.search} {self.width} by {self.scorer.rstrip('/').rpartition('/')[2]}")
