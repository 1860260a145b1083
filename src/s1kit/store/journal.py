"""``generations.jsonl``: the growing half of a run, one row a line, fsynced before it is acknowledged.

Knows that a line without its newline is a row that was never acknowledged. Refuses to repair anything else: damage in
the middle is an error with a line number, never a row silently skipped.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from s1kit.store.errors import StoreError, cannot_write
from s1kit.types import Generation


class Journal:
    """An open journal. After a failed write it refuses more, so that a torn line can only ever be the last one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def append(self, rows: Iterable[Generation]) -> None:
        """Write rows and fsync once; on return they survive a power cut.

        Raises StoreError when the disk is full or a row cannot be expressed in JSON; none of ``rows`` is then in the
        file (what got there is cut off again, which also gives the space back).
        """
        if self._fd is None:
            raise StoreError(f"`{self.path}` is closed", "resume the run before appending to it")
        data = b"".join(encode(row) for row in rows)
        if not data:
            return
        size = os.fstat(self._fd).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            os.fsync(self._fd)
        except OSError as problem:
            with contextlib.suppress(OSError):  # a tail that cannot be cut is torn, and resume drops torn tails
                os.ftruncate(self._fd, size)
            self.close()
            raise cannot_write(self.path, problem) from problem

    def close(self) -> None:
        """Close the file; doing it twice is fine."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def encode(row: Generation) -> bytes:
    """One row as its line, newline included. Raises StoreError for a number that JSON has no word for."""
    if not math.isfinite(row.engine_ms):
        raise StoreError(f"row {'/'.join(map(str, row.key))} has engine_ms = {row.engine_ms}", "report finite times")
    return row.model_dump_json().encode() + b"\n"


def read_journal(path: Path) -> Iterator[Generation]:
    """The rows, oldest first; an unfinished last line is not one. Raises StoreError naming the line that is broken."""
    for _, row in read_offsets(path):
        yield row


def read_offsets(path: Path) -> Iterator[tuple[int, Generation]]:
    """``(byte offset, row)`` of every complete line."""
    offset = 0
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                return
            yield offset, decode(line, path, number)
            offset += len(line)


def decode(line: bytes, path: Path, number: int) -> Generation:
    """One line as a row. Raises StoreError with file and line number."""
    try:
        return Generation.model_validate_json(line)
    except ValidationError as problem:
        what = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, what["loc"]))
        raise StoreError(
            f"`{path}`, line {number}: {f'{where}: ' if where else ''}{what['msg']}",
            "the file was changed after it was written; delete that line and resume, and the row is made again",
        ) from problem


def drop_torn_tail(path: Path) -> int:
    """Cut off an unfinished last line, durably; the number of bytes dropped (0: there was none)."""
    size = path.stat().st_size
    end = _end_of_last_line(path, size)
    if end == size:
        return 0
    try:
        with path.open("r+b") as handle:
            handle.truncate(end)
            os.fsync(handle.fileno())
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    return size - end


def _end_of_last_line(path: Path, size: int) -> int:
    """Offset just behind the last newline, looking backwards block by block."""
    with path.open("rb") as handle:
        stop = size
        while stop > 0:
            start = max(0, stop - 65536)
            handle.seek(start)
            found = handle.read(stop - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            stop = start
    return 0
