"""What one layer keeps for the backward pass, in bytes per token, derived operation by operation.

Knows which tensors autograd saves in transformers' decoder layers. Refuses to estimate: every term was checked against
a real forward pass (``bench/plan_check.py`` counts the saved tensors): equal to the byte, but for gemma, which also
keeps 1 + weight of every norm, whatever the number of tokens.

With H the hidden size, Q and K the widths of all query and key heads, I the intermediate size, n the query heads and c
the bytes of the compute type, a layer trained in one type saves per token

    2 norms      2 (4H + cH + 4)   the input in fp32, the normalised input, 1/rms (fp32: c = 4)
    q, k, v      cH                one input for the three
    SDPA         c(Q + 2K) + cQ + 4n   queries, keys, values; output (o_proj's input is the same tensor); log-sum-exp
    gate, up     cH                one input for the two
    MLP          4cI               gate, its activation, up, and their product (down_proj's input)

so 16H + 8 + 4Q + 4K + 4n + 8I in bf16. Autocast from fp32 weights keeps the residual stream in fp32 and casts the input
once for each matrix, as only weights are cached: 2 (8H + 4), 6H and 4H in the first, second and fourth line. Frozen
matrices save no input (a LoRA adapter saves its own copy and its rank), frozen norms no normalised input. Eager
attention saves the scores' softmax: (4 + c) n S for a row of S tokens (4 n S in fp32), and keys and values expanded to
Q. SDPA with a padding mask (rows of different length in one batch) expands keys and values too, and saves the mask in
the compute type for every layer: cS. FlashAttention takes padding without either.
"""

from __future__ import annotations

from typing import NamedTuple

from s1kit.train.plan_setup import LORA_TARGETS, Setup
from s1kit.train.shapes import Shape


class Types(NamedTuple):
    """Bytes of the types in use: of a computed number, and of the residual stream."""

    compute: int
    residual: int
    casts: bool
    """Autocast makes bf16 copies of fp32 weights and of every matrix's input."""


def types(setup: Setup) -> Types:
    """Which types flow through the layers.

    FSDP gathers mixed weights as bf16, and PEFT's base is held in bf16: then nothing is left for autocast to cast.
    """
    if setup.dtype == "fp32":
        return Types(4, 4, False)
    if setup.dtype == "mixed" and setup.sharding == "none" and setup.lora_rank is None:
        return Types(2, 4, True)
    return Types(2, 2, False)


def norm(shape: Shape, width: int, of: int, frozen: bool) -> int:
    """Bytes per token that RMSNorm saves of an input of ``width`` numbers of ``of`` bytes; 1/rms is counted apart."""
    scaled = 4 if shape.family == "gemma" else of  # gemma multiplies by the weight before it casts back
    return 4 * width + (0 if frozen else scaled * width)


def layer(shape: Shape, setup: Setup, longest: int) -> int:
    """Bytes per token that one layer saves in a batch whose longest row has ``longest`` tokens."""
    compute, residual, casts = types(setup)
    frozen = setup.lora_rank is not None
    saved = 2 * (norm(shape, shape.hidden, residual, frozen) + 4)
    if shape.family == "qwen3":
        saved += norm(shape, shape.q_width + shape.kv_width, compute, frozen) + 4 * (shape.heads + shape.kv_heads)
    saved += _attention(shape, setup, longest, compute)
    saved += 3 * compute * shape.intermediate
    if frozen:
        return saved + _adapters(shape, setup, compute)
    inputs = 5 if casts else 2
    return saved + compute * (inputs * shape.hidden + shape.intermediate)


def _attention(shape: Shape, setup: Setup, longest: int, compute: int) -> int:
    query, heads = shape.q_width, shape.heads
    padded = setup.per_device_batch > 1 and setup.context_parallel == 1
    if setup.attention == "eager":
        return compute * 4 * query + (4 if compute == 4 else 4 + compute) * heads * longest
    if setup.attention == "sdpa" and padded:
        return compute * (4 * query + longest) + 4 * heads
    return compute * (2 * query + 2 * shape.kv_width) + 4 * heads


def _adapters(shape: Shape, setup: Setup, compute: int) -> int:
    """What LoRA saves of its own: each target's input and the ``rank`` numbers between its two matrices.

    PEFT casts every input for its fp32 adapter, so three targets on one input are three copies: in bf16 under
    autocast, in fp32 without it. In an fp32 model they share the input, and attention's output is kept anyway.
    """
    targets = LORA_TARGETS[setup.lora_targets]
    rank = (setup.lora_rank or 0) * len(targets)
    if compute == 4:
        shared = {"q_proj": shape.hidden, "gate_proj": shape.hidden, "down_proj": shape.intermediate}
        return 4 * (rank + sum(width for name, width in shared.items() if name in targets))
    return (4 if setup.dtype == "bf16" else 2) * (rank + sum(shape.linears[name][0] for name in targets))


def root(shape: Shape, setup: Setup) -> int:
    """Bytes per token outside the layers: the ids, the last norm, and the head's input."""
    compute, residual, _ = types(setup)
    frozen = setup.lora_rank is not None
    return 8 + norm(shape, shape.hidden, residual, frozen) + 4 + compute * shape.hidden


def rotary(shape: Shape, setup: Setup) -> int:
    """Bytes per position of the rotary embedding's cosines and sines, one pair for all layers and rows."""
    return 2 * shape.head_dim * types(setup).residual
