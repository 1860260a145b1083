"""Online stopping by confidence: a trace that has become unsure of itself is given up.

Knows the bar and the window. Refuses to vote: `s1kit.search.confidence` does, over what is left. Source: Fu et al. 2025
(DeepConf, 2508.15260).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from s1kit.policies.forcing import Bounded, Positive


class Confident(Bounded):
    """Give a trace up (``ended`` is ``unsure``, no answer) once the mean confidence of its last ``window`` tokens falls
    below ``bar``. A token's confidence is minus the mean log-probability of the ``logprobs`` most likely ids."""

    kind: Literal["confident"] = "confident"
    bar: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field()
    """In nats; higher is surer."""
    window: Positive = 2048
    """The paper's; no trace shorter than this is given up."""
    logprobs: Annotated[int, Field(strict=True, ge=2)] = 20
    """The paper's. Of the most likely id alone the number would be low where the model is sure."""
    every: Positive = 64
    """Tokens per request: how late a stop can come. Does not change which tokens are drawn."""

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named("confident")

    def label(self) -> str:
        """What a table or a plot calls it."""
        return self._said(f"confidence at least {self.bar:g}")
