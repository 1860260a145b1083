"""The reproduction matrix: every table and figure of the paper on one page, in a folder of `s1 reproduce`.

Knows the folder's files and the page. Refuses to run anything and to decide: what is judged stands in `results.json`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from s1kit import __version__
from s1kit.report.shell import environment
from s1kit.reproduce.artefacts import FOLDER
from s1kit.reproduce.beside import beside, compared
from s1kit.reproduce.cells import Cell, Scale
from s1kit.reproduce.matrix_cost import ASSUMPTIONS, Cost, cost_of
from s1kit.reproduce.matrix_needs import NEEDS
from s1kit.reproduce.matrix_rows import MARKS, NANO, RULE, MatrixRow, Status, matrix_rows
from s1kit.reproduce.matrix_text import STANDING, cost_text, matrix_markdown
from s1kit.reproduce.paper import Versus
from s1kit.reproduce.published import PUBLISHED
from s1kit.store.files import write_atomic
from s1kit.types import Record

PAGE, TEXT, DATA = "matrix.html", "matrix.md", "matrix.json"
_ENDINGS = ("md", "tex", "csv", "svg", "pdf", "png")
_PICTURE = 2_000_000
"""Bytes of a picture that the page takes in; a larger one is only linked."""


class Matrix(Record):
    """Everything on the page."""

    rows: tuple[MatrixRow, ...]
    rule: str
    assumptions: tuple[str, ...]
    total: Cost
    """Of all entries; what several need is counted once."""
    cells_done: int
    cells_planned: int
    made: Mapping[str, Any]


def results_of(out: Path, scale: Scale, planned: Sequence[Cell | Versus]) -> dict[str, Any]:
    """What `results.json` in ``out`` holds, with every finished comparison judged by the claims of all its parts.

    Empty but for the scale where there is none yet.
    """
    try:
        results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        results = {"scale": scale.model_dump(mode="json")}
    fresh: dict[str, list[dict[str, Any]]] = {}
    for cell in planned:
        if isinstance(cell, Versus) and (found := compared(cell, scale, out)) is not None:
            fresh.setdefault(cell.part, []).append(beside(cell, found).model_dump(mode="json"))
    return {**results, **fresh}


def matrix_of(results: Mapping[str, Any], planned: Sequence[Cell | Versus], command: str = NANO) -> Matrix:
    """The matrix of results. ``command`` is what makes its parts."""
    names = list(dict.fromkeys(cell.name for cell in planned))
    missing = set(results.get("missing", names))
    needs = NEEDS.values()
    return Matrix(
        rows=matrix_rows(results, [(cell.part, cell.name) for cell in planned], command),
        rule=RULE,
        assumptions=ASSUMPTIONS,
        total=cost_of((t for n in needs for t in n.trainings), (load for n in needs for load in n.loads)),
        cells_done=sum(name not in missing for name in names),
        cells_planned=len(names),
        made=results.get("made", {}),
    )


def write_matrix(out: Path, scale: Scale, planned: Sequence[Cell | Versus], command: str = NANO) -> Path:
    """Write ``matrix.html``, ``.md`` and ``.json`` into ``out``; the page's path.

    ``out`` may hold no result yet: then nothing is said to be run. ``command`` is what makes its parts. Files are
    linked where they lie at this moment. Raises StoreError where it cannot be written.
    """
    found = matrix_of(results_of(out, scale, planned), planned, command)
    rows = tuple(row.model_copy(update={"files": _files(out, row, planned)}) for row in found.rows)
    found = found.model_copy(update={"rows": rows})
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / DATA, json.dumps(found.model_dump(mode="json"), indent=1) + "\n")
    write_atomic(out / TEXT, matrix_markdown(found.rows, found.total))
    write_atomic(out / PAGE, _page(out, found))
    return out / PAGE


def _files(out: Path, row: MatrixRow, planned: Sequence[Cell | Versus]) -> tuple[str, ...]:
    """What there is to look at: the artefacts of the entry and of the part that was judged, comparisons, the report."""
    names = dict.fromkeys(filter(None, (row.key, row.part)))
    wanted = [f"{FOLDER}/{name}.{ending}" for name in names for ending in _ENDINGS]
    wanted += [f"{row.part}.md"] if row.part else []
    for cell in planned:
        if cell.part != row.part:
            continue
        if isinstance(cell, Versus):
            wanted += [f"compare/{cell.recipe}/{name}" for name in ("report/index.html", "compare.md")]
        else:
            reports = (out / "runs" / cell.run).glob("*/report/index.html")
            wanted += [path.relative_to(out).as_posix() for path in sorted(reports)]
    return tuple(dict.fromkeys(name for name in wanted if (out / name).is_file()))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A row with what only the page has."""

    row: MatrixRow
    cost: str
    links: tuple[tuple[str, str], ...]
    """Address and name."""
    picture: str
    """As a data address; empty: none."""
    vector: str
    """What the picture links to."""


def _page(out: Path, found: Matrix) -> str:
    shown = [_shown(out, row) for row in found.rows]
    return (
        environment()
        .get_template("matrix.html.j2")
        .render(
            sections=(
                ("Main text", [one for one in shown if not one.row.appendix]),
                ("Appendix", [one for one in shown if one.row.appendix]),
            ),
            counts=_counts([row.status for row in found.rows]),
            matrix=found,
            total=cost_text(found.total),
            tables={row.key: PUBLISHED[key] for row in found.rows if (key := _printed(row, PUBLISHED))},
            standing=STANDING,
            version=__version__,
        )
    )


def _printed(row: MatrixRow, tables: Collection[str]) -> str | None:
    """The printed table of an entry, where it prints one."""
    names = (row.key, f"{row.key}-nano", f"{row.key}-nano-hard")
    return next((name for name in names if name in tables and PUBLISHED[name].rows), None)


def _counts(found: Sequence[Status]) -> list[tuple[str, Status, int]]:
    return [(mark, status, found.count(status)) for status, mark in MARKS.items() if status in found]


def _shown(out: Path, row: MatrixRow) -> _Shown:
    picture = next((name for name in row.files if name.endswith(".png")), None)
    return _Shown(
        row=row,
        cost=cost_text(row.cost),
        links=tuple((quote(name), name) for name in row.files),
        picture="" if picture is None else _data(out / picture),
        vector=quote(next((name for name in row.files if name.endswith(".svg")), picture or "")),
    )


def _data(picture: Path) -> str:
    """The picture as a data address: a page from a file may load no other file. Empty for a large one."""
    if picture.stat().st_size > _PICTURE:
        return ""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
