"""``build_report``: a graded and measured run as an overview page, with the trace browser beside it or without.

Knows the order run -> numbers, pictures, examples -> page. Refuses to grade or measure: a run without either is an
error that names the verb. The overview loads nothing and runs no script; whatever a model wrote is text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from s1kit.errors import UserError
from s1kit.metrics.summary import Metrics
from s1kit.report import lead
from s1kit.report.browser import link, write_browser
from s1kit.report.charts import anytime_svg, curve_svg
from s1kit.report.gated import Full, blanked, withheld
from s1kit.report.marks import CURVE, Marked, marked, uncounted
from s1kit.report.moments import Moment, Pick, pick, tell
from s1kit.report.page import POINT_HEADS, facts, ledger_rows, point_rows, run_facts, trigger_sentence
from s1kit.report.rows import Key, Row, fetch, read_rows
from s1kit.report.scatter import control_sentence, control_svg
from s1kit.report.shell import PAGE, command, page_path
from s1kit.report.shelves import measured_shelf
from s1kit.report.spent import SPENT_HEADS, rates, spent_rows, spent_sentence
from s1kit.report.style import render
from s1kit.report.traces import QUESTIONS, Decode, Entry, entries, pick_policies
from s1kit.store.files import write_atomic
from s1kit.store.run import RunDir
from s1kit.types import Grade

SIZES = {"wide": (860, 360), "narrow": (330, 270)}
"""Plotting areas in pixels: two drawings, so that names stay readable on a telephone."""
SQUARES = {"wide": (520, 300), "narrow": (300, 270)}
"""Of the control picture."""
BROWSE = "browse.html"
"""The browser's page, beside the overview."""
Tell = Callable[[int, int], None]
"""(done, of) while the browser's data is written."""


class ReportError(UserError):
    """A run that cannot be reported yet: says what is missing and which verb makes it."""


def build_report(
    run: RunDir,
    out: Path | None = None,
    decode: Decode | None = None,
    *,
    browser: bool = True,
    with_gated: bool = False,
    said: Tell | None = None,
) -> Path:
    """Write the overview, and the trace browser beside it; the overview's path.

    ``out``: a folder to put ``index.html`` in, by default the run's own ``report/``; or an ``.html`` file, which stands
    by itself, as any page does without ``browser``: it holds the first traces. ``decode`` turns token ids into text:
    with it the forced tokens are highlighted. Questions that must not be published lose their words, but for
    ``with_gated``. Raises ReportError for a run that is not graded and measured, and StoreError where
    a file cannot be read or written.
    """
    metrics = read_metrics(run)
    points = marked(metrics, run.manifest.policies)
    path = page_path(run.path, out)
    whole = browser and path.name == PAGE
    page = overview(Overview(run, metrics, points, decode, whole, with_gated=with_gated))
    path.parent.mkdir(parents=True, exist_ok=True)
    if whole:
        shelf = measured_shelf(run, run.id, grader_of(metrics), points, decode)
        write_browser(path.parent, [shelf], title_of(run), said, with_gated=with_gated)
    write_atomic(path, page)  # last: a page that is there has its browser
    return path


@dataclass(frozen=True, slots=True)
class Overview:
    """What the overview of a run is made from."""

    run: RunDir
    metrics: Metrics
    points: list[Marked]
    decode: Decode | None
    whole: bool
    """Whether the browser stands beside it; else it holds the first traces itself."""
    name: str | None = None
    """The run's name in the browser, where that holds several."""
    with_gated: bool = False
    """Whether the words of questions that must not be published are shown."""


def overview(of: Overview) -> str:
    """The page."""
    return render("report.html.j2", _context(of))


def read_metrics(run: RunDir) -> Metrics:
    """The run's ``metrics.json`` as a record. Raises ReportError where grades or metrics are missing or outdated."""
    if not run.grade_files():
        raise ReportError(f"`{run.path}` is not graded\nhint: run `s1 grade {run.path}`, then `s1 metrics {run.path}`")
    stored = run.metrics()
    if stored is None:
        raise ReportError(f"`{run.path}` has no metrics\nhint: {_measure_it(run)}")
    try:
        return Metrics.model_validate(stored)
    except ValueError as problem:
        raise ReportError(
            f"the metrics of `{run.path}` are of another version of s1kit\nhint: run `s1 metrics {run.path}` again"
        ) from problem


def _measure_it(run: RunDir) -> str:
    """What to run for metrics; an imported run may have no grades but those that came with it."""
    graders = {name.partition("@")[0] for name in run.grade_files()}
    measure = f"s1 metrics {run.path}"
    if "default" in graders:
        return f"run `{measure}`"
    return (
        f"run `s1 grade {run.path}`, then `{measure}`; or `{measure} --grader {min(graders)}` for the verdicts it has"
    )


