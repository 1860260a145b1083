"""The planner's claims: exact parameters, exactly the tensors that autograd saves, sound order, the paper's run."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.train import plan_saved
from s1kit.train.plan import plan
from s1kit.train.plan_flops import count, forward_flops, lora_params
from s1kit.train.plan_memory import GIB, measure, states
from s1kit.train.plan_setup import CARDS, LORA_TARGETS, Lengths, PlanError, Setup
from s1kit.train.plan_text import plan_lines
from s1kit.train.shapes import FAMILIES, PUBLISHED, Shape, ShapeError, read_shape

TINY = {
    "model_type": "qwen2",
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 97,
    "tie_word_embeddings": False,
}
PAPER = Lengths.like(1000, 4700, 12000)
shapes = st.sampled_from(sorted(PUBLISHED)).map(PUBLISHED.__getitem__)
setups = st.builds(
    Setup,
    devices=st.sampled_from([1, 2, 8, 16]),
    sharding=st.sampled_from(["none", "fsdp"]),
    dtype=st.sampled_from(["mixed", "bf16", "fp32"]),
    eight_bit=st.booleans(),
    fused=st.booleans(),
    lora_rank=st.sampled_from([None, 8, 64]),
    lora_targets=st.sampled_from(["attention", "all"]),
    per_device_batch=st.integers(1, 3),
    accumulate=st.integers(1, 3),
    checkpointing=st.booleans(),
    offload=st.booleans(),
    chunked_head=st.booleans(),
    attention=st.sampled_from(["sdpa", "flash", "eager"]),
)
rows = st.lists(st.integers(1, 40_000), min_size=1, max_size=40)


def meta_params(config: dict[str, Any]) -> int:
    """Parameters of the real model, built without memory."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    return sum(p.numel() for p in model.parameters())


def config_of(shape: Shape) -> dict[str, Any]:
    sizes = {"hidden": "hidden_size", "layers": "num_hidden_layers", "heads": "num_attention_heads"}
    sizes |= {"kv_heads": "num_key_value_heads", "intermediate": "intermediate_size", "vocab": "vocab_size"}
    sizes |= {"tied": "tie_word_embeddings", "head_dim": "head_dim", "family": "model_type"}
    return {theirs: getattr(shape, ours) for ours, theirs in sizes.items()}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_parameters_of_a_published_model_are_exact(name: str) -> None:
    shape = PUBLISHED[name]
    assert shape.params == meta_params(config_of(shape))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extra", [{}, {"attention_bias": True}, {"mlp_bias": True}, {"tie_word_embeddings": True}])
def test_parameters_of_every_family_are_exact(family: str, extra: dict[str, Any]) -> None:
    config = TINY | {"model_type": family} | extra
    assert read_shape(config).params == meta_params(config)


@pytest.mark.parametrize(
    ("name", "total"),  # as the model pages give them, to the last parameter
    [("Qwen2.5-0.5B-Instruct", 494032768), ("Qwen2.5-32B-Instruct", 32763876352), ("Qwen/Qwen3-8B", 8190735360)],
)
def test_published_totals(name: str, total: int) -> None:
    assert read_shape(name).params == total


@pytest.mark.parametrize("targets", ["attention", "all"])
def test_adapters_are_counted_as_peft_makes_them(targets: str) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model(**TINY))
    adapters = LoraConfig(r=4, target_modules=list(LORA_TARGETS[targets]), task_type="CAUSAL_LM")
    real = sum(p.numel() for p in get_peft_model(model, adapters).parameters() if p.requires_grad)
    assert lora_params(read_shape(TINY), Setup(lora_rank=4, lora_targets=targets)) == real  # type: ignore[arg-type]


