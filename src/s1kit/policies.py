"""What to do with a model's thinking: the policies, and how tokens are drawn.

Knows every knob of budget forcing and the identity of a policy. Refuses to know any token id: a policy is written in
text and numbers, and becomes ids only against a tokenizer (``s1kit.formats``, ``s1kit.forcing.plan``).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from s1kit.conditions import Unit, instruct
from s1kit.types import Record, canonical_json, sha256_hex

Count = Annotated[int, Field(strict=True, ge=0)]
"""A number of tokens or of nudges: a whole number, never negative. 100.0, "100" and True are refused."""


class Sampling(Record):
    """How the next token is drawn. Always sent explicitly: a server would otherwise apply the model's own defaults."""

    temperature: float = Field(default=0.0, ge=0.0, le=10.0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: Count = 0
    """0 keeps every token."""
    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    seed: int = 0
    """Row seed, H(run seed, question, sample, try); the run's own seed never enters a policy's identity."""


class Ask(Record):
    """An amount of thinking that the prompt asks for (paper, section 5: token- and step-conditional control).

    Whether a model does as it is asked is for the run to show; nothing is enforced by it.
    """

    unit: Unit
    limit: Annotated[int, Field(strict=True, gt=0)]

    def prompt(self, text: str) -> str:
        """The user turn that asks for it."""
        return instruct(text, self.limit, self.unit)

    def slug(self) -> str:
        """Part of a policy's readable name."""
        return f"ask{self.limit}{self.unit}"


class Unforced(Record):
    """Let the model write until it ends its turn; find the phases afterwards at the first delimiter."""

    kind: Literal["unforced"] = "unforced"
    max_tokens: Annotated[int, Field(strict=True, gt=0)] | None = None
    """None: as much as the context holds."""
    ask: Ask | None = None

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        parts = ["unforced", *([str(self.max_tokens)] if self.max_tokens is not None else [])]
        return "-".join([*parts, *([self.ask.slug()] if self.ask else [])])


class BudgetForcing(Record):
    """Budget forcing (paper, section 3.1): a maximum by closing the thinking, a minimum by suppressing its end.

    A thinking token is a token the model wrote while thinking or a token of a nudge; delimiters and the cut-off suffix
    never count. ``max_answer`` is reserved before the thinking gets any room.
    """

    kind: Literal["budget_forcing"] = "budget_forcing"
    max_thinking: Count | None = None
    """None: all the room the context leaves."""
    min_thinking: Count = 0
    extensions: Count = 0
    """How many ends of thinking to suppress, each replaced by a nudge."""
    nudges: tuple[str, ...] | None = None
    """Appended in rotation; None: the format's nudge. An empty string suppresses the end and appends nothing."""
    max_answer: Annotated[int, Field(strict=True, gt=0)] = 1024
    cutoff_suffix: str | None = None
    """What follows the closing delimiter when the budget ran out; None: the format's ("Final Answer:")."""
    on_overflow: Literal["refuse", "clamp"] = "refuse"
    """A row whose context cannot hold ``max_thinking``: refuse before the first request, or take the room there is."""
    after_nudge: Sampling | None = None
    """Sampling for thinking after the first nudge; None: unchanged. Its seed is ignored in favour of the row's."""
    equal_to: str | None = None
    """A policy id: each row may think for at most as many tokens as that policy's row of the same question and sample
    used. The placebo at equal tokens: a fresh sample against an extended trace."""
    ask: Ask | None = None
    """Said in the prompt, beside whatever is forced."""
    compat: Literal["s1"] | None = None
    """"s1": the reference harness with its quirks (``s1kit.forcing.compat``), for reproducing published runs."""

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
        if self.equal_to:
            parts.append("equal")
        if self.ask:
            parts.append(self.ask.slug())
        if self.compat:
            parts.append(f"compat-{self.compat}")
        return "-".join(parts) if len(parts) > 1 else "bf-natural"


class NativeBudget(Record):
    """A provider's own effort or budget, for endpoints that only speak chat (engine ``chat``, evaluation only).

    What a provider does with it is its own affair, and what it is said to have used is all there is to see: nothing is
    forced, nothing is exact.
    """

    kind: Literal["native_budget"] = "native_budget"
    fields: dict[str, Any] = Field(default_factory=dict)
    """Put into the request's body as they are: ``{"reasoning_effort": "high"}``, ``{"thinking": {"type": "enabled",
    "budget_tokens": 4096}}``, ``{"max_completion_tokens": 8000}``. Empty: whatever the provider does by itself."""
    max_thinking: Count | None = None
    """The thinking tokens that ``fields`` ask for, where they ask for a number: what control is measured against.
    Not sent."""
    max_tokens: Annotated[int, Field(strict=True, gt=0)] | None = None
    """Of thinking and answer together; None: not sent."""
    own_sampling: bool = False
    """Leave temperature and top_p to the provider: some reasoning endpoints refuse to be told."""

    @field_validator("fields")
    @classmethod
    def _fields_of_its_own(cls, value: dict[str, Any]) -> dict[str, Any]:
        reserved = {"model", "messages", "stream", "stream_options", "n", "temperature", "top_p", "seed", "max_tokens"}
        if taken := sorted(reserved & set(value)):
            raise ValueError(
                f"{', '.join(taken)} cannot be set here: model, sampling and max_tokens have places of their own"
            )
        return value

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        said = re.sub(r"[^a-z0-9]+", "-", canonical_json(self.fields).lower()).strip("-")[:40].rstrip("-")
        return "-".join(["native", *([said] if said else []), *([str(self.max_tokens)] if self.max_tokens else [])])


Policy = Annotated[Unforced | BudgetForcing | NativeBudget, Field(discriminator="kind")]


def label(policy: Unforced | BudgetForcing | NativeBudget) -> str:
    """What a table or a plot calls the policy: ``natural``, ``max 512``, ``Wait x2``, ``reasoning_effort high``."""
    if isinstance(policy, NativeBudget):
        said = [
            f"{name} {value if isinstance(value, str) else canonical_json(value)}"
            for name, value in policy.fields.items()
        ]
        return ", ".join(said) or "provider's own"
    asked = [f"asked {policy.ask.limit} {policy.ask.unit}"] if policy.ask else []
    if isinstance(policy, Unforced):
        name = "unforced" if policy.max_tokens is None else f"unforced {policy.max_tokens}"
        return ", ".join([name, *asked])
    parts: list[str] = list(asked)
    if policy.max_thinking is not None:
        parts.append(f"max {policy.max_thinking}")
    if policy.min_thinking:
        parts.append(f"min {policy.min_thinking}")
    if policy.extensions:
        word = "Wait" if policy.nudges is None else "/".join(n.strip() or "(empty)" for n in policy.nudges)
        parts.append(f"{word} x{policy.extensions}")
    if policy.equal_to:
        parts.append(f"fresh, up to {policy.equal_to.rpartition('-')[0]}")
    if policy.compat:
        parts.append(f"({policy.compat} compat)")
    return " ".join(parts) or "natural"


def policy_id(policy: Unforced | BudgetForcing | NativeBudget, format_spec: dict[str, Any], sampling: Sampling) -> str:
    """Identity of a policy in a run: slug, a dash, 8 hex digits.

    The digits are of SHA-256 over the canonical JSON of policy, format and sampling, without their seeds: two runs with
    other seeds share policy ids, two formats never do.
    """
    plain = policy.model_dump(mode="json", exclude={"after_nudge": {"seed"}})
    content = {
        # what came after the first release counts only where it is used, so that older runs keep their names
        "policy": {key: value for key, value in plain.items() if key != "ask" or value is not None},
        "format": format_spec,
        "sampling": sampling.model_dump(mode="json", exclude={"seed"}),
    }
    return f"{policy.slug()}-{sha256_hex(canonical_json(content))[:8]}"


def row_seed(run_seed: int, question: str, sample: int, attempt: int = 0) -> int:
    """Seed of one row, 63 bits: H(run seed, question, sample, attempt), never policy or round.

    Leaving the policy out is what makes two budgets draw the same tokens up to the shorter one's end.
    """
    return int(sha256_hex(f"{run_seed}|{question}|{sample}|{attempt}")[:16], 16) >> 1
