"""How tokens are drawn, and the seed of each row.

Knows every knob of the draw. Refuses to know engines: some honour less, and say so.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from s1kit.types import Record, sha256_hex

Count = Annotated[int, Field(strict=True, ge=0)]
"""A number of tokens or of nudges: a whole number, never negative. 100.0, "100" and True are refused."""


class Sampling(Record):
    """How the next token is drawn. Always sent explicitly: a server would otherwise apply the model's own defaults."""

    temperature: float = Field(default=0.0, ge=0.0, le=10.0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """1 keeps every token."""
    top_k: Count = 0
    """0 keeps every token."""
    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """0 punishes nothing."""
    seed: int = 0
    """Row seed, H(run seed, question, sample, try); the run's own seed never enters a policy's identity."""


def row_seed(run_seed: int, question: str, sample: int, attempt: int = 0) -> int:
    """Seed of one row, 63 bits: H(run seed, question, sample, attempt), never policy or round.

    Leaving the policy out is what makes two budgets draw the same tokens up to the shorter one's end.
    """
    return int(sha256_hex(f"{run_seed}|{question}|{sample}|{attempt}")[:16], 16) >> 1
