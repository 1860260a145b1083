"""Fine-tuning on rows of ids and labels: a thin call into TRL's SFTTrainer.

Knows the paper's recipe and TRL's traps: `max_length` would behead traces, a bare `from_pretrained` would train in
bfloat16, `warmup_ratio` is gone. Refuses to build data, and to tokenise anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from s1kit.types import TrainRow


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
    schedule: str = "cosine"
    seed: int = 0
    bf16: bool = False
    save_dtype: str = "bfloat16"
    log_every: int = Field(default=10, ge=1)
    """Optimiser steps between two values of the loss curve."""
    command: str = "s1 train"


class Finetuned(BaseModel):
    """Where the weights lie and what making them took."""

    model_config = ConfigDict(frozen=True)

    out: Path
    rows: int
    tokens: int
    seconds: float
    losses: tuple[tuple[int, float], ...]


Tell = Callable[[int, int, float], None]
"""Called now and then with steps done, steps in all, and the loss of the last stretch."""


def finetune(config: SftConfig, rows: Sequence[TrainRow], tell: Tell | None = None) -> Finetuned:
    """Train, save weights and tokenizer; raises ValueError when there is nothing to train on or a row is too long."""
    if not rows:
        raise ValueError("no rows to train on")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(config.base, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(config.base)
    longest = max(row.n_tokens for row in rows)
    if longest > model.config.max_position_embeddings:
        worst = max(rows, key=lambda row: row.n_tokens)
        raise ValueError(
            f"row {worst.id}: {longest} tokens, the model has {model.config.max_position_embeddings} positions"
        )
    started = time.monotonic()
    with TemporaryDirectory() as scratch:
        trainer = _trainer(config, rows, model, tokenizer, scratch, tell)
        trainer.train()
    seconds = time.monotonic() - started
    losses = tuple((int(r["step"]), round(float(r["loss"]), 4)) for r in trainer.state.log_history if "loss" in r)
    model.to(getattr(torch, config.save_dtype)).save_pretrained(config.out)
    _copy_tokenizer(config.base, config.out)
    return Finetuned(
        out=config.out, rows=len(rows), tokens=sum(row.n_tokens for row in rows), seconds=seconds, losses=losses
    )


def _trainer(
    config: SftConfig, rows: Sequence[TrainRow], model: Any, tokenizer: Any, scratch: str, tell: Tell | None
) -> Any:
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Telling(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if tell is not None and logs and "loss" in logs:
                tell(state.global_step, state.max_steps, float(logs["loss"]))

    data = Dataset.from_list([{"input_ids": list(row.input_ids), "labels": list(row.labels)} for row in rows])
    arguments = SFTConfig(
        output_dir=scratch,
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup,
        lr_scheduler_type=config.schedule,
        weight_decay=config.weight_decay,
        adam_beta1=config.betas[0],
        adam_beta2=config.betas[1],
        optim="adamw_torch",
        max_length=None,
        packing=False,
        bf16=config.bf16,
        gradient_checkpointing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        save_strategy="no",
        logging_steps=config.log_every,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        seed=config.seed,
    )
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=data, processing_class=tokenizer, callbacks=[Telling()]
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _copy_tokenizer(base: Path, out: Path) -> None:
    """Byte for byte: saving it through transformers would rewrite its files."""
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "chat_template.jinja")
    for name in names:
        if (base / name).exists():
            (out / name).write_bytes((base / name).read_bytes())
