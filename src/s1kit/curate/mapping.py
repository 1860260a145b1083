"""Any table as a source: which column is what.

Knows column names and nothing of the rows' content. The defaults are the names that ``benchmarks.files`` takes, so a
file that can be evaluated can also be curated.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from s1kit.benchmarks.files import ANSWER_KEYS, TEXT_KEYS
from s1kit.curate.source_draft import Draft, Left, finish
from s1kit.types import AnswerKind, Question, Record

Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""Column names in order: the first that a row has counts. One name may be given without brackets."""


class Mapping(Record):
    """Columns by role, then constants for what no column says.

    ``text``, ``answer``, ``solution``, ``passage`` (put before the text), ``choices`` (a list, or a JSON list as text),
    ``domain``, ``licence_field``, ``source_field`` and ``kind_field`` name columns; ``keep`` names columns that go into
    ``Question.meta``. ``answer_kind``, ``source``, ``licence`` are constants.
    """

    text: Names = TEXT_KEYS
    answer: Names = ANSWER_KEYS
    solution: Names = ()
    passage: Names = ()
    choices: Names = ("choices",)
    domain: Names = ("domain",)
    kind_field: Names = ("answer_kind",)
    source_field: Names = ("source",)
    licence_field: Names = ("licence",)
    keep: Names = ()
    answer_kind: AnswerKind | None = None
    source: str | None = None
    licence: str | None = None


_KINDS: tuple[AnswerKind, ...] = ("integer", "math", "choice", "text")


def to_question(row: dict[str, Any], mapping: Mapping, source: str) -> Question | Left:
    """The question of a row under a mapping; ``source`` names it where neither column nor constant does.

    Beside the reasons of `finish`: ``no_text`` where no text column is there, ``bad_kind`` and ``bad_choices`` for
    columns that say something else than a kind and a list.
    """
    draft = to_draft(row, mapping)
    return draft if isinstance(draft, Left) else finish(draft, mapping.source or source, mapping.licence)


def to_draft(row: dict[str, Any], mapping: Mapping) -> Draft | Left:
    """What the columns of a row say. A text column that holds nothing is passed over for the next one."""
    present = [name for name in mapping.text if row.get(name) is not None]
    if not present:
        wanted, there = ", ".join(mapping.text), ", ".join(map(str, row)) or "nothing"
        return Left("no_text", f"none of the columns {wanted}; the row has {there}")
    text = next((row[n] for n in present if not isinstance(row[n], str) or row[n].strip()), row[present[0]])
    choices = _choices(_first(row, mapping.choices))
    if isinstance(choices, Left):
        return choices
    kind = mapping.answer_kind or _first(row, mapping.kind_field)
    if kind is not None and kind not in _KINDS:
        return Left("bad_kind", f"answer kind {str(kind)[:40]!r} is none of {', '.join(_KINDS)}")
    solution = _first(row, mapping.solution)
    kept = {name: row[name] for name in mapping.keep if row.get(name) is not None}
    return Draft(
        text=text,
        answer=_first(row, mapping.answer),
        kind=kind,
        choices=choices,
        passage=_first(row, mapping.passage),
        source=mapping.source or _text(_first(row, mapping.source_field)),
        domain=_text(_first(row, mapping.domain)),
        licence=mapping.licence or _text(_first(row, mapping.licence_field)),
        meta={**kept, "solution": solution} if solution is not None else kept,
    )


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of these columns that holds something: an empty cell of a CSV file says nothing."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _choices(value: Any) -> list[Any] | Left:
    """A list of choices; a CSV cell may hold it as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return Left("bad_choices", f"{value[:40]!r} is no list")
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        return Left("bad_choices", f"{type(value).__name__} is no list")
    return list(value)
