"""A folder of ``s1 compare`` as a report: what each method bought for its tokens and its seconds.

Knows ``compare.json`` as far as it is shown, and the order of the page. Refuses to compute: the numbers are as stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict

from s1kit.compare.frontier import Frontier, FrontierPoint
from s1kit.compare.pair import MatchedComparison, MethodPair
from s1kit.compare.table import MethodRow, PointRow
from s1kit.compare.text import frontier_grid, ledger_grid, method_grid, point_grid
from s1kit.errors import UserError
from s1kit.metrics.ledger import LedgerEntry
from s1kit.report.browser import write_browser
from s1kit.report.build import BROWSE, Tell
from s1kit.report.frontier import composition_picture, frontier_picture
from s1kit.report.gated import withheld
from s1kit.report.shelf import Shelf
from s1kit.report.shell import PAGE, page_path
from s1kit.report.shelves import names, plain_shelf
from s1kit.report.style import render
from s1kit.report.text import number, percent
from s1kit.report.traces import Decode
from s1kit.store.errors import StoreError
from s1kit.store.files import write_atomic
from s1kit.store.run import RunDir

FILE = "compare.json"


class Shared(BaseModel):
    """What sharing saved: tokens generated, and had every setting been run alone."""

    generated: int
    alone: int


class Compared(BaseModel):
    """What the page shows of ``compare.json``; what else is there is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    benchmark: str
    n_questions: int
    methods: tuple[MethodRow, ...]
    settings: tuple[PointRow, ...]
    tokens: MatchedComparison
    seconds: MatchedComparison
    frontier: Frontier
    frontier_seconds: Frontier
    ledger: tuple[LedgerEntry, ...]
    shared: Shared
    runs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()


def read_comparison(folder: Path) -> Compared:
    """The folder's ``compare.json``. Raises UserError where it is not one of this version."""
    try:
        return Compared.model_validate(json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError) as problem:
        raise UserError(
            f"`{folder / FILE}` cannot be read as a comparison of this version\nhint: run `s1 compare` again"
        ) from problem


def build_comparison(
    folder: Path,
    out: Path | None = None,
    decoder: Callable[[RunDir], Decode | None] | None = None,
    *,
    browser: bool = True,
    with_gated: bool = False,
    said: Tell | None = None,
) -> Path:
    """Write the page, and the browser over the comparison's runs; the page's path, by default in ``report/``.

    A run whose folder is gone is left out of the browser and named on the page. Raises UserError as `read_comparison`.
    """
    found = read_comparison(folder)
    path = page_path(folder, out)
    whole = browser and path.name == PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    shelves, lost = _shelves(folder, found.runs, decoder) if whole else ([], [])
    if shelves:
        write_browser(path.parent, shelves, found.name, said, with_gated=with_gated)
    hides = withheld((shelf.run for shelf in shelves), with_gated)
    write_atomic(path, render("comparison.html.j2", {**_context(found, bool(shelves), lost), "withheld": hides}))
    return path


def _shelves(
    folder: Path, runs: Sequence[str], decoder: Callable[[RunDir], Decode | None] | None
) -> tuple[list[Shelf], list[str]]:
    """Runs for the browser, and those that cannot be read or have no grades."""
    opened: list[RunDir] = []
    lost: list[str] = []
    for run in runs:
        try:
            opened.append(RunDir.open(folder / run))
        except StoreError:
            lost.append(run)
    made = [
        plain_shelf(run, name, decoder(run) if decoder else None)
        for run, name in zip(opened, names(opened), strict=True)
    ]
    lost += [str(run.path.relative_to(folder)) for run, shelf in zip(opened, made, strict=True) if shelf is None]
    return [shelf for shelf in made if shelf is not None], lost


def _context(found: Compared, browse: bool, lost: Sequence[str]) -> dict[str, Any]:
    tokens, seconds = frontier_picture(found.settings, found.frontier), _by_seconds(found)
    composition = composition_picture(found.settings)
    return {
        "found": found,
        "browse": BROWSE if browse else "",
        "lost": lost,
        "lead": _lead(found),
        "shared": _shared(found.shared),
        "axes": [
            ("At equal tokens", tokens.inline if tokens else Markup(), *_pairs(found.tokens)),
            ("At equal seconds", seconds, *_pairs(found.seconds)),
        ],
        "composition": composition.inline if composition else Markup(),
        "methods": method_grid(found.methods),
        "settings": point_grid(found.settings),
        "frontier": frontier_grid(found.frontier),
        "ledger": ledger_grid(found.ledger) if found.ledger else None,
    }


def _by_seconds(found: Compared) -> Markup:
    picture = frontier_picture(found.settings, found.frontier_seconds) if found.frontier_seconds.points else None
    return picture.inline if picture else Markup()


def _pairs(compared: MatchedComparison) -> tuple[MatchedComparison, list[MethodPair], list[MethodPair]]:
    """The comparison, its pairs with a difference, and those without one."""
    shown = [pair for pair in compared.pairs if any(test.shown for test in pair.tests)]
    return compared, shown, [pair for pair in compared.pairs if pair not in shown]


def _lead(found: Compared) -> str:
    open_ = [point for point in found.frontier.points if point.method not in found.bounds]
    counted = ((len(found.methods), "method"), (len(found.settings), "setting"), (found.n_questions, "question"))
    methods, settings, questions = (f"{number(n)} {word}{'' if n == 1 else 's'}" for n, word in counted)
    said = f"{methods} in {settings} on {questions}."
    if not open_:
        return said
    top = max(open_, key=lambda point: (point.accuracy, -point.cost))
    low = next((point for point in open_ if point.on_frontier), top)
    said += f" The most accurate is {_called(top)}: {percent(top.accuracy)} with {number(top.cost)} tokens"
    said += " per question"
    if low is not top:
        said += f"; the cheapest that nothing beats is {_called(low)}: {percent(low.accuracy)} with "
        said += number(low.cost)
    if found.bounds:
        said += f". Left aside, since it sees the reference: {', '.join(found.bounds)}"
    return f"{said}."


def _called(point: FrontierPoint) -> str:
    """Method and setting, said once where the setting's name begins with the method's."""
    return point.label if point.label.startswith(point.method) else f"{point.method}, {point.label}"


def _shared(shared: Shared) -> str:
    if not shared.alone:
        return f"{number(shared.generated)} tokens were generated."
    saved = percent(max(0.0, 1 - shared.generated / shared.alone), 0)
    return (
        f"{number(shared.generated)} tokens were generated; every setting by itself would have cost "
        f"{number(shared.alone)}, so sharing saved {saved}."
    )
