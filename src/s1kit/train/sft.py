"""Fine-tuning on rows of ids and labels: a thin call into TRL's SFTTrainer.

Knows the paper's recipe and TRL's traps: `max_length` would behead traces, a bare `from_pretrained` would train in
bfloat16, `warmup_ratio` is gone. Refuses to build data, and to tokenise anything.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from s1kit.errors import UserError
from s1kit.train.checkpoints import CHECKPOINTS, TrainLog, latest, mark
from s1kit.train.collate import Collator, Layout
from s1kit.types import TrainRow

Tell = Callable[[int, int, float], None]
"""Called after a logged step with steps done, steps in all, and the loss of the stretch."""


class TrainError(UserError):
    """Training that cannot begin or go on; says which rows and what to do."""


class Lora(BaseModel):
    """Train low-rank additions instead of the weights; ``four_bit`` keeps the frozen weights in 4 bits (QLoRA)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=32, ge=1)
    alpha: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str | tuple[str, ...] = "all-linear"
    four_bit: bool = False


class SftConfig(BaseModel):
    """Values of a fine-tuning run; the defaults are the paper's but for the size of a batch's share per device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Path
    out: Path
    epochs: float = Field(default=5, gt=0)
    batch_size: int = Field(default=16, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    max_grad_norm: float = Field(default=1.0, gt=0)
    schedule: str = "cosine"
    seed: int = 0
    precision: Literal["float32", "bf16"] = "float32"
    """bf16: matrix products in bfloat16, weights and optimiser in float32, as the paper trained."""
    layout: Layout = "packed"
    gradient_checkpointing: bool = False
    activation_offload: bool = False
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] = "sdpa"
    lora: Lora | None = None
    save_dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    save_every: int | None = Field(default=None, ge=1)
    """Optimiser steps between checkpoints, from which a run that was killed goes on; None: none are kept."""
    log_every: int = Field(default=10, ge=1)
    """Optimiser steps between two values of the loss curve."""
    report_to: tuple[Literal["wandb", "tensorboard", "trackio"], ...] = ()


class Finetuned(BaseModel):
    """Where the weights lie and what making them took."""

    model_config = ConfigDict(frozen=True)

    out: Path
    rows: int
    tokens: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    resumed_from: int | None = None
    """Step of the checkpoint that this process began with."""


def finetune(config: SftConfig, rows: Sequence[TrainRow], tell: Tell | None = None) -> Finetuned:
    """Train, save weights and tokenizer. A run that was killed goes on from its last whole checkpoint.

    Raises ValueError when there is nothing to train on or a row is too long, TrainError when the loss is no number.
    """
    if not rows:
        raise ValueError("no rows to train on")
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(config.base)
    model = _model(config)
    _refuse_long(rows, model.config.max_position_embeddings)
    started = time.monotonic()
    config.out.mkdir(parents=True, exist_ok=True)
    log = TrainLog(config.out / "log.jsonl")
    checkpoint = latest(config.out) if config.save_every else None
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    log.cut(step or 0)
    trainer, collator = _trainer(config, rows, model, tokenizer, log, tell)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except _NotANumberError as error:
        raise TrainError(
            f"the loss is {error.args[0]} at step {error.args[1]}; rows of the batch: {', '.join(collator.seen)}\n"
            f"hint: {_kept(config.out)}; look at these rows, or lower learning_rate"
        ) from error
    _save(config, trainer)
    shutil.rmtree(config.out / CHECKPOINTS, ignore_errors=True)
    return Finetuned(
        out=config.out,
        rows=len(rows),
        tokens=sum(row.n_tokens for row in rows),
        seconds=time.monotonic() - started,
        losses=tuple((entry["step"], round(entry["loss"], 4)) for entry in log.read()),
        resumed_from=step,
    )


class _NotANumberError(ArithmeticError):
    """Loss and step; raised inside the trainer's loop to leave it."""


def _kept(out: Path) -> str:
    found = latest(out)
    return f"the last good checkpoint is {found}" if found else "no checkpoint was kept (save_every)"


