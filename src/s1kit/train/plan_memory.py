"""Memory of one device during training, and the moment at which it is highest.

Knows what lives when: the states always, the rest in phases of a step. Refuses to promise the last percent: kernels'
workspaces and fragmentation are a reserve, not a formula.
"""

from __future__ import annotations

from typing import Literal

from s1kit.train import plan_saved
from s1kit.train.plan_flops import lora_params
from s1kit.train.plan_setup import Lengths, Setup
from s1kit.train.shapes import Shape
from s1kit.types import Record

GIB = 2**30
CONTEXT = 0.75 * GIB
"""CUDA context and the workspace of cuBLAS: what a device shows as used before there is a tensor."""
COLLECTIVES = 1.0 * GIB
"""NCCL's buffers, where devices talk."""
FRAGMENTATION = 0.05
"""Share of the peak that the caching allocator holds and cannot use."""
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes per 4-bit parameter: an 8-bit scale for each 64, an fp32 scale for each 256 scales (QLoRA, section 3)."""
EIGHT_BIT = 2 + 2 * 4 / 256
"""Bytes per parameter of both AdamW states in 8 bits, with an fp32 scale for each 256."""
TILE_TOKENS, TILE_VOCAB = 4096, 32768
"""A tile of TRL 1.16's chunked head."""

Moment = Literal["forward", "loss", "last layer", "first layer", "step"]
MOMENTS: dict[Moment, str] = {
    "forward": "end of the forward pass",
    "loss": "backward pass of the head",
    "last layer": "backward pass of the last layer",
    "first layer": "backward pass of the first layer",
    "step": "optimiser step",
}


class Memory(Record):
    """Bytes on one device. The parts are each at their highest; they do not all live at once, so ``peak`` is less."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    """Saved for the backward pass over the longest batch."""
    layer: float
    """Work on one layer in the backward pass: with checkpointing, all that it saves when computed again."""
    head: float
    """Work on the loss: the logits, or a tile of them and the gradient of the head."""
    buffers: float
    """Layers that FSDP has gathered and their whole gradients; the bf16 copies of autocast; the buckets of DDP."""
    host: float
    """In the host's memory, for this device: offloaded activations."""
    moments: dict[Moment, float]
    """All that lives at each phase of a step."""
    reserve: float

    @property
    def moment(self) -> Moment:
        """When memory is highest."""
        return max(self.moments, key=lambda name: self.moments[name])

    @property
    def peak(self) -> float:
        """The highest of the moments: what the caching allocator reports as its most."""
        return self.moments[self.moment]

    @property
    def total(self) -> float:
        """Peak and reserve: what the device has to have."""
        return self.peak + self.reserve


def states(shape: Shape, setup: Setup) -> tuple[float, float, float]:
    """Bytes of all weights, gradients and optimiser states, before they are sharded.

    A parameter costs 16 bytes in fp32 with AdamW (4 weight, 4 gradient, 8 moments), 8 in bf16 (PyTorch keeps the
    moments in the parameter's type). With LoRA the model is frozen, in bf16 (fp32 with ``dtype: fp32``), and the
    adapters are fp32 (PEFT's default).
    """
    if setup.lora_rank is None:
        each = 2 if setup.dtype == "bf16" else 4
        return each * shape.params, each * shape.params, _moments(setup, each) * shape.params
    adapters = lora_params(shape, setup)
    each = plan_saved.types(setup).compute
    matrices = shape.layers * shape.layer_matrices
    frozen = each * shape.params - (matrices * (each - NF4) if setup.four_bit else 0.0)
    return frozen + 4 * adapters, 4 * adapters, _moments(setup, 4) * adapters


def _moments(setup: Setup, each: int) -> float:
    return EIGHT_BIT if setup.eight_bit else 2 * each


