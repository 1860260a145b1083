"""A folder of ``s1 reproduce`` as a report: an index that leads to the report of every run and comparison in it.

Knows how such a folder is laid out. Refuses to judge: tables and verdicts are printed as they were written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from s1kit.errors import UserError
from s1kit.report.build import ReportError, Tell, build_report
from s1kit.report.comparison import FILE, build_comparison
from s1kit.report.shell import PAGE
from s1kit.report.style import render
from s1kit.report.traces import Decode
from s1kit.store.files import write_atomic
from s1kit.store.manifest import MANIFEST
from s1kit.store.run import RunDir

RESULTS = "results.json"


@dataclass(frozen=True, slots=True)
class Part:
    """A run or a comparison of the folder."""

    name: str
    href: str
    """From the index; empty where it could not be reported."""
    problem: str = ""


def build_miniature(
    folder: Path,
    out: Path | None = None,
    decoder: Callable[[RunDir], Decode | None] | None = None,
    *,
    browser: bool = True,
    with_gated: bool = False,
    said: Tell | None = None,
) -> Path:
    """Write a report of every comparison and finished run of the folder, and an index of them; the index's path.

    ``said`` hears of parts done and in all. A run that is not measured yet is named with what it lacks. Raises
    UserError for an ``.html`` file as ``out``: this report is a folder.
    """
    root = folder / "report" if out is None else out
    if root.suffix.lower() in (".html", ".htm"):
        raise UserError(f"`{root}`: the report of a reproduction is a folder\nhint: name one with --out")
    found = list(_found(folder))
    comparisons: list[Part] = []
    runs: list[Part] = []
    for place, path in enumerate(found):
        if said:
            said(place, len(found))
        if (path / FILE).exists():
            where = root / f"compare-{path.name}"
            comparisons.append(
                _made(
                    path.name,
                    where,
                    partial(_compared, decoder=decoder, browser=browser, with_gated=with_gated),
                    path,
                )
            )
        else:
            where = root / f"run-{path.parent.name}-{path.name}"
            runs.append(
                _made(
                    path.parent.name,
                    where,
                    partial(_run, decoder=decoder, browser=browser, with_gated=with_gated),
                    path,
                )
            )
    if said:
        said(len(found), len(found))
    page = root / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    context = {"name": folder.resolve().name, "comparisons": comparisons, "runs": runs, **_results(folder)}
    write_atomic(page, render("miniature.html.j2", context))
    return page


def _found(folder: Path) -> Iterator[Path]:
    yield from sorted(path.parent for path in folder.glob(f"compare/*/{FILE}"))
    yield from sorted(path.parent for path in folder.glob(f"runs/*/*/{MANIFEST}"))


def _made(name: str, where: Path, make: Callable[[Path, Path], Path], path: Path) -> Part:
    try:
        make(path, where)
    except UserError as problem:  # one part that cannot be shown hides no other; the index says so
        return Part(name, "", str(problem).partition("\n")[0])
    return Part(name, f"{where.name}/{PAGE}")


def _compared(
    path: Path, where: Path, decoder: Callable[[RunDir], Decode | None] | None, browser: bool, with_gated: bool
) -> Path:
    return build_comparison(path, where, decoder, browser=browser, with_gated=with_gated)


def _run(
    path: Path, where: Path, decoder: Callable[[RunDir], Decode | None] | None, browser: bool, with_gated: bool
) -> Path:
    run = RunDir.open(path)
    if run.manifest.status != "finished":
        raise ReportError(f"`{path}` is {run.manifest.status}\nhint: let `s1 reproduce` go on")
    return build_report(run, where, decoder(run) if decoder else None, browser=browser, with_gated=with_gated)


def _results(folder: Path) -> dict[str, Any]:
    """Which cells are missing, and the tables as they were written."""
    try:
        stored = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except ValueError as problem:
        raise UserError(f"`{folder / RESULTS}` is no JSON\nhint: run `s1 reproduce` again, it writes it") from problem
    missing = stored.get("missing", []) if isinstance(stored, dict) else []
    tables = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]
    return {"missing": [str(name) for name in missing], "tables": tables}