def _model(config: SftConfig) -> Any:
    """The base in float32 (4 bits under QLoRA), with LoRA layers where they are asked for."""
    import torch
    from transformers import AutoModelForCausalLM

    values: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": config.attention}
    if config.lora is not None and config.lora.four_bit:
        from transformers import BitsAndBytesConfig

        values["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return AutoModelForCausalLM.from_pretrained(config.base, **values)


def _refuse_long(rows: Sequence[TrainRow], positions: int) -> None:
    worst = max(rows, key=lambda row: row.n_tokens)
    if worst.n_tokens > positions:
        raise ValueError(f"row {worst.id}: {worst.n_tokens} tokens, the model has {positions} positions")


def arguments(config: SftConfig) -> dict[str, Any]:
    """Every value that is given to TRL's SFTConfig: also those whose default happens to be right today."""
    return {
        "num_train_epochs": config.epochs,
        "per_device_train_batch_size": config.batch_size,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate,
        "warmup_steps": config.warmup,
        "lr_scheduler_type": config.schedule,
        "weight_decay": config.weight_decay,
        "adam_beta1": config.betas[0],
        "adam_beta2": config.betas[1],
        "adam_epsilon": 1e-8,
        "max_grad_norm": config.max_grad_norm,
        "optim": "adamw_torch",
        "average_tokens_across_devices": True,
        "max_length": None,
        "packing": False,
        "padding_free": False,
        "assistant_only_loss": False,
        "loss_type": "nll",
        "bf16": config.precision == "bf16",
        "fp16": False,
        "gradient_checkpointing": config.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if config.gradient_checkpointing else None,
        "activation_offloading": config.activation_offload,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "remove_unused_columns": False,
        "train_sampling_strategy": "random",
        "shuffle_dataset": False,
        "dataloader_drop_last": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "save_strategy": "no" if config.save_every is None else "steps",
        "save_steps": config.save_every or 500,
        "save_total_limit": 2,
        "save_only_model": False,
        "logging_strategy": "steps",
        "logging_steps": config.log_every,
        "logging_first_step": False,
        "logging_nan_inf_filter": False,
        "eval_strategy": "no",
        "report_to": list(config.report_to),
        "disable_tqdm": True,
        "use_cpu": False,
        "seed": config.seed,
        "data_seed": config.seed,
    }


def _trainer(
    config: SftConfig, rows: Sequence[TrainRow], model: Any, tokenizer: Any, log: TrainLog, tell: Tell | None
) -> tuple[Any, Collator]:
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Watching(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                raise _NotANumberError(loss, state.global_step)
            log.add(state.global_step, logs, collator.tokens)
            if tell is not None:
                tell(state.global_step, state.max_steps, loss)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            mark(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    collator = Collator(config.layout, pad, remember=config.batch_size * config.accumulate)
    columns = [{"id": row.id, "input_ids": list(row.input_ids), "labels": list(row.labels)} for row in rows]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(output_dir=str(config.out / CHECKPOINTS), **arguments(config)),
        train_dataset=Dataset.from_list(columns),
        processing_class=tokenizer,
        data_collator=collator,
        peft_config=_peft(config.lora),
        callbacks=[Watching()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, collator


def _peft(lora: Lora | None) -> Any:
    if lora is None:
        return None
    from peft import LoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )


def _save(config: SftConfig, trainer: Any) -> None:
    """Whole weights (LoRA merged in) and the base's own tokenizer, byte for byte."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    if config.lora is not None:
        model = model.merge_and_unload()
    model.to(getattr(torch, config.save_dtype)).save_pretrained(config.out)
    _copy_tokenizer(config.base, config.out)


def _copy_tokenizer(base: Path, out: Path) -> None:
    """Byte for byte: saving it through transformers would rewrite its files."""
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "chat_template.jinja")
    for name in names:
        if (base / name).exists():
            (out / name).write_bytes((base / name).read_bytes())
