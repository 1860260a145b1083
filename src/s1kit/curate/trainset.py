"""A training set on disk: ``train.parquet``, one row of ids and labels per trace, and what was left out of it.

Knows its columns and that nothing is dropped in silence. Refuses to select or to grade: it takes questions and traces
in the order in which they come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from s1kit.curate.conditions import Condition, RowError
from s1kit.curate.rows import build_row
from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat
from s1kit.store.files import sha256_file
from s1kit.store.rows import read_parquet, read_records, write_parquet
from s1kit.types import Question, Record, Trace, TrainRow

FILE = "train.parquet"
_KEY = b"s1kit"

TRAIN_ROWS: Final = pa.schema(
    [
        ("id", pa.string()),
        ("question_id", pa.string()),
        ("format", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("n_tokens", pa.int32()),
    ]
)


class TrainSetError(UserError, ValueError):
    """A training set that cannot be built or read as asked; names every row that is in the way."""


class LeftOut(Record):
    """A trace that is not in the training set, and why."""

    question_id: str
    reason: str


class TrainSet(Record):
    """What was written, and with what: enough to refuse training it with another tokenizer."""

    format: str
    tokenizer: str | None = None
    """Hash of the tokenizer and chat template that made the ids; None in a file that does not say."""
    tokenizer_name: str | None = None
    condition: Condition | None = None
    max_tokens: int | None = None
    rows: int
    tokens: int
    answer_only: bool = False
    """The format has no thinking phase, so the rows hold the answers without the traces."""
    left_out: tuple[LeftOut, ...] = ()
    sha256: str
    """Of ``train.parquet``."""


def write_trainset(
    folder: Path,
    pairs: Iterable[tuple[Question, Trace]],
    form: ResolvedFormat,
    *,
    condition: Condition | None = None,
    max_tokens: int | None = None,
    skip: bool = False,
) -> TrainSet:
    """Build one row per pair, in order, and write them to ``folder/train.parquet``, whole or not at all.

    Pairs are read once and held a few hundred at a time. Rows that cannot be built (a control token, a failed trace,
    more than ``max_tokens`` tokens, the same row twice) are refused together, each with its reason; with ``skip`` they
    are listed in the result instead. Raises TrainSetError, also for a set without rows, and StoreError for the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left_out: list[LeftOut] = []
    tokens: list[int] = []
    told = {"tokenizer": form.tokenizer.hash, "tokenizer_name": form.tokenizer.name, "condition": condition}
    schema = TRAIN_ROWS.with_metadata({_KEY: json.dumps(told).encode()})

    def built() -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for question, trace in pairs:
            try:
                row = build_row(question, trace, form, condition=condition, max_tokens=max_tokens)
                if row.id in seen:
                    raise RowError(f"question {question.id}: the same trace comes twice")
            except RowError as error:
                left_out.append(LeftOut(question_id=question.id, reason=str(error).partition("\nhint:")[0]))
                continue
            seen.add(row.id)
            tokens.append(row.n_tokens)
            yield row.model_dump()
        _refuse(left_out, len(tokens), skip)

    rows = write_parquet(folder / FILE, schema, built())
    return TrainSet(
        format=form.spec.name,
        tokenizer=form.tokenizer.hash,
        tokenizer_name=form.tokenizer.name,
        condition=condition,
        max_tokens=max_tokens,
        rows=rows,
        tokens=sum(tokens),
        answer_only=form.spec.plain,
        left_out=tuple(left_out),
        sha256=sha256_file(folder / FILE),
    )


def _refuse(left_out: list[LeftOut], rows: int, skip: bool) -> None:
    """Raised inside the writer, so that an earlier file stays as it was."""
    listed = "\n".join(f"  {entry.reason}" for entry in left_out)
    if left_out and not skip:
        raise TrainSetError(
            f"{len(left_out)} of {len(left_out) + rows} traces cannot be trained on as asked:\n{listed}\n"
            "hint: raise max_tokens where rows are too long, or skip these rows; they are then listed with the set"
        )
    if not rows:
        raise TrainSetError("no rows are left for the training set" + (f":\n{listed}" if listed else ""))


def read_rows(path: Path) -> Iterator[TrainRow]:
    """The rows of a training set, a folder or its ``train.parquet``, in order. Raises StoreError for a damaged file."""
    return read_records(path / FILE if path.is_dir() else path, TrainRow)


def lengths_of(path: Path) -> list[int]:
    """Tokens of every row of a training set's file, in order, without reading the rows."""
    return [row["n_tokens"] for row in read_parquet(path, ["n_tokens"])]


def made_with(path: Path) -> tuple[str | None, str | None]:
    """``(tokenizer hash, its name)`` of a training set; Nones in a file that another program wrote.

    Raises TrainSetError where the file is no Parquet at all.
    """
    try:
        told = json.loads((pq.read_schema(path / FILE if path.is_dir() else path).metadata or {}).get(_KEY, b"{}"))
        return told.get("tokenizer"), told.get("tokenizer_name")
    except (OSError, pa.ArrowException, ValueError, AttributeError) as error:
        raise TrainSetError(f"{path} is not a training set: {error}") from error