def grader_of(metrics: Metrics) -> str:
    """The grades that the metrics are of, as ``RunDir.grades`` names them."""
    return f"{metrics.grader}@{metrics.grader_version}"


def title_of(run: RunDir) -> str:
    """Benchmark and model; the id of a run that names neither."""
    names = (run.manifest.config.get("benchmark"), run.manifest.config.get("model"))
    return ", ".join(str(name) for name in names if name) or run.id


def _context(of: Overview) -> dict[str, Any]:
    run, metrics, points = of.run, of.metrics, of.points
    rows = read_rows(run, metrics.grader, metrics.grader_version)
    moments, shown = _examples(of, rows)
    return {
        "title": title_of(run),
        "command": command(run.path),
        "run_facts": run_facts(run.manifest, metrics),
        "facts": facts(metrics, points),
        "bought": lead.bought(metrics, points),
        "marks": [
            mark
            for mark in (*CURVE, "placebo", "fresh", "unforced")
            if any(m.mark == mark and m.counted for m in points)
        ],
        "controlled": control_sentence(points, rows),
        "heads": POINT_HEADS,
        "points": point_rows(points),
        "ledger": ledger_rows(metrics, points),
        "changed": lead.changed(metrics, points),
        "trigger": trigger_sentence(run.manifest),
        "moments": moments,
        "forced_shown": any(piece.why for one in moments for piece in one.pieces),
        "browse": BROWSE if of.whole else "",
        "spent_heads": SPENT_HEADS,
        "spent": spent_rows(points, rows),
        "uncounted": uncounted(points),
        "spent_sentence": spent_sentence(rows, run.manifest),
        "rates": rates(points),
        "anytime": metrics.anytime,
        "withheld": withheld([run], of.with_gated),
        "notes": metrics.notes,
        "traces": shown,
        "n_questions": metrics.n_questions,
        "segmented": any(piece.why for entry in shown for trace in entry.traces for piece in trace.pieces),
        "manifest": run.manifest,
        **_pictures(metrics, points, rows),
    }


def _pictures(metrics: Metrics, points: list[Marked], rows: Sequence[Row]) -> dict[str, list[Markup]]:
    anytime = metrics.anytime
    return {
        "charts": [c for name, size in SIZES.items() if (c := curve_svg(points, size, name))],
        "control_charts": [c for name, size in SQUARES.items() if (c := control_svg(points, rows, size, name))],
        "anytime_charts": [anytime_svg(anytime, size, name) for name, size in SIZES.items()] if anytime else [],
    }


def _examples(of: Overview, rows: Sequence[Row]) -> tuple[list[Moment], list[Entry]]:
    """The examples of "Show me one", and, for a page that stands by itself, the first traces. Only these are read."""
    picks = pick(rows, of.points)
    wanted: set[Key] = {row.key for one in picks for row in (one.row, one.against) if row is not None}
    first = [] if of.whole else _first(rows, of.points)
    columns = [m.point.policy_id for m in pick_policies(of.points)]
    wanted |= {(question, policy, 0) for question in first for policy in columns}
    grades: list[Grade] = [grade for grade in of.run.grades(grader_of(of.metrics)) if grade.key in wanted]
    full: Full = fetch(of.run, wanted, grades)
    questions = {question.id: question for question in of.run.questions()}
    if not of.with_gated:
        questions, full = blanked(of.run, questions, full)
    anchors = set(first)

    def where(one: Pick) -> str:
        if of.whole:
            beside = [row.policy_id for row in (one.against, one.row) if row is not None]
            return link(one.row.question_id, beside, run=of.name)
        return f"#q-{one.row.question_id}" if one.row.question_id in anchors else ""

    told = tell(picks, questions, full, of.points, of.decode, where)
    return told, entries([questions[q] for q in first if q in questions], full, of.points, of.decode) if first else []


def _first(rows: Sequence[Row], points: Sequence[Marked]) -> list[str]:
    """The questions of a page that stands by itself: those whose verdict an extension changed come first."""
    marks = {m.point.policy_id: m.mark for m in points}
    before: dict[str, bool] = {}
    turned: dict[str, set[bool]] = {}
    for row in rows:
        if row.sample:
            continue
        turned.setdefault(row.question_id, set())
        if row.verdict == "ungraded":
            continue
        if marks.get(row.policy_id) == "natural":
            before[row.question_id] = row.verdict == "correct"
        elif marks.get(row.policy_id) == "extension":
            turned[row.question_id].add(row.verdict == "correct")
    return sorted(turned, key=lambda q: not (q in before and turned[q] - {before[q]}))[:QUESTIONS]
