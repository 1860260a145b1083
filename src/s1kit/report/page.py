"""What the page says: every number of the metrics as the words and cells that the template prints.

Knows which sentences follow from which numbers, and what a reader must be told beside them. Refuses to know HTML, and
computes nothing but the places of marks in the small interval pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s1kit.metrics.intervals import PairedComparison
from s1kit.metrics.ledger import LedgerEntry
from s1kit.metrics.points import Point
from s1kit.metrics.scaling import Scaling
from s1kit.metrics.summary import Metrics
from s1kit.report.marks import Mark, Marked, ledger_order
from s1kit.report.text import chance, number, percent, signed
from s1kit.types import RunManifest

TRIGGER = (
    "This model was fine-tuned on traces in which “Wait” introduces the second look, so the trigger is in the "
    "training data."
)
UNKNOWN_TRIGGER = "Whether “Wait” occurs in the traces that this model was trained on is not recorded in this run."


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the paper's metrics: its value, its interval and what it means."""

    name: str
    value: str
    unit: str
    interval: str
    lines: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A difference with its interval, as places 0..100 on the picture's width."""

    zero: float
    low: float
    high: float
    at: float


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of "What each Wait changed"."""

    entry: LedgerEntry
    mark: Mark
    group: str
    """What the line is compared with, as a heading over the lines that share it; empty under the same heading."""
    difference: str
    interval: str
    p: str
    mdd: str
    reading: str
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class PointRow:
    """One line of the table of points."""

    label: str
    mark: Mark
    accuracy: str
    interval: str
    cells: tuple[str, ...]


POINT_HEADS = (
    ("thinking", "mean thinking tokens per generation: the model's own and nudges"),
    ("p50", "median thinking tokens"),
    ("p95", "95th percentile of thinking tokens"),
    ("answer", "mean answer tokens"),
    ("cut off", "share of generations whose thinking ended because the budget ran out"),
    ("no answer", "share without an answer that could be extracted"),
    ("looped", "share whose tail repeats itself"),
    ("ext.", "mean number of suppressed ends"),
    ("paid", "tokens this run generated for these rows; prefixes are shared, so a sum over rows is the run's cost"),
)


def facts(metrics: Metrics, points: Sequence[Marked]) -> tuple[Fact, ...]:
    """Control, scaling, performance."""
    return (_control(metrics), _scaling(metrics), _performance(metrics, points))


def _control(metrics: Metrics) -> Fact:
    control = metrics.control
    inside = [p.share_within for p in metrics.points if p.share_within is not None]
    lines = [f"{control.n_bounded} points with a bound, {control.n_unbounded} without"]
    if inside:
        lines.append(f"of single generations, at the worst point: {percent(min(inside), 0)}")
    value = percent(control.value, 0)
    meaning = "Share of points whose mean thinking tokens lie within what was asked."
    return Fact("Control", value, "", "" if control.n_bounded else "no point asked for a bound", tuple(lines), meaning)


def _scaling(metrics: Metrics) -> Fact:
    whole = metrics.scaling
    lines = [f"median slope (Theil–Sen): {signed(whole.theil_sen)}"]
    for name, side in (("below", metrics.scaling_below), ("above", metrics.scaling_above)):
        if side is not None:
            value = f"{signed(side.value)} {_span(side)}".rstrip() if side.value is not None else "too few points"
            lines.append(f"{name} the natural end: {side.refused or value}")
    meaning = "Mean slope between all pairs of points: points of accuracy per doubling of thinking tokens."
    interval = whole.refused or _span(whole)
    return Fact("Scaling", signed(whole.value), "points per doubling", interval, tuple(lines), meaning)


def _performance(metrics: Metrics, points: Sequence[Marked]) -> Fact:
    best = next((p for p in metrics.points if p.policy_id == metrics.best), None)
    blind = {m.point.policy_id for m in points if not m.counted}
    spent = f", {number(best.thinking_mean)} thinking tokens" if best and best.policy_id not in blind else ""
    lines = (f"at {best.label}{spent}",) if best else ()
    interval = f"[{_interval(best)}]" if best and best.interval else ""
    meaning = "Best accuracy over the points: picked on these questions, so it flatters."
    return Fact("Performance", percent(metrics.performance), "", interval, lines, meaning)


def _span(scaling: Scaling) -> str:
    found = scaling.interval
    return f"[{signed(found.low)}, {signed(found.high)}]" if found else ""


def _interval(point: Point) -> str:
    if point.interval is None:
        return f"{100 * point.accuracy_low:.1f}–{100 * point.accuracy_high:.1f}"
    return f"{100 * point.interval.low:.1f}–{100 * point.interval.high:.1f}"


def point_rows(points: Sequence[Marked]) -> list[PointRow]:
    """The table of points; where rows are ungraded the accuracy is a dash and the interval its bounds."""
    rows = []
    for m in points:
        p = m.point
        answer = p.answer_mean if m.counted or p.answer_mean else None
        cells = (
            number(p.thinking_mean if m.counted else None, 1),
            number(p.thinking_p50 if m.counted else None),
            number(p.thinking_p95 if m.counted else None),
            number(answer, 1),
            percent(p.share_cutoff + p.share_context, 0),
            percent(p.share_no_answer, 0),
            percent(p.share_looped, 0),
            number(p.extensions_mean, 1),
            number(p.paid_tokens if m.counted or p.paid_tokens else None),
        )
        rows.append(PointRow(p.label, m.mark, percent(p.accuracy), _interval(p), cells))
    return rows


def ledger_rows(metrics: Metrics, points: list[Marked]) -> list[LedgerRow]:
    """The ledger in reading order, with the interval pictures on one common scale."""
    marks = {m.point.policy_id: m.mark for m in points}
    scale = _scale([e for e in metrics.ledger if e.policy_id in marks])
    rows: list[LedgerRow] = []
    last = None
    for entry in ledger_order(metrics, points):
        if entry.policy_id not in marks:
            continue
        heading = f"against {entry.baseline_label}" if entry.against != "previous" else "against one step fewer"
        rows.append(_ledger_row(entry, marks[entry.policy_id], "" if heading == last else heading, scale))
        last = heading
    return rows


def _scale(ledger: Sequence[LedgerEntry]) -> float:
    ends = [abs(end) for e in ledger if e.comparison for end in (e.comparison.interval.low, e.comparison.interval.high)]
    return 5.0 * math.ceil(max(ends, default=5.0) / 5.0) or 5.0


def _ledger_row(entry: LedgerEntry, mark: Mark, heading: str, scale: float) -> LedgerRow:
    found = entry.comparison
    if found is None:
        return LedgerRow(entry, mark, heading, "–", "", "–", "–", "nothing graded", None)

    def place(value: float) -> float:
        return round(50 + 50 * value / scale, 2)

    low, high = found.interval.low, found.interval.high
    reading = ("gain" if found.difference > 0 else "loss") if is_shown(found) else "not shown"
    return LedgerRow(
        entry=entry,
        mark=mark,
        group=heading,
        difference=signed(found.difference),
        interval=f"[{signed(low)}, {signed(high)}]",
        p=chance(found.p),
        mdd="–" if found.mdd is None else f"±{found.mdd:.1f}",
        reading=reading,
        bar=Bar(place(0), place(low), place(high), place(found.difference)),
    )


def is_shown(found: PairedComparison) -> bool:
    """Whether a difference is more than chance: its interval leaves out 0 and its p is below 0.05, both.

    An interval alone is too narrow where few questions changed.
    """
    return (found.interval.low > 0 or found.interval.high < 0) and found.p < 0.05


def trigger_sentence(manifest: RunManifest) -> str:
    """Whether what extends the thinking is in the training data: said outright for the model that ships with s1kit.

    Another model's run says it where its configuration does, with ``trigger_in_training``.
    """
    stated = manifest.config.get("trigger_in_training")
    if stated or (stated is None and manifest.config.get("model") == "nano"):
        return TRIGGER
    return UNKNOWN_TRIGGER if stated is None else ""


def run_facts(manifest: RunManifest, metrics: Metrics) -> list[tuple[str, str]]:
    """What was run, as name and value, for the head of the page."""
    config, engine = manifest.config, manifest.engine
    samples = config.get("samples", 1)
    found: list[tuple[str, Any]] = [
        ("questions", f"{metrics.n_questions:,}" + (f" × {samples} samples" if samples != 1 else "")),
        ("engine", _engine(engine.name, engine.version, engine.dtype, engine.device) if engine else None),
        ("tried", _tried(manifest.findings)),
        ("sampling", _sampling(config.get("sampling"))),
        ("grader", f"{metrics.grader}@{metrics.grader_version}"),
        ("seed", config.get("seed")),
        ("date", manifest.started.replace("T", " ")[:16]),
        ("took", None if manifest.seconds is None else _duration(manifest.seconds)),
        ("status", None if manifest.status == "finished" else f"{manifest.status}: not all rows are there"),
    ]
    return [(name, str(value)) for name, value in found if value is not None]


def _tried(findings: Sequence[Mapping[str, Any]]) -> str | None:
    """What the engine was found to honour before the first question, the failures by name."""
    wrong = [str(f.get("probe")).replace("_", " ") for f in findings if f.get("verdict") == "wrong"]
    if not findings:
        return None
    held = f"{len(findings) - len(wrong)} of {len(findings)} as claimed"
    return f"{held}; not so: {', '.join(wrong)}" if wrong else held


def _engine(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _sampling(value: Any) -> str | None:
    if not isinstance(value, dict) or "temperature" not in value:
        return None
    if not value["temperature"]:
        return "greedy"
    return f"temperature {value['temperature']}, top-p {value.get('top_p', 1)}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
