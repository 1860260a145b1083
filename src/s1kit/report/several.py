"""Several measured runs in one report: their curves together, one table, and what differs where they did the same.

Knows the order of the page. Refuses to rank runs: the first named is what the others are held against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from s1kit.compare.text import Grid
from s1kit.errors import UserError
from s1kit.metrics.summary import Metrics
from s1kit.report.browser import write_browser
from s1kit.report.build import BROWSE, Overview, Tell, grader_of, overview, read_metrics
from s1kit.report.curves import curves_svg
from s1kit.report.gated import withheld
from s1kit.report.marks import Marked, marked, uncounted
from s1kit.report.paired import Pair, Side, difference_rows, pairs
from s1kit.report.rows import read_rows
from s1kit.report.shell import PAGE, page_path
from s1kit.report.shelves import measured_shelf, names
from s1kit.report.style import render
from s1kit.report.text import number, percent, signed
from s1kit.report.traces import Decode
from s1kit.store.files import write_atomic
from s1kit.store.run import RunDir

PICTURES = {"wide": ((700, 380), 26), "narrow": ((250, 290), 11)}
"""Plotting area in pixels, and letters of a name beside it."""
_HEADS = (
    "run", "questions", "natural", "best", "95%", "at", "points per doubling", "control", "tokens paid", "seconds",
)  # fmt: skip


def build_several(
    runs: Sequence[RunDir],
    out: Path,
    decoders: Mapping[Path, Decode | None],
    *,
    browser: bool = True,
    with_gated: bool = False,
    said: Tell | None = None,
) -> Path:
    """Write the page of several runs, an overview of each, and the browser over all; the page's path.

    ``out`` is a folder or an ``.html`` file; ``decoders`` are by run path. A page without the browser stands by itself.
    Raises ReportError for a run that is not graded and measured, UserError for a run named twice.
    """
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise UserError("a run is named twice\nhint: name each run once")
    called = names(runs)
    measured = [read_metrics(run) for run in runs]
    points = [marked(metrics, run.manifest.policies) for run, metrics in zip(runs, measured, strict=True)]
    path = page_path(out, out)
    whole = browser and path.name == PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = [f"run-{place}.html" for place in range(1, len(runs) + 1)] if whole else []
    if whole:
        shelves = []
        for run, name, metrics, mine, page in zip(runs, called, measured, points, pages, strict=True):
            decode = decoders.get(run.path)
            shelves.append(measured_shelf(run, name, grader_of(metrics), mine, decode))
            write_atomic(path.parent / page, overview(Overview(run, metrics, mine, decode, True, name, with_gated)))
        write_browser(path.parent, shelves, f"{len(runs)} runs", said, with_gated=with_gated)
    context = _context(runs, called, measured, points, pages)
    write_atomic(path, render("several.html.j2", {**context, "withheld": withheld(runs, with_gated) if whole else ""}))
    return path


def _context(
    runs: Sequence[RunDir],
    called: Sequence[str],
    measured: Sequence[Metrics],
    points: Sequence[list[Marked]],
    pages: Sequence[str],
) -> dict[str, Any]:
    sides = [
        Side(name, run.manifest.policies, read_rows(run, metrics.grader, metrics.grader_version))
        for run, name, metrics in zip(runs, called, measured, strict=True)
    ]
    found = pairs(sides)
    drawn = list(zip(called, points, strict=True))
    scale = _scale(found)
    graders = sorted({grader_of(metrics) for metrics in measured})
    return {
        "lead": _lead(called, points),
        "runs": [
            {"name": name, "page": page, "id": run.id}
            for run, name, page in zip(runs, called, pages or [""] * len(runs), strict=True)
        ],
        "charts": [c for css, (size, letters) in PICTURES.items() if (c := curves_svg(drawn, size, css, letters))],
        "uncounted": uncounted([m for mine in points for m in mine]),
        "table": _table(runs, called, measured, points, sides),
        "pairs": [{"pair": pair, "rows": difference_rows(pair.differences, scale)} for pair in found],
        "browse": BROWSE if pages else "",
        "graders": graders,
    }


def _lead(called: Sequence[str], points: Sequence[Sequence[Marked]]) -> str:
    """The best point of all, and how far each run goes from where its model stops by itself."""
    best = [(max(mine, key=lambda m: m.accuracy), name) for name, mine in zip(called, points, strict=True) if mine]
    if not best:
        return ""
    top, whose = max(best, key=lambda one: one[0].accuracy)
    said = f"The most accurate point is {whose}, {top.point.label}: {top.share}."
    for name, mine in zip(called, points, strict=True):
        end = next((m for m in mine if m.mark == "natural"), None)
        longest = next((m for m in reversed(mine) if m.mark == "extension"), None)
        if end and longest:
            said += f" {name}: {end.share} where the model stops by itself, {longest.share}"
            said += f" with {longest.point.label}."
    return said


def _scale(found: Sequence[Pair]) -> float:
    ends = [
        abs(end)
        for pair in found
        for one in pair.differences
        for end in (one.comparison.interval.low, one.comparison.interval.high)
    ]
    return 5.0 * math.ceil(max(ends, default=5.0) / 5.0) or 5.0


def _table(
    runs: Sequence[RunDir],
    called: Sequence[str],
    measured: Sequence[Metrics],
    points: Sequence[list[Marked]],
    sides: Sequence[Side],
) -> Grid:
    rows = []
    for run, name, metrics, mine, side in zip(runs, called, measured, points, sides, strict=True):
        by_id = {m.point.policy_id: m for m in mine}
        natural, best = by_id.get(metrics.natural or ""), by_id.get(metrics.best or "")
        span = best.point.interval if best else None
        slope = metrics.scaling.interval
        rows.append(
            (
                name,
                number(metrics.n_questions),
                percent(natural.point.accuracy if natural else None),
                percent(metrics.performance),
                f"{100 * span.low:.1f}–{100 * span.high:.1f}" if span else "–",
                best.point.label if best else "–",
                signed(metrics.scaling.value) + (f" [{signed(slope.low)}, {signed(slope.high)}]" if slope else ""),
                percent(metrics.control.value, 0),
                number(sum(row.paid for row in side.rows) if any(m.counted for m in mine) else None),
                number(run.manifest.seconds),
            )
        )
    return Grid(_HEADS, tuple(rows))
