"""A training run before it starts: does it fit on each device, how long does it take, and what to change if not.

Knows how the parts of a plan belong together; the formulas are in ``plan_saved``, ``plan_memory`` and ``plan_flops``.
Refuses to load a model: a shape is read from ``config.json``, or is one of the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s1kit.train.plan_advice import Advice, advise, fewest_devices
from s1kit.train.plan_flops import Work, count, lora_params
from s1kit.train.plan_memory import GIB, Memory, measure
from s1kit.train.plan_setup import Lengths, Setup
from s1kit.train.shapes import Shape, read_shape
from s1kit.types import Record


class Plan(Record):
    """All that a plan says. Memory in bytes per device, FLOPs and hours for the whole run."""

    shape: Shape
    params: int
    trained: int
    """Parameters that change: all, or the adapters."""
    setup: Setup
    lengths: Lengths
    memory: Memory
    work: Work
    limit: float
    """Bytes of a device."""
    fits: bool
    advice: tuple[Advice, ...]
    """Changes to make until it fits, in order; empty where it does."""
    after: Setup
    """The setup with all advice taken."""
    after_fits: bool
    devices_for_all_weights: int | None
    """Where it does not fit: the devices (doubling) that train every weight with the same result."""


def plan(
    model: str | Path | Mapping[str, Any] | Shape,
    setup: Setup | None = None,
    lengths: Lengths | Sequence[int] = Lengths.like(1000, 4700, 20000),  # noqa: B008  # immutable
) -> Plan:
    """The plan of one run.

    ``model`` is a published name, a folder, a ``config.json`` or its content; ``lengths`` the tokens of every row, or
    a summary (the default is the paper's 1,000 rows with the 20,000 tokens that s1.1 was cut to). Raises ShapeError
    and PlanError, both UserError.
    """
    shape = model if isinstance(model, Shape) else read_shape(model)
    setup = setup or Setup()
    setup.check()
    rows = lengths if isinstance(lengths, Lengths) else Lengths.of(lengths)
    limit = setup.card_facts().memory_gib * GIB
    memory = measure(shape, setup, rows)
    advice = advise(shape, setup, rows)
    after = setup.model_copy(update={key: value for step in advice for key, value in step.settings.items()})
    fits = memory.total <= limit
    return Plan(
        shape=shape,
        params=shape.params,
        trained=shape.params if setup.lora_rank is None else lora_params(shape, setup),
        setup=setup,
        lengths=rows,
        memory=memory,
        work=count(shape, setup, rows),
        limit=limit,
        fits=fits,
        advice=advice,
        after=after,
        after_fits=measure(shape, after, rows).total <= limit,
        devices_for_all_weights=None if fits or setup.lora_rank is not None else fewest_devices(shape, setup, rows),
    )
