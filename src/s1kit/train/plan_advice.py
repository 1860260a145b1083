"""What to change when a plan does not fit: in order, each with what it saves, until it fits.

Knows which changes leave the trained model as it is and which do not. Refuses to cut rows: a row that loses its end
teaches the model not to answer (paper, section 5.1).
"""

from __future__ import annotations

from collections.abc import Callable

from s1kit.train.plan_memory import measure
from s1kit.train.plan_setup import Lengths, Setup
from s1kit.train.shapes import Shape
from s1kit.types import Record

Change = Callable[[Setup], Setup | None]
"""The setup with the change, or None where it is made already or cannot be made."""
RANK = 32
"""Rank that is advised for LoRA."""
MOST_DEVICES = 1024
FUSED_ADAMW = "AdamW in one fused kernel: no copies in its step"
EIGHT_BIT_ADAMW = "AdamW with 8-bit states"


class Advice(Record):
    """One change. ``saves`` is bytes per device on top of the changes before it."""

    change: str
    settings: dict[str, int | bool | str]
    saves: float
    total: float
    """Bytes per device with this change and all before it."""
    same_model: bool
    """The change trains the same model on the same batches, up to rounding."""


def _with(**settings: int | bool | str) -> Change:
    def change(setup: Setup) -> Setup | None:
        new = setup.model_copy(update=settings)
        return None if new == setup else new

    return change


def _single_rows(setup: Setup) -> Setup | None:
    if setup.per_device_batch == 1:
        return None
    steps = setup.accumulate * setup.per_device_batch
    return setup.model_copy(update={"per_device_batch": 1, "accumulate": steps})


def _shard(setup: Setup) -> Setup | None:
    return None if setup.sharding == "fsdp" or setup.devices == 1 else setup.model_copy(update={"sharding": "fsdp"})


def _split_rows(setup: Setup) -> Setup | None:
    """Two devices for each row instead of one; twice the accumulation keeps the batch."""
    if setup.sharding != "fsdp" or setup.attention != "sdpa" or setup.devices % (2 * setup.context_parallel):
        return None
    doubled = {"context_parallel": 2 * setup.context_parallel, "accumulate": 2 * setup.accumulate}
    return setup.model_copy(update=doubled)


def _lora(setup: Setup) -> Setup | None:
    return None if setup.lora_rank is not None else setup.model_copy(update={"lora_rank": RANK, "eight_bit": False})


def _qlora(setup: Setup) -> Setup | None:
    return None if setup.lora_rank is None or setup.four_bit else setup.model_copy(update={"four_bit": True})


def _double(setup: Setup) -> Setup | None:
    """Twice the devices, and half the accumulation where that keeps the batch."""
    if 2 * setup.devices > MOST_DEVICES:
        return None
    update: dict[str, int | str] = {"devices": 2 * setup.devices, "sharding": "fsdp"}
    if setup.accumulate % 2 == 0:
        update["accumulate"] = setup.accumulate // 2
    return setup.model_copy(update=update)


SAME: tuple[tuple[str, Change], ...] = (
    ("one row at a time on each device, with more accumulation", _single_rows),
    ("SDPA instead of eager attention", lambda s: _with(attention="sdpa")(s) if s.attention == "eager" else None),
    ("the chunked head: never all logits", _with(chunked_head=True)),
    ("gradient checkpointing", _with(checkpointing=True)),
    ("shard weights, gradients and optimiser (FSDP)", _shard),
    ("activation offloading to the host's memory", _with(offload=True)),
    ("context parallelism: 2 devices for a row", _split_rows),
    ("context parallelism: 4 devices for a row", _split_rows),
    ("context parallelism: 8 devices for a row", _split_rows),
    (FUSED_ADAMW, _with(fused=True)),
)
OTHER: tuple[tuple[str, Change], ...] = (
    (EIGHT_BIT_ADAMW, lambda s: _with(eight_bit=True)(s) if s.lora_rank is None else None),
    (f"LoRA of rank {RANK} on all matrices, the model frozen", _lora),
    ("QLoRA: the frozen model in 4 bits", _qlora),
)
MORE: tuple[tuple[str, Change], ...] = tuple((f"{2**n} times the devices", _double) for n in range(1, 11))


def advise(shape: Shape, setup: Setup, lengths: Lengths, without: frozenset[str] = frozenset()) -> tuple[Advice, ...]:
    """Changes that together make it fit, in the order to make them; empty where it fits, all that help where none do.

    A change that turns out not to be needed with the others is left out, and so is one that ``without`` names.
    """
    limit = setup.card_facts().memory_gib * 2**30

    def needs(chosen: Setup) -> float:
        return measure(shape, chosen, lengths).total

    if needs(setup) <= limit:
        return ()
    made: list[tuple[str, Change]] = []
    now = setup
    for name, change in (*SAME, *OTHER, *MORE):
        new = None if name in without else change(now)
        if new is None or needs(new) > needs(now):
            continue  # what saves nothing yet stays: another moment may be the highest until a later change
        made.append((name, change))
        now = new
        if needs(now) <= limit:
            break
    enough = max(limit, needs(now))
    for last in reversed(made):  # the last are the dearest
        fewer = [other for other in made if other != last]
        if needs(_apply(setup, fewer)) <= enough:
            made = fewer
    return tuple(_steps(setup, made, needs))


def fewest_devices(shape: Shape, setup: Setup, lengths: Lengths) -> int | None:
    """Devices, doubled from what there is, on which every weight is trained with the same result; None above 1,024."""
    limit = setup.card_facts().memory_gib * 2**30
    now: Setup | None = setup
    while now is not None:
        best = _apply(now, list(SAME))
        if measure(shape, best, lengths).total <= limit:
            return now.devices
        now = _double(now)
    return None


def _apply(setup: Setup, changes: list[tuple[str, Change]]) -> Setup:
    for _, change in changes:
        setup = change(setup) or setup
    return setup


def _steps(setup: Setup, made: list[tuple[str, Change]], needs: Callable[[Setup], float]) -> list[Advice]:
    """The changes one by one, with what each adds to those before it."""
    same = {name for name, _ in SAME} | {name for name, _ in MORE}
    steps = []
    for name, change in made:
        new = change(setup) or setup
        old_values, new_values = setup.model_dump(), new.model_dump()
        settings = {key: value for key, value in new_values.items() if value != old_values[key]}
        saves = needs(setup) - needs(new)
        steps.append(Advice(change=name, settings=settings, saves=saves, total=needs(new), same_model=name in same))
        setup = new
    return steps
