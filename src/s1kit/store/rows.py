"""Parquet: one explicit schema per record, and rows in and out of it.

Knows how each record looks as columns. Refuses to guess a type from data: an empty run has the same columns as a full
one. Needs pyarrow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from s1kit.store.errors import StoreError
from s1kit.store.files import replacing
from s1kit.types import Question, Record, Trace

R = TypeVar("R", bound=Record)

_text, _int = pa.string(), pa.int64()

SEGMENT: Final = pa.struct(
    [
        ("phase", _text),
        ("origin", _text),
        ("why", _text),
        ("start", _int),
        ("end", _int),
        ("stop_id", _int),
        ("text", _text),
    ]
)

GENERATIONS: Final = pa.schema(
    [
        ("question_id", _text),
        ("policy_id", _text),
        ("sample", _int),
        ("n_prompt", _int),
        ("token_ids", pa.list_(_int)),
        ("segments", pa.list_(SEGMENT)),
        ("ended", _text),
        ("answer_ended", _text),
        ("extensions", _int),
        ("min_met", pa.bool_()),
        ("looped", pa.bool_()),
        ("n_thinking_model", _int),
        ("n_thinking_forced", _int),
        ("n_answer", _int),
        ("n_paid", _int),
        ("n_paid_thinking", _int),
        ("n_discarded", _int),
        ("tries", _int),
        ("n_steps", _int),
        ("n_step_tokens", _int),
        ("confidence", pa.list_(pa.float32())),
        ("exact", pa.bool_()),
        ("engine_ms", pa.float64()),
        ("thinking_text", _text),
        ("answer_text", _text),
        ("error", _text),
    ]
)

GRADES: Final = pa.schema(
    [
        ("question_id", _text),
        ("policy_id", _text),
        ("sample", _int),
        ("grader", _text),
        ("version", _int),
        ("verdict", _text),
        ("rule", _text),
        ("extracted", _text),
        ("reference", _text),
    ]
)

QUESTIONS: Final = pa.schema(
    [
        ("id", _text),
        ("text", _text),
        ("answer", _text),
        ("answer_kind", _text),
        ("choices", pa.list_(_text)),
        ("source", _text),
        ("domain", _text),
        ("licence", _text),
        ("meta", _text),
    ]
)
"""``meta`` is JSON text: its keys differ from source to source."""

POOL: Final = pa.schema([("row", _int), *QUESTIONS])
"""A curation's questions with their numbers; rows that could not be read have none and are in the decisions alone."""

DECISIONS: Final = pa.schema(
    [
        ("row", _int),
        ("question_id", _text),
        ("source", _text),
        ("step", _text),
        ("kept", pa.bool_()),
        ("reason", _text),
        ("evidence", _text),
    ]
)

TRACES: Final = pa.schema(
    [
        ("question_id", _text),
        ("teacher", _text),
        ("thinking", _text),
        ("answer", _text),
        ("thinking_tokens", _int),
        ("tokenizer", _text),
        ("finish", _text),
        ("usage", _text),
        ("error", _text),
    ]
)
"""``usage`` is JSON text."""

ATTEMPTS: Final = pa.schema(
    [
        ("question_id", _text),
        ("solver", _text),
        ("answer", _text),
        ("finish", _text),
        ("error", _text),
        ("verdict", _text),
        ("rule", _text),
        ("judged", _text),
    ]
)

FILED: Final = pa.schema(
    [("question_id", _text), ("code", _text), ("how", _text), ("score", pa.float64()), ("said", _text)]
)

CHOSEN: Final = pa.schema(
    [("question_id", _text), ("domain", _text), ("how", _text), ("rank", _int), ("left", _int), ("length", _int)]
)

BATCH = 256
"""Rows per batch. A row can hold tens of thousands of tokens; this keeps a batch in tens of MiB."""
SMALL_ROWS = 8192
"""Rows per batch where a row is a line of text at most."""


@contextmanager
def parquet_sink(path: Path, schema: pa.Schema, batch: int = BATCH) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that adds a row to a Parquet file (zstd), which appears whole when this is left without an error.

    Raises StoreError when the disk is full.
    """
    waiting: list[dict[str, Any]] = []
    with replacing(path) as temp, pq.ParquetWriter(temp, schema, compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def add(row: dict[str, Any]) -> None:
            waiting.append(row)
            if len(waiting) >= batch:
                flush()

        yield add
        if waiting:
            flush()


def write_parquet(path: Path, schema: pa.Schema, rows: Iterable[dict[str, Any]], batch: int = BATCH) -> int:
    """Write rows (zstd), atomically; how many. Raises StoreError when the disk is full."""
    count = 0
    with parquet_sink(path, schema, batch) as add:
        for row in rows:
            add(row)
            count += 1
    return count


def read_parquet(path: Path, columns: list[str] | None = None, batch: int = BATCH) -> Iterator[dict[str, Any]]:
    """Rows in file order, as plain values. Raises StoreError when the file is missing or damaged."""
    for taken in read_batches(path, columns, batch):
        yield from taken.to_pylist()


def read_batches(path: Path, columns: list[str] | None = None, batch: int = BATCH) -> Iterator[pa.RecordBatch]:
    """Rows in file order, as columns, for whoever needs only some of them. Raises StoreError as `read_parquet` does."""
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=batch, columns=columns)
    except FileNotFoundError as problem:
        raise StoreError(f"`{path}` is missing", "restore it, or start a new run") from problem
    except (OSError, pa.ArrowException) as problem:
        raise _damaged(path, problem) from problem


def count_rows(path: Path) -> int:
    """Number of rows, from the footer alone."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException) as problem:
        raise _damaged(path, problem) from problem


def _damaged(path: Path, problem: Exception) -> StoreError:
    return StoreError(f"`{path}` cannot be read: {problem}", "the file is damaged; restore it from a copy")


def read_records(path: Path, record: type[R]) -> Iterator[R]:
    """Rows as validated records. Raises StoreError naming the row that is not one."""
    for number, row in enumerate(read_parquet(path)):
        yield to_record(record, row, path, number)


def to_record(record: type[R], row: dict[str, Any], path: Path, number: int) -> R:
    """One row, numbered from 0, as a record."""
    try:
        return record.model_validate(row)
    except ValidationError as problem:
        what = problem.errors(include_url=False, include_input=False)[0]
        raise StoreError(
            f"`{path}`, row {number}: {'.'.join(map(str, what['loc']))}: {what['msg']}".replace(": : ", ": "),
            "the file was changed, or written by a newer s1kit",
        ) from problem


def question_row(question: Question) -> dict[str, Any]:
    """A question as columns."""
    return {**question.model_dump(), "meta": json.dumps(question.meta, ensure_ascii=False)}


def trace_row(trace: Trace) -> dict[str, Any]:
    """A trace as columns."""
    return {**trace.model_dump(), "usage": json.dumps(trace.usage)}


def read_traces(path: Path, wanted: Collection[str] | None = None) -> Iterator[Trace]:
    """Traces in file order, all or those of the questions named. Raises StoreError."""
    names = None if wanted is None else frozenset(wanted)
    for number, row in enumerate(read_parquet(path)):
        if names is None or row["question_id"] in names:
            yield to_record(Trace, {**row, "usage": json.loads(row["usage"] or "{}")}, path, number)


def read_questions(path: Path) -> Iterator[Question]:
    """Questions in file order. Raises StoreError, also when an id does not match its question."""
    for number, row in enumerate(read_parquet(path)):
        yield to_record(Question, {**row, "meta": json.loads(row["meta"])}, path, number)
