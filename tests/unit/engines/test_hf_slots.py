"""Placement of sequences in slots, against a cache that only remembers which ids lie where."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.engines.hf_slots import MIN_COPY, NAMES, SMALL_LOSS, Slot, SlotTable, common_prefix


class Memory:
    """Stands in for the tensors: rows of ids. What a slot claims to hold must be what lies in its row."""

    def __init__(self) -> None:
        self.rows: dict[int, list[int]] = {}
        self.length = 0
        self.copies = 0

    def reserve(self, rows: int, length: int) -> None:
        for row in range(rows):
            self.rows.setdefault(row, [])

    def copy(self, source: int, target: int, length: int) -> None:
        self.copies += 1
        self.rows[target] = self.rows[source][:length]

    def exchange(self, first: int, first_length: int, second: int, second_length: int) -> None:
        held = self.rows[first][:first_length]
        self.rows[first] = self.rows[second][:second_length]
        self.rows[second] = held

    def wipe(self, row: int) -> None:
        self.rows[row] = []


def table(slots: int, spare: int) -> tuple[SlotTable, Memory]:
    memory = Memory()
    return SlotTable(memory, slots, spare), memory  # type: ignore[arg-type]  # the five methods it uses


def fill(slots: SlotTable, memory: Memory, slot: Slot, ids: list[int]) -> None:
    """What a forward pass does."""
    slot.ids.extend(ids[len(slot.ids) :])
    memory.rows[slot.index] = list(slot.ids)


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 2), max_size=60), st.integers(0, 60))
def test_common_prefix(first: list[int], second: list[int], shared: int) -> None:
    second = first[:shared] + second
    n = common_prefix(first, second)
    assert first[:n] == second[:n]
    assert n in (len(first), len(second)) or first[n] != second[n]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_slots_always_hold_what_they_claim(data: st.DataObject) -> None:
    slots, memory = table(data.draw(st.integers(1, 4)), data.draw(st.integers(0, 3)))
    busy: list[Slot] = []
    known: list[list[int]] = [[0] * 20]
    for step in range(data.draw(st.integers(1, 40))):
        if busy and (len(busy) == slots.limit or data.draw(st.booleans())):
            slot = busy.pop(data.draw(st.integers(0, len(busy) - 1)))
            (slots.forget if data.draw(st.integers(0, 5)) == 0 else slots.park)(slot)
        else:
            base = data.draw(st.sampled_from(known))
            ids = base[: data.draw(st.integers(1, len(base)))] + [step] * data.draw(st.integers(0, 50))
            slot = slots.take(f"r{step}", ids, [])
            assert slot not in busy
            assert slot.ids == ids[: len(slot.ids)]
            assert len(slot.ids) < len(ids)
            assert slots.holder(f"r{step}") is slot
            fill(slots, memory, slot, ids)
            known.append(ids)
            busy.append(slot)
        if data.draw(st.booleans()):
            slots.compact(busy)
            assert {s.index for s in busy} == set(range(len(busy)))
        for index, slot in enumerate(slots.slots):
            assert slot.index == index
            assert memory.rows[index][: len(slot.ids)] == slot.ids


def test_a_parked_parent_is_continued_in_place() -> None:
    slots, memory = table(2, 0)
    parent = slots.take("a", [1] * 30, [])
    fill(slots, memory, parent, [1] * 30)
    slots.park(parent)
    child = slots.take("b", [1] * 30 + [2], [])
    assert child is parent
    assert len(child.ids) == 30
    assert memory.copies == 0


def test_a_fork_far_from_the_end_copies_and_leaves_the_parent_whole() -> None:
    slots, memory = table(2, 0)
    parent = slots.take("a", [1] * 100, [])
    fill(slots, memory, parent, [1] * 100)
    slots.park(parent)
    child = slots.take("b", [1] * (100 - SMALL_LOSS - 1) + [2], [])
    assert child is not parent
    assert (len(parent.ids), len(child.ids), memory.copies) == (100, 100 - SMALL_LOSS - 1, 1)


def test_a_short_common_beginning_is_not_copied() -> None:
    slots, memory = table(2, 0)
    fill(slots, memory, slots.take("a", [1] * 30, []), [1] * 30)
    assert slots.take("b", [1] * (MIN_COPY - 1) + [2] * 9, []).ids == []
    assert memory.copies == 0


def test_the_oldest_parked_slot_goes_first_and_a_wanted_one_last() -> None:
    slots, memory = table(2, 1)
    parked = []
    for i in range(3):
        parked.append(slots.take(f"r{i}", [i] * 20, []))
        fill(slots, memory, parked[-1], [i] * 20)
    for slot in (parked[1], parked[0], parked[2]):
        slots.park(slot)
    slots.take("new", [9] * 20, [parked[1]])
    assert slots.holder("r0") is None
    assert slots.holder("r1") is parked[1]
    slots.take("newer", [8] * 20, [parked[1]])
    assert slots.holder("r2") is None
    slots.take("newest", [7] * 20, [parked[1]])
    assert slots.holder("r1") is None


def test_a_forgotten_slot_is_reused_by_nobody() -> None:
    slots, memory = table(1, 0)
    slot = slots.take("a", [1] * 30, [])
    fill(slots, memory, slot, [1] * 30)
    slots.forget(slot)
    assert memory.rows[slot.index] == []
    assert slots.holder("a") is None
    assert slots.take("b", [1] * 30, []).ids == []


def test_a_slot_that_is_used_again_and_again_remembers_its_last_requests_only() -> None:
    """A server's memory grew by 1 MiB per 1,000 requests: the names of all that shared a prefix were kept."""
    slots, memory = table(1, 0)
    for i in range(3 * NAMES):
        slot = slots.take(f"r{i}", [1] * 30, [])
        fill(slots, memory, slot, [1] * 30)
        slots.park(slot)
    assert len(slot.names) == NAMES
    assert slots.holder(f"r{3 * NAMES - 1}") is slot
    assert slots.holder("r0") is None


@pytest.mark.parametrize("reuse", [True, False])
def test_without_prefix_caching_nothing_known_is_used(reuse: bool) -> None:
    memory = Memory()
    slots = SlotTable(memory, 2, 0, reuse=reuse)  # type: ignore[arg-type]
    first = slots.take("a", [1] * 30, [])
    fill(slots, memory, first, [1] * 30)
    slots.park(first)
    assert len(slots.take("b", [1] * 30, [first]).ids) == (29 if reuse else 0)