def saved_bytes(config: dict[str, Any], setup: Setup, tokens: int) -> int:
    """What autograd keeps of a real forward pass through the layers, without the weights and their bf16 casts."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    types = plan_saved.types(setup)
    dtype = torch.float32 if types.casts or types.compute == 4 else torch.bfloat16
    model: Any = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation=setup.attention, dtype=dtype
    ).train()
    if setup.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    weights = [tuple(p.shape) for p in model.parameters()]
    casts = {*weights, *(shape[::-1] for shape in weights)}
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tuple(tensor.shape) not in casts:
            seen[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    ids = torch.zeros((setup.per_device_batch, tokens), dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, : tokens // 3] = 0 if setup.per_device_batch > 1 else 1
    amp = torch.autocast("cpu", torch.bfloat16, enabled=setup.dtype == "mixed")
    with warnings.catch_warnings(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), amp:
        warnings.simplefilter("ignore")
        model.model(ids, attention_mask=mask, use_cache=False)
    return sum(size for size, _ in seen.values())


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama", "mistral"])
@pytest.mark.parametrize("dtype", ["mixed", "bf16", "fp32"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_saved_activations_are_those_of_autograd_to_the_byte(
    family: str, dtype: Any, attention: Any, batch: int, checkpointing: bool
) -> None:
    tokens, config = 33, TINY | {"model_type": family, "sliding_window": None}
    shape = read_shape(config)
    setup = Setup(
        devices=1,
        sharding="none",
        dtype=dtype,
        attention=attention,
        per_device_batch=batch,
        checkpointing=checkpointing,
    )
    types = plan_saved.types(setup)
    each = types.residual * shape.hidden if checkpointing else plan_saved.layer(shape, setup, tokens)
    root = plan_saved.root(shape, setup) - types.compute * shape.hidden  # the head was not run
    rotary = 0 if checkpointing else plan_saved.rotary(shape, setup) * tokens  # a closure hides it from the hooks
    planned = (shape.layers * each + root) * batch * tokens + rotary
    assert planned == saved_bytes(config, setup, tokens)


@pytest.mark.parametrize("dtype", ["mixed", "bf16"])
def test_states_are_those_of_a_real_step(dtype: Any) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind = torch.float32 if dtype == "mixed" else torch.bfloat16
    model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model(**TINY), dtype=kind)
    model(input_ids=torch.zeros((1, 5), dtype=torch.long), labels=torch.ones((1, 5), dtype=torch.long)).loss.backward()
    optimiser = torch.optim.AdamW(model.parameters())
    optimiser.step()
    sizes = [sum(t.nbytes for t in model.parameters()), sum(p.grad.nbytes for p in model.parameters())]
    sizes.append(sum(t.nbytes for state in optimiser.state.values() for t in state.values() if t.ndim))
    assert list(states(read_shape(TINY), Setup(dtype=dtype))) == sizes


@given(shapes, setups, rows)
def test_more_devices_never_need_more_memory_each_when_sharded(shape: Shape, setup: Setup, lengths: list[int]) -> None:
    sharded = setup.model_copy(update={"sharding": "fsdp"})
    more = sharded.model_copy(update={"devices": 2 * setup.devices})
    assert measure(shape, more, Lengths.of(lengths)).total <= measure(shape, sharded, Lengths.of(lengths)).total


@given(shapes, setups, rows)
def test_checkpointing_never_needs_more_than_one_layers_input_more(
    shape: Shape, setup: Setup, lengths: list[int]
) -> None:
    """It frees all layers but one; that one's input, kept beside it, is all that it can add."""
    on, off = (setup.model_copy(update={"checkpointing": value}) for value in (True, False))
    with_it, without = (measure(shape, each, Lengths.of(lengths)) for each in (on, off))
    assert with_it.activations < without.activations
    extra = plan_saved.types(setup).residual * shape.hidden * setup.per_device_batch * max(lengths)
    assert with_it.peak <= without.peak + 2 * extra


@given(shapes, setups, rows, st.integers(1, 5000))
def test_longer_rows_never_cost_less(shape: Shape, setup: Setup, lengths: list[int], more: int) -> None:
    short, long = Lengths.of(lengths), Lengths.of([length + more for length in lengths])
    assert count(shape, setup, long).flops > count(shape, setup, short).flops
    assert measure(shape, setup, long).total >= measure(shape, setup, short).total


@given(shapes, setups, rows)
def test_peak_lies_between_its_parts(shape: Shape, setup: Setup, lengths: list[int]) -> None:
    memory = measure(shape, setup, Lengths.of(lengths))
    largest = max(memory.weights, memory.optimiser, memory.gradients, memory.activations)
    assert largest <= memory.peak <= memory.total


def test_flops_are_a_plain_count_over_tokens_and_pairs() -> None:
    shape, lengths = read_shape(TINY), [3, 7, 1]
    multiplied = 2 * sum(lengths) * shape.layer_matrices * shape.layers
    pairs = sum(1 for length in lengths for i in range(length) for j in range(length) if j <= i)
    layers, head = forward_flops(shape, Lengths.of(lengths))
    assert layers == multiplied + pairs * 2 * 2 * shape.q_width * shape.layers
    assert head == 2 * sum(lengths) * 48 * 97


