"""From measured cells to a table: accuracy over seeds, and the paired difference to the paper's selection.

Knows that questions are the unit: verdicts are averaged over seeds first, then questions are resampled. Refuses to
leave out a cell in silence: what is not there is said to be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from s1kit.metrics.intervals import Interval, bootstrap_mean, paired_bootstrap
from s1kit.reproduce.cells import Cell
from s1kit.store.run import RunDir
from s1kit.types import Record

BASELINE = {"table2": "s1K", "table7": "whole"}
"""The row that the others are compared with."""


class Measured(Record):
    """One row of a table under one policy."""

    row: str
    role: str
    """natural, or extension: with one "Wait"."""
    seeds: int
    accuracy: float
    """Per cent, mean over seeds and questions; unanswered counts as wrong."""
    interval: Interval
    difference: float | None
    """Points against the baseline row; None for the baseline itself."""
    difference_interval: Interval | None
    thinking_tokens: float


Scores = dict[str, tuple[list[float], float]]
"""Role -> (one number per question, mean thinking tokens)."""


def scores(run: RunDir) -> Scores:
    """What a cell's run says, by role. Raises StoreError where it is not graded."""
    roles = {name: str(entry["role"]) for name, entry in run.manifest.policies.items()}
    right = {g.key: float(g.verdict == "correct") for g in run.grades("default")}
    found: dict[str, dict[str, float]] = {role: {} for role in roles.values()}
    tokens: dict[str, list[int]] = {role: [] for role in roles.values()}
    for generation in run.generations():
        role = roles[generation.policy_id]
        found[role][generation.question_id] = right[generation.key]
        tokens[role].append(generation.n_thinking)
    return {role: ([own[q] for q in sorted(own)], float(np.mean(tokens[role]))) for role, own in found.items()}


def table(name: str, done: Mapping[Cell, Scores]) -> list[Measured]:
    """The rows of a table, its baseline first. ``done`` holds the cells that are measured."""
    rows: dict[str, list[Scores]] = {}
    for cell, found in done.items():
        if cell.table == name:
            rows.setdefault(cell.row, []).append(found)
    order = sorted(rows, key=lambda row: row != BASELINE[name])
    measured = []
    for role in ("natural", "extension"):
        base = _mean(rows[BASELINE[name]], role) if BASELINE[name] in rows else None
        for row in order:
            values = _mean(rows[row], role)
            other = base is not None and row != BASELINE[name]
            measured.append(
                Measured(
                    row=row,
                    role=role,
                    seeds=len(rows[row]),
                    accuracy=100 * float(np.mean(values)),
                    interval=bootstrap_mean(values),
                    difference=100 * float(np.mean(values) - np.mean(base)) if other and base else None,
                    difference_interval=paired_bootstrap(base, values) if other and base else None,
                    thinking_tokens=float(np.mean([found[role][1] for found in rows[row]])),
                )
            )
    return measured


def markdown(rows: Sequence[Measured]) -> str:
    """The table as Markdown, one line a row, natural end and "Wait" side by side."""
    lines = ["| trained on | seeds | natural | against the first | one Wait | against the first | thinking tokens |"]
    lines.append("|---|---|---|---|---|---|---|")
    for natural in (row for row in rows if row.role == "natural"):
        waited = next(row for row in rows if row.role == "extension" and row.row == natural.row)
        cells = [f"{natural.accuracy:.1f}%", _against(natural), f"{waited.accuracy:.1f}%", _against(waited)]
        lines.append(f"| {natural.row} | {natural.seeds} | {' | '.join(cells)} | {natural.thinking_tokens:.0f} |")
    return "\n".join(lines) + "\n"


def _mean(found: Sequence[Scores], role: str) -> list[float]:
    """Per question, over seeds. All of them have answered the same questions."""
    return [float(value) for value in np.mean([one[role][0] for one in found], axis=0)]


def _against(row: Measured) -> str:
    if row.difference is None or row.difference_interval is None:
        return ""
    return f"{row.difference:+.1f} [{row.difference_interval.low:+.1f}, {row.difference_interval.high:+.1f}]"


def run_of(cell: Cell, out: Path) -> RunDir | None:
    """The cell's finished and graded run, None while there is none."""
    for path in sorted((out / "runs" / cell.name).glob("*/manifest.json")):
        run = RunDir.open(path.parent)
        if run.manifest.status == "finished" and run.grade_files() and run.metrics() is not None:
            return run
    return None
