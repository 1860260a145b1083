"""What a fine-tuning run is told, and every value that is passed on to TRL because of it.

Knows the paper's recipe (section 3) and which of TRL's defaults would change it in silence. Refuses to train.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from s1kit.train.arguments import FIXED
from s1kit.train.collate import Layout
from s1kit.train.launch import LaunchError, accumulation
from s1kit.types import Record

Count = Annotated[int, Field(strict=True, gt=0)]


class Adapter(Record):
    """Train low-rank additions instead of the weights (LoRA); they are merged into the weights at the end."""

    r: Count = 32
    """Rank."""
    alpha: Count = 64
    """Scale: the addition counts ``alpha / r`` times."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"
    """Names of modules, or one regular expression."""
    four_bit: bool = False
    """Keep the frozen weights in 4 bits (QLoRA)."""

    def on_head(self) -> bool:
        """Whether the targets (names, or one regular expression) take in the output head."""
        if isinstance(self.targets, str):
            return self.targets != "all-linear" and re.fullmatch(self.targets, "lm_head") is not None
        return any(target.rpartition(".")[2] == "lm_head" for target in self.targets)

    @model_validator(mode="after")
    def _targets_can_be_read(self) -> Self:
        if isinstance(self.targets, str):
            try:
                re.compile(self.targets)
            except re.error as error:
                raise ValueError(f"targets is no regular expression: {error}") from error
        return self


class Settings(Record):
    """The paper's recipe unless told otherwise; small models want a higher rate."""

    epochs: float = Field(default=5, gt=0)
    batch_size: Count = 16
    """Rows of one optimiser step, over all devices."""
    per_device: Count | None = None
    """Rows that a device takes at once; None: the whole batch. Changes speed and memory, not the batch."""
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: float = Field(default=1e-4, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: matrix products in it; what the optimiser updates is ``weights``."""
    weights: Literal["float32", "bfloat16"] = "float32"
    layout: Layout = "packed"
    """How a batch is laid out; changes speed, not the loss. Context parallelism needs padded."""
    checkpointing: Literal["none", "recompute"] = "none"
    """recompute: activations are computed again in the backward pass."""
    offload_activations: bool = False
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] = "sdpa"
    lm_head: Literal["chunked", "whole"] = "chunked"
    """chunked: TRL scores in tiles, so that the logits of a batch never exist. whole: all logits at once, as the paper;
    the same loss. Context parallelism needs chunked."""
    adapter: Adapter | None = None
    save_dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    save_every: Count | None = None
    """Optimiser steps between checkpoints, from which a run that was killed goes on; None: none are kept."""
    keep: Count = 1
    """Checkpoints that are kept."""
    log_every: Count = 10
    """Optimiser steps between two lines of the log."""
    report_to: tuple[Literal["wandb", "tensorboard", "trackio"], ...] = ()

    @model_validator(mode="after")
    def _that_can_be(self) -> Self:
        if self.layout == "flat" and not self.attention.startswith("flash"):
            raise ValueError("layout flat needs attention that knows where rows end: flash_attention_2 or _3")
        if self.weights == "bfloat16" and self.precision == "float32":
            raise ValueError("weights: bfloat16 needs precision: bfloat16")
        if self.adapter is not None and self.adapter.on_head():
            raise ValueError("adapter.targets names lm_head, on which TRL cannot train an adapter: leave it out")
        return self

    def check_context_parallel(self, devices: int) -> None:
        """Raises LaunchError for settings that rows shared by ``devices`` devices cannot have.

        PyTorch's ring attention drops the mask: rows that lie side by side would see each other, without a word.
        """
        if devices > 1 and self.layout != "padded":
            raise LaunchError(
                f"context parallelism over {devices} devices with layout: {self.layout}, whose rows would see each "
                "other\nhint: layout: padded"
            )
        if devices > 1 and self.lm_head == "whole":
            raise LaunchError(
                f"context parallelism over {devices} devices with lm_head: whole, whose labels would be shifted in "
                "each part of a row by itself\nhint: lm_head: chunked"
            )

    def rows_at_once(self, groups: int = 1) -> int:
        """Rows that a device takes at once, where ``groups`` devices share the batch."""
        return self.per_device or max(1, self.batch_size // groups)

    def steps(self, rows: int) -> int:
        """Optimiser steps of the whole run."""
        return max(1, int(-(-rows // self.batch_size) * self.epochs))

    def arguments(self, groups: int = 1) -> dict[str, Any]:
        """Every value that is given to TRL's SFTConfig: also those whose default happens to be right today.

        ``groups``: devices that share the batch (processes by context parallelism). Raises LaunchError where they
        cannot. ``s1kit.train.arguments`` says where each comes from. What would go wrong by default: ``max_length``
        1024 beheads traces, ``gradient_checkpointing`` is on, ``bf16`` is on, ``logging_nan_inf_filter`` hides a loss
        that is no number, warm-up is 0, the rate 2e-5.
        """
        by_launcher = os.environ.get("FSDP_ACTIVATION_CHECKPOINTING", "").lower() == "true"
        recompute = self.checkpointing == "recompute" and not by_launcher
        at_once = self.rows_at_once(groups)
        return {
            "num_train_epochs": self.epochs,
            "per_device_train_batch_size": at_once,
            "gradient_accumulation_steps": accumulation(self.batch_size, groups, at_once),
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup,
            "lr_scheduler_type": self.schedule,
            "weight_decay": self.weight_decay,
            "adam_beta1": self.betas[0],
            "adam_beta2": self.betas[1],
            "max_grad_norm": self.max_grad_norm,
            "bf16": self.precision == "bfloat16",
            "gradient_checkpointing": recompute,
            "gradient_checkpointing_kwargs": {"use_reentrant": False} if recompute else None,
            "activation_offloading": self.offload_activations,
            "save_strategy": "no" if self.save_every is None else "steps",
            "save_steps": self.save_every or 500,
            "logging_steps": self.log_every,
            "report_to": list(self.report_to) or "none",
            "seed": self.seed,
            "data_seed": self.seed,
            **{name: fixed.value for name, fixed in FIXED.items()},
        }
