"""Figures 2 and 9: what was trained on, how accuracy depends on how much of it, and how the training went.

Knows the folders of a curation and of a trained model. Refuses to count again: a selection says its own domains.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from s1kit.compare.text import Grid, markdown
from s1kit.curate.msc import title
from s1kit.metrics.summary import Metrics
from s1kit.report.picture import Picture
from s1kit.report.pictures import Panel, Series, Spot, panel_views, picture_of
from s1kit.report.pictures_bars import Count, bars_view
from s1kit.report.text import number, percent
from s1kit.report.training import read_log, training_dynamics
from s1kit.reproduce.cells import Cell
from s1kit.reproduce.figure_files import Figure
from s1kit.reproduce.published_figures import SHOWS, trained_on
from s1kit.store.run import RunDir
from s1kit.types import Selection

_EXAMPLES = "training examples (log)"


def sample_figure(domains: Sequence[Count], points: Sequence[Spot], benchmark: str, n: int) -> Figure | None:
    """Figure 2 from the selection's domains and our models' points; either may be missing, None where both are."""
    if not domains and not points:
        return None
    panels = _efficiency(points, benchmark) if points else []
    told = [f"Above: {number(sum(row.count for row in domains))} selected questions by domain."] if domains else []
    if points:
        told.append(
            f"Below, left: {benchmark}, n = {n:,}, greedy, thinking ended by the model; lines are 95% intervals, "
            "questions resampled. Right: what the paper printed of other models and questions, on an axis of its own."
        )
    rows = [("domain", row.name, number(row.count), "–", "–") for row in domains]
    rows += [("ours", spot.name, number(spot.x), percent(spot.y), _span(spot)) for spot in points]
    rows += [("paper, AIME24", name, number(x), percent(y), "–") for name, x, y in trained_on()] if points else []
    grid = Grid(("what", "name", "questions or examples", "accuracy", "95%"), tuple(rows), names=2)
    draw = partial(_sample_picture, tuple(domains), tuple(panels))
    return Figure("figure2", (tuple(domains), tuple(panels)), draw, tuple(told), markdown(grid), beside=bool(points))


def _sample_picture(domains: Sequence[Count], panels: Sequence[Panel]) -> Picture:
    total = number(sum(row.count for row in domains))
    views = [bars_view(domains, f"{total} selected questions by domain")] if domains else []
    if panels:
        views += panel_views(panels, high=140, together=False, keyed=False)
    return picture_of(views, f"{SHOWS['figure2']}; the numbers stand in figure2.md.")


def _efficiency(points: Sequence[Spot], benchmark: str) -> list[Panel]:
    printed = tuple(Spot(x, y, name=name.replace("budget forcing", "BF")) for name, x, y in trained_on())
    ours = Series("measured here", tuple(points), joined=False)
    theirs = Series("printed in the paper", printed, joined=False, hollow=True)
    return [
        Panel(f"{benchmark}, measured", (ours,), _EXAMPLES, "count"),
        Panel("AIME24, published", (theirs,), _EXAMPLES, "count"),
    ]


def _span(spot: Spot) -> str:
    return "–" if spot.low is None else f"{percent(spot.low)} to {percent(spot.high)}"


def domains_of(out: Path, selection: str) -> list[Count]:
    """Domains of a selection of the folder's curation, the largest first; empty where there is none."""
    for path in sorted(out.glob(f"*/selections/{selection}/selection.json")):
        found = Selection.model_validate_json(path.read_bytes()).counts_by_domain
        ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        return [Count(title(code), count) for code, count in ordered]
    return []


def efficiency_of(runs: Mapping[Cell, RunDir], out: Path) -> tuple[list[Spot], str, int]:
    """Our points of Figure 2, their benchmark and its questions: examples and accuracy of each model that is done."""
    spots, benchmark, questions = [], "", 0
    for cell, run in runs.items():
        metrics = Metrics.model_validate(run.metrics())
        point = next((p for p in metrics.points if p.policy_id == metrics.natural), metrics.points[0])
        if point.accuracy is None:
            continue
        rows = 0
        if cell.model is not None:
            rows = int(json.loads((out / "models" / cell.model.name / "manifest.json").read_text())["rows"])
        low, high = (None, None) if point.interval is None else (point.interval.low, point.interval.high)
        spots.append(Spot(rows, point.accuracy, low, high, cell.row))
        benchmark, questions = str(run.manifest.config.get("benchmark", "")), point.n_questions
    return sorted(spots, key=lambda spot: spot.x), benchmark, questions


def dynamics_figure(folder: Path) -> Figure | None:
    """Figure 9 of the model in ``folder``; None where it has no log."""
    if not (folder / "log.jsonl").is_file() or not (lines := read_log(folder)):
        return None
    kept = [{key: line[key] for key in ("step", "loss", "grad_norm", "learning_rate")} for line in lines]
    last: dict[str, Any] = kept[-1]
    stretch = int(lines[0]["step"])  # the first line tells how often: each is of the steps since the one before
    of = "each of one step" if stretch == 1 else f"loss: mean of {stretch} steps each"
    told = f"{len(kept)} points up to step {last['step']:,}, {of}; loss of the last {last['loss']:.3f}."
    rows = tuple(
        (str(line["step"]), f"{line['loss']:.4f}", f"{line['grad_norm']:.4f}", f"{line['learning_rate']:.3g}")
        for line in (kept if len(kept) <= 12 else [*kept[:: max(1, len(kept) // 10)], kept[-1]])
    )
    grid = Grid(("step", "loss", "gradient norm", "learning rate"), tuple(dict.fromkeys(rows)), names=0)
    return Figure("figure9", kept, partial(training_dynamics, kept), (told,), markdown(grid))
