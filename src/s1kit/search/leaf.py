"""What a tree search leaves behind: finished thoughts with their scores, and what the whole tree has cost.

Knows leaves as plain generations, so that votes and picks work on them as on any samples. Refuses to know how they
came about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from s1kit.search.reward import Spent
from s1kit.search.samples import Cost
from s1kit.types import Generation

Reduction = Literal["last", "min", "mean", "prod"]

_REDUCE: dict[Reduction, Callable[[Sequence[float]], float]] = {
    "last": lambda scores: scores[-1],
    "min": min,
    "mean": lambda scores: math.fsum(scores) / len(scores),
    "prod": math.prod,
}


def reduced(scores: Sequence[float], how: Reduction = "last") -> float:
    """The scores of a path's steps as one number; 0.0 where there are none, as in the reference.

    The published runs use ``last``.
    """
    return float(_REDUCE[how](scores)) if scores else 0.0


@dataclass(frozen=True, slots=True)
class Leaf:
    """One finished thought of a tree."""

    generation: Generation
    """Its ``n_paid`` and ``engine_ms`` are its part of the tree's: what several leaves share is charged to the first
    of them, a dropped branch to the first leaf beside it, whose ``n_discarded`` says how much that was. So ``n_paid``
    summed over a tree's leaves is every token that was generated for it, once."""
    scores: tuple[float, ...]
    """The reward model's, one per step from the root on, each given when its step was the last one."""
    steps: tuple[str, ...]
    """The texts that were scored; the answer is the last one unless the search leaves it out."""
    path: tuple[int, ...]
    """Which child was taken at each depth."""

    def weight(self, how: Reduction = "last") -> float:
        """What this leaf's vote weighs, or its rank for best-of-N."""
        return reduced(self.scores, how)


@dataclass(frozen=True, slots=True)
class Tree:
    """One question searched."""

    leaves: tuple[Leaf, ...]
    """By path. ``Generation.sample`` counts up from the row's."""
    width: int
    """Leaves that were asked for. Only ``rounding="round"`` gives fewer, or more."""
    cost: Cost
    """Every token once, dropped branches included; the seconds are engine time and the reward model's."""
    reward: Spent
    """The reward model's part of the cost."""
    prefilled: int
    """Tokens that the engine ran through the model again before the first new one, over all requests."""
    nodes: int
    """Steps that were generated."""
    dropped: int
    """Those that lead to no leaf."""
    depth: int
    """Steps of the longest path."""

    @property
    def generations(self) -> tuple[Generation, ...]:
        """The leaves' rows."""
        return tuple(leaf.generation for leaf in self.leaves)

    def weights(self, how: Reduction = "last") -> list[float]:
        """The leaves' weights, in their order."""
        return [leaf.weight(how) for leaf in self.leaves]
