"""Fine-tuning on rows of ids and labels: a thin call into TRL's SFTTrainer.

Knows when to resume, when to stop and what to save, on one device or many. Refuses to build data, to tokenise anything,
and to leave a value to TRL: ``settings`` has them all.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from s1kit.errors import UserError
from s1kit.train.checkpoints import CHECKPOINTS, TrainLog, latest, mark
from s1kit.train.collate import Collator
from s1kit.train.launch import pad_multiple
from s1kit.train.settings import Adapter, Settings
from s1kit.types import TrainRow

Tell = Callable[[int, int, float], None]
"""Called after a logged step with steps done, steps in all, and the loss of the stretch."""


class TrainError(UserError):
    """Training that cannot begin or go on; says which rows and what to do."""


class SftConfig(Settings):
    """The settings of a run with its folders."""

    base: Path
    out: Path


class Finetuned(BaseModel):
    """Where the weights lie and what making them took."""

    model_config = ConfigDict(frozen=True)

    out: Path
    rows: int
    tokens: int
    seconds: float
    losses: tuple[tuple[int, float], ...]
    rows_cut: int = 0
    answers_lost: int = 0
    """Of the rows that were cut: those without a token of their answer."""
    resumed_from: int | None = None
    """Step of the checkpoint that this process began with."""


def finetune(config: SftConfig, rows: Sequence[TrainRow], tell: Tell | None = None) -> Finetuned:
    """Train, save weights and tokenizer. A run that was killed goes on from its last whole checkpoint.

    Raises ValueError when there is nothing to train on or a row is too long, TrainError when the loss is no number.
    """
    if not rows:
        raise ValueError("no rows to train on")
    from transformers import AutoTokenizer

    arguments = _arguments(config)  # first: it starts torch.distributed, without which every rank would load it all
    tokenizer: Any = AutoTokenizer.from_pretrained(config.base)
    model = _model(config)
    _refuse_long(rows, model.config.max_position_embeddings)
    started = time.monotonic()
    config.out.mkdir(parents=True, exist_ok=True)
    log = TrainLog(config.out / "log.jsonl")
    checkpoint = latest(config.out) if config.save_every else None
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    if first_process():
        log.cut(step or 0)
    trainer, collator = _trainer(config, arguments, rows, model, tokenizer, log, tell)
    _refuse_lost_sharding(trainer)
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except _NotANumberError as error:
        raise TrainError(
            f"the loss is {error.args[0]} at step {error.args[1]}; rows of the batch: {', '.join(collator.seen)}\n"
            f"hint: {_kept(config.out)}; look at these rows, or lower learning_rate"
        ) from error
    _save(config, trainer)
    trainer.accelerator.wait_for_everyone()  # nobody may still be reading what is removed, or waiting for what is saved
    if first_process():
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


def first_process() -> bool:
    """Whether this is the process that writes and speaks, of all that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def leave_together() -> None:
    """Wait for the others, then end what connects them; nothing where there is one process.

    One that goes home early, its connections open, is aborted at exit, and the launcher then ends the one that writes.
    """
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def _kept(out: Path) -> str:
    found = latest(out)
    return f"the last good checkpoint is {found}" if found else "no checkpoint was kept (save_every)"


def _arguments(config: SftConfig) -> Any:
    """TRL's configuration for this process. Raises LaunchError where the processes cannot share the batch."""
    import torch
    from trl import SFTConfig

    # without an accelerator, and unless told so, several processes would each train a model of their own
    alone = not torch.accelerator.is_available()
    return SFTConfig(output_dir=str(config.out / CHECKPOINTS), use_cpu=alone, **config.arguments(processes()))


def processes() -> int:
    """Groups of processes that share a batch, as the launcher started them."""
    return int(os.environ.get("WORLD_SIZE", "1")) // _context_parallel()


def _context_parallel() -> int:
    """Devices that share a row, as the launch files say it."""
    return int(os.environ.get("PARALLELISM_CONFIG_CP_SIZE", "1"))


def _model(config: SftConfig) -> Any:
    """The base in the precision of its ``weights`` (4 bits under QLoRA)."""
    import torch
    from transformers import AutoModelForCausalLM

    values: dict[str, Any] = {"dtype": getattr(torch, config.weights), "attn_implementation": config.attention}
    if config.adapter is not None and config.adapter.four_bit:
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


def _trainer(
    config: SftConfig,
    arguments: Any,
    rows: Sequence[TrainRow],
    model: Any,
    tokenizer: Any,
    log: TrainLog,
    tell: Tell | None,
) -> tuple[Any, Collator]:
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTTrainer

    class Watching(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                raise _NotANumberError(loss, state.global_step)
            if not state.is_world_process_zero:
                return
            log.add(state.global_step, logs, collator.tokens)
            if tell is not None:
                tell(state.global_step, state.max_steps, loss)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                mark(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    multiple = pad_multiple(_context_parallel())
    collator = Collator(config.layout, pad, remember=config.batch_size, multiple=multiple or 1)
    columns = [{"id": row.id, "input_ids": list(row.input_ids), "labels": list(row.labels)} for row in rows]
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(columns),
        processing_class=tokenizer,
        data_collator=collator,
        peft_config=_peft(config.adapter),
        callbacks=[Watching()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, collator


def _refuse_lost_sharding(trainer: Any) -> None:
    """What the launcher asks for has to be what accelerate does: it passes over much of it without a word."""
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if trainer.accelerator.num_processes != started:
        together = trainer.accelerator.num_processes
        raise TrainError(f"{started} processes were started, {together} train together\nhint: check the launch files")
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        kind = str(trainer.accelerator.distributed_type)
        if "FSDP" not in kind:
            raise TrainError(f"the launcher asks for FSDP, accelerate made {kind} of it\nhint: are there accelerators?")


def _peft(adapter: Adapter | None) -> Any:
    if adapter is None:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=adapter.r,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=adapter.targets if isinstance(adapter.targets, str) else list(adapter.targets),
        task_type="CAUSAL_LM",
    )


def _save(config: SftConfig, trainer: Any) -> None:
    """Whole weights (adapters merged in) and the base's own tokenizer, byte for byte."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    model.config.use_cache = True  # the trainer turns it off, and it would be written down
    if trainer.is_fsdp_enabled:  # every rank takes part in gathering; the launch files ask for the full state
        trainer.save_model(str(config.out))
    elif trainer.is_world_process_zero():
        whole = model.merge_and_unload() if config.adapter is not None else model
        whole.to(getattr(torch, config.save_dtype)).save_pretrained(config.out)
    if trainer.is_world_process_zero():
        _copy_tokenizer(config.base, config.out)


def _copy_tokenizer(base: Path, out: Path) -> None:
    """Byte for byte: saving it through transformers would rewrite its files."""
    names = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "chat_template.jinja")
    for name in names:
        if (base / name).exists():
            (out / name).write_bytes((base / name).read_bytes())
