"""What a training plan is asked about: the machine, the way of training, and how long the rows are.

Knows cards, settings and which of them exclude each other. Refuses to know models and to count anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

from pydantic import Field

from s1kit.errors import UserError
from s1kit.types import Record


class PlanError(UserError):
    """Settings that no training run can have."""


class Card(NamedTuple):
    """Memory in GiB and peak FLOP/s in bf16 with fp32 sums, without sparsity, as the maker's data sheets give them."""

    memory_gib: float
    peak_flops: float


CARDS: dict[str, Card] = {
    "A100-40": Card(40, 312e12),
    "A100-80": Card(80, 312e12),
    "H100": Card(80, 989e12),
    "H100-PCIe": Card(80, 756e12),
    "H200": Card(141, 989e12),
    "L40S": Card(48, 362e12),
    "RTX3090": Card(24, 71e12),
    "RTX4090": Card(24, 165e12),
}

Sharding = Literal["none", "fsdp"]
Dtype = Literal["mixed", "bf16", "fp32"]
Attention = Literal["sdpa", "flash", "eager"]
LORA_TARGETS = {
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "all": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


class Setup(Record):
    """One way to train on one machine. The defaults are the paper's run (section 3) but for TRL's chunked head."""

    card: str = "H100"
    devices: int = Field(default=16, gt=0)
    memory_gib: float | None = Field(default=None, gt=0)
    """Memory of a device, where the card is not listed."""
    peak_flops: float | None = Field(default=None, gt=0)
    """Dense FLOP/s of a device in the type that is computed in, where the card is not listed."""
    mfu: float = Field(default=0.2, gt=0, le=1)
    """Share of the peak that the model's own FLOPs reach; the paper's 26 minutes are 0.19."""
    sharding: Sharding = "fsdp"
    """``fsdp`` shards weights, gradients and optimiser over all devices (FSDP2, full shard); ``none`` copies them."""
    dtype: Dtype = "mixed"
    """``mixed``: fp32 weights computed in bf16, the paper's; ``bf16``: weights and optimiser in bf16; ``fp32``."""
    eight_bit: bool = False
    """AdamW with 8-bit states."""
    fused: bool = False
    """AdamW in one kernel (``adamw_torch_fused``); otherwise its step makes copies as large as the gradients."""
    lora_rank: int | None = Field(default=None, gt=0)
    lora_targets: Literal["attention", "all"] = "all"
    four_bit: bool = False
    """QLoRA: the matrices of the frozen model in 4 bits."""
    per_device_batch: int = Field(default=1, gt=0)
    """Rows that one device, or one context parallel group, takes at once; padded to the longest."""
    accumulate: int = Field(default=1, gt=0)
    checkpointing: bool = True
    """Keep only what enters each layer, compute the rest again in the backward pass."""
    offload: bool = False
    """What is kept for the backward pass waits in the host's memory (TRL's activation offloading)."""
    context_parallel: int = Field(default=1, gt=0)
    """Devices that share one row."""
    chunked_head: bool = True
    """TRL 1.16 scores in tiles; False builds the logits of all tokens at once."""
    attention: Attention = "sdpa"
    epochs: float = Field(default=5, gt=0)

    def card_facts(self) -> Card:
        """Memory and peak of one device; what is given by hand wins over the list. Raises PlanError."""
        known = next((card for name, card in CARDS.items() if name.lower() == self.card.lower()), None)
        memory = self.memory_gib or (known and known.memory_gib)
        peak = self.peak_flops or (known and known.peak_flops)
        if memory is None or peak is None:
            raise PlanError(f"unknown card {self.card}\nhint: {', '.join(CARDS)}; or give memory_gib and peak_flops")
        return Card(memory, peak)

    def check(self) -> None:
        """Raises PlanError for settings that exclude each other."""
        if self.four_bit and self.lora_rank is None:
            raise PlanError("4-bit weights cannot be trained, only adapters on them\nhint: set lora_rank")
        if self.devices % self.context_parallel:
            raise PlanError(f"{self.devices} devices do not make groups of {self.context_parallel} (context_parallel)")
        if self.context_parallel > 1 and self.sharding != "fsdp":
            raise PlanError("context parallelism needs sharded weights\nhint: sharding: fsdp")
        if self.context_parallel > 1 and self.attention != "sdpa":
            raise PlanError("context parallelism splits SDPA only\nhint: attention: sdpa")

    @property
    def replicas(self) -> int:
        """Groups of devices that take different rows."""
        return self.devices // self.context_parallel

    @property
    def rows_per_step(self) -> int:
        """Rows behind one optimiser step: the batch size of the recipe."""
        return self.replicas * self.per_device_batch * self.accumulate


class Lengths(Record):
    """How long the rows are, in tokens. ``squares`` is the sum of the squared lengths: attention's cost grows by it."""

    rows: int = Field(gt=0)
    tokens: int = Field(gt=0)
    longest: int = Field(gt=0)
    squares: int = Field(gt=0)
    exact: bool = True
    """False where only the mean is known: then ``squares`` is the least that it can be."""

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Self:
        """From the length of every row. Raises PlanError for no rows, or a row without a token."""
        if not lengths or min(lengths) < 1:
            raise PlanError("the plan needs the length of at least one row, and no row without tokens")
        squares = sum(length * length for length in lengths)
        return cls(rows=len(lengths), tokens=sum(lengths), longest=max(lengths), squares=squares)

    @classmethod
    def like(cls, rows: int, mean: float, longest: int) -> Self:
        """From what is known before there are rows. The paper's set: 1,000 rows of 4,700 tokens on average."""
        if rows < 1 or mean < 1 or longest < mean:
            raise PlanError(f"{rows} rows of {mean} tokens on average cannot have {longest} in the longest")
        return cls(rows=rows, tokens=round(rows * mean), longest=longest, squares=round(rows * mean**2), exact=False)
