"""What model calls cost: counts, tokens and money per role and model.

Knows replies and prices. Refuses to guess: money is unknown where no price was given, and a reply without a token count
is counted as such.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from s1kit.curate.calls.call import Call, Prices, Reply

COUNTED = ("prompt", "completion", "thinking")


@dataclass(slots=True)
class Bill:
    """A sum over replies."""

    calls: int = 0
    errors: int = 0
    tries: int = 0
    """Requests that were made for them; each may have been charged, but only the last one's tokens are known."""
    prompt: int = 0
    completion: int = 0
    """Thinking included."""
    thinking: int = 0
    """As far as it was told."""
    unmetered: int = 0
    """Replies without a token count, errors mostly: with any of these the money is the least it can have been."""
    seconds: float = 0.0
    """Added up over calls; many ran at the same time."""

    def add(self, reply: Reply) -> None:
        """Count one reply."""
        self.calls += 1
        self.errors += reply.error is not None
        self.tries += reply.tries
        self.unmetered += not reply.usage
        self.seconds += reply.seconds
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + reply.usage.get(name, 0))

    def cost(self, prices: Prices | None) -> float | None:
        """Money; None where the price is unknown and something was asked."""
        if prices is None:
            return None if self.calls else 0.0
        return (self.prompt * prices.prompt + self.completion * prices.completion) / 1e6

    def as_dict(self, prices: Prices | None) -> dict[str, Any]:
        """Plain values, the money included."""
        numbers = {name: getattr(self, name) for name in ("calls", "errors", "tries", *COUNTED, "unmetered")}
        return {**numbers, "seconds": round(self.seconds, 3), "cost": self.cost(prices)}


@dataclass(slots=True)
class Entry:
    """One role with one model. ``paid``: asked by this process. ``used``: every reply it needed, cached or not."""

    role: str
    model: str
    prices: Prices | None
    cached: int = 0
    paid: Bill = field(default_factory=Bill)
    used: Bill = field(default_factory=Bill)


class Ledger:
    """Counts every reply of a run once, as it is handed to whoever asked."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}

    def add(self, call: Call, reply: Reply, *, cached: bool, prices: Prices | None) -> None:
        """Count one reply. ``prices`` of the first reply of a role and model hold for all of them."""
        entry = self.entries.setdefault((call.role, call.model), Entry(call.role, call.model, prices))
        entry.used.add(reply)
        if cached:
            entry.cached += 1
        else:
            entry.paid.add(reply)

    def as_dict(self) -> dict[str, Any]:
        """``entries`` by role and model, and ``cost`` {paid, used} over all of them (None: not all is known)."""
        entries = [self.entries[name] for name in sorted(self.entries)]
        return {
            "entries": [
                {
                    "role": e.role,
                    "model": e.model,
                    "prices": None
                    if e.prices is None
                    else {"prompt": e.prices.prompt, "completion": e.prices.completion},
                    "cached": e.cached,
                    "paid": e.paid.as_dict(e.prices),
                    "used": e.used.as_dict(e.prices),
                }
                for e in entries
            ],
            "cost": {
                "paid": _sum([e.paid.cost(e.prices) for e in entries]),
                "used": _sum([e.used.cost(e.prices) for e in entries]),
            },
        }


def _sum(costs: list[float | None]) -> float | None:
    return None if None in costs else sum(cost for cost in costs if cost is not None)
