"""What a folder of the miniature holds so far: which cells are done, and the files that say what came out.

Knows files: ``results.json`` with everything and where it was made, and each table as Markdown. Refuses to run a cell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s1kit.errors import UserError
from s1kit.metrics.summary import Metrics
from s1kit.reproduce.artefact_files import Artefacts
from s1kit.reproduce.beside import beside, compared, facts, text
from s1kit.reproduce.cells import Cell, Scale
from s1kit.reproduce.paper import Versus
from s1kit.reproduce.tables import BASELINE, Measured, markdown, scores, table
from s1kit.reproduce.variants import variants, variants_markdown
from s1kit.store.files import write_atomic
from s1kit.store.manifest import environment
from s1kit.store.run import RunDir

RESULTS = "results.json"
_NAMED = frozenset({"seeds", "cut", "compared"})
"""Of the scale: what the names of cells tell already, or what a comparison keeps beside its numbers."""


def refuse_another_scale(out: Path, scale: Scale) -> None:
    """UserError where ``out`` holds cells of another scale: their names would be the same."""
    if not (out / RESULTS).is_file():
        return
    content = json.loads((out / RESULTS).read_text())
    before, now = content["scale"], scale.model_dump(mode="json")
    other = [f"{key}={before[key]}" for key in now if key not in _NAMED and before.get(key, now[key]) != now[key]]
    if other and content.get("cells"):
        told = " ".join(f"--set {item}" for item in other)
        raise UserError(f"{out} holds cells of another scale: {', '.join(other)}\nhint: another --out, or {told}")


def run_of(cell: Cell, out: Path) -> RunDir | None:
    """The cell's finished and graded run, None while there is none."""
    for path in sorted((out / "runs" / cell.run).glob("*/manifest.json")):
        run = RunDir.open(path.parent)
        if run.manifest.status == "finished" and run.grade_files() and run.metrics() is not None:
            return run
    return None


def is_done(cell: Cell | Versus, scale: Scale, out: Path) -> bool:
    """Whether there is nothing left to run for it."""
    return (compared(cell, scale, out) if isinstance(cell, Versus) else run_of(cell, out)) is not None


def write_results(
    scale: Scale,
    wanted: Sequence[Cell | Versus],
    out: Path,
    command: str = "s1 reproduce nano",
    needs: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Write ``results.json``, ``<part>.md`` for every part with a cell that is done, and ``artefacts/``.

    Part -> Markdown. ``command`` is what footnotes name; ``needs``: part -> what keeps it from being made.
    """
    done = {cell: run for cell in wanted if isinstance(cell, Cell) and (run := run_of(cell, out)) is not None}
    versus = {
        cell: found for cell in wanted if isinstance(cell, Versus) and (found := compared(cell, scale, out)) is not None
    }
    texts: dict[str, str] = {}
    rows: dict[str, Any] = {}
    seeds = {part: measured for part in BASELINE if (measured := _table(part, done, out))}
    for part, measured in seeds.items():
        texts[part], rows[part] = markdown(measured), [row.model_dump(mode="json") for row in measured]
    if lines := variants(done):
        texts["variants"], rows["variants"] = variants_markdown(lines), [line.model_dump(mode="json") for line in lines]
    if main := next((run for cell, run in done.items() if cell.part == "main"), None):
        texts["main"], rows["main"] = _main(main)
    for one, found in versus.items():
        if one.shared:
            continue
        ours = beside(one, found)
        texts[one.part] = f"{texts[one.part]}\n{text(ours)}" if one.part in texts else text(ours)
        rows.setdefault(one.part, []).append(ours.model_dump(mode="json"))
    content = {
        "scale": scale.model_dump(mode="json"),
        "cells": {
            **{cell.name: _cell(cell, run, out) for cell, run in done.items()},
            **{one.name: facts(one, scale, found, out) for one, found in versus.items()},
        },
        "missing": list(dict.fromkeys(c.name for c in wanted if c not in done and c not in versus)),
        **({"needs": dict(needs)} if needs else {}),
        "made": environment(),
        **rows,
    }
    write_atomic(out / RESULTS, json.dumps(content, indent=1) + "\n")
    for part, written in texts.items():
        write_atomic(out / f"{part}.md", written)
    artefacts = Artefacts(out, command, done, versus)
    artefacts.write(seeds)
    artefacts.write_lacking(needs or {})
    return texts


def _table(part: str, done: Mapping[Cell, RunDir], out: Path) -> list[Measured]:
    own = {cell: run for cell, run in done.items() if cell.part == part}
    return table(part, {c: scores(run, out / "models" / c.model.name) for c, run in own.items() if c.model})


def _cell(cell: Cell, run: RunDir, out: Path) -> dict[str, Any]:
    """From a number back to what made it: hashes of rows, weights and policies."""
    facts: dict[str, Any] = {"run": run.path.name, "config_hash": run.manifest.config_hash, **run.manifest.inputs}
    if cell.model is not None:
        made = json.loads((out / "models" / cell.model.name / "manifest.json").read_text())
        facts |= {key: made[key] for key in ("data_sha256", "base_sha256", "rows", "tokens_per_epoch", "seconds")}
        facts["rows_cut"] = len(made["rows_cut"])
    return facts


def _main(run: RunDir) -> tuple[str, list[dict[str, Any]]]:
    """The curve of the main run as a table, the points in order of their tokens."""
    metrics = Metrics.model_validate(run.metrics())
    points = sorted(metrics.points, key=lambda p: p.thinking_mean)
    lines = ["| policy | thinking tokens | right |", "|---|---|---|"]
    rows: list[dict[str, Any]] = []
    for point in points:
        right, low, high = (
            (None, None, None)
            if point.accuracy is None or point.interval is None
            else (100 * point.accuracy, 100 * point.interval.low, 100 * point.interval.high)
        )
        said = "ungraded" if right is None else f"{right:.1f}% [{low:.1f}, {high:.1f}]"
        lines.append(f"| {point.label} | {point.thinking_mean:.0f} | {said} |")
        rows.append({"policy": point.label, "thinking_tokens": point.thinking_mean, "accuracy": right})
        rows[-1]["interval"] = [low, high]
    return "\n".join(lines) + "\n", rows