def activations(shape: Shape, setup: Setup, lengths: Lengths) -> float:
    """Bytes that wait for the backward pass, without offloading: every layer's tensors, or only its input."""
    _, residual, _ = plan_saved.types(setup)
    each = residual * shape.hidden if setup.checkpointing else plan_saved.layer(shape, setup, lengths.longest)
    tokens = _tokens(setup, lengths)
    positions = -(-lengths.longest // setup.context_parallel)
    everywhere = plan_saved.root(shape, setup) * tokens + plan_saved.rotary(shape, setup) * positions
    return float(shape.layers * each * tokens + everywhere)


def _tokens(setup: Setup, lengths: Lengths) -> int:
    """Tokens of the largest batch on one device: every row as long as the longest."""
    return -(-setup.per_device_batch * lengths.longest // setup.context_parallel)


def _layer_work(shape: Shape, setup: Setup, lengths: Lengths) -> float:
    """Backward pass of one layer, beside what was saved for it before.

    The gradients of the product, gate and up (3I), of the residual stream in two places, the bf16 gradient of the
    widest matrix before it is cast, what 4-bit weights become for a multiplication, the scores of eager attention
    twice in fp32, and the keys and values of all devices of a context parallel group with their gradients.
    """
    compute, residual, casts = plan_saved.types(setup)
    tokens = _tokens(setup, lengths)
    widest = max(inputs * outputs for inputs, outputs in shape.linears.values())
    work = float(tokens * (3 * compute * shape.intermediate + 2 * residual * shape.hidden))
    if setup.checkpointing:
        again = plan_saved.layer(shape, setup, lengths.longest)
        # in fp32 the first norm saves the layer's input itself, which the checkpoint holds already
        work += (again - (residual * shape.hidden if residual == 4 else 0)) * tokens
    if casts or setup.four_bit:
        work += 2 * widest
    if setup.attention == "eager":
        work += 8 * shape.heads * lengths.longest * tokens
    if setup.context_parallel > 1:
        work += 4 * compute * shape.kv_width * setup.per_device_batch * lengths.longest
    return work


def _head_work(shape: Shape, setup: Setup, lengths: Lengths) -> tuple[float, float]:
    """Bytes of the head in the forward and in the backward pass.

    All logits: in bf16, in fp32 and their log-softmax forward (2 + 4 + 4 bytes per token and word; fp32: 4 + 4); the
    log-softmax and two gradients in fp32 backward (12). Chunked: one tile of scores and of the matrix, and backward the
    fp32 gradients of the hidden states and, where it is trained, of the whole matrix.
    """
    compute = plan_saved.types(setup).compute
    tokens = _tokens(setup, lengths)
    if not setup.chunked_head:
        scores = float(tokens * shape.vocab)
        return scores * (8 if compute == 4 else 10), scores * 12
    words = min(TILE_VOCAB, shape.vocab)
    tile = float(compute * words * (min(TILE_TOKENS, tokens) + shape.hidden))
    gradient = 0 if setup.lora_rank is not None else 4 * shape.embedding
    return tile, tile + 4 * tokens * shape.hidden + gradient


def _gathered(shape: Shape, setup: Setup) -> tuple[float, float]:
    """FSDP: bytes of gathered weights (the root for the whole step, a layer in use and one on its way), and of a
    layer's gradients before and while they are scattered."""
    if setup.sharding != "fsdp":
        return 0.0, 0.0
    compute = plan_saved.types(setup).compute
    layer = float(compute * shape.layer_params)
    if setup.four_bit:
        layer -= (compute - NF4) * shape.layer_matrices
    adapters = 4 * lora_params(shape, setup) / shape.layers
    trained = adapters if setup.lora_rank is not None else layer
    return compute * shape.root_params + 2 * (layer + adapters), 2 * trained


def measure(shape: Shape, setup: Setup, lengths: Lengths) -> Memory:
    """Bytes per device for the batch that needs most. Unless it is fused, PyTorch's AdamW works on copies as large as
    the gradients (its ``foreach`` way)."""
    shards = setup.devices if setup.sharding == "fsdp" else 1
    weights, gradients, optimiser = (each / shards for each in states(shape, setup))
    trained = setup.lora_rank is None
    _, _, casts = plan_saved.types(setup)
    whole = activations(shape, setup, lengths)
    kept = min(whole, 2 * whole / shape.layers) if setup.offload else whole
    layer = _layer_work(shape, setup, lengths)
    forward, loss = _head_work(shape, setup, lengths)
    gathered, scattered = _gathered(shape, setup)
    buckets = gradients if setup.sharding == "none" and setup.devices > 1 else 0.0
    copied_layer = 2.0 * shape.layer_matrices if casts else 0.0
    copied_head = 2.0 * shape.embedding if casts and not setup.chunked_head else 0.0
    copied = shape.layers * copied_layer + copied_head
    in_backward = copied_layer + copied_head if setup.checkpointing else copied
    before = gradients if setup.accumulate > 1 else 0.0  # the first backward pass of a step starts without any
    of_head = (4 if casts else plan_saved.types(setup).compute) * shape.embedding if trained else 0.0
    fixed = weights + optimiser + buckets
    moments: dict[Moment, float] = {
        "forward": fixed + before + kept + copied + gathered + forward,
        "loss": fixed + before + kept + in_backward + gathered + loss,
        "last layer": fixed + max(before, of_head) + kept + in_backward + gathered + scattered + layer,
        "first layer": fixed + gradients + whole / shape.layers + copied_layer + gathered + scattered + layer,
        "step": fixed + gradients + (0.0 if setup.eight_bit or setup.fused else gradients),
    }
    if trained and setup.sharding == "fsdp":
        moments["first layer"] += plan_saved.types(setup).compute * shape.root_params
    talking = setup.sharding == "fsdp" or setup.devices > 1
    reserve = CONTEXT + (COLLECTIVES if talking else 0.0) + FRAGMENTATION * max(moments.values())
    return Memory(
        weights=weights,
        gradients=gradients,
        optimiser=optimiser,
        activations=kept,
        layer=layer,
        head=max(forward, loss),
        buffers=gathered + scattered + max(copied, in_backward) + buckets,
        host=whole - kept,
        moments=moments,
        reserve=reserve,
    )
