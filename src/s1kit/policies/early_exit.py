"""Early exit: ask for the answer while the model thinks, and stop once it is settled.

Knows when to ask and what counts as settled. Refuses to know graders: two trial answers agree when their texts do.
Sources: Dynasor (2412.20993): every so many tokens, until trial answers agree; DEER (2504.15895): where a thought
turns, until the model is sure enough of its trial answer.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from s1kit.policies.forcing import Bounded, Positive


class EarlyExit(Bounded):
    """Close thinking as soon as trial answers are settled by either rule; what they cost is counted and thrown away."""

    kind: Literal["early_exit"] = "early_exit"
    every: Positive | None = None
    """Ask after every so many thinking tokens (Dynasor)."""
    at: str | None = Field(default=None, min_length=1)
    """Ask wherever thinking has come to this text, which then opens the next stretch (DEER: "Wait")."""
    agree: Annotated[int, Field(strict=True, ge=2)] | None = None
    """So many trial answers in a row are the same text."""
    sure: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """The geometric mean of the trial answer's token probabilities is at least this; needs log-probabilities."""
    probe: str | None = None
    """Written behind the closing delimiter to get a trial answer; None: the cut-off suffix."""
    max_probe: Positive = 32
    """Tokens of a trial answer. Its first line counts; one that does not end within these settles nothing."""

    @model_validator(mode="after")
    def _a_place_and_a_rule(self) -> Self:
        if (self.every is None) == (self.at is None):
            raise ValueError("early exit asks either every so many tokens (every: 64) or at a text (at: Wait)")
        if self.agree is None and self.sure is None:
            raise ValueError("early exit needs a rule: agree (equal trial answers in a row) or sure (a probability)")
        return self

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named(f"exit{self.every or 'at'}")

    def label(self) -> str:
        """What a table or a plot calls it."""
        where = f"every {self.every}" if self.every else f"at {(self.at or '').strip()}"
        rule = [f"{self.agree} agree"] if self.agree else []
        rule += [f"sure {self.sure:g}"] if self.sure else []
        return self._said(f"early exit {where}, {', '.join(rule)}")
