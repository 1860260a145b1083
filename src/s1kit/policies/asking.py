"""What the prompt asks for: so many tokens, so many steps, a short or a long thought.

Knows what is asked and how it is said (`s1kit.conditions`). Refuses to enforce it: whether a model does as it is asked
is for the run to show.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from s1kit.conditions import AMOUNTS, Unit, instruct
from s1kit.types import Record


class Ask(Record):
    """A number of tokens or steps (paper, section 5: token- and step-conditional control)."""

    unit: Unit
    """What is counted."""
    limit: Annotated[int, Field(strict=True, gt=0)]
    """"Think for up to so many" of them."""

    def prompt(self, text: str) -> str:
        """The user turn that asks for it."""
        return instruct(text, self.limit, self.unit)

    def slug(self) -> str:
        """Part of a policy's readable name."""
        return f"ask{self.limit}{self.unit}"

    def label(self) -> str:
        """What a table calls it."""
        return f"asked {self.limit} {self.unit}"


class AskAmount(Record):
    """A short or a long thought (paper, section 5: class-conditional control)."""

    amount: Literal["short", "long"]
    """Which of the two is asked for."""

    def prompt(self, text: str) -> str:
        """The user turn that asks for it."""
        return f"{text}\n\n{AMOUNTS[self.amount]}"

    def slug(self) -> str:
        """Part of a policy's readable name."""
        return f"ask{self.amount}"

    def label(self) -> str:
        """What a table calls it."""
        return f"asked for a {self.amount} thought"


Asked = Ask | AskAmount
"""Whatever a prompt can ask for; the fields tell which."""
