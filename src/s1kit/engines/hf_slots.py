"""Which sequence lives in which slot: placement, re-use of common prefixes, eviction.

Knows the token ids behind every slot's keys and values. Refuses to know tensors: ``hf_cache`` moves them. A slot whose
request is over stays parked with its ids, and a new request starts from the longest prefix that any slot shares with
it: in place when that slot is parked and loses little, by copying otherwise (a copy is far cheaper than running the
model, and the other sequence lives on). Exact ids decide; ``Request.continues`` only says whom to admit first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from s1kit.engines.hf_cache import SlotCache

MIN_COPY = 8
"""A shorter common prefix is run again: every chat shares a few ids, and copies cost a kernel launch per layer."""
SMALL_LOSS = 32
"""A parked sequence is cut in place when at most this many of its ids are lost; longer tails may serve another fork."""
NAMES = 256
"""Requests that a slot remembers by name."""
ROWS_STEP = 8
"""Storage grows by this many rows, so that a single user's engine stays small."""


@dataclass(slots=True, eq=False)
class Slot:
    """One row of the cache. ``ids`` are exactly the tokens whose keys and values it holds."""

    index: int
    ids: list[int] = field(default_factory=list)
    busy: bool = False
    names: dict[str, None] = field(default_factory=dict)
    """The last requests that lived here since it was emptied; a continuation of one of them finds its prefix here."""
    used: int = 0
    """When it was last parked; the smallest is evicted first."""


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Number of leading ids that two sequences share. Slices double, so unrelated sequences cost next to nothing."""
    limit = min(len(first), len(second))
    known, size = 0, 8
    while known < limit:
        end = min(known + size, limit)
        if first[known:end] != second[known:end]:
            break
        known, size = end, size * 2
    else:
        return limit
    while known < limit and first[known] == second[known]:
        known += 1
    return known


class SlotTable:
    """At most ``slots`` busy slots and ``spare`` more parked ones, over one cache; ``reuse``: prefixes are kept."""

    def __init__(self, cache: SlotCache, slots: int, spare: int, *, reuse: bool = True) -> None:
        self.cache = cache
        self._reuse = reuse
        self.limit = slots + spare
        self.slots: list[Slot] = []
        self._homes: dict[str, Slot] = {}
        self._clock = 0

    def holder(self, name: str | None) -> Slot | None:
        """The slot in which a request lived, if it is still held."""
        return None if name is None else self._homes.get(name)

    def take(self, name: str, ids: list[int], wanted: Collection[Slot]) -> Slot:
        """A slot for ``ids`` holding their longest known prefix, at least one id short of all (its logits are needed).

        ``wanted`` slots are parents of waiting requests and are evicted last. The caller makes sure that fewer than
        ``limit`` slots are busy. Raises what ``SlotCache.reserve`` raises, before anything has changed.
        """
        source, shared = self._longest(ids) if self._reuse else (None, 0)
        in_place = source is not None and not source.busy and len(source.ids) - shared <= SMALL_LOSS
        slot = source if in_place and source is not None else self._victim(source, wanted)
        own = shared if slot is source else common_prefix(slot.ids, ids[:-1]) if self._reuse else 0
        if source is not None and slot is not source and shared - own >= MIN_COPY:
            self.cache.copy(source.index, slot.index, shared)
            slot.ids = ids[:shared]
        else:
            del slot.ids[own:]
        if slot is not source:
            self._unname(slot)
        former = self._homes.get(name)
        if former is not None:  # an id may come back once its request is over
            former.names.pop(name, None)
        slot.names[name] = None
        self._homes[name] = slot
        if len(slot.names) > NAMES:  # a prefix that everybody shares keeps its slot for as long as a server runs
            oldest = next(iter(slot.names))
            del slot.names[oldest], self._homes[oldest]
        slot.busy = True
        self._to_front(slot)
        return slot

    def park(self, slot: Slot) -> None:
        """Its request is over; keep the ids for whoever continues them."""
        self._clock += 1
        slot.busy, slot.used = False, self._clock

    def forget(self, slot: Slot) -> None:
        """Drop a slot's content for good (its numbers are not to be trusted)."""
        self.park(slot)
        slot.ids.clear()
        self._unname(slot)
        slot.used = 0
        self.cache.wipe(slot.index)

    def compact(self, busy: list[Slot]) -> None:
        """Move ``busy`` slots to the rows ``0..len(busy)-1``, so that a decoding step reads a view without gaps."""
        members = set(busy)
        holes = [s for s in self.slots[: len(busy)] if s not in members]
        for slot in busy:
            if slot.index >= len(busy):
                self._exchange(slot, holes.pop())

    def _unname(self, slot: Slot) -> None:
        for name in slot.names:
            del self._homes[name]
        slot.names.clear()

    def _longest(self, ids: list[int]) -> tuple[Slot | None, int]:
        best, shared = None, 0
        for slot in self.slots:
            n = min(common_prefix(slot.ids, ids), len(ids) - 1)
            if n > shared or (n == shared and best is not None and n and best.busy and not slot.busy):
                best, shared = slot, n
        return best, shared

    def _victim(self, source: Slot | None, wanted: Collection[Slot]) -> Slot:
        parked = [s for s in self.slots if not s.busy]
        empty = next((s for s in parked if not s.ids), None)
        if empty is not None:
            return empty
        if len(self.slots) < self.limit:
            rows = min(self.limit, (len(self.slots) // ROWS_STEP + 1) * ROWS_STEP)
            self.cache.reserve(rows, self.cache.length)
            self.slots.append(Slot(len(self.slots)))
            return self.slots[-1]
        # the request's own source goes before somebody else's parent: its prefix is kept either way
        return min(parked, key=lambda s: (s in wanted and s is not source, s is source, s.used))

    def _to_front(self, slot: Slot) -> None:
        """Exchange with the first idle row, which keeps busy rows together almost always."""
        first = next((s for s in self.slots[: slot.index] if not s.busy), None)
        if first is not None:
            self._exchange(slot, first)

    def _exchange(self, slot: Slot, other: Slot) -> None:
        self.cache.exchange(slot.index, len(slot.ids), other.index, len(other.ids))
        slot.index, other.index = other.index, slot.index
        self.slots[slot.index], self.slots[other.index] = slot, other
