"""Budget forcing and its absence.

Knows what budget forcing can be asked for, and what every policy that bounds thinking shares. Refuses to know any token
id: a policy is written in text and numbers, and becomes ids only against a tokenizer (``s1kit.formats``,
``s1kit.forcing.plan``).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from s1kit.policies.asking import Asked
from s1kit.policies.sampling import Count, Sampling
from s1kit.types import Record

Positive = Annotated[int, Field(strict=True, gt=0)]


class Unforced(Record):
    """Let the model write until it ends its turn; find the phases afterwards at the first delimiter."""

    kind: Literal["unforced"] = "unforced"
    max_tokens: Positive | None = None
    """None: as much as the context holds."""
    ask: Asked | None = None
    """Said in the prompt."""

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        parts = ["unforced", *([str(self.max_tokens)] if self.max_tokens is not None else [])]
        return "-".join([*parts, *([self.ask.slug()] if self.ask else [])])

    def label(self) -> str:
        """What a table or a plot calls it."""
        name = "unforced" if self.max_tokens is None else f"unforced {self.max_tokens}"
        return ", ".join([name, *([self.ask.label()] if self.ask else [])])


class Bounded(Record):
    """What every policy that closes the thinking itself shares.

    A thinking token is a token the model wrote while thinking or a token of a nudge; delimiters and the cut-off suffix
    never count. ``max_answer`` is reserved before the thinking gets any room.
    """

    max_thinking: Count | None = None
    """None: all the room the context leaves."""
    max_answer: Positive = 1024
    """Tokens reserved for the answer."""
    cutoff_suffix: str | None = None
    """What follows the closing delimiter when the budget ran out; None: the format's ("Final Answer:")."""
    on_overflow: Literal["refuse", "clamp"] = "refuse"
    """A row whose context cannot hold ``max_thinking``: refuse before the first request, or take the room there is."""
    ask: Asked | None = None
    """Said in the prompt, beside whatever is forced."""

    def most_thinking(self) -> int | None:
        """The most thinking tokens that a row of this policy can hold; None: no bound of its own."""
        return self.max_thinking

    def _named(self, name: str) -> str:
        """The slug of a policy that is called ``name``: with its maximum and what the prompt asks for."""
        most = [] if self.max_thinking is None else [f"max{self.max_thinking}"]
        return "-".join([name, *most, *([self.ask.slug()] if self.ask else [])])

    def _said(self, name: str) -> str:
        """The label of a policy that is called ``name``."""
        most = [] if self.max_thinking is None else [f"max {self.max_thinking}"]
        return " ".join([*([f"{self.ask.label()}, "] if self.ask else []), name, *most]).replace(",  ", ", ")


class BudgetForcing(Bounded):
    """Budget forcing (paper, section 3.1): a maximum by closing the thinking, a minimum by suppressing its end."""

    kind: Literal["budget_forcing"] = "budget_forcing"
    min_thinking: Count = 0
    """Ends of thinking before so many thinking tokens are suppressed, each with a nudge."""
    extensions: Count = 0
    """How many ends of thinking to suppress, each replaced by a nudge."""
    nudges: tuple[str, ...] | None = None
    """Appended in rotation; None: the format's nudge. An empty string suppresses the end and appends nothing."""
    after_nudge: Sampling | None = None
    """Sampling for thinking after the first nudge; None: unchanged. Its seed is ignored in favour of the row's."""
    equal_to: str | None = None
    """A policy id: each row may think for at most as many tokens as that policy's row of the same question and sample
    used. The placebo at equal tokens: a fresh sample against an extended trace."""
    compat: Literal["s1"] | None = None
    """"s1": the reference harness with its quirks (``s1kit.forcing.compat``), for reproducing published runs."""
    max_steps: Positive | None = None
    """For models that count their steps down: end thinking by force when the countdown says 0, or after so many
    announced steps, whichever comes first (paper, section 5: step-conditional control with budget forcing)."""
    logprobs: Count = 0
    """Record how sure the model was of each token that it wrote: minus the mean log-probability of so many most likely
    ids (DeepConf). 0: nothing is recorded."""

    @field_validator("nudges")
    @classmethod
    def _some_nudge(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError('nudges is empty; leave it out for the format\'s own nudge, or use [""] to append nothing')
        return value

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.max_thinking is not None and self.min_thinking > self.max_thinking:
            raise ValueError(f"min_thinking ({self.min_thinking}) is larger than max_thinking ({self.max_thinking})")
        if self.compat == "s1" and (self.min_thinking or self.after_nudge):
            raise ValueError('compat="s1" knows neither min_thinking nor after_nudge, as the reference harness')
        if self.logprobs == 1:
            raise ValueError("logprobs: 1 says nothing of how sure a model was; DeepConf takes 20")
        if self.max_steps is not None and (self.compat or self.extensions or self.min_thinking or self.logprobs):
            raise ValueError("max_steps ends thinking at a countdown's 0; it goes with max_thinking alone")
        return self

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        parts = ["bf"]
        if self.max_thinking is not None:
            parts.append(f"max{self.max_thinking}")
        if self.min_thinking:
            parts.append(f"min{self.min_thinking}")
        if self.extensions:
            own = re.sub(r"\W+", "", "-".join(self.nudges or ())).lower()[:12] or "empty"
            word = "wait" if self.nudges is None else own
            parts.append(f"{word}{self.extensions}")
        if self.max_steps is not None:
            parts.append(f"steps{self.max_steps}")
        if self.equal_to:
            parts.append("equal")
        if self.ask:
            parts.append(self.ask.slug())
        if self.compat:
            parts.append(f"compat-{self.compat}")
        return "-".join(parts) if len(parts) > 1 else "bf-natural"

    def label(self) -> str:
        """What a table or a plot calls it: ``natural``, ``max 512``, ``Wait x2``."""
        parts: list[str] = [self.ask.label()] if self.ask else []
        if self.max_thinking is not None:
            parts.append(f"max {self.max_thinking}")
        if self.min_thinking:
            parts.append(f"min {self.min_thinking}")
        if self.extensions:
            word = "Wait" if self.nudges is None else "/".join(n.strip() or "(empty)" for n in self.nudges)
            parts.append(f"{word} x{self.extensions}")
        if self.max_steps is not None:
            parts.append(f"max {self.max_steps} steps")
        if self.equal_to:
            parts.append(f"fresh, up to {self.equal_to.rpartition('-')[0]}")
        if self.compat:
            parts.append(f"({self.compat} compat)")
        return " ".join(parts) or "natural"
