"""TRL's SFTTrainer with what s1kit adds: its own batches, a watch over the loss, checkpoints that are whole or gone.

Knows the few methods of TRL's that are overridden, and why. Refuses to explain failures to people: it raises what
``sft`` turns into words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from s1kit.store.errors import StoreError
from s1kit.train.checkpoints import TrainLog, keep_newest, mark
from s1kit.train.collate import Collator
from s1kit.train.launch import pad_multiple
from s1kit.train.settings import Adapter, Settings
from s1kit.types import TrainRow

Tell = Callable[[int, int, float], None]
"""Called after a logged step with steps done, steps in all, and the loss of the stretch."""


class NotANumberError(ArithmeticError):
    """The loss is no number."""

    def __init__(self, loss: float, step: int, rows: Sequence[str]) -> None:
        super().__init__(loss, step)
        self.loss, self.step, self.rows = loss, step, tuple(rows)


class NotSavedError(Exception):
    """A checkpoint could not be written. ``needs``: about the bytes of a whole one."""

    def __init__(self, path: Path, needs: int) -> None:
        super().__init__(path, needs)
        self.path, self.needs = path, needs


def build_trainer(
    settings: Settings,
    arguments: Any,
    rows: Sequence[TrainRow],
    model: Any,
    tokenizer: Any,
    log: TrainLog,
    tell: Tell | None,
    context_parallel: int,
) -> Any:
    """A trainer over ``rows``, ready to train. It raises NotANumberError and NotSavedError."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    multiple = pad_multiple(context_parallel)
    collator = Collator(settings.layout, pad, remember=settings.batch_size, multiple=multiple or 1)

    class Watching(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                raise NotANumberError(loss, state.global_step, collator.seen)
            if not state.is_world_process_zero:
                return
            log.add(state.global_step, logs, collator.tokens)
            if tell is not None:
                tell(state.global_step, state.max_steps, loss)

    columns = [{"id": row.id, "input_ids": list(row.input_ids), "labels": list(row.labels)} for row in rows]
    trainer = _trainer_class(settings)(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(columns),
        processing_class=tokenizer,
        data_collator=collator,
        peft_config=_peft(settings.adapter),
        callbacks=[Watching()],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _trainer_class(settings: Settings) -> Any:
    from safetensors import SafetensorError
    from trl import SFTTrainer

    class S1Trainer(SFTTrainer):  # type: ignore[misc]  # TRL is untyped
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if settings.lm_head == "chunked":
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            loss = whole_loss(model, inputs, num_items_in_batch)
            # num_items_in_batch counts the labels of all processes, whose gradients are averaged
            return loss * self.accelerator.num_processes if num_items_in_batch is not None else loss

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            path = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            try:
                super()._save_checkpoint(model, trial)
                self.accelerator.wait_for_everyone()  # each process writes its own random state
                if self.is_world_process_zero():
                    mark(path)
                    keep_newest(path.parent, settings.keep)
            except (OSError, StoreError, SafetensorError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not _is_of_writing(error):
                    raise
                raise NotSavedError(path, checkpoint_bytes(self.model)) from error

    return S1Trainer


def whole_loss(model: Any, inputs: dict[str, Any], items: Any) -> Any:
    """The mean cross-entropy of a batch over ``items`` labels (None: those of this batch) from all its logits."""
    import torch

    values = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**values, use_cache=False).logits[:, :-1]
    labels = inputs["labels"][:, 1:].to(logits.device)
    total = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="sum")
    count = (labels != -100).sum() if items is None else torch.as_tensor(items, device=total.device)
    return total / count.clamp(min=1)


def checkpoint_bytes(model: Any) -> int:
    """About the bytes of a checkpoint: what is saved of the weights, and AdamW's two moments of what is trained."""
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    adapter = hasattr(model, "peft_config")  # only the adapter is saved then
    whole = trained if adapter else sum(p.numel() * p.element_size() for p in model.parameters())
    return int(whole + 2 * trained)


def _is_of_writing(error: RuntimeError) -> bool:
    """Whether PyTorch could not write a file: it has no error of its own for that."""
    return any(word in str(error) for word in ("PytorchStreamWriter", "inline_container", "unexpected pos"))


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
