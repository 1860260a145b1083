"""JSON from files that strangers wrote: one value a line, or one value a file.

Knows encodings, broken lines and their numbers. Refuses to know what the values mean, and to pass over a line that it
cannot read: half a file imported silently is a wrong result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s1kit.imports.errors import ImportRefused
from s1kit.wire.words import whole

BOM = b"\xef\xbb\xbf"


def parse(content: bytes, where: str) -> Any:
    """One JSON value. Raises ImportRefused, naming ``where``."""
    try:
        return json.loads(content.removeprefix(BOM))
    except UnicodeDecodeError as problem:
        raise ImportRefused(f"{where}: not UTF-8: {problem}", "convert the file to UTF-8") from problem
    except ValueError as problem:
        cut = "the file was cut off, or is not JSON: " if "EOF" in str(problem) or not content.strip() else "not JSON: "
        raise ImportRefused(f"{where}: {cut}{problem}", "delete the broken line, or write the file again") from problem
    except RecursionError as problem:
        raise ImportRefused(f"{where}: nested too deeply to be results") from problem


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """``("file:line", object)`` of each line that is not blank. Raises ImportRefused for a line that is no object."""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if line.strip():
                where = f"{path}:{number}"
                value = parse(line, where)
                if not isinstance(value, dict):
                    raise ImportRefused(f"{where}: a row has to be an object, this is {type(value).__name__}")
                yield where, value


def array(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """``("file[index]", object)`` of a file that is one array. Raises ImportRefused for anything else."""
    rows = parse(path.read_bytes(), str(path))
    if not isinstance(rows, list):
        raise ImportRefused(f"{path}: expected an array of rows, this is {type(rows).__name__}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ImportRefused(f"{path}[{number}]: a row has to be an object, this is {type(row).__name__}")
        yield f"{path}[{number}]", row


def text(value: object) -> str | None:
    """A string as it can be kept (halves of surrogate pairs become U+FFFD), a number as written; None for the rest."""
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if float(value).is_integer() else str(value)


def first(row: dict[str, Any], *names: str) -> Any:
    """The value of the first of these keys that is there and not null."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def mapping(value: object) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def count(value: object) -> int | None:
    """A number of tokens (or the number of a sample); None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**53 and float(value).is_integer() else None
