"""How many children each open node of a tree gets: REBASE's rule, in three roundings (arXiv 2408.00724, section 3.1.2).

Knows scores and a number of children to hand out. Refuses to know what a node is, and where a score comes from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from s1kit.errors import UserError

Allocate = Callable[[Sequence[float], int], list[int]]
"""``(scores of the open nodes, children to hand out) -> children of each``, in the order of the scores."""

Rounding = Literal["largest_remainder", "ceil", "round"]

_SLACK = 1e-9
"""A quota this close above a whole number is that number: five equal nodes share 16 as 4, 3, 3, 3, 3."""


class SearchError(UserError, ValueError):
    """A search that cannot be carried out as it was asked for; raised before the first request."""


def softmax(scores: Sequence[float], temperature: float) -> list[float]:
    """``exp(R / T_b)`` of every score, the best one's being 1: shares before they are divided by their sum.

    The maximum is subtracted first, so that no temperature overflows; the reference's float32 does when R / T_b exceeds
    88. Raises ValueError for a score that is not finite.
    """
    if not all(math.isfinite(score) for score in scores):
        raise ValueError(f"scores {list(scores)}: each must be a finite number")
    top = max(scores, default=0.0)
    return [math.exp((score - top) / temperature) for score in scores]


def ranked(scores: Sequence[float]) -> list[int]:
    """Places of the scores, best first; among equals the earlier one."""
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


def largest_remainder(scores: Sequence[float], budget: int, temperature: float) -> list[int]:
    """Whole parts of the quotas, then one more for the largest fractions (ties: by score, then by place).

    Sums to ``budget``, and a better node never gets fewer than a worse one.
    """
    parts = softmax(scores, temperature)
    whole = sum(parts)
    quotas = [budget * part / whole for part in parts]
    widths = [math.floor(quota) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda i: (widths[i] - quotas[i], -scores[i], i))
    for i in order[: budget - sum(widths)]:
        widths[i] += 1
    return widths


def sequential_ceil(scores: Sequence[float], budget: int, temperature: float) -> list[int]:
    """The reference code's rule: best first, each takes its share of what is left, rounded up.

    Sums to ``budget`` here. In the reference's float32 it does not in about 3 % of random cases (five equal nodes, 16
    children: 17), because it subtracts from a running sum; here the sums of the rest are built from the end.
    """
    parts = softmax(scores, temperature)
    order = ranked(scores)
    rests = [0.0] * len(order)
    rest = 0.0
    for at in range(len(order) - 1, -1, -1):
        rest += parts[order[at]]
        rests[at] = rest
    widths, left = [0] * len(order), budget
    for at, i in enumerate(order):
        if rests[at] > 0:  # 0: so far behind that its part underflowed, and whoever came before took all
            widths[i] = max(0, math.ceil(left * parts[i] / rests[at] - _SLACK))
            left -= widths[i]
    return widths


def plain_round(scores: Sequence[float], budget: int, temperature: float) -> list[int]:
    """The paper's formula as printed, halves to even: the sum misses ``budget`` in most cases, mostly below it."""
    parts = softmax(scores, temperature)
    whole = sum(parts)
    return [round(budget * part / whole) for part in parts]


_RULES = {"largest_remainder": largest_remainder, "ceil": sequential_ceil, "round": plain_round}


@dataclass(frozen=True, slots=True)
class Rebase:
    """Children in proportion to ``exp(R / T_b)`` (an ``Allocate``). The reference uses T_b 0.2.

    ``largest_remainder`` spends exactly what there is; ``ceil`` is the reference code's rule, ``round`` the paper's.
    Raises SearchError for a temperature that is not above 0 or an unknown rounding.
    """

    temperature: float = 0.2
    rounding: Rounding = "largest_remainder"

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise SearchError(
                f"balance temperature {self.temperature}: a finite number above 0 is needed\n"
                "hint: 0.2 is the reference's; near 0 the best node takes all, a large one spreads evenly"
            )
        if self.rounding not in _RULES:
            raise SearchError(f"rounding {self.rounding!r} is unknown\nhint: one of {', '.join(get_args(Rounding))}")

    def __call__(self, scores: Sequence[float], budget: int) -> list[int]:
        """Children of each node."""
        return _RULES[self.rounding](scores, budget, self.temperature) if scores else []
