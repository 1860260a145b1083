"""The training planner against what PyTorch really keeps: saved tensors, states and peak. JSON on stdout, no GPU.

    python bench/plan_check.py [--fast]

Saved tensors: a real forward pass with hooks that count every byte autograd keeps. Peak: a whole step (forward,
backward, AdamW) under torch's memory tracker, which follows every tensor's life. Small models have real tensors;
published sizes have fake ones, so that they run without memory, with checkpointing only: fake SDPA keeps copies that
the real one does not. All is PyTorch's own account of tensors: allocator, kernels and collectives of a GPU are not in
it. The chunked head is left out of the peak: on a CPU it takes another path, with more tensors, than on a GPU.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from contextlib import nullcontext
from typing import Any

from s1kit.train import plan_saved
from s1kit.train.plan_memory import measure
from s1kit.train.plan_setup import LORA_TARGETS, Lengths, Setup
from s1kit.train.shapes import PUBLISHED, Shape, read_shape

TEN = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 8, "num_attention_heads": 8}
TEN |= {"num_key_value_heads": 2, "vocab_size": 1024, "tie_word_embeddings": True, "model_type": "qwen2"}
REAL = ("qwen2.5-0.5b-instruct", "qwen2.5-7b-instruct", "qwen3-0.6b")
FIFTY = TEN | {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 12, "vocab_size": 16384}


def config_of(shape: Shape) -> dict[str, Any]:
    """The config.json that the shape came from, as far as sizes go."""
    sizes = {
        "model_type": shape.family,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab,
        "tie_word_embeddings": shape.tied,
    }
    return sizes | ({} if shape.family == "qwen2" else {"attention_bias": shape.attention_bias})


def build(shape: Shape, setup: Setup) -> Any:
    """The model in transformers, with adapters where the setup has them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(**config_of(shape), use_cache=False)
    types = plan_saved.types(setup)
    dtype = torch.float32 if types.casts or types.compute == 4 else torch.bfloat16
    model: Any = AutoModelForCausalLM.from_config(config, attn_implementation=setup.attention, dtype=dtype).train()
    if setup.lora_rank is not None:
        from peft import LoraConfig, get_peft_model

        targets = list(LORA_TARGETS[setup.lora_targets])
        model = get_peft_model(model, LoraConfig(r=setup.lora_rank, target_modules=targets, task_type="CAUSAL_LM"))
        model.enable_input_require_grads()
    if setup.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def saved(shape: Shape, setup: Setup, tokens: int) -> int:
    """Bytes that autograd keeps after a real forward pass through the layers, without weights and their casts.

    Casts are told by their shape, so the number of tokens must not be one of the model's sizes.
    """
    import torch

    model = build(shape, setup)
    inner = (model.get_base_model() if setup.lora_rank is not None else model).model
    shapes_of_weights = {tuple(p.shape) for p in model.parameters()}
    shapes_of_weights |= {shape_[::-1] for shape_ in shapes_of_weights}
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tuple(tensor.shape) not in shapes_of_weights:
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    ids = torch.zeros((setup.per_device_batch, tokens), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, : tokens // 3] = 0 if setup.per_device_batch > 1 else 1
    amp = torch.autocast("cpu", torch.bfloat16, enabled=setup.dtype == "mixed")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), amp:
        inner(ids, attention_mask=mask)
    return sum(size for size, _ in seen.values())


def planned_saved(shape: Shape, setup: Setup, tokens: int) -> int:
    """The plan's count of the same: layers, last norm and rotary; the head's input is outside of the layers."""
    each = plan_saved.layer(shape, setup, tokens)
    types = plan_saved.types(setup)
    if setup.checkpointing:
        each = types.residual * shape.hidden
    root = plan_saved.root(shape, setup) - types.compute * shape.hidden
    # a checkpoint holds the rotary embedding in a closure, where saved-tensor hooks do not see it
    rotary = 0 if setup.checkpointing else plan_saved.rotary(shape, setup) * tokens
    return (shape.layers * each + root) * setup.per_device_batch * tokens + rotary


