"""Trains the nano process reward model: `s1 nano prm`.

Knows the mixture, the loop and what is written. Two classes per token, the loss at the newline that closes a step:
the layout of TRL's trainer for process reward models, which the installed TRL need not have any more. Refuses to know
how solutions come about and what a search does with scores.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano.prm_drawn import drawn
from s1kit.nano.prm_places import check, token_classes
from s1kit.nano.prm_rows import Labelled, corrupted, taught
from s1kit.nano.shipped import resolve_model
from s1kit.search.reward_layout import step_separator
from s1kit.tokenizer import Tokenizer

IGNORED = -100
BEGIN = "<|im_start|>"


@dataclass(frozen=True)
class PrmConfig:
    """``size`` solutions, of which ``from_model`` are drawn by the shipped model and half of the others corrupted."""

    out: Path
    size: int = 5000
    from_model: float = 0.3
    start: str = "nano"
    epochs: float = 1.0
    batch: int = 8
    learning_rate: float = 6e-4
    warmup: float = 0.05
    weight_decay: float = 0.01
    seed: int = 1
    threads: int | None = None
    command: str = "s1 nano prm"


def mixture(config: PrmConfig) -> list[Labelled]:
    """The solutions that are learnt from, a function of ``size``, ``from_model`` and ``seed``."""
    own = round(config.size * config.from_model)
    spoilt = (config.size - own) // 2
    rows = [*taught(config.size - own - spoilt, config.seed), *corrupted(spoilt, config.seed)]
    if own:
        rows += drawn(own, config.seed)
    Random(f"s1kit nano prm mixture {config.seed}").shuffle(rows)
    return rows


@dataclass(frozen=True, slots=True)
class Coded:
    """A solution in ids. Class 1 is right and 0 wrong: at the ends of steps, and at the tokens of a checked pass."""

    ids: tuple[int, ...]
    ends: list[int]
    inside: list[int]


def encode(tokenizer: Tokenizer, row: Labelled) -> Coded:
    """The row in TRL's layout, every place without a label ignored."""
    layout = step_separator(tokenizer)
    marked = layout(row.problem.text, row.steps)
    ends, inside = [IGNORED] * len(marked.ids), [IGNORED] * len(marked.ids)
    start = len(layout(row.problem.text, ()).ids)
    for place, step, label in zip(marked.reads, row.steps, row.labels, strict=True):
        if label is not None:
            ends[place] = int(label)
        if (found := check(row.problem, step)) is not None:
            pieces = [tokenizer.decode([i]) for i in marked.ids[start:place]]
            for at, sound in enumerate(token_classes(found, label, pieces), start):
                inside[at] = IGNORED if sound is None else int(sound)
        start = place + 1
    return Coded(marked.ids, ends, inside)


def train_prm(config: PrmConfig, said: Callable[[str], None] = lambda _: None) -> Path:
    """Draw, train, write; returns the folder. ``said`` is told how far it is."""
    import torch

    if config.threads is not None:
        torch.set_num_threads(config.threads)
    began = time.monotonic()
    said(f"writing {config.size} solutions, {config.from_model:.0%} of them drawn by the model")
    rows = mixture(config)
    drawing = time.monotonic() - began
    model, curve = fit(config, rows, said)
    _write(config, model, rows, curve, {"drawing": round(drawing, 1), "all": round(time.monotonic() - began, 1)})
    return config.out


