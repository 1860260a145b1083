"""A fine-tuning run from a recipe: traces to rows to weights to manifest.

Knows where rows come from and what the manifest says. Refuses to know the loss, the schedule and TRL: ``sft`` does.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from s1kit.curate.conditions import Condition
from s1kit.curate.rows import IGNORED, build_rows, check_row
from s1kit.curate.trainset import FILE, made_with, read_rows
from s1kit.engines.fingerprint import fingerprint
from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat, load_format
from s1kit.nano.shipped import SHIPPED, resolve_model
from s1kit.nano.traces import load as nano_traces
from s1kit.store.difference import config_hash, outputs_only
from s1kit.store.files import write_atomic
from s1kit.store.manifest import environment
from s1kit.tokenizer import Tokenizer
from s1kit.train.arguments import explained
from s1kit.train.checkpoints import refuse_other_run
from s1kit.train.model_card import ModelCardFacts, TrainedOn
from s1kit.train.overflow import cut_rows
from s1kit.train.publish import publish
from s1kit.train.settings import Count, Settings
from s1kit.train.sft import Finetuned, SftConfig, finetune, first_process, leave_together, processes
from s1kit.train.trainer import Tell
from s1kit.types import Question, Trace, TrainRow, canonical_json, sha256_hex

NON_OUTPUT = frozenset(
    {"out", "data", "per_device", "layout", "checkpointing", "offload_activations", "attention"}
    | {"lm_head", "save_every", "keep", "report_to", "log_every"}
)
"""Settings that change no weight but by rounding: a run may go on with others."""
NANO = ("nano_traces", "nano_steps")
"""Traces that ship with s1kit."""


class TrainConfig(Settings):
    """``s1 train``: which rows, which base, and the settings of the run."""

    base: str = "nano-base"
    """Folder; ``nano-base`` ships with s1kit."""
    out: str = "nano-runs/s1"
    data: str = "nano_traces"
    """``nano_traces``, the nano teacher's (``nano_steps``: with a blank line between its passes); a JSONL file with
    ``question`` (or text), ``thinking`` and ``answer``; or a training set of ``s1 curate``: its folder, or its
    ``train.parquet``."""
    size: Count = 1000
    """Rows to take at most. A training set was selected already: it is taken whole, whatever ``size`` says."""
    data_seed: int = 1
    format: str = "s1"
    condition: Literal["none", "token", "step"] = "none"
    """Prompts say how long to think (paper, section 5). A training set of ``s1 curate`` has its own condition."""
    max_tokens: Count | None = None
    """What a longer row is: see ``on_overflow``."""
    on_overflow: Literal["refuse", "cut"] = "refuse"
    """refuse: an error that names it. cut: its end is lost, usually with its answer, as in the paper's Table 7; every
    row that was cut is told."""


def run(config: TrainConfig, tell: Tell | None = None) -> Finetuned:
    """Train, save weights and tokenizer, and write ``manifest.json`` beside them. UserError for unusable rows."""
    if missing := [name for name in ("torch", "trl") if find_spec(name) is None]:
        raise UserError(f"training needs {' and '.join(missing)}\nhint: pip install 's1kit[train]'")
    base = resolve_model(config.base)
    if not Path(base).is_dir():
        raise UserError(f"no model folder {base}\nhint: nano-base, or the folder of a downloaded model")
    form = load_format(config.format).resolve(Tokenizer.load(base))
    rows, tokenizer = load_rows(config, form)
    rows, cut = cut_rows(rows, config.max_tokens, form.close) if config.on_overflow == "cut" else (rows, [])
    data = sha256_hex(canonical_json([row.model_dump(mode="json") for row in rows]))
    out = Path(config.out)
    weights = fingerprint(Path(base))
    outputs = outputs_only(config.model_dump(mode="json"), NON_OUTPUT)
    if first_process():
        refuse_other_run(out, config_hash(outputs), data, weights)
    settings = config.model_dump(include=set(Settings.model_fields))
    done = finetune(SftConfig(base=Path(base), out=out, **settings), rows, tell)
    if not first_process():
        leave_together()
        return done
    card = card_facts(config, rows, done, data, form.tokenizer.name, len(cut))
    facts: dict[str, Any] = {
        "kind": "sft",
        "command": "s1 " + " ".join(sys.argv[1:]),
        "recipe": config.model_dump(mode="json"),
        "arguments": {
            row.name: row.model_dump(mode="json", exclude={"name"}) for row in explained(config.arguments(processes()))
        },
        "base_sha256": weights,
        "data_tokenizer": tokenizer,
        "data_sha256": data,
        "rows": done.rows,
        "rows_cut": cut,
        "tokens_per_epoch": done.tokens,
        "seconds": round(done.seconds, 1),
        "resumed_from": done.resumed_from,
        "loss_curve": done.losses,
        "card": card.model_dump(mode="json"),
        **environment(),
    }
    write_atomic(done.out / "manifest.json", json.dumps(facts, indent=1) + "\n")
    lost = sum(bool(row["answer_lost"]) for row in cut)
    publish(done.out, card)
    leave_together()
    return done.model_copy(update={"rows_cut": len(cut), "answers_lost": lost})


def load_rows(config: TrainConfig, form: ResolvedFormat) -> tuple[list[TrainRow], str]:
    """The rows of a recipe, uncut, and the hash of the tokenizer that made them (``unknown`` where nobody says)."""
    limit = config.max_tokens if config.on_overflow == "refuse" else None
    trainset = _trainset(config.data)
    if trainset is None:
        condition: Condition | None = None if config.condition == "none" else config.condition
        return build_rows(_pairs(config), form, condition=condition, max_tokens=limit), form.tokenizer.hash
    if config.condition != "none":
        raise UserError(f"{trainset} was built with its own condition\nhint: leave condition out, or build it anew")
    return _built(trainset, form, limit)


def card_facts(
    config: TrainConfig, rows: list[TrainRow], done: Finetuned, data: str, tokenizer: str, cut: int
) -> ModelCardFacts:
    """What the model card says of this run, in which ``cut`` rows were cut; metrics come later, by ``measured``."""
    settings = config.model_dump(mode="json", include=set(Settings.model_fields))
    plain = {k: v if isinstance(v, str | int | float | bool | None) else json.dumps(v) for k, v in settings.items()}
    here = environment()
    return ModelCardFacts(
        name=done.out.name,
        base=config.base,
        licence="apache-2.0" if config.base in SHIPPED else None,
        command="s1 " + " ".join(sys.argv[1:]),
        s1kit_version=here["s1kit_version"],
        format=config.format,
        tokenizer=tokenizer,
        data=TrainedOn(
            name=Path(config.data).name,
            rows=done.rows,
            tokens=done.tokens,
            trained_tokens=sum(label != IGNORED for row in rows for label in row.labels),
            sha256=data,
            longest=max(row.n_tokens for row in rows),
            rows_cut=cut,
            cut_at=config.max_tokens if cut else None,
        ),
        recipe=plain,
        losses=done.losses,
        seconds=done.seconds,
        hardware=str(here["hardware"].get("cpu", "")),
        versions=here["packages"],
    )


def _trainset(data: str) -> Path | None:
    """The file of a training set, or None where ``data`` is something else."""
    path = Path(data)
    if data not in NANO and path.is_dir():
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
    if config.data in NANO:
        return nano_traces(config.size, config.data_seed, steps=config.data == "nano_steps")
    path = Path(config.data)
    if not path.is_file():
        raise UserError(
            f"no training data {path}\n"
            "hint: nano_traces, nano_steps, a JSONL file with question, thinking and answer, or a training set"
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