def step(shape: Shape, setup: Setup, tokens: int, real: bool) -> dict[str, float]:
    """Bytes of one training step: weights, gradients, optimiser states, and the peak before and in the step."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker

    with nullcontext() if real else FakeTensorMode():
        model = build(shape, setup)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=1e-5, foreach=True)
        for weight in trained:
            weight.grad = torch.zeros_like(weight)
        optimiser.step()
        optimiser.zero_grad()
        tracker = MemTracker()
        tracker.track_external(model, optimiser)
        ids = torch.zeros((setup.per_device_batch, tokens), dtype=torch.long)
        with tracker:
            with torch.autocast("cpu", torch.bfloat16, enabled=setup.dtype == "mixed"):
                loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            before = total(tracker)
            gradients = sum(p.grad.untyped_storage().nbytes() for p in trained)
            optimiser.step()
        states = [t for state in optimiser.state.values() for t in state.values() if t.ndim]
        return {
            "weights": sum(p.untyped_storage().nbytes() for p in model.parameters()),
            "gradients": gradients,
            "optimiser": sum(t.untyped_storage().nbytes() for t in states),
            "backward": before,
            "peak": total(tracker),
        }


def adapter_states(shape: Shape, setup: Setup) -> dict[str, float]:
    """Bytes of weights, gradients and optimiser states with LoRA; the memory tracker refuses frozen weights."""
    import torch

    model = build(shape, setup)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained)
    for weight in trained:
        weight.grad = torch.zeros_like(weight)
    optimiser.step()
    states = [t for state in optimiser.state.values() for t in state.values() if t.ndim]
    return {
        "weights": sum(p.untyped_storage().nbytes() for p in model.parameters()),
        "gradients": sum(p.grad.untyped_storage().nbytes() for p in trained),
        "optimiser": sum(t.untyped_storage().nbytes() for t in states),
    }


def total(tracker: Any) -> float:
    """The tracker's peak in bytes, over all devices (there is one)."""
    return float(sum(parts["Total"] for parts in tracker.get_tracker_snapshot("peak").values()))


def compare(planned: dict[str, float], measured: dict[str, float]) -> dict[str, dict[str, float]]:
    """Each number in MiB, planned and measured, and their ratio."""
    return {
        name: {
            "planned_mib": round(planned[name] / 2**20, 2),
            "measured_mib": round(measured[name] / 2**20, 2),
            "ratio": round(planned[name] / measured[name], 4),
        }
        for name in measured
    }


def check(name: str, shape: Shape, setup: Setup, tokens: int, real: bool) -> dict[str, Any]:
    """One row of the report."""
    started = time.monotonic()
    memory = measure(shape, setup, Lengths.of([tokens]))
    moments = memory.moments
    planned: dict[str, float] = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimiser": memory.optimiser,
        "backward": max(size for moment, size in moments.items() if moment != "step"),
        "peak": memory.peak,
    }
    lora = setup.lora_rank is not None
    measured = adapter_states(shape, setup) if lora else step(shape, setup, tokens, real)
    if real:
        planned["saved"], measured["saved"] = planned_saved(shape, setup, tokens), saved(shape, setup, tokens)
    keys = ("dtype", "attention", "checkpointing", "chunked_head", "per_device_batch", "lora_rank", "lora_targets")
    return {
        "model": name,
        "params": shape.params,
        "tokens": tokens,
        "setup": {key: getattr(setup, key) for key in keys},
        "moment": memory.moment,
        "seconds": round(time.monotonic() - started, 1),
        **compare(planned, measured),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="nano only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one = {"devices": 1, "sharding": "none", "chunked_head": False}
    grid = [{"dtype": dtype, "checkpointing": on} for dtype in ("mixed", "fp32", "bf16") for on in (True, False)]
    grid += [{"attention": "eager", "checkpointing": False}, {"lora_rank": 8}, {"lora_rank": 8, "checkpointing": False}]
    cases = [("nano-base", read_shape("nano-base"), other, 500, True) for other in grid]
    if not options.fast:
        cases += [("10M", read_shape(TEN), other, 500, True) for other in (*grid[:4], grid[-1])]
        cases += [("50M", read_shape(FIFTY), other, 1000, True) for other in grid[:2]]
        cases += [(PUBLISHED[key].name, PUBLISHED[key], {}, 4096, False) for key in REAL]
    rows = [check(name, shape, Setup.model_validate(one | other), *rest) for name, shape, other, *rest in cases]
    ratios = {key: [row[key]["ratio"] for row in rows if key in row] for key in ("saved", "backward", "peak")}
    worst = {key: [min(values), max(values)] for key, values in ratios.items()}
    print(json.dumps({"rows": rows, "ratio_planned_to_measured": worst}, indent=1))


if __name__ == "__main__":
    main()