def fit(
    config: PrmConfig, rows: Sequence[Labelled], said: Callable[[str], None] = lambda _: None
) -> tuple[Any, list[tuple[int, float]]]:
    """The trained model in float32, and its loss every ten steps (the mean of those ten).

    The tokenizer goes to ``out`` first: what is trained on is what is read there later.
    """
    import torch

    torch.manual_seed(config.seed)
    tokenizer = _save_tokenizer(config.out)
    coded = [encode(tokenizer, row) for row in rows]
    model = _new_model(Path(resolve_model(config.start)))
    order = list(_batches([len(row.ids) for row in coded], config))
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=config.weight_decay
    )
    warm = max(1, round(config.warmup * len(order)))
    curve, recent = list[tuple[int, float]](), list[float]()
    for step, batch in enumerate(order):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * min((step + 1) / warm, (len(order) - step) / (len(order) - warm + 1))
        loss = _loss(model, [coded[n] for n in batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        recent.append(loss.item())
        if len(recent) == 10 or step == len(order) - 1:
            curve.append((step + 1, round(sum(recent) / len(recent), 4)))
            recent.clear()
            said(f"step {step + 1} of {len(order)}: loss {curve[-1][1]}")
    return model, curve


def _save_tokenizer(folder: Path) -> Tokenizer:
    """The nano tokenizer with a begin-of-text, which TRL's layout then puts first.

    No training of nano ever began without this token: what would stand first is where idle attention goes.
    """
    nano_tokenizer.save(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"bos_token": BEGIN}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return Tokenizer.load(folder)


def _new_model(start: Path) -> Any:
    """The start's body under a fresh head of two classes."""
    import torch
    from transformers import AutoModelForTokenClassification

    reports = logging.getLogger("transformers")
    level = reports.level
    try:
        reports.setLevel(logging.ERROR)  # that the head is new is what is wanted
        model: Any = AutoModelForTokenClassification.from_pretrained(start, num_labels=2, dtype=torch.float32)
        return model.eval()  # for good: all that training mode would add is the head's dropout
    finally:
        reports.setLevel(level)


def _batches(lengths: Sequence[int], config: PrmConfig) -> list[list[int]]:
    """Rows of like length together, the batches in an order of their own; ``epochs`` may be a fraction."""
    rng = Random(f"s1kit nano prm batches {config.seed}")
    found = list[list[int]]()
    wanted = max(1, round(config.epochs * len(lengths) / config.batch))
    while len(found) < wanted:
        rows = sorted(range(len(lengths)), key=lambda n: lengths[n] + rng.random() * 16)
        cut = [rows[i : i + config.batch] for i in range(0, len(rows), config.batch)]
        rng.shuffle(cut)
        found += cut
    return found[:wanted]


def _loss(model: Any, batch: Sequence[Coded]) -> Any:
    """Cross-entropy over the ends of steps plus that over the tokens of passes, each a mean; padded on the right."""
    import torch

    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[*row.ids, *[0] * (width - len(row.ids))] for row in batch])
    logits = model(input_ids=ids).logits.float()  # causal: what is padded on the right is seen by nobody
    total = logits.new_zeros(())
    for classes in ([row.ends for row in batch], [row.inside for row in batch]):
        wanted = torch.tensor([[*row, *[IGNORED] * (width - len(row))] for row in classes])
        if (wanted != IGNORED).any():
            total = total + torch.nn.functional.cross_entropy(
                logits.reshape(-1, 2), wanted.reshape(-1), ignore_index=IGNORED
            )
    return total


def _write(
    config: PrmConfig, model: Any, rows: Sequence[Labelled], curve: list[tuple[int, float]], seconds: dict[str, float]
) -> None:
    """Weights in bfloat16, the tokenizer and a manifest: layout ``trl`` of ``RewardModel.load``."""
    import torch

    from s1kit.store.manifest import environment

    model.config.bos_token_id = Tokenizer.load(config.out).id_of(BEGIN)
    model.config.id2label, model.config.label2id = {0: "wrong", 1: "right"}, {"wrong": 0, "right": 1}
    model.to(torch.bfloat16).save_pretrained(config.out, safe_serialization=True)
    labels = [label for row in rows for label in row.labels]
    facts = {
        "kind": "prm",
        "layout": "trl",
        "command": config.command,
        "recipe": {key: value for key, value in asdict(config).items() if key not in ("out", "command")},
        "rows": len(rows),
        "steps": {"right": labels.count(True), "wrong": labels.count(False), "unlabelled": labels.count(None)},
        "seconds": seconds,
        "loss_curve": curve,
        **environment(),
    }
    (config.out / "manifest.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
