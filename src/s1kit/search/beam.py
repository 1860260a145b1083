"""Beam search over steps: keep the best few of all candidates, continue each as often (arXiv 2408.03314, section 5.2).

Knows how many children the kept nodes get. Refuses to know how steps are made and scored: ``tree`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s1kit.search.allocate import SearchError, ranked


@dataclass(frozen=True, slots=True)
class Beam:
    """Of ``B`` candidates the best ``B / expand`` live on with ``expand`` children each (an ``Allocate``).

    ``beam width x expand`` is the search's ``width``: 16 leaves with ``expand=4`` keep 4 beams. ``B`` falls with every
    leaf; the last beam may then get fewer children, and the sum is always ``B``. Raises SearchError for ``expand < 1``.
    """

    expand: int = 4

    def __post_init__(self) -> None:
        if self.expand < 1:
            raise SearchError(f"expand is {self.expand}; each beam needs at least 1 child")

    def __call__(self, scores: Sequence[float], budget: int) -> list[int]:
        """Children of each node: 0 for those that are dropped; ties go to the earlier node."""
        widths = [0] * len(scores)
        kept = ranked(scores)[: -(-budget // self.expand)]
        for place, i in enumerate(kept):
            widths[i] = budget // len(kept) + (place < budget % len(kept))
        return widths
