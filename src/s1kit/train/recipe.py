"""A fine-tuning run from a recipe: traces to rows to weights to manifest.

Knows where rows come from and what the manifest says. Refuses to know the loss, the schedule and TRL: ``sft`` does.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from s1kit.curate.rows import build_rows, check_row
from s1kit.curate.trainset import FILE, made_with, read_rows
from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat, load_format
from s1kit.nano.shipped import resolve_model
from s1kit.nano.traces import load as nano_traces
from s1kit.store.manifest import environment
from s1kit.tokenizer import Tokenizer
from s1kit.train.sft import Finetuned, SftConfig, Tell, finetune
from s1kit.types import Question, Record, Trace, TrainRow, canonical_json, sha256_hex


class TrainConfig(Record):
    """``s1 train``: the paper's recipe (section 3) unless told otherwise; small models want a higher rate."""

    base: str = "nano-base"
    """Folder; ``nano-base`` ships with s1kit."""
    out: str = "nano-runs/s1"
    data: str = "nano_traces"
    """The nano teacher's traces; a JSONL file with ``question`` (or text), ``thinking`` and ``answer``; or a training
    set of ``s1 curate``: its folder, or its ``train.parquet``."""
    size: Annotated[int, Field(strict=True, gt=0)] = 1000
    """Rows to take at most. A training set was selected already: it is taken whole, whatever ``size`` says."""
    data_seed: int = 1
    format: str = "s1"
    max_tokens: Annotated[int, Field(strict=True, gt=0)] | None = None
    """A longer row is refused; nothing is ever truncated."""
    epochs: float = Field(default=5, gt=0)
    batch_size: Annotated[int, Field(strict=True, gt=0)] = 16
    accumulate: Annotated[int, Field(strict=True, gt=0)] = 1
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    seed: int = 0


def run(config: TrainConfig, tell: Tell | None = None) -> Finetuned:
    """Train, save weights and tokenizer, and write ``manifest.json`` beside them. UserError for unusable rows."""
    if missing := [name for name in ("torch", "trl") if find_spec(name) is None]:
        raise UserError(f"training needs {' and '.join(missing)}\nhint: pip install 's1kit[train]'")
    base = resolve_model(config.base)
    if not Path(base).is_dir():
        raise UserError(f"no model folder {base}\nhint: nano-base, or the folder of a downloaded model")
    form = load_format(config.format).resolve(Tokenizer.load(base))
    trainset = _trainset(config.data)
    if trainset is None:
        rows, tokenizer = build_rows(_pairs(config), form, max_tokens=config.max_tokens), form.tokenizer.hash
    else:
        rows, tokenizer = _built(trainset, form, config.max_tokens)
    shared = {"epochs", "batch_size", "accumulate", "learning_rate", "warmup", "weight_decay", "seed"}
    done = finetune(SftConfig(base=Path(base), out=Path(config.out), **config.model_dump(include=shared)), rows, tell)
    facts: dict[str, Any] = {
        "kind": "sft",
        "command": "s1 " + " ".join(sys.argv[1:]),
        "recipe": config.model_dump(mode="json"),
        "data_tokenizer": tokenizer,
        "data_sha256": sha256_hex(canonical_json([row.model_dump(mode="json") for row in rows])),
        "rows": done.rows,
        "tokens_per_epoch": done.tokens,
        "seconds": round(done.seconds, 1),
        "loss_curve": done.losses,
        **environment(),
    }
    (done.out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return done


def _trainset(data: str) -> Path | None:
    """The file of a training set, or None where ``data`` is something else."""
    path = Path(data)
    if data != "nano_traces" and path.is_dir():
        if not (path / FILE).is_file():
            raise UserError(f"no {FILE} in {path}\nhint: `s1 curate` writes one into each folder of trainsets/")
        return path / FILE
    return path if path.suffix == ".parquet" and path.is_file() else None


def _built(path: Path, form: ResolvedFormat, max_tokens: int | None) -> tuple[list[TrainRow], str]:
    """The rows of a training set as they are, and the tokenizer that made them (``unknown`` where nobody says).

    Rows of another format or tokenizer would train on other ids than they mean, so they are refused.
    """
    rows = list(read_rows(path))
    made, name = made_with(path)
    if made is not None and made != form.tokenizer.hash:
        raise UserError(
            f"{path} was made with the tokenizer {name} ({made}), the base model has {form.tokenizer.hash}\n"
            "hint: make the training set again with the tokenizer and chat template of the base model"
        )
    for row in rows:
        if row.format != form.spec.name:
            raise UserError(
                f"{path}: row {row.id} has format {row.format}, the recipe says {form.spec.name}\n"
                f"hint: format: {row.format}"
            )
        if not all(0 <= token < form.tokenizer.vocab_size for token in row.input_ids):
            raise UserError(f"{path}: row {row.id} holds ids that the base model's tokenizer does not have")
        if max_tokens is not None and row.n_tokens > max_tokens:
            raise UserError(
                f"{path}: row {row.id} has {row.n_tokens} tokens, max_tokens is {max_tokens}; nothing is truncated"
            )
        check_row(row, form)
    return rows, made or "unknown"


def _pairs(config: TrainConfig) -> list[tuple[Question, Trace]]:
    if config.data == "nano_traces":
        return nano_traces(config.size, config.data_seed)
    path = Path(config.data)
    if not path.is_file():
        raise UserError(
            f"no training data {path}\n"
            "hint: nano_traces, a JSONL file with question, thinking and answer, or a training set"
        )
    lines = path.read_text(encoding="utf-8").split("\n")[: config.size]  # splitlines would cut rows at U+2028
    return [_pair(line, f"{path}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _pair(line: str, where: str) -> tuple[Question, Trace]:
    try:
        row = json.loads(line)
        text, thinking, answer = row.get("question") or row["text"], row["thinking"], row["answer"]
    except (ValueError, KeyError, AttributeError) as error:
        raise UserError(
            f"{where}: not a training row ({error!r})\nhint: it needs question, thinking and answer"
        ) from error
    question = Question.make(text=text, answer=None, answer_kind="text", source=where.rpartition(":")[0])
    return question, Trace(
        question_id=question.id, teacher=row.get("teacher", "file"), thinking=thinking, answer=str(answer)
    )
