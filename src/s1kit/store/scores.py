"""``scores/<scorer>.jsonl`` in a run: what a reward model said of its rows, step by step.

Knows that scores are appended, that a line without its newline was never acknowledged, and that the last line of a row
counts. Refuses to know reward models, and the texts that were scored: the rows hold those.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from s1kit.store.errors import StoreError, cannot_write
from s1kit.store.files import sync
from s1kit.store.journal import drop_torn_tail
from s1kit.store.layout import Key
from s1kit.types import Record, sha256_hex

SCORES = "scores"

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Score(Record):
    """What one scorer said of one row."""

    question_id: str
    policy_id: str
    sample: int = 0
    scorer: str
    steps: tuple[Finite, ...]
    """In [0, 1], one per step of the thinking; the answer is the last one. Empty: there was nothing to score."""
    tokens: int = 0
    """That the model read for this row. Of a tree they stand with its first leaf: what several leaves share is read
    once."""
    ms: Finite = 0.0
    windowed: int = 0
    """Solutions that were too long for one pass and were read through windows: those of a whole tree, or of a batch of
    rows, stand with its first row."""

    @property
    def key(self) -> Key:
        """Identity of the row inside its run."""
        return (self.question_id, self.policy_id, self.sample)


def scores_file(run: Path, scorer: str) -> Path:
    """Where a scorer's scores lie. A name that cannot name a file (a folder) becomes its last part and 8 digits of its
    SHA-256."""
    name = scorer
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", scorer):
        last = re.sub(r"[^a-z0-9_-]+", "-", re.split(r"[/\\]", scorer.rstrip("/\\"))[-1].lower()).strip("-")
        name = f"{last[:40] or 'scorer'}-{sha256_hex(scorer)[:8]}"
    return run / SCORES / f"{name}.jsonl"


def append_scores(run: Path, scorer: str, scores: Iterable[Score]) -> None:
    """Add scores with a single fsync: all are safe on return. An unfinished last line is cut off first.

    The caller holds the run's lock, or knows that nobody else scores. Raises StoreError for a score of another scorer
    and where the system refuses the write; none of ``scores`` is then in the file.
    """
    rows = list(scores)
    if stray := next((row for row in rows if row.scorer != scorer), None):
        raise StoreError(f"a score of {stray.scorer!r} cannot go into the file of {scorer!r}")
    if not rows:
        return
    path = scores_file(run, scorer)
    data = b"".join(row.model_dump_json().encode() + b"\n" for row in rows)
    try:
        fresh = not path.exists()
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as out:
            drop_torn_tail(path)
            size = os.fstat(out.fileno()).st_size
            try:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                with contextlib.suppress(OSError):  # a tail that cannot be cut is torn, and the next append cuts it
                    os.ftruncate(out.fileno(), size)
                raise
        if fresh:
            sync(path.parent)
    except OSError as problem:
        raise cannot_write(path, problem) from problem


def read_scores(run: Path, scorer: str) -> dict[Key, Score]:
    """The last score of every row; {} where nothing was scored. Raises StoreError naming a line that is broken."""
    path = scores_file(run, scorer)
    found: dict[Key, Score] = {}
    if not path.exists():
        return found
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                score = Score.model_validate_json(line)
            except ValidationError as problem:
                what = problem.errors(include_url=False, include_input=False)[0]
                raise StoreError(
                    f"`{path}`, line {number}: {what['msg']}",
                    "the file was changed after it was written; delete that line, and the row is scored again",
                ) from problem
            found[score.key] = score
    return found
