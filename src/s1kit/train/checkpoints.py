"""What survives a killed training run: whole checkpoints, and the log of its steps.

Knows that a checkpoint is whole when its mark is there, which is written after everything else. Refuses to know what
is in one.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s1kit.errors import UserError
from s1kit.store.files import sync, write_atomic

CHECKPOINTS = "checkpoints"
_MARK, _RUN = "whole", "run.json"


def refuse_other_run(out: Path, settings: str, data: str, base: str) -> None:
    """Note what is trained in ``out``, and raise UserError where unfinished checkpoints of something else lie there."""
    note = {"settings": settings, "data": data, "base": base}
    path = out / CHECKPOINTS / _RUN
    if path.exists() and latest(out) is not None:
        there = json.loads(path.read_bytes())
        if other := [name for name, value in note.items() if there.get(name) != value]:
            raise UserError(
                f"{out} holds an unfinished run with other {' and '.join(other)}\n"
                f"hint: train into another folder, or remove {out / CHECKPOINTS}"
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(note) + "\n")


def mark(checkpoint: Path) -> None:
    """Say that a checkpoint is whole; on return that is durable."""
    for file in checkpoint.rglob("*"):
        if file.is_file():
            sync(file)
    write_atomic(checkpoint / _MARK, "")


def latest(out: Path) -> Path | None:
    """The newest whole checkpoint of a run, None where there is none. Torn ones are passed over."""
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if (path / _MARK).exists()]
    return max(found, key=_step, default=None)


def remove_torn(out: Path) -> list[Path]:
    """Delete what is left of checkpoints that never became whole: nothing goes on from them, and disks are small."""
    torn = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if not (path / _MARK).exists()]
    for path in torn:
        shutil.rmtree(path, ignore_errors=True)
    return torn


def keep_newest(folder: Path, count: int) -> None:
    """Delete whole checkpoints in ``folder`` but the newest ``count``; called when the newest is whole, not before."""
    whole = sorted((path for path in folder.glob("checkpoint-*") if (path / _MARK).exists()), key=_step)
    for path in whole[:-count]:
        (path / _MARK).unlink()  # first: a kill in the middle must not leave half of it looking whole
        shutil.rmtree(path, ignore_errors=True)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


class TrainLog:
    """``log.jsonl``: one line per logged step, with loss, gradient norm, learning rate, tokens and seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = time.monotonic()

    def cut(self, step: int) -> None:
        """Keep the lines up to ``step``: what came after the checkpoint is done again."""
        kept = [entry for entry in self.read() if entry["step"] <= step]
        write_atomic(self.path, "".join(json.dumps(entry) + "\n" for entry in kept))

    def add(self, step: int, logs: dict[str, Any], tokens: int) -> None:
        """One step's numbers. ``tokens``: of rows, seen by this process so far."""
        entry = {
            "step": step,
            "loss": float(logs["loss"]),
            "grad_norm": float(logs.get("grad_norm", 0.0)),
            "learning_rate": float(logs.get("learning_rate", 0.0)),
            "tokens": tokens,
            "seconds": round(time.monotonic() - self._began, 3),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """Every whole line, oldest first."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").split("\n"):
            try:
                entry = json.loads(line) if line else None
            except ValueError:  # the line that a kill tore
                continue
            if isinstance(entry, dict):
                yield entry
