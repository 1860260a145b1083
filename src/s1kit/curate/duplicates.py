"""Which rows say exactly what an earlier row said.

Knows folded texts, by digest. Refuses to compare answers: two rows with one question and two answers are a duplicate,
and the first one stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from s1kit.curate.fold import folded
from s1kit.curate.row import Row
from s1kit.types import Decision, Question

_NUMBER_BITS = 40


def digest(question: Question) -> bytes:
    """16 bytes over the folded text and choices, case kept (``N`` and ``n`` are different variables)."""
    # A folded text holds no line break, so the join is one to one.
    whole = "\n".join(map(folded, (question.text, *question.choices)))
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Exact:
    """Remembers every question it was shown: about 140 bytes a row, however long the questions are."""

    def __init__(self) -> None:
        # Source and number share one integer: as a pair they would take twice the memory.
        self._first: dict[bytes, int] = {}
        self._sources: dict[str, int] = {}
        self._names: list[str] = []

    def step(self, rows: Sequence[Row]) -> list[Decision]:
        """One decision per row of the batch (step ``duplicates``): a row that is equal, folded, to one of this batch
        or an earlier one is dropped, with that row as evidence. Rows come in the pool's order."""
        decisions = []
        for row in rows:
            place = self._source(row.question.source) << _NUMBER_BITS | row.number
            first = self._first.setdefault(digest(row.question), place)
            if first == place:
                decisions.append(row.decide("duplicates", True))
            else:
                number, source = first & (1 << _NUMBER_BITS) - 1, self._names[first >> _NUMBER_BITS]
                decisions.append(row.decide("duplicates", False, "exact", f"row {number} ({source})"))
        return decisions

    def _source(self, name: str) -> int:
        if name not in self._sources:
            self._sources[name] = len(self._names)
            self._names.append(name)
        return self._sources[name]
