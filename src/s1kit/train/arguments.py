"""Where every value comes from that TRL is given: the paper, a setting of the recipe, or s1kit, with the reason.

Knows the values that no setting changes, and why each field that is not given may be left alone. Refuses to leave one
unsaid: a field of TRL's configuration that is in none of the three lists fails a test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from s1kit.types import Record


class OfSetting(NamedTuple):
    """A value that a setting decides. ``why`` is empty where the setting's name says it."""

    setting: str
    paper: Any = None
    """The paper's value (section 3); None where it names none."""
    why: str = ""


class Fixed(NamedTuple):
    """A value that is the same for every recipe, and the reason."""

    value: Any
    why: str


OF_SETTING: dict[str, OfSetting] = {
    "num_train_epochs": OfSetting("epochs", 5),
    "per_device_train_batch_size": OfSetting("per_device", why="rows at once; the batch stays"),
    "gradient_accumulation_steps": OfSetting("batch_size", why="what makes the batch of all devices"),
    "learning_rate": OfSetting("learning_rate", 1e-5),
    "warmup_steps": OfSetting("warmup", 0.05, "below 1 it is a share of the steps"),
    "lr_scheduler_type": OfSetting("schedule", "cosine"),
    "weight_decay": OfSetting("weight_decay", 1e-4),
    "adam_beta1": OfSetting("betas", 0.9),
    "adam_beta2": OfSetting("betas", 0.95),
    "max_grad_norm": OfSetting("max_grad_norm"),
    "bf16": OfSetting("precision", True, "TRL makes true of its None"),
    "gradient_checkpointing": OfSetting("checkpointing", why="off under FSDP, which does it itself"),
    "gradient_checkpointing_kwargs": OfSetting("checkpointing", why="the way that PyTorch recommends"),
    "activation_offloading": OfSetting("offload_activations"),
    "save_strategy": OfSetting("save_every"),
    "save_steps": OfSetting("save_every"),
    "logging_steps": OfSetting("log_every"),
    "report_to": OfSetting("report_to"),
    "seed": OfSetting("seed"),
    "data_seed": OfSetting("seed", why="the order of the rows follows the same seed"),
}
"""Arguments that follow the recipe."""

FIXED: dict[str, Fixed] = {
    "adam_epsilon": Fixed(1e-8, "the usual one; the paper names none"),
    "optim": Fixed("adamw_torch", "the paper's AdamW, without a kernel that sums in another order"),
    "optim_args": Fixed(None, "AdamW has no others"),
    "lr_scheduler_kwargs": Fixed(None, "the schedule ends at 0, as the paper's"),
    "max_steps": Fixed(-1, "epochs decide"),
    "label_smoothing_factor": Fixed(0.0, "the loss is that of the labels"),
    "neftune_noise_alpha": Fixed(None, "no noise on embeddings"),
    "average_tokens_across_devices": Fixed(True, "every token of a batch weighs the same on any number of devices"),
    "auto_find_batch_size": Fixed(False, "a batch is never made smaller in silence"),
    "max_length": Fixed(None, "1,024 would behead traces; the paper cuts nothing"),
    "truncation_mode": Fixed("keep_start", "nothing is cut by TRL"),
    "packing": Fixed(False, "the layout is s1kit's own: it cuts no row and mixes none"),
    "packing_strategy": Fixed("bfd", "not used: packing is off"),
    "eval_packing": Fixed(False, "not used: there is no evaluation"),
    "padding_free": Fixed(False, "the layout is s1kit's own"),
    "pad_to_multiple_of": Fixed(None, "the layout is s1kit's own"),
    "completion_only_loss": Fixed(None, "labels say where the loss is"),
    "assistant_only_loss": Fixed(False, "labels say where the loss is"),
    "loss_type": Fixed("nll", "cross-entropy, as the paper; TRL takes it in tiles, see lm_head"),
    "router_aux_loss_coef": Fixed(None, "a mixture of experts keeps its own"),
    "chat_template_path": Fixed(None, "rows are ids already"),
    "eos_token": Fixed(None, "rows end with the format's turn end"),
    "dataset_kwargs": Fixed({"skip_prepare_dataset": True}, "rows are ids already; TRL would add a turn end"),
    "dataset_num_proc": Fixed(None, "there is nothing to prepare"),
    "shuffle_dataset": Fixed(False, "the sampler shuffles, once"),
    "train_sampling_strategy": Fixed("random", "a new order every epoch, from data_seed"),
    "remove_unused_columns": Fixed(False, "the row's id names a bad batch"),
    "fp16": Fixed(False, "bfloat16 or float32"),
    "bf16_full_eval": Fixed(False, "there is no evaluation"),
    "tf32": Fixed(None, "as PyTorch is set"),
    "use_cache": Fixed(False, "with a cache no block-diagonal mask is built, and packed rows see each other"),
    "use_liger_kernel": Fixed(False, "it would replace the head"),
    "torch_compile": Fixed(False, "another order of sums, and minutes before the first step"),
    "trust_remote_code": Fixed(False, "a stranger's code is never run"),
    "dataloader_drop_last": Fixed(False, "the last rows of an epoch are trained too"),
    "dataloader_num_workers": Fixed(0, "ids need no worker"),
    "dataloader_pin_memory": Fixed(False, "ids are small"),
    "ignore_data_skip": Fixed(False, "a run that goes on sees the rows that it would have seen"),
    "full_determinism": Fixed(False, "slower; on a CPU it is the same bit for bit without"),
    "save_total_limit": Fixed(None, "setting keep, but an old checkpoint goes only when the new one is whole"),
    "save_only_model": Fixed(False, "a run goes on from optimiser, schedule and random states"),
    "load_best_model_at_end": Fixed(False, "the last weights, as the paper"),
    "logging_strategy": Fixed("steps", "log_every counts steps"),
    "logging_first_step": Fixed(False, "log_every counts steps"),
    "logging_nan_inf_filter": Fixed(False, "it would hide a loss that is no number"),
    "eval_strategy": Fixed("no", "measuring is `s1 eval`"),
    "push_to_hub": Fixed(False, "only --push uploads"),
    "disable_tqdm": Fixed(True, "s1 says the steps"),
    "ddp_timeout": Fixed(7200, "gathering 32B weights takes longer than half an hour on slow disks"),
}
"""Arguments that no recipe changes."""

