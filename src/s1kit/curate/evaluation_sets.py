"""The evaluation sets that a pool is held against, as (id, text).

Knows the three ways of naming one: a set that ships with the package, a known source, a file. Refuses an empty one:
it would clear every question.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.benchmarks.registry import NANO, load
from s1kit.curate.mapping import Mapping
from s1kit.curate.sources import SOURCES, read_mapped, read_source
from s1kit.errors import UserError
from s1kit.types import Question


def load_evaluations(named: dict[str, str], data: str | None = None) -> dict[str, list[tuple[str, str]]]:
    """Name -> items. A value is ``nano_mixed`` and so on, a known source (from the hub), or a file.

    ``key:path`` reads a file in the format of the source ``key``; relative paths start from ``data``. Choices count as
    text of the question: what is leaked is often the options. Raises UserError for what cannot be read or is empty.
    """
    found = {}
    for name, value in named.items():
        items = {q.id: q.prompt() for q in _questions(value, Path(data or "."))}
        if not items:
            raise UserError(f"evaluation set {name} ({value}) has no questions")
        found[name] = list(items.items())
    return found


def _questions(value: str, data: Path) -> list[Question]:
    if value in NANO:
        return load(value)
    key, colon, path = value.partition(":")
    if key in SOURCES and (colon or not (data / value).exists()):
        reads = read_source(SOURCES[key], data / path if path else None)
    elif (data / value).exists():
        reads = read_mapped(Mapping(), data / value)
    else:
        raise UserError(
            f"evaluation set {value!r} is neither a known set nor a file\n"
            f"hint: {', '.join((*NANO, *(k for k, s in SOURCES.items() if s.evaluation)))}, a file, or KEY:FILE"
        )
    return [read.question for read in reads if read.question is not None]
