"""From runs to what the browser shows of them: policies in reading order, with names that tell runs apart.

Knows manifests, marks and which grades a run's metrics are of. Refuses to read rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s1kit.metrics.points import bounds
from s1kit.report.marks import CURVE, PROBE, Marked, is_counted
from s1kit.report.shelf import Listed, Shelf
from s1kit.report.text import one_line
from s1kit.report.traces import Decode
from s1kit.store.run import RunDir

NAME = 48
"""Letters of a run's name."""


def measured_shelf(run: RunDir, name: str, grader: str, points: Sequence[Marked], decode: Decode | None) -> Shelf:
    """A measured run: the curve by rising thinking, then what stands beside it."""
    ordered = sorted(points, key=lambda m: m.mark not in CURVE)
    listed = [Listed(m.point.policy_id, m.point.label, m.mark, m.point.max_thinking, m.counted) for m in ordered]
    return Shelf(run, name, grader, tuple(listed), decode)


def plain_shelf(run: RunDir, name: str, decode: Decode | None) -> Shelf | None:
    """Any graded run, in the manifest's order; None where it has no grades. Probes of an anytime curve stay out."""
    graders = sorted(run.grade_files())
    if not graders:
        return None
    policies = run.manifest.policies
    kept = {key: entry for key, entry in policies.items() if entry.get("role") != PROBE} or policies
    listed = [
        Listed(key, str(entry.get("label", key)), None, bounds(entry.get("policy") or {})[1], is_counted(entry))
        for key, entry in kept.items()
    ]
    return Shelf(run, name, "default@1" if "default@1" in graders else graders[0], tuple(listed), decode)


def names(runs: Sequence[RunDir]) -> list[str]:
    """A short name for each run, no two alike: by model, else by model and benchmark, else by id."""

    def said(run: RunDir, fields: Sequence[str]) -> str:
        words = [str(run.manifest.config.get(field) or "").rstrip("/").rpartition("/")[2] for field in fields]
        return one_line(", ".join(word for word in words if word), NAME)

    ways: list[Callable[[RunDir], str]] = [
        lambda run: said(run, ("model",)),
        lambda run: said(run, ("model", "benchmark")),
        lambda run: said(run, ("model", "benchmark", "format", "phase", "seed")),
        lambda run: one_line(run.id, NAME),
        lambda run: one_line(str(run.path), 400),
    ]
    for way in ways:
        found = [way(run) for run in runs]
        if all(found) and len(set(found)) == len(found):
            return found
    return [f"{one_line(run.id, NAME)} ({place})" for place, run in enumerate(runs, start=1)]
