"""A row of the pool in memory, and rows by the batch.

Knows its number and its question. The number, not the question's id, is what a decision is about: two copies of one
question are two rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from s1kit.types import Decision, Question

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` counts the pool's rows from 0, over all sources in their order, broken ones included."""

    number: int
    question: Question

    def decide(self, step: str, kept: bool, reason: str = "", evidence: str = "") -> Decision:
        """What ``step`` says of this row."""
        return Decision(
            row=self.number,
            question_id=self.question.id,
            source=self.question.source,
            step=step,
            kept=kept,
            reason=reason,
            evidence=evidence,
        )


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """``items`` in lists of ``size``, the last one shorter; none where there are none."""
    source = iter(items)
    while taken := list(islice(source, size)):
        yield taken
