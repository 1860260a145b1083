"""Rows of a file, one after the other: JSONL, JSON, CSV, Parquet.

Knows the containers and says of every row where it stands. Refuses to know what a row means, and refuses to stop: a
broken row is a row that says what is broken. JSONL, CSV and Parquet are streamed, so a million rows cost no more
memory than a hundred; a JSON array is read whole, because nothing else can read it.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from s1kit.errors import UserError

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", ".jsonl.gz", ".json.gz", ".csv.gz")
LONGEST_ROW = 256 << 20
"""Bytes of one JSONL line or CSV field. A question of 10 MB and a program with 60 MB of tests are read; a longer row is
a broken one."""
_PARQUET_BATCH = 64
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_UNREADABLE = (OSError, EOFError, zlib.error)


class ReadingError(UserError, ValueError):
    """A file that is missing, of an unknown kind, or unreadable as a whole; names it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: ``where`` it stands ("file:line" or "file row N", from 1), and the row, or what is broken about it."""

    where: str
    row: dict[str, Any] | None
    broken: str = ""


def read_rows(path: str | Path, otherwise: str | None = None) -> Iterator[Line]:
    """Every row of a file, in order, broken ones included; blank lines are no rows.

    The file is opened at once, read as the iterator is. Raises ReadingError for a missing file, an unknown suffix
    (``otherwise`` is the kind to take it for: ``jsonl``), and a container that cannot be read (a torn gzip, no
    Parquet, a JSON file that is no array).
    """
    file = Path(path)
    kind = _kind(file, otherwise)
    if not file.is_file():
        raise ReadingError(f"no file {file}")
    return _guarded(file, kind)


def _kind(file: Path, otherwise: str | None) -> str:
    name = file.name.lower().removesuffix(".gz")
    suffix = next((s for s in SUFFIXES if file.name.lower().endswith(s)), None)
    if suffix is None:
        if otherwise is not None:
            return otherwise
        raise ReadingError(f"{file}: unknown kind of file\nhint: accepted are {', '.join(SUFFIXES)}")
    return name.rpartition(".")[2]


def _guarded(file: Path, kind: str) -> Iterator[Line]:
    readers = {"jsonl": _jsonl, "json": _json, "csv": _csv, "parquet": _parquet}
    try:
        yield from readers[kind](file)
    except _UNREADABLE as error:
        raise ReadingError(f"{file} cannot be read: {error}\nhint: fetch or write the file again") from error


def _open(file: Path) -> IO[bytes]:
    if file.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(file, "rb"))
    return file.open("rb")


def _jsonl(file: Path) -> Iterator[Line]:
    with _open(file) as handle:
        number = 0
        while raw := handle.readline(LONGEST_ROW):
            number += 1
            where = f"{file.name}:{number}"
            if len(raw) == LONGEST_ROW and not raw.endswith(b"\n"):
                while raw and not raw.endswith(b"\n"):
                    raw = handle.readline(1 << 20)
                yield Line(where, None, f"longer than {LONGEST_ROW >> 20} MiB")
                continue
            text = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if text.strip():
                yield parsed(text, where)


def parsed(raw: bytes, where: str) -> Line:
    """One JSON object as a row; never raises."""
    try:
        row = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return Line(where, None, f"not UTF-8: {error}")
    except RecursionError:
        return Line(where, None, "nested too deeply")
    except ValueError as error:
        return Line(where, None, f"not JSON: {error}")
    return _object(row, where, suspicious=_HALF.search(raw) is not None)


def _object(row: Any, where: str, suspicious: bool = True) -> Line:
    """``suspicious``: the row may hold half a surrogate pair, which Python reads and no file can hold."""
    if not isinstance(row, dict):
        return Line(where, None, f"a row has to be an object, this is {type(row).__name__}")
    if suspicious:
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return Line(where, None, "half a surrogate pair, which is no text")
    return Line(where, row)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _json(file: Path) -> Iterator[Line]:
    with _open(file) as handle:
        raw = handle.read().removeprefix(b"\xef\xbb\xbf")
    if raw.lstrip()[:1] == b"{":  # Lines under the name .json are common; whatever follows the first is read as one.
        yield from (
            parsed(line, f"{file.name}:{number}")
            for number, line in enumerate(raw.split(b"\n"), start=1)
            if line.strip()
        )
        return
    try:
        rows = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ReadingError(f"{file} is not JSON: {error}\nhint: one array of objects, or .jsonl") from error
    if not isinstance(rows, list):
        raise ReadingError(f"{file} holds {type(rows).__name__}, not an array\nhint: one array of objects, or .jsonl")
    suspicious = _HALF.search(raw) is not None
    yield from (_object(row, f"{file.name} row {n}", suspicious) for n, row in enumerate(rows, start=1))


def _csv(file: Path) -> Iterator[Line]:
    """Rows under a header line. Bytes that are no UTF-8 come in as half surrogates and make their row a broken one."""
    opener = gzip.open if file.name.lower().endswith(".gz") else open
    csv.field_size_limit(LONGEST_ROW)
    with opener(file, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        header: list[str] | None = None
        while True:
            where = f"{file.name}:{reader.line_num + 1}"
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Line(where, None, f"not CSV: {error}")
                continue
            if header is None:
                header = _header(fields, file)
            elif fields:
                yield _csv_row(header, fields, where)


def _header(fields: list[str], file: Path) -> list[str]:
    twice = next((name for name in fields if fields.count(name) > 1), None)
    if twice is not None:
        raise ReadingError(f"{file}: column {twice!r} is there twice\nhint: the first line has to name the columns")
    return fields


def _csv_row(header: list[str], fields: list[str], where: str) -> Line:
    if len(fields) != len(header):
        return Line(where, None, f"{len(fields)} fields, the header names {len(header)}")
    line = _object(dict(zip(header, fields, strict=True)), where)
    return line if line.row is not None else Line(where, None, "not UTF-8")


def _parquet(file: Path) -> Iterator[Line]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(file, pre_buffer=False) as table:
            for batch in table.iter_batches(batch_size=_PARQUET_BATCH):
                for offset in range(batch.num_rows):
                    number += 1
                    try:
                        row = batch.slice(offset, 1).to_pylist()[0]
                    except UnicodeDecodeError as error:
                        yield Line(f"{file.name} row {number}", None, f"not UTF-8: {error}")
                        continue
                    yield Line(f"{file.name} row {number}", row)
    except pa.ArrowException as error:
        raise ReadingError(f"{file} is no readable Parquet file: {error}") from error