LEFT: dict[str, tuple[str, ...]] = {
    "given by the process that trains: the run's folder, and whether there is an accelerator": (
        *("output_dir", "use_cpu"),
    ),
    "the launch files decide": (
        *("fsdp", "fsdp_config", "deepspeed", "parallelism_config", "accelerator_config", "local_rank"),
        *("ddp_backend", "ddp_bucket_cap_mb", "ddp_broadcast_buffers", "ddp_find_unused_parameters"),
        *("ddp_static_graph", "save_on_each_node", "log_on_each_node"),
    ),
    "there is no evaluation": (
        *("eval_steps", "eval_delay", "eval_on_start", "eval_do_concat_batches", "eval_use_gather_object"),
        *("eval_accumulation_steps", "per_device_eval_batch_size", "prediction_loss_only", "fp16_full_eval"),
        *("include_for_metrics", "batch_eval_metrics", "metric_for_best_model", "greater_is_better"),
        *("do_train", "do_eval", "do_predict"),
    ),
    "nothing is pushed while it trains": (
        *("hub_token", "hub_private_repo", "hub_model_id", "hub_strategy", "hub_always_push", "hub_revision"),
    ),
    "names and places of report_to": (
        *("run_name", "project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"),
    ),
    "of what is off: a compiler, Liger, workers, other optimisers, columns by length": (
        *("torch_compile_backend", "torch_compile_mode", "liger_kernel_config", "dataloader_persistent_workers"),
        *("dataloader_prefetch_factor", "dataloader_multiprocessing_context", "dataloader_in_order"),
        *("optim_target_modules", "length_column_name", "label_names", "include_num_input_tokens_seen"),
    ),
    "logging, memory and debugging, which change no weight": (
        *("log_level", "log_level_replica", "debug", "skip_memory_metrics", "torch_empty_cache_steps"),
    ),
    "resuming is told by the checkpoints in the run's folder": (
        *("resume_from_checkpoint", "enable_jit_checkpoint", "restore_callback_states_from_checkpoint"),
    ),
    "s1kit loads model and tokenizer, and rows are ids": ("model_init_kwargs", "dataset_text_field", "pad_token"),
}
"""Fields of TRL's configuration that are left alone, by reason."""


class Argument(Record):
    """One value that TRL is given."""

    name: str
    value: Any
    trl: Any
    """TRL's own default; None too where TRL is not installed."""
    differs: bool | None
    """From TRL's default; None where TRL is not installed."""
    source: str


def explained(arguments: Mapping[str, Any]) -> list[Argument]:
    """Every argument with TRL's default and its source, in the order in which they are given.

    Defaults are read from the TRL that is installed. Raises KeyError for an argument without a source.
    """
    defaults = _defaults() if find_spec("trl") is not None else None
    rows = []
    for name, value in arguments.items():
        default = None if defaults is None else defaults[name]
        differs = None if defaults is None else default != value
        rows.append(Argument(name=name, value=value, trl=default, differs=differs, source=source(name, value)))
    return rows


def source(name: str, value: Any) -> str:
    """Where one argument comes from, in a few words."""
    if name in FIXED:
        return f"s1kit: {FIXED[name].why}"
    setting, paper, why = OF_SETTING[name]
    parts = [f"setting {setting}"]
    if paper is not None:
        parts.append("the paper's (section 3)" if value == paper else f"the paper has {paper}")
    return "; ".join([*parts, why] if why else parts)


def _defaults() -> dict[str, Any]:
    from trl import SFTConfig

    found = {}
    for field in dataclasses.fields(SFTConfig):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found[field.name] = getattr(default, "value", default)  # an enum's word
    return found
