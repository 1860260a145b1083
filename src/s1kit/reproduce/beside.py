"""A finished comparison as a part of the miniature: our tables, the paper's numbers beside them, and its claims judged.

Knows the folder of one comparison. Refuses to compare: `s1 compare` did.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from s1kit.compare.result import Comparison
from s1kit.compare.table import MethodRow, PointRow
from s1kit.compare.text import NONE, Grid, markdown, method_grid, point_grid
from s1kit.metrics.scaling import Control, Scaling
from s1kit.reproduce.cells import Scale
from s1kit.reproduce.claims import Judged, judged
from s1kit.reproduce.paper import Versus, comparing
from s1kit.reproduce.published import PUBLISHED, Published, PublishedRow
from s1kit.store.files import write_atomic
from s1kit.store.manifest import read_manifest
from s1kit.types import Record, canonical_json, sha256_hex

DONE = "recipe.yaml"
"""Beside ``compare.json``: what it was made from. It is written last."""
_SHARES = frozenset({"control", "performance", "accuracy"})


class Beside(Record):
    """One comparison of a part, as ``results.json`` holds it."""

    recipe: str
    benchmark: str
    questions: int
    methods: tuple[MethodRow, ...]
    settings: tuple[PointRow, ...]
    published: Published
    claims: tuple[Judged, ...]
    notes: tuple[str, ...]
    lacking: tuple[str, ...] = ()
    """Methods of the paper's that want a model which was not there."""


def recipe_of(versus: Versus, scale: Scale, out: Path) -> dict[str, Any]:
    """The recipe of `s1 compare` at this scale."""
    return comparing(versus, scale.compared, str(out / "compare"))


def folder_of(versus: Versus, out: Path) -> Path:
    """Where the comparison lies."""
    return out / "compare" / versus.recipe


def unmark(versus: Versus, out: Path) -> None:
    """Before it is run again: what lies there may soon be of another recipe."""
    (folder_of(versus, out) / DONE).unlink(missing_ok=True)


def mark_done(versus: Versus, scale: Scale, out: Path) -> None:
    """Say what the comparison was made from, once it is finished."""
    write_atomic(folder_of(versus, out) / DONE, yaml.safe_dump(_lasting(versus, scale, out), sort_keys=False))


def compared(versus: Versus, scale: Scale, out: Path) -> Comparison | None:
    """The finished comparison; None while there is none, or one of another recipe or scale."""
    folder = folder_of(versus, out)
    if not (folder / DONE).is_file() or not (folder / "compare.json").is_file():
        return None
    if yaml.safe_load((folder / DONE).read_text()) != _lasting(versus, scale, out):
        return None
    return Comparison.model_validate_json((folder / "compare.json").read_bytes())


def _lasting(versus: Versus, scale: Scale, out: Path) -> dict[str, Any]:
    """The recipe without its place: a folder may be moved."""
    return {key: value for key, value in recipe_of(versus, scale, out).items() if key != "out"}


def beside(versus: Versus, found: Comparison) -> Beside:
    """The comparison with what the paper says of it."""
    return Beside(
        recipe=versus.recipe,
        benchmark=found.benchmark,
        questions=found.n_questions,
        methods=found.methods,
        settings=found.settings,
        published=PUBLISHED.get(versus.printed or versus.recipe, Published()),
        claims=tuple(judged(versus.part, found)),
        notes=found.notes,
        lacking=versus.lacking,
    )


def facts(versus: Versus, scale: Scale, found: Comparison, out: Path) -> dict[str, Any]:
    """From a number back to what made it: the recipe's hash, and the weights and questions of every run."""
    folder = folder_of(versus, out)
    runs = {name: read_manifest(folder / name) for name in found.runs}
    return {
        "recipe_sha256": sha256_hex(canonical_json(_lasting(versus, scale, out))),
        "runs": {name: {"config_hash": made.config_hash, **made.inputs} for name, made in runs.items()},
        "generated": found.shared.generated,
        "alone": found.shared.alone,
    }


def text(one: Beside) -> str:
    """As Markdown: the paper's numbers beside ours, ours in full, and the claims."""
    parts = [f"## {one.recipe}: {one.benchmark}, {one.questions} questions"]
    if one.published.rows:
        parts.append(markdown(_beside_grid(one)))
    parts += [one.published.note, markdown(method_grid(one.methods)), markdown(point_grid(one.settings))]
    parts += ["\n".join(f"- {note}" for note in one.notes)]
    if one.claims:
        parts += ["### What the paper says", "\n".join(_claim(claim) for claim in one.claims)]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _claim(claim: Judged) -> str:
    return f"- {claim.claim} (paper: {claim.paper}): **{claim.verdict}**. {claim.why}"


def _beside_grid(one: Beside) -> Grid:
    published = one.published
    heads = ("method", "paper's", "ours", *(f"paper: {name}" for name in published.columns))
    heads += tuple(f"ours: {name.replace('_', ' ')}" for name in published.ours)
    return Grid(heads, tuple(_beside_row(one, row) for row in published.rows), names=3)


def _beside_row(one: Beside, printed: PublishedRow) -> tuple[str, ...]:
    own = ours(one, printed)
    label = own.label if isinstance(own, PointRow) else NONE
    lacks = "needs a model" if printed.method in one.lacking else NONE
    found = [lacks if own is None else _shown(own, field) for field in one.published.ours]
    return (printed.method, printed.setting or NONE, label, *map(number, printed.values), *found)


def ours(one: Beside, printed: PublishedRow) -> MethodRow | PointRow | None:
    """Our row beside a printed one: the method's, or that of one of its settings."""
    if printed.place is None:
        return next((row for row in one.methods if row.method == printed.method), None)
    settings = [row for row in one.settings if row.method == printed.method]
    return settings[printed.place] if printed.place < len(settings) else None


def field_of(row: MethodRow | PointRow, field: str) -> float | None:
    """A field of ours in the paper's unit: shares in per cent, control and scaling by their value."""
    found: float | Control | Scaling | None = getattr(row, field)
    value = found.value if isinstance(found, Control | Scaling) else found
    return 100 * value if value is not None and field in _SHARES else value


def _shown(row: MethodRow | PointRow, field: str) -> str:
    return number(field_of(row, field))


def number(value: float | None) -> str:
    """Whole from 100 on, with one digit below; a dash where there is none."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.1f}"
