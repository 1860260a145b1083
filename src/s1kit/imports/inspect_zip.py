"""The entries of an Inspect ``.eval`` log, which is a zip archive.

Knows deflate, store and zstd (which newer versions write and Python 3.11 has no words for: Arrow reads it). Refuses an
entry that would unpack to more than ``LARGEST`` bytes, and one whose checksum is wrong.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from s1kit.imports.errors import ImportRefused
from s1kit.imports.lines import parse

LARGEST = 1 << 30
"""Bytes of one entry, unpacked: no sample is larger, and a file made to fill the memory is."""
_ZSTD = (20, 93)
_HINT = "convert the log to JSON with `inspect log convert --to json`, and import that"


def members(path: Path) -> Iterator[tuple[str, Any]]:
    """``(name, value)`` of the header, then of every sample, in the order of their names.

    Raises ImportRefused for a file that is no log, or an entry that cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename: entry for entry in archive.infolist()}
            headers = [name for name in ("header.json", "_journal/start.json", "start.json") if name in names]
            if not headers:
                raise ImportRefused(f"{path}: an archive, but no Inspect log (it has no header.json)")
            samples = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            for name in (headers[0], *samples):
                yield name, parse(_content(path, archive, names[name]), f"{path}!{name}")
    except (zipfile.BadZipFile, EOFError, zlib.error) as problem:
        raise ImportRefused(f"{path}: not a whole zip archive: {problem}", "copy the log again") from problem


def _content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    where = f"{path}!{entry.filename}"
    if entry.file_size > LARGEST:
        raise ImportRefused(f"{where}: unpacks to {entry.file_size} bytes, more than any sample")
    if entry.flag_bits & 1:
        raise ImportRefused(f"{where}: is encrypted", _HINT)
    if entry.compress_type in _ZSTD:
        return _zstd(path, entry, where)
    try:
        with archive.open(entry) as handle:
            return handle.read()
    except NotImplementedError as problem:
        raise ImportRefused(f"{where}: packed in a way that cannot be read here: {problem}", _HINT) from problem


def _zstd(path: Path, entry: zipfile.ZipInfo, where: str) -> bytes:
    """Unpack an entry by hand: behind its local header, whose two lengths say where the data begins."""
    with path.open("rb") as handle:
        handle.seek(entry.header_offset)
        header = handle.read(30)
        if len(header) < 30:
            raise ImportRefused(f"{where}: the archive ends inside the entry", "copy the log again")
        handle.seek(sum(struct.unpack("<HH", header[26:30])), 1)
        packed = handle.read(entry.compress_size)
    try:
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            content: bytes = stream.read(entry.file_size + 1)
    except (pa.ArrowException, OSError) as problem:
        raise ImportRefused(f"{where}: cannot be unpacked: {problem}", _HINT) from problem
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise ImportRefused(f"{where}: does not have the checksum that the archive names", "copy the log again")
    return content
