"""How much computing a run is, and how long it takes at a given share of the peak.

Knows the count of multiplications. Refuses to guess the share: MFU is the user's, or the paper's.
"""

from __future__ import annotations

import math

from s1kit.train.plan_setup import LORA_TARGETS, Lengths, Setup
from s1kit.train.shapes import Shape
from s1kit.types import Record


class Work(Record):
    """One whole run. FLOPs are the model's own (what MFU is defined on): recomputed layers are only in ``executed``."""

    steps: int
    tokens_per_step: float
    """Mean over the run, without padding."""
    tokens: float
    flops: float
    executed: float
    """With what checkpointing and the chunked head compute twice: what the devices really do."""
    hours: float
    device_hours: float
    tokens_per_second: float
    """All devices together."""


def lora_params(shape: Shape, setup: Setup) -> int:
    """Parameters of the adapters: rank x (inputs + outputs) of every target of every layer; 0 without LoRA."""
    if setup.lora_rank is None:
        return 0
    targets = LORA_TARGETS[setup.lora_targets]
    return shape.layers * setup.lora_rank * sum(sum(shape.linears[name]) for name in targets)


def forward_flops(shape: Shape, lengths: Lengths) -> tuple[float, float]:
    """FLOPs of one forward pass over all rows: the layers (with attention), and the head.

    A token costs 2 FLOPs per matrix parameter. Attention is exact for a causal mask: a row of S tokens has S(S+1)/2
    pairs, each 2 products of 2 FLOPs per width of the query heads, so 2 x width x S(S+1) per layer; counting the
    masked half as well would give the 12 x layers x width x S of other planners for forward and backward. A sliding
    window is counted as full attention.
    """
    matrices = 2.0 * shape.layers * shape.layer_matrices * lengths.tokens
    attention = 2.0 * shape.layers * shape.q_width * (lengths.squares + lengths.tokens)
    return matrices + attention, 2.0 * shape.embedding * lengths.tokens


def count(shape: Shape, setup: Setup, lengths: Lengths) -> Work:
    """The run's steps, FLOPs and hours.

    The backward pass costs twice the forward pass: once for the gradient of the activations, once for that of the
    weights. With LoRA the second half is saved for the matrices (4 instead of 6 FLOPs per parameter and token) and
    the adapters cost 6. Steps per epoch round up, as the trainer's last batch is short.
    """
    steps = math.ceil(setup.epochs * math.ceil(lengths.rows / setup.rows_per_step))
    layers, head = forward_flops(shape, lengths)
    flops = 3 * (layers + head)
    if setup.lora_rank is not None:
        frozen = 2.0 * shape.multiplied * lengths.tokens
        flops += 6.0 * lora_params(shape, setup) * lengths.tokens - frozen
    again = (layers if setup.checkpointing else 0.0) + (head if setup.chunked_head else 0.0)
    flops, executed = flops * setup.epochs, (flops + again) * setup.epochs
    tokens = lengths.tokens * setup.epochs
    seconds = flops / (setup.devices * setup.card_facts().peak_flops * setup.mfu)
    return Work(
        steps=steps,
        tokens_per_step=tokens / steps,
        tokens=tokens,
        flops=flops,
        executed=executed,
        hours=seconds / 3600,
        device_hours=seconds / 3600 * setup.devices,
        tokens_per_second=tokens / seconds,
    )
