"""From a recipe's settings to the planner's terms, and from the planner's advice back to the recipe's.

Knows which setting of a recipe is which of the planner's. Refuses to know rows and models.
"""

from __future__ import annotations

from s1kit.train.plan_advice import EIGHT_BIT_ADAMW, FUSED_ADAMW, Advice
from s1kit.train.plan_setup import Setup
from s1kit.train.settings import Settings

NOT_IN_RECIPES = frozenset({EIGHT_BIT_ADAMW, FUSED_ADAMW})
"""Advice that no recipe can follow."""


def setup_of(settings: Settings, card: str, devices: int, context_parallel: int = 1, mfu: float = 0.2) -> Setup:
    """The planner's setup: sharded where there is more than one device, as the launch files do it."""
    groups = max(1, devices // context_parallel)
    at_once = settings.rows_at_once(groups)
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
        "chunked_head": settings.lm_head == "chunked",
        "attention": attention,
        "epochs": settings.epochs,
    }
    return Setup.model_validate(values)


def in_recipe(advice: Advice) -> str:
    """One piece of advice as what to write into the recipe, or which files to launch with."""
    changed = advice.settings
    if "devices" in changed or "context_parallel" in changed or "sharding" in changed:
        shared = changed.get("context_parallel")
        count = f" over {changed['devices']} devices" if "devices" in changed else ""
        return "`s1 train --launch`" + count + (f" --context-parallel {shared}" if shared else "")
    words = {
        "per_device_batch": "per_device: 1",
        "attention": "attention: sdpa",
        "chunked_head": "lm_head: chunked",
        "checkpointing": "checkpointing: recompute",
        "offload": "offload_activations: true",
        "four_bit": "adapter: {four_bit: true}",
        "lora_rank": f"adapter: {{r: {changed.get('lora_rank')}}}",
    }
    return next(text for name, text in words.items() if name in changed)