def test_flops_agree_with_torchs_counter() -> None:
    """Torch counts the whole square of attention; the plan counts the pairs that a causal mask leaves."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoConfig, AutoModelForCausalLM

    shape, tokens = read_shape(TINY), 21
    model: Any = AutoModelForCausalLM.from_config(AutoConfig.for_model(**TINY), attn_implementation="eager")
    ids = torch.zeros((1, tokens), dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    masked = 3 * 4 * shape.layers * shape.q_width * (tokens * (tokens - 1) // 2)
    # the rotary embedding's own product, positions by frequencies, is not the model's work
    rotary = 2 * tokens * shape.head_dim // 2
    planned = count(shape, Setup(devices=1, epochs=1), Lengths.of([tokens])).flops
    assert planned + masked == pytest.approx(counter.get_total_flops() - rotary, rel=0.002)


def test_the_papers_run() -> None:
    """Section 3: 315 steps; 16 H100 and 26 minutes are an MFU of 0.19; about 7 device hours."""
    got = plan("Qwen2.5-32B-Instruct", Setup(mfu=0.19, chunked_head=False), PAPER)
    assert got.fits
    assert got.work.steps == 315
    assert round(got.work.hours * 60) == 26
    assert 6.9 < got.work.device_hours < 7.1
    mfu = 0.19 * got.work.hours * 60 / 26
    assert 0.190 < mfu < 0.193


def test_twenty_thousand_tokens_are_what_all_logits_leave_room_for() -> None:
    """s1.1 was cut to 20,000 tokens to avoid running out; without all logits 32,768 fit."""
    longest = {
        n: plan("Qwen2.5-32B-Instruct", Setup(chunked_head=False), Lengths.like(1000, 4700, n))
        for n in (19_000, 22_000)
    }
    assert [each.fits for each in longest.values()] == [True, False]
    assert plan("Qwen2.5-32B-Instruct", Setup(), Lengths.like(1000, 4700, 32_768)).fits


@settings(deadline=None)
@given(shapes, setups, rows, st.sampled_from(sorted(CARDS)))
def test_advice_taken_makes_it_fit(shape: Shape, setup: Setup, lengths: list[int], card: str) -> None:
    asked = setup.model_copy(update={"card": card})
    got = plan(shape, asked, lengths)
    assert got.fits == (not got.advice)
    again = plan(shape, got.after, lengths)
    assert again.fits == got.after_fits
    assert got.after_fits or again.memory.total < got.memory.total
    saved = sum(step.saves for step in got.advice)
    assert got.memory.total - saved == pytest.approx(again.memory.total)
    if got.after.devices == asked.devices:
        assert got.after.rows_per_step == asked.rows_per_step


def test_advice_tries_what_keeps_the_model_first() -> None:
    setup = Setup(card="RTX4090", devices=1, sharding="none", checkpointing=False, chunked_head=False)
    got = plan("Qwen2.5-7B-Instruct", setup, PAPER)
    assert [step.same_model for step in got.advice] == [True, True, False, False][: len(got.advice)]
    assert got.after.lora_rank
    assert got.after_fits
    assert got.devices_for_all_weights == 8
    text = "\n".join(plan_lines(got))
    assert "does not fit" in text
    assert "trains another model" in text
    assert "With these it fits." in text


def test_a_plan_is_read_back_from_its_json() -> None:
    got = plan("Qwen3-8B", Setup(card="H200", devices=8), [100, 200])
    assert type(got).model_validate(json.loads(got.model_dump_json())) == got
    assert got.limit == 141 * GIB


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (TINY | {"model_type": "qwen3_moe", "num_experts": 8}, "qwen3_moe cannot be planned"),
        ({"model_type": "llama", "hidden_size": 8}, "num_hidden_layers, num_attention_heads"),
        (TINY | {"hidden_size": "48"}, "hidden_size"),
        (TINY | {"vocab_size": True}, "vocab_size"),
        (TINY | {"num_key_value_heads": 4}, "cannot share"),
        (TINY | {"head_dim": -1}, "head_dim"),
        (TINY | {"quantization_config": {}}, "quantised already"),
        ({}, "architecture None"),
    ],
)
def test_what_is_not_understood_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        read_shape(config)


@pytest.mark.parametrize("text", ["", "[]", "\ud800".encode("utf-8", "surrogatepass"), "{", "nul\0", "[" * 200_000])
def test_a_broken_config_file_is_refused(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ShapeError, match=r"config\.json"):
        read_shape(file)


def test_an_unknown_model_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"Qwen2\.5-32B-Instruct"):
        read_shape(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"four_bit": True}, "set lora_rank"),
        ({"devices": 6, "context_parallel": 4}, "groups of 4"),
        ({"context_parallel": 2, "sharding": "none"}, "needs sharded"),
        ({"context_parallel": 2, "attention": "flash"}, "SDPA only"),
        ({"card": "abacus"}, "unknown card"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        plan("Qwen3-0.6B", Setup.model_validate(wrong))


@pytest.mark.parametrize("lengths", [[], [0], [5, -1]])
def test_rows_without_tokens_are_refused(lengths: list[int]) -> None:
    with pytest.raises(PlanError):
        Lengths.of(lengths)
