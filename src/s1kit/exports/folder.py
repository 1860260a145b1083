"""An export into a folder, whole or not at all.

Knows which writer makes which form and that a folder in use is left alone. Refuses to know what a writer writes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args

from s1kit.exports.source import Row, Source, Tally
from s1kit.store.errors import StoreError, cannot_write

To = Literal["inspect", "lm-eval", "hf"]
FORMS: Final = get_args(To)
Watch = Callable[[Iterable[Row], int], Iterable[Row]]
"""Sees rows pass and passes them on; the number is how many there will be."""


def export_run(
    source: Source, to: To, out: Path, watch: Watch = lambda rows, total: rows
) -> tuple[list[Path], list[str]]:
    """Write a run into the new folder ``out``: the files, and what a person has to be told.

    Raises StoreError where ``out`` is there and not empty, and where the system refuses a write; nothing is left then.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError(f"`{out}` is there already", "name another folder with --out, or delete this one")
    tally = Tally()

    def counted() -> Iterator[Row]:
        for row in source.rows():
            tally.add(row)
            yield row

    temp = out.with_name(f".{out.name}.tmp")
    try:
        shutil.rmtree(temp, ignore_errors=True)
        temp.mkdir(parents=True)
        files = _writer(to)(source, temp, watch(counted(), source.n_rows))
        if out.exists():
            out.rmdir()
        os.replace(temp, out)
    except OSError as problem:
        raise cannot_write(out, problem) from problem
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    notes = [*source.notes(), *tally.notes()]
    if to == "lm-eval" and tally.rows > len(source.questions) * len(source.manifest.policies):
        notes.append("the harness has one verdict for all samples of a question: `exact_match` is their mean")
    return [out / file.relative_to(temp) for file in files], notes


def _writer(to: To) -> Callable[[Source, Path, Iterable[Row]], list[Path]]:
    if to == "inspect":
        from s1kit.exports.inspect_log import write_inspect

        return write_inspect
    if to == "lm-eval":
        from s1kit.exports.harness import write_harness

        return write_harness
    from s1kit.exports.dataset import write_dataset

    return write_dataset


def suggested(run: Path, to: Any) -> Path:
    """Where an export goes when nobody says."""
    return run / "export" / str(to)
