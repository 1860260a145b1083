"""From a training recipe to the planner's terms: what would this run need, and how long would it take?

Knows which setting of a recipe is which of the planner's. Refuses to load a model: its ``config.json``, or a published
name, is enough.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.curate.trainset import FILE, lengths_of
from s1kit.formats import load_format
from s1kit.nano.shipped import SHIPPED, resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.plan import Plan, plan
from s1kit.train.plan_setup import Lengths, Setup
from s1kit.train.recipe import TrainConfig, load_rows
from s1kit.train.settings import Settings

ROWS, MEAN, LONGEST = 1000, 4700, 20000
"""Rows of the published set and their tokens, where the recipe's own are not at hand."""


def plan_of(config: TrainConfig, card: str, devices: int, context_parallel: int = 1, mfu: float = 0.2) -> Plan:
    """The plan of a recipe on so many cards. Lengths are those of its training set, or s1K's where there is none.

    Raises PlanError or ShapeError, with what to do.
    """
    base = resolve_model(config.base) if config.base in SHIPPED else config.base
    return plan(base, setup_of(config, card, devices, context_parallel, mfu), _lengths(config))


def setup_of(settings: Settings, card: str, devices: int, context_parallel: int = 1, mfu: float = 0.2) -> Setup:
    """The planner's setup: sharded where there is more than one device, as the launch files do it."""
    groups = max(1, devices // context_parallel)
    at_once = settings.per_device or (1 if devices > 1 else settings.batch_size)
    dtype = "fp32" if settings.precision == "float32" else "bf16" if settings.weights == "bfloat16" else "mixed"
    attention = "flash" if settings.attention.startswith("flash") else settings.attention
    values = {
        "card": card,
        "devices": devices,
        "mfu": mfu,
        "sharding": "fsdp" if devices > 1 else "none",
        "dtype": dtype,
        "lora_rank": settings.adapter.r if settings.adapter else None,
        "lora_targets": "all",
        "four_bit": bool(settings.adapter and settings.adapter.four_bit),
        "per_device_batch": at_once,
        "accumulate": max(1, settings.batch_size // (groups * at_once)),
        "checkpointing": settings.checkpointing == "recompute",
        "offload": settings.offload_activations,
        "context_parallel": context_parallel,
        "attention": attention,
        "epochs": settings.epochs,
    }
    return Setup.model_validate(values)


def _lengths(config: TrainConfig) -> Lengths:
    """Of a training set's rows, of rows that can be built here, or s1K's where the base or the data is elsewhere."""
    path = Path(config.data)
    file = path / FILE if path.is_dir() else path
    if file.suffix == ".parquet" and file.is_file():
        return Lengths.of(lengths_of(file))
    base = Path(resolve_model(config.base))
    if base.is_dir() and (config.data == "nano_traces" or path.is_file()):
        rows, _ = load_rows(config, load_format(config.format).resolve(Tokenizer.load(base)))
        return Lengths.of([row.n_tokens for row in rows])
    return Lengths.like(ROWS, min(MEAN, config.max_tokens or MEAN), min(LONGEST, config.max_tokens or LONGEST))
