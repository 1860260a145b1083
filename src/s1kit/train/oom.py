"""A device that ran out of memory: what the planner says of this very run on this very device, and what to change.

Knows how to ask for a device's size. Refuses to try again by itself: a smaller batch is the user's to choose.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from s1kit.train.plan_advice import Advice, advise
from s1kit.train.plan_memory import GIB, measure
from s1kit.train.plan_settings import NOT_IN_RECIPES, in_recipe, setup_of
from s1kit.train.plan_setup import Lengths, PlanError, Setup
from s1kit.train.plan_text import gib
from s1kit.train.settings import Settings
from s1kit.train.shapes import ShapeError, read_shape
from s1kit.types import TrainRow

_PLAIN = (
    "hint: per_device: 1, checkpointing: recompute, offload_activations: true, adapter: {r: 32}, or more devices "
    "(--launch)"
)


def out_of_memory(settings: Settings, base: Path, rows: Sequence[TrainRow], said: str, context_parallel: int) -> str:
    """The message for a run over ``rows`` that did not fit: what was said, what is needed, what to change in order."""
    name, size = device()
    first = f"out of memory on {name} ({size / GIB:.1f} GiB): {next(iter(said.splitlines()), said)[:300]}"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    try:
        setup = setup_of(settings, name, processes, context_parallel)
        if os.environ.get("ACCELERATE_USE_FSDP", "").lower() != "true":
            setup = setup.model_copy(update={"sharding": "none"})
        return "\n".join([first, *_planned(setup, base, rows, size)])
    except (PlanError, ShapeError) as error:  # a model that the planner does not know
        return f"{first}\nno plan: {str(error).splitlines()[0]}\n{_PLAIN}"


def _planned(setup: Setup, base: Path, rows: Sequence[TrainRow], size: float) -> list[str]:
    shape, lengths = read_shape(base), Lengths.of([row.n_tokens for row in rows])
    # peak_flops only makes the card known: nothing is said of time
    sized = setup.model_copy(update={"memory_gib": size / GIB, "peak_flops": 1.0})
    needs = measure(shape, sized, lengths).total
    fits = needs <= size
    lines = [
        f"the planner counts {gib(needs)} GiB for {setup.per_device_batch} rows at once of up to "
        f"{lengths.longest:,} tokens{': it should fit, so something else may hold memory there' if fits else ''}"
    ]
    wanted = sized.model_copy(update={"memory_gib": 0.9 * needs / GIB}) if fits else sized
    advice = [step for step in advise(shape, wanted, lengths, NOT_IN_RECIPES) if step.same_model or not fits]
    return [*lines, *(_hint(step) for step in advice)] if advice else [*lines, _PLAIN]


def _hint(step: Advice) -> str:
    other = "" if step.same_model else "; trains another model"
    return (
        f"hint: {in_recipe(step)} ({step.change}) saves {gib(step.saves)} GiB, then {gib(step.total)} are needed{other}"
    )


def device() -> tuple[str, float]:
    """Name and bytes of the device that this process trains on; the machine's own memory without an accelerator."""
    import torch

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(torch.cuda.current_device())
        return str(found.name), float(found.total_memory)
    return "the CPU", float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
