"""A plan as lines of text for a terminal.

Knows how sizes are written. Refuses to count: every number is in the plan.
"""

from __future__ import annotations

from s1kit.train.plan import Plan
from s1kit.train.plan_memory import GIB, MOMENTS
from s1kit.train.plan_setup import Setup


def plan_lines(plan: Plan) -> list[str]:
    """The whole plan: what is trained on what, memory per device, the run, the verdict and what to change."""
    return [*_head(plan), "", *_memory(plan), "", *_run(plan), "", *_verdict(plan)]


def _head(plan: Plan) -> list[str]:
    shape, setup, lengths = plan.shape, plan.setup, plan.lengths
    share = "" if plan.trained == plan.params else f", {number(plan.trained)} trained"
    known = "" if lengths.exact else " (mean and longest only: FLOPs of attention are a lower bound)"
    return [
        f"{shape.name}: {number(plan.params)} parameters{share}; {shape.family}, {shape.layers} layers",
        f"{setup.devices} x {setup.card} with {plan.limit / GIB:g} GiB; {ways(setup)}",
        f"{lengths.rows:,} rows, {lengths.tokens:,} tokens, longest {lengths.longest:,}{known}",
    ]


def ways(setup: Setup) -> str:
    """How it is trained, in a few words."""
    parts = ["FSDP" if setup.sharding == "fsdp" else "DDP" if setup.devices > 1 else "no sharding", setup.dtype]
    if setup.lora_rank is not None:
        parts.append(f"{'QLoRA' if setup.four_bit else 'LoRA'} rank {setup.lora_rank}")
    parts.append("8-bit AdamW" if setup.eight_bit else "fused AdamW" if setup.fused else "AdamW")
    parts.append("checkpointing" if setup.checkpointing else "no checkpointing")
    if setup.offload:
        parts.append("offloading")
    if setup.context_parallel > 1:
        parts.append(f"context parallel {setup.context_parallel}")
    parts.append("chunked head" if setup.chunked_head else "all logits")
    parts.append(f"{setup.attention}, batch {setup.per_device_batch} x {setup.accumulate} x {setup.replicas}")
    return ", ".join(parts)


def _memory(plan: Plan) -> list[str]:
    memory = plan.memory
    rows = [
        ("weights", memory.weights),
        ("gradients", memory.gradients),
        ("optimiser", memory.optimiser),
        ("activations, saved", memory.activations),
        ("one layer, backward", memory.layer),
        ("head and loss", memory.head),
        ("gathered and copied", memory.buffers),
    ]
    lines = [f"{'memory per device':<24}{'GiB':>8}", *(f"  {name:<22}{gib(size):>8}" for name, size in rows)]
    lines.append(f"  {'peak, all at once':<22}{gib(memory.peak):>8}  at the {MOMENTS[memory.moment]}")
    lines.append(f"  {'reserve':<22}{gib(memory.reserve):>8}  context, collectives, fragmentation")
    lines.append(f"  {'needed':<22}{gib(memory.total):>8}  of {plan.limit / GIB:g}")
    if memory.host:
        lines.append(f"  {'on the host':<22}{gib(memory.host):>8}  offloaded activations")
    return lines


def _run(plan: Plan) -> list[str]:
    work, setup = plan.work, plan.setup
    peak = setup.card_facts().peak_flops
    real = setup.mfu * work.executed / work.flops
    return [
        f"{work.steps:,} steps of {setup.rows_per_step} rows, {work.tokens_per_step:,.0f} tokens each without padding",
        f"{work.flops:.3g} FLOPs of the model, {work.executed:.3g} executed, causal attention counted exactly",
        f"{duration(work.hours)}, {work.device_hours:.3g} device hours, {work.tokens_per_second:,.0f} tokens/s",
        f"at an MFU of {setup.mfu:.0%} of {peak / 1e12:g} TFLOP/s ({real:.0%} with what is computed twice)",
    ]


def _verdict(plan: Plan) -> list[str]:
    if plan.fits:
        return [f"fits: {gib(plan.limit - plan.memory.total)} GiB to spare"]
    lines = [f"does not fit: {gib(plan.memory.total - plan.limit)} GiB too much. What to change, in this order:"]
    for number_, step in enumerate(plan.advice, start=1):
        values = ", ".join(f"{key}: {str(value).lower()}" for key, value in step.settings.items())
        other = "" if step.same_model else "; trains another model"
        lines.append(f"  {number_}. {step.change} ({values})")
        lines.append(f"     saves {gib(step.saves)} GiB, then {gib(step.total)} GiB are needed{other}")
    lines.append("With these it fits." if plan.after_fits else "Even with these it does not fit.")
    if plan.devices_for_all_weights and plan.devices_for_all_weights > plan.after.devices:
        lines.append(f"To train every weight as planned: {plan.devices_for_all_weights} devices.")
    return lines


def gib(size: float) -> str:
    """Bytes as GiB; small sizes keep three digits."""
    return f"{size / GIB:.1f}" if size >= 10 * GIB else f"{size / GIB:.3g}" if size else "0"


def number(count: int) -> str:
    """A count of parameters in words: 32.76B."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.4g}{unit}"
    return str(count)


def duration(hours: float) -> str:
    """Hours as people say them: 26 minutes, 3.2 hours, 5.1 days."""
    if hours < 1 / 60:
        return f"{hours * 3600:.2g} seconds"
    if hours < 2:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.1f} days"
