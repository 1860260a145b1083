"""``build_report``: a graded and measured run as one self-contained HTML page.

Knows the order run -> numbers, pictures, traces -> page. Refuses to grade or measure: a run without either is an error
that names the verb. The page loads nothing, runs no script, and works from a USB stick; whatever a model wrote is text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s1kit import __version__
from s1kit.errors import UserError
from s1kit.metrics.summary import Metrics
from s1kit.report.charts import anytime_svg, curve_svg
from s1kit.report.marks import CURVE, Marked, caption, marked
from s1kit.report.page import POINT_HEADS, facts, ledger_rows, point_rows, run_facts, trigger_sentence
from s1kit.report.shell import command, environment, page_path
from s1kit.report.traces import Decode, Entry, entries, pick_policies
from s1kit.store.files import write_atomic
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade

SIZES = {"wide": (860, 360), "narrow": (330, 270)}
"""Plotting areas in pixels: two drawings, so that names stay readable on a telephone."""


class ReportError(UserError):
    """A run that cannot be reported yet: says what is missing and which verb makes it."""


def build_report(run: RunDir, out: Path | None = None, decode: Decode | None = None) -> Path:
    """Write the page; its path.

    ``out``: an ``.html`` file, or a folder to put ``index.html`` in; by default the run's own ``report/``. ``decode``
    turns token ids into text: with it the forced tokens are highlighted in the traces. Raises ReportError for a run
    that is not graded and measured, and StoreError where the page cannot be written.
    """
    metrics = read_metrics(run)
    points = marked(metrics, run.manifest.policies)
    path = page_path(run.path, out)
    page = environment().get_template("report.html.j2").render(_context(run, metrics, points, decode))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, page)
    return path


def read_metrics(run: RunDir) -> Metrics:
    """The run's ``metrics.json`` as a record. Raises ReportError where grades or metrics are missing or outdated."""
    if not run.grade_files():
        raise ReportError(f"`{run.path}` is not graded\nhint: run `s1 grade {run.path}`, then `s1 metrics {run.path}`")
    stored = run.metrics()
    if stored is None:
        raise ReportError(f"`{run.path}` has no metrics\nhint: run `s1 metrics {run.path}`")
    try:
        return Metrics.model_validate(stored)
    except ValueError as problem:
        raise ReportError(
            f"the metrics of `{run.path}` are of another version of s1kit\nhint: run `s1 metrics {run.path}` again"
        ) from problem


def _context(run: RunDir, metrics: Metrics, points: list[Marked], decode: Decode | None) -> dict[str, Any]:
    manifest = run.manifest
    anytime = metrics.anytime
    shown = _traces(run, metrics, points, decode)
    return {
        "benchmark": str(manifest.config.get("benchmark") or manifest.id),
        "model": str(manifest.config.get("model") or (manifest.engine.model if manifest.engine else "")),
        "command": command(run.path),
        "run_facts": run_facts(manifest, metrics),
        "facts": facts(metrics),
        "charts": [curve_svg(points, size, name) for name, size in SIZES.items()],
        "caption": caption(points, metrics.natural),
        "marks": [mark for mark in (*CURVE, "placebo", "fresh", "unforced") if any(m.mark == mark for m in points)],
        "heads": POINT_HEADS,
        "points": point_rows(points),
        "ledger": ledger_rows(metrics, points),
        "trigger": trigger_sentence(manifest),
        "anytime": anytime,
        "anytime_charts": [anytime_svg(anytime, size, name) for name, size in SIZES.items()] if anytime else [],
        "notes": metrics.notes,
        "traces": shown,
        "n_questions": metrics.n_questions,
        "segmented": any(piece.why for entry in shown for trace in entry.traces for piece in trace.pieces),
        "manifest": manifest,
        "version": __version__,
    }


def _traces(run: RunDir, metrics: Metrics, points: list[Marked], decode: Decode | None) -> list[Entry]:
    """Only the rows that are shown are held: the probes of an anytime curve are many."""
    wanted = {m.point.policy_id for m in pick_policies(points)}
    grades: dict[tuple[str, str, int], Grade] = {
        grade.key: grade for grade in run.grades(f"{metrics.grader}@{metrics.grader_version}")
    }
    rows: dict[tuple[str, str, int], tuple[Generation, Grade]] = {
        row.key: (row, grades[row.key])
        for row in run.generations()
        if row.sample == 0 and row.policy_id in wanted and row.key in grades
    }
    return entries(run.questions(), rows, points, decode)
