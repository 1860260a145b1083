"""Rejection sampling: draw until a thought is short enough.

Knows the limit and how often it may be tried. Refuses to borrow: a question's tries are its own. Source: s1 paper,
section 5.2 and Figure 6.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from s1kit.policies.forcing import Bounded, Positive


class Rejection(Bounded):
    """Sample until thinking ends by itself within ``max_thinking`` tokens, ``tries`` times at most.

    A try is given up at its first token beyond the limit, where it can no longer fit: what the reference would have
    generated behind that changes nothing. A row that no try met has no answer (``ended`` is ``unmet``) and keeps the
    last try.
    """

    kind: Literal["rejection"] = "rejection"
    max_thinking: Positive = Field()
    """The limit of a try, in thinking tokens."""
    tries: Positive = 16
    """The most samples that a row may take."""

    def most_thinking(self) -> int | None:
        """One more than the limit: the token by which a try was too long."""
        return self.max_thinking + 1

    def slug(self) -> str:
        """Short readable name, the first half of the policy id."""
        return self._named(f"reject{self.tries}")

    def label(self) -> str:
        """What a table or a plot calls it."""
        return self._said("rejection,")
