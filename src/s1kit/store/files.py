"""Durable files: replaced whole or not at all, and hashed.

Knows temp file, fsync, rename. Refuses to know what is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from s1kit.store.errors import cannot_write


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``; on a clean exit it is fsynced and renamed over ``path``.

    After a crash at any moment ``path`` holds either its old content or its new one, never half of it. The temporary
    name is fixed, so a leftover of a crash is overwritten by the next attempt and never piles up. Raises StoreError
    when the system refuses the write.
    """
    temp = path.with_name(f".{path.name}.tmp")
    try:
        yield temp
        sync(temp)
        os.replace(temp, path)
        sync(path.parent)
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            temp.unlink(missing_ok=True)


def write_atomic(path: Path, content: str) -> None:
    """Write UTF-8 text durably, whole or not at all. Raises StoreError."""
    with replacing(path) as temp:
        temp.write_bytes(content.encode())


def sync(path: Path) -> None:
    """fsync a file, or a directory (which is what makes a rename or an unlink in it durable)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Delete durably; a missing file is fine. Raises StoreError."""
    try:
        path.unlink(missing_ok=True)
        sync(path.parent)
    except OSError as problem:
        raise cannot_write(path, problem) from problem


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
