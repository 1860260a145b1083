"""From measured cells to a table: accuracy over seeds, and the paired difference to the paper's selection.

Knows that questions are the unit: verdicts are averaged over seeds first, then questions are resampled. Refuses to
leave out a cell in silence: what is not there is said to be missing.
"""

from __future__ import annotations

import json
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
    rows: int
    """Rows that it was trained on."""
    trained_tokens: float
    """Tokens of these rows, prompts included; mean over seeds."""
    accuracy: float
    """Per cent, mean over seeds and questions; unanswered counts as wrong."""
    interval: Interval
    """Of the accuracy, per cent, questions resampled."""
    by_seed: tuple[float, ...]
    """The accuracy of each seed: what the interval over questions does not show."""
    difference: float | None
    """Points against the baseline row; None for the baseline itself."""
    difference_interval: Interval | None
    thinking_tokens: float


class Scored(Record):
    """What a cell's run says of one model."""

    right: dict[str, tuple[float, ...]]
    """Role -> one number per question, in the order of their ids."""
    thinking: dict[str, float]
    """Role -> mean thinking tokens."""
    rows: int
    trained_tokens: int


def scores(run: RunDir, trained: Path) -> Scored:
    """A cell's run by role, and the rows of the model in the folder ``trained``. StoreError where it is not graded."""
    roles = {name: str(entry["role"]) for name, entry in run.manifest.policies.items()}
    right = {g.key: float(g.verdict == "correct") for g in run.grades("default")}
    found: dict[str, dict[str, float]] = {role: {} for role in roles.values()}
    tokens: dict[str, list[int]] = {role: [] for role in roles.values()}
    for generation in run.generations():
        role = roles[generation.policy_id]
        found[role][generation.question_id] = right[generation.key]
        tokens[role].append(generation.n_thinking)
    made = json.loads((trained / "manifest.json").read_text())
    return Scored(
        right={role: tuple(own[q] for q in sorted(own)) for role, own in found.items()},
        thinking={role: float(np.mean(used)) for role, used in tokens.items()},
        rows=made["rows"],
        trained_tokens=made["tokens_per_epoch"],
    )


def table(part: str, done: Mapping[Cell, Scored]) -> list[Measured]:
    """The rows of a table, its baseline first. ``done`` holds the cells that are measured."""
    rows: dict[str, list[Scored]] = {}
    for cell, found in done.items():
        if cell.part == part:
            rows.setdefault(cell.row, []).append(found)
    order = sorted(rows, key=lambda row: row != BASELINE[part])
    measured = []
    for role in ("natural", "extension"):
        base = _mean(rows[BASELINE[part]], role) if BASELINE[part] in rows else None
        for row in order:
            own, values = rows[row], _mean(rows[row], role)
            other = base if row != BASELINE[part] else None
            measured.append(
                Measured(
                    row=row,
                    role=role,
                    seeds=len(own),
                    rows=own[0].rows,
                    trained_tokens=float(np.mean([one.trained_tokens for one in own])),
                    accuracy=100 * float(np.mean(values)),
                    interval=bootstrap_mean([100 * value for value in values]),
                    by_seed=tuple(100 * float(np.mean(one.right[role])) for one in own),
                    difference=None if other is None else 100 * float(np.mean(values) - np.mean(other)),
                    difference_interval=None if other is None else paired_bootstrap(other, values),
                    thinking_tokens=float(np.mean([one.thinking[role] for one in own])),
                )
            )
    return measured


def markdown(rows: Sequence[Measured]) -> str:
    """The table as Markdown, one line a row, natural end and "Wait" side by side."""
    first = rows[0].row if rows else ""
    head = ["trained on", "rows, tokens each", "natural, by seed", f"against {first}"]
    head += ['one "Wait", by seed', f"against {first}", "thinking tokens"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for natural in (row for row in rows if row.role == "natural"):
        waited = next(row for row in rows if row.role == "extension" and row.row == natural.row)
        size = f"{natural.rows:,}, {natural.trained_tokens / natural.rows:.0f}"
        cells = [natural.row, size, _accuracy(natural), _against(natural), _accuracy(waited), _against(waited)]
        lines.append(f"| {' | '.join(cells)} | {natural.thinking_tokens:.0f} |")
    return "\n".join(lines) + "\n"


def _mean(found: Sequence[Scored], role: str) -> list[float]:
    """Per question, over seeds. All of them have answered the same questions."""
    return [float(value) for value in np.mean([one.right[role] for one in found], axis=0)]


def _accuracy(row: Measured) -> str:
    return f"{row.accuracy:.1f}% ({', '.join(f'{value:.1f}' for value in row.by_seed)})"


def _against(row: Measured) -> str:
    if row.difference is None or row.difference_interval is None:
        return ""
    return f"{row.difference:+.1f} [{row.difference_interval.low:+.1f}, {row.difference_interval.high:+.1f}]"
