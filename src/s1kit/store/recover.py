"""What happens before the first append of a resumed run.

Knows how to find the run, refuse another configuration, and leave a journal that holds exactly the rows to keep.
Refuses to guess: damage other than an unfinished last line is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1kit.store.difference import config_hash, differences
from s1kit.store.errors import StoreError
from s1kit.store.files import remove, replacing
from s1kit.store.journal import drop_torn_tail, encode
from s1kit.store.layout import (
    GENERATIONS,
    GRADES,
    JOURNAL,
    METRICS,
    QUESTIONS,
    Key,
    is_whole,
    read_generations,
    read_outcomes,
    record_file,
    unit_of,
)
from s1kit.store.manifest import MANIFEST, read_manifest
from s1kit.store.rows import GRADES as GRADES_SCHEMA
from s1kit.store.rows import count_rows, read_parquet, write_parquet
from s1kit.types import RunManifest


@dataclass(slots=True)
class Recovered:
    """The keys that need not be made again, what to tell the user, and the derived files that are gone or changed."""

    done: set[Key] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    complete: bool = False
    """The run is finished, whole and without failed rows: nothing was changed and nothing is to be done."""


def locate(where: Path, outputs: Mapping[str, Any]) -> Path:
    """The run that ``where`` names: itself, or, below a runs root, the newest of this configuration that lacks rows.

    Raises StoreError when there is none; where unfinished runs of other configurations exist, the newest of them is
    compared, so that the fields that differ are shown.
    """
    if (where / MANIFEST).exists():
        return where
    found: list[tuple[str, Path, RunManifest]] = []
    for path in sorted(where.glob(f"*/{MANIFEST}")) if where.is_dir() else ():
        manifest = read_manifest(path.parent)
        if manifest.status != "finished" or manifest.counts.get("errors"):  # failed rows are still to be made
            found.append((manifest.started, path.parent, manifest))
    if not found:
        raise StoreError(f"no unfinished run at `{where}`", "leave out --resume to start one; `s1 runs ls` lists runs")
    found.sort(key=lambda item: item[:2])
    same = [path for _, path, manifest in found if manifest.config_hash == config_hash(outputs)]
    return same[-1] if same else found[-1][1]


def refuse_other_config(
    run: Path, manifest: RunManifest, outputs: Mapping[str, Any], inputs: Mapping[str, str] | None
) -> None:
    """Raise StoreError listing every field that differs (old -> new), if any does.

    ``inputs`` (None: not compared) are hashes: a benchmark file or a model that changed since changes rows as surely
    as a field does.
    """
    found = differences(manifest.config, outputs)
    if inputs is not None:
        found += differences({"inputs": manifest.inputs}, {"inputs": dict(inputs)})
    if not found:
        return
    lines = "\n".join(f"  {difference}" for difference in found)
    raise StoreError(
        f"`{run}` was started with another configuration, and its rows would not be comparable:\n{lines}",
        "resume with the configuration of the run (its config.yaml), or leave out --resume to start a new run",
    )


def recover(run: Path, manifest: RunManifest) -> Recovered:
    """Make ``generations.jsonl`` hold exactly the rows to keep, and say what was dropped. The caller holds the lock.

    An unfinished last line is cut off. Rows on which the engine failed are left out: the journal is rewritten without
    them (temp file, rename), so their keys are free again and none is ever there twice; their grades go with them, and
    so does ``metrics.json``, which described them. The leaves of a tree go together: where one failed, or a crash tore
    them apart, none is kept. A finished run without failed or missing rows is left as it is.
    """
    result = Recovered()
    file = record_file(run)
    if file.name == JOURNAL and (torn := drop_torn_tail(file)):
        result.notes.append(f"dropped an unfinished last line of {JOURNAL} ({torn} bytes); that row is made again")
    redo: set[Key] = set()
    for key, is_failed in read_outcomes(run):
        if key in result.done or key in redo:
            raise StoreError(
                f"`{file}` holds row {'/'.join(map(str, key))} twice", "delete one of the two, or start a new run"
            )
        (redo if is_failed else result.done).add(key)
    torn_apart = _broken_trees(manifest, result.done, redo)
    result.done -= torn_apart
    whole = is_whole(manifest, count_rows(run / QUESTIONS), result.done)
    if manifest.status == "finished" and file.name == GENERATIONS and whole and not redo | torn_apart:
        result.complete = True
        result.notes.append(f"already finished: {len(result.done)} rows, nothing to do")
        return result
    if redo or torn_apart or file.name == GENERATIONS:
        _rewrite_journal(run, result.done)
    if (run / GENERATIONS).exists():  # made from an older state of the journal; finish makes it again
        remove(run / GENERATIONS)
        result.touched.add(GENERATIONS)
    if redo:
        result.notes.append(f"{len(redo)} rows on which the engine failed are made again")
    if torn_apart:
        result.notes.append(f"{len(torn_apart)} leaves of trees that are not whole are made again")
    _forget_derived(run, redo | torn_apart, result)
    result.notes.append(f"{len(result.done)} rows are there already")
    return result


def _broken_trees(manifest: RunManifest, done: set[Key], redo: set[Key]) -> set[Key]:
    """Rows that did not fail, of trees that lack their first leaf or in which another leaf failed."""
    lost = {unit_of(manifest, key) for key in redo}
    units = {key: unit_of(manifest, key) for key in done}
    return {key for key, unit in units.items() if unit in lost or unit not in done}


def _rewrite_journal(run: Path, done: set[Key]) -> None:
    with replacing(run / JOURNAL) as temp, temp.open("wb") as out:
        out.writelines(encode(row) for row in read_generations(run) if row.key in done)


def _forget_derived(run: Path, redo: set[Key], result: Recovered) -> None:
    """Drop what was computed from rows that are about to change."""
    if (run / METRICS).exists():
        remove(run / METRICS)
        result.touched.add(METRICS)
        result.notes.append(f"removed {METRICS}: it described fewer rows")
    for path in sorted((run / GRADES).glob("*.parquet")) if redo else ():
        write_parquet(path, GRADES_SCHEMA, _other_rows(path, redo))
        result.touched.add(f"{GRADES}/{path.name}")


def _other_rows(path: Path, redo: set[Key]) -> Iterable[dict[str, Any]]:
    for row in read_parquet(path):
        if (row["question_id"], row["policy_id"], row["sample"]) not in redo:
            yield row
