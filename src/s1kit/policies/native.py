"""A chat provider's own budget.

Knows what is sent. Refuses to believe that it is kept.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from s1kit.policies.sampling import Count
from s1kit.types import Record, canonical_json


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

    def label(self) -> str:
        """What a table or a plot calls it: ``reasoning_effort high``."""
        said = [
            f"{name} {value if isinstance(value, str) else canonical_json(value)}"
            for name, value in self.fields.items()
        ]
        return ", ".join(said) or "provider's own"
