"""Which files a path stands for, and what wrote them.

Knows names and first rows. Refuses to choose: a folder with two kinds of results, or a file of no known kind, is told
back with what was seen.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from s1kit.imports import jsonl, lm_eval
from s1kit.imports.errors import ImportRefused
from s1kit.imports.found import KINDS, Kind
from s1kit.imports.lines import objects, parse

_LOOKED_AT = 20
"""Rows of a file that say what wrote it: the reference's fork shows in what a model wrote, not in every row."""


def files_of(paths: Sequence[Path], kind: Kind | None = None) -> tuple[list[Path], Kind]:
    """Every file with results that ``paths`` name, folders searched, and their one kind (``kind`` where it is given).

    A file of the harness beside one of the reference's fork is the fork's too: a run without a budget has no mark.
    Raises ImportRefused for a path that is not there or holds nothing, a file of no known kind, and a mixture.
    """
    found: dict[Path, Kind] = {}
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ImportRefused(f"no file or folder {path}")
        listed = sorted(_inside(path)) if path.is_dir() else [path]
        if not listed:
            raise ImportRefused(
                f"{path} holds no results", "expected samples_*.jsonl, .eval, Inspect's .json or plain .jsonl files"
            )
        for file in listed:
            if (real := file.resolve()) in seen:
                raise ImportRefused(f"{file} is named twice", "name every file once")
            seen.add(real)
            found[file] = kind or detect(file)
    kinds = set(found.values())
    if kinds == {"lm-eval", "s1-reference"}:
        kinds = {"s1-reference"}
    if len(kinds) > 1:
        shown = "; ".join(f"{file}: {one}" for file, one in list(found.items())[:6])
        raise ImportRefused(
            f"these are results of different kinds: {shown}", "import one kind at a time, or say which with --as"
        )
    return list(found), kinds.pop()


def _inside(folder: Path) -> list[Path]:
    """Files below a folder that may hold results; those that stand beside results are not among them."""
    files = [path for path in folder.rglob("*") if path.suffix in (".jsonl", ".eval", ".json") and path.is_file()]
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    samples = [path for path in files if path.name.startswith("samples_") and path.suffix == ".jsonl"]
    if samples:
        beside = {path for path in files if path.name.startswith("results") and path.suffix == ".json"}
        return [path for path in files if path not in beside]
    return [path for path in files if path.suffix != ".json" or _is_log(path)]


def detect(path: Path) -> Kind:
    """What wrote one file. Raises ImportRefused, with what was seen, where that cannot be told."""
    if path.suffix == ".eval" or zipfile.is_zipfile(path):
        return "inspect"
    if path.suffix == ".json":
        return _of_json(path)
    kinds: set[Kind] = set()
    keys: list[str] = []
    for number, (_, row) in enumerate(objects(path)):
        if number == _LOOKED_AT:
            break
        keys = keys or list(row)
        kinds |= _of_row(row)
    if kinds == {"lm-eval", "s1-reference"}:
        return "s1-reference"
    if not keys:
        raise ImportRefused(f"{path} holds no rows")
    if len(kinds) != 1:
        seen = f"its rows have {', '.join(keys[:12])}"
        raise ImportRefused(f"{path}: cannot tell what wrote this; {seen}", f"say it with --as: {', '.join(KINDS)}")
    return kinds.pop()


def _of_row(row: dict[str, Any]) -> set[Kind]:
    if {"resps", "filtered_resps"} & row.keys() and {"doc", "arguments", "doc_id"} & row.keys():
        return {"s1-reference"} if lm_eval.is_reference(row) else {"lm-eval"}
    return {"jsonl"} if jsonl.is_row(row) else set()


def _of_json(path: Path) -> Kind:
    content = parse(path.read_bytes(), str(path))
    if isinstance(content, list):
        return "jsonl"
    if isinstance(content, dict) and isinstance(content.get("eval"), dict):
        return "inspect"
    if isinstance(content, dict) and "results" in content:
        raise ImportRefused(
            f"{path}: scores without what was answered",
            "name the samples_*.jsonl beside it (lm_eval writes them with --log_samples)",
        )
    raise ImportRefused(f"{path}: cannot tell what wrote this", f"say it with --as: {', '.join(KINDS)}")


def _is_log(path: Path) -> bool:
    """Whether a JSON file begins as an Inspect log does; the rest of it is not read for that."""
    with path.open("rb") as handle:
        start = handle.read(1 << 12)
    return b'"eval"' in start and b'"version"' in start
