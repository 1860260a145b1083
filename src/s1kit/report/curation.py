"""``build_curation_report``: a curation directory as one self-contained HTML page.

Knows which numbers make which part of the page, and the words beside them. Refuses to count: that is
``curate.funnel``'s. The page loads nothing and runs no script; whatever a question says is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from s1kit import __version__
from s1kit.curate.figures import Domain, Draw, Filing, Funnel, Lengths, Sample, Step, Verdicts
from s1kit.curate.folder import Folder
from s1kit.curate.funnel import measure
from s1kit.curate.tables import read_json
from s1kit.report.contamination import compared
from s1kit.report.costs import COST_HEADS, cost_rows
from s1kit.report.shell import command, environment, page_path
from s1kit.report.text import number
from s1kit.store.files import write_atomic

SHOWN_SOURCES = 60
SHOWN_DOMAINS = 16
"""Domains that stand open; the others are folded up."""
_VERDICTS = ("correct", "incorrect", "no_answer", "undecided", "ungraded")
_FACTS = ("id", "started", "finished", "s1kit_version", "config_hash")


def build_curation_report(path: Path, out: Path | None = None, funnel: Funnel | None = None) -> Path:
    """Write the page; its path.

    ``out``: an ``.html`` file, or a folder to put ``index.html`` in; by default the curation's own ``report/``.
    ``funnel``: the numbers where they are measured already (with the paper's counts, titles and audits that only the
    caller knows). Raises CurationError for a folder that is no curation, and StoreError where the page cannot be
    written.
    """
    told = measure(path) if funnel is None else funnel
    page = environment().get_template("curation.html.j2").render(_context(path, told))
    target = page_path(path, out)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, page)
    return target


def headline(funnel: Funnel) -> str:
    """The curation in one sentence."""
    most = max(funnel.steps, key=lambda step: step.dropped)
    worst = f", the most by {most.name} ({number(most.dropped)})" if most.dropped else ""
    passed = f"{number(funnel.left)} of {number(funnel.collected)} rows passed all {len(funnel.steps)} steps; "
    passed += f"{number(funnel.collected - funnel.left)} were dropped{worst}."
    draw = funnel.main
    if draw is None:
        return f"{passed} Nothing was selected yet."
    return (
        f"{passed} The selection {draw.name} has {number(draw.questions)} questions with {number(draw.tokens)} tokens "
        f"of reasoning from {number(draw.domains)} domains (rule {draw.rule}, seed {draw.seed})."
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """A step's line: shares of everything collected, in percent."""

    step: Step
    kept: float
    dropped: float


@dataclass(frozen=True, slots=True)
class DomainLine:
    """A domain in the scope that is shown, its bars in percent of the longest of their kind."""

    domain: Domain
    filing: Filing
    questions: float
    tokens: float


@dataclass(frozen=True, slots=True)
class LengthLine:
    """One bin: share of the pool's traces and of the selection's, and the bars in percent of the longest."""

    name: str
    shares: tuple[float, ...]
    bars: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StepSamples:
    """What is shown of a step."""

    step: Step
    dropped: tuple[Sample, ...]
    kept: tuple[Sample, ...]


def _context(path: Path, funnel: Funnel) -> dict[str, Any]:
    folder, draw = Folder(path), funnel.main
    manifest = read_json(path / "manifest.json")
    domains = domain_lines(funnel)
    scopes = ["", *([draw.name] if draw else [])]
    lengths = [found for scope in scopes for found in funnel.lengths if found.scope == scope]
    return {
        "name": path.resolve().name,
        "facts": [(name.replace("_", " "), str(manifest[name])) for name in _FACTS if manifest.get(name)]
        if isinstance(manifest, dict)
        else [],
        "command": command(path),
        "headline": headline(funnel),
        "funnel": funnel,
        "draw": draw,
        "bars": _bars(funnel),
        "chosen_bar": 100 * draw.questions / max(funnel.collected, 1) if draw else 0,
        "sources": funnel.sources[:SHOWN_SOURCES],
        "paper": any(source.paper is not None for source in funnel.sources),
        "domains": domains,
        "open_domains": SHOWN_DOMAINS,
        "length_scopes": lengths,
        "length_lines": length_lines(lengths),
        "quantiles": funnel.lengths,
        "verdict_tables": _verdict_tables(funnel),
        "contamination": compared(_reports(folder, draw)),
        "samples": _samples(funnel),
        "cost_heads": COST_HEADS,
        "costs": cost_rows(funnel.ledger),
        "version": __version__,
    }


def _reports(folder: Folder, draw: Draw | None) -> dict[str, Any]:
    """The pool's contamination report, and the one on what was selected from it."""
    reports = {"The pool": read_json(folder.contamination)}
    if draw:
        reports[f"The selection {draw.name}"] = read_json(folder.selections / draw.name / "contamination.json")
    return reports


def _bars(funnel: Funnel) -> list[Bar]:
    whole = max(funnel.collected, 1) / 100
    return [Bar(step, min(step.kept / whole, 100), min(step.dropped / whole, 100)) for step in funnel.steps]


def domain_lines(funnel: Funnel) -> list[DomainLine]:
    """The main selection's domains, or the pool's where nothing is selected; most questions first."""
    draw = funnel.main
    found = [(d, filing) for d in funnel.domains if (filing := d.chosen.get(draw.name) if draw else d.pool)]
    found.sort(key=lambda one: (-one[1].questions, -one[1].tokens, one[0].code))
    most = max((filing.questions for _, filing in found), default=1)
    longest = max((filing.tokens for _, filing in found), default=1) or 1
    return [DomainLine(d, f, 100 * f.questions / most, 100 * f.tokens / longest) for d, f in found]


def length_lines(scopes: Sequence[Lengths]) -> list[LengthLine]:
    """The bins that any of the scopes has, each with every scope's share of its traces."""
    ends = sorted({(b.low, b.high) for lengths in scopes for b in lengths.bins})
    shares = {(place, b.low): b.n / lengths.n for place, lengths in enumerate(scopes) for b in lengths.bins}
    most = max(shares.values(), default=1.0)
    lines = []
    for low, high in ends:
        here = tuple(shares.get((place, low), 0.0) for place in range(len(scopes)))
        name = number(low) if low == high else f"{number(low)}–{number(high)}"
        lines.append(LengthLine(name, here, tuple(100 * share / most for share in here)))
    return lines


def _verdict_tables(funnel: Funnel) -> list[tuple[str, Sequence[Verdicts], list[str]]]:
    """The teacher's and the solvers' verdicts, each with the verdicts that occur."""
    tables: list[tuple[str, Sequence[Verdicts], list[str]]] = []
    for title, rows in (("Teacher", funnel.teacher), ("Solvers", funnel.solvers)):
        said = {name for row in rows for name in row.counts}
        if rows:
            tables.append((title, rows, [*(v for v in _VERDICTS if v in said), *sorted(said - set(_VERDICTS))]))
    return tables


def _samples(funnel: Funnel) -> list[StepSamples]:
    by_step = {name: tuple(rows) for name, rows in groupby(funnel.samples, key=lambda sample: sample.step)}
    return [
        StepSamples(
            step,
            tuple(s for s in by_step[step.name] if not s.kept),
            tuple(s for s in by_step[step.name] if s.kept),
        )
        for step in funnel.steps
        if step.name in by_step
    ]
