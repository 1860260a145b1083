"""Fine-tuning on rows of ids and labels: a thin call into TRL's SFTTrainer.

Knows when to resume, when to stop and what to save, on one device or many. Refuses to build data, to tokenise anything,
and to leave a value to TRL: ``settings`` has them all.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from s1kit.curate.rows import IGNORED
from s1kit.errors import UserError
from s1kit.store.errors import StoreError
from s1kit.train.checkpoints import CHECKPOINTS, TrainLog, latest, remove_torn
from s1kit.train.oom import out_of_memory
from s1kit.train.settings import Settings
from s1kit.train.trainer import NotANumberError, NotSavedError, Tell, build_trainer
from s1kit.types import TrainRow


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

    Raises TrainError when there is nothing to train on, a row is too long or nothing of it is learned, the loss is no
    number, memory or disk is too small; LaunchError where devices cannot share the batch or a row.
    """
    from transformers import AutoTokenizer

    config.check_context_parallel(_context_parallel())
    _refuse_rows(config.base, rows)
    arguments = _arguments(config)  # first: it starts torch.distributed, without which every rank would load it all
    tokenizer: Any = AutoTokenizer.from_pretrained(config.base)
    started = time.monotonic()
    config.out.mkdir(parents=True, exist_ok=True)
    log = TrainLog(config.out / "log.jsonl")
    checkpoint = latest(config.out) if config.save_every else None
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    if first_process():
        remove_torn(config.out)
        log.cut(step or 0)
    with _in_words(config, rows):
        trainer = build_trainer(
            config, arguments, rows, _model(config), tokenizer, log, tell, context_parallel=_context_parallel()
        )
        _refuse_lost_sharding(trainer)
        if config.lm_head == "whole" and trainer.aux_loss_enabled:
            raise TrainError(
                f"{config.base} is a mixture of experts, whose balancing loss lm_head: whole would leave out\n"
                "hint: lm_head: chunked"
            )
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
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


@contextmanager
def _in_words(config: SftConfig, rows: Sequence[TrainRow]) -> Iterator[None]:
    """What ends a run, as a TrainError that says what to do."""
    import torch
    from safetensors import SafetensorError

    try:
        yield
    except NotANumberError as error:
        raise TrainError(
            f"the loss is {error.loss} at step {error.step}; rows of the batch: {', '.join(error.rows)}\n"
            f"hint: {_kept(config.out)}; look at these rows, or lower learning_rate"
        ) from error
    except torch.OutOfMemoryError as error:
        said = out_of_memory(config, config.base, rows, str(error), _context_parallel())
        raise TrainError(f"{said}\nhint: {_kept(config.out)}") from error
    except NotSavedError as error:
        reason = str(error.__cause__).splitlines()[0]
        room = _room(config.out)  # before what is torn goes: this is what was too little
        if first_process():
            shutil.rmtree(error.path, ignore_errors=True)
        raise TrainError(
            f"cannot write the checkpoint {error.path}: {reason}; it needs about {_mib(error.needs)}, {room} is free\n"
            f"hint: {_kept(config.out)}; make room, then start the same command again, and it goes on from there"
        ) from error
    except (OSError, StoreError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno not in NO_ROOM:
            raise
        raise TrainError(
            f"cannot write into {config.out}: {str(error).splitlines()[0]}; {_room(config.out)} is free\n"
            f"hint: {_kept(config.out)}; make room, then start the same command again"
        ) from error


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where a file cannot grow."""


def _room(folder: Path) -> str:
    return _mib(shutil.disk_usage(folder).free)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


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


def _refuse_rows(base: Path, rows: Sequence[TrainRow]) -> None:
    """Before weights are loaded: rows that the model has no room for, or of which nothing is learned."""
    from transformers import AutoConfig

    if not rows:
        raise TrainError("no rows to train on\nhint: is the training set empty, or did max_tokens leave out every row?")
    positions = AutoConfig.from_pretrained(base).get_text_config().max_position_embeddings
    if long := [row for row in rows if row.n_tokens > positions]:
        worst = max(long, key=lambda row: row.n_tokens)
        raise TrainError(
            f"row {worst.id}: {worst.n_tokens} tokens, the model has {positions} positions"
            f"{f', and {len(long) - 1} more rows are too long' if len(long) > 1 else ''}\n"
            f"hint: leave them out, or max_tokens: {positions} with on_overflow: cut, which cuts them and names them"
        )
    if masked := [row for row in rows if all(label == IGNORED for label in row.labels[1:])]:
        raise TrainError(
            f"row {masked[0].id}: every label is masked ({len(masked)} of {len(rows)} rows), nothing of it would be "
            "learned\nhint: labels are the token ids of trace and answer; build the rows with `s1 curate`"
        )


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
