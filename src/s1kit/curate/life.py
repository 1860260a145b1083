"""One question's whole life in a curation: where it came from, what every step said of it, and where it went.

Knows which files speak of a question. Refuses to search its text: a question is named by its id, by the beginning of
it, or by ``#`` and a row's number (a row that could not be read has no id).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from s1kit.curate.tables import CurationError, tables
from s1kit.types import Record

CHARACTERS = 2_000
"""Of the question's text and of the trace, from the beginning; of everything else fewer."""
LISTED = 6
"""Questions that are named where the beginning of an id fits several."""


class Place(Record):
    """A row of the pool that holds the question."""

    row: int
    source: str
    licence: str | None = None


class Said(Record):
    """What a step said of one of the rows."""

    step: str
    row: int
    kept: bool
    reason: str
    evidence: str


class Taught(Record):
    """The trace, cut, and what was made of its answer."""

    teacher: str
    tokens: int | None
    tokenizer: str | None
    finish: str | None
    error: str | None
    thinking: str
    answer: str
    verdict: str | None = None
    rule: str | None = None


class Tried(Record):
    """One solver's attempt, its answer cut."""

    solver: str
    verdict: str
    rule: str
    answer: str
    judged: str | None
    error: str | None


class Under(Record):
    """The domain that it was filed under."""

    code: str
    how: str
    score: float | None
    said: str | None


class In(Record):
    """A selection that holds it."""

    selection: str
    how: str
    domain: str
    rank: int | None
    left: int | None
    length: int


class Built(Record):
    """A training set that holds it."""

    trainset: str
    format: str
    tokens: int


class Life(Record):
    """Everything that is known of one question. ``id`` and ``text`` are None for a row that could not be read."""

    id: str | None
    text: str | None
    length: int = 0
    """Characters of the whole text."""
    answer: str | None = None
    answer_kind: str | None = None
    choices: tuple[str, ...] = ()
    rows: tuple[Place, ...]
    steps: tuple[Said, ...]
    traces: tuple[Taught, ...] = ()
    attempts: tuple[Tried, ...] = ()
    domain: Under | None = None
    selections: tuple[In, ...] = ()
    trainsets: tuple[Built, ...] = ()


def explain(path: Path, name: str) -> Life:
    """The life of the question whose id is or begins with ``name``, or of the row ``#N``.

    Raises CurationError for a folder that is no curation, and where no question or several are meant.
    """
    with tables(path) as connection:
        if name.startswith("#"):
            number = int(name[1:]) if name[1:].isascii() and name[1:].isdigit() and len(name) < 18 else -1
            found = _rows(connection, "SELECT DISTINCT question_id AS id FROM decisions WHERE row = ?", number)
            if not found:
                raise CurationError(f"the curation at `{path}` has no row {name[:40]}\nhint: rows are counted from #0")
            if found[0]["id"] is None:
                return _broken(connection, number)
            return _life(connection, found[0]["id"])
        return _life(connection, _named(connection, path, name))


def _named(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    sql = f"SELECT DISTINCT id FROM pool WHERE starts_with(id, ?) ORDER BY id LIMIT {LISTED + 1}"
    found = [row["id"] for row in _rows(connection, sql, name.lower())] if name else []
    if len(found) == 1:
        return str(found[0])
    if not found:
        raise CurationError(
            f"the curation at `{path}` has no question with the id `{name[:40]}`\n"
            "hint: name the 16 hexadecimal digits that the report shows, or their beginning, or a row as '#12'"
        )
    more = ", ..." if len(found) > LISTED else ""
    raise CurationError(
        f"several questions have an id that begins with `{name[:40]}`: {', '.join(found[:LISTED])}{more}\n"
        "hint: give more digits"
    )


_SAID = """SELECT step, row, kept, coalesce(reason, '') AS reason, "left"(coalesce(evidence, ''), 1000) AS evidence
FROM decisions """


def _broken(connection: duckdb.DuckDBPyConnection, number: int) -> Life:
    """A row without a question: its decisions are all there is."""
    steps = _rows(connection, _SAID + "WHERE row = ? ORDER BY place", number)
    source = _rows(connection, "SELECT coalesce(source, '') AS source FROM decisions WHERE row = ? LIMIT 1", number)
    place = Place(row=number, source=source[0]["source"])
    return Life(id=None, text=None, rows=(place,), steps=tuple(Said.model_validate(step) for step in steps))


_UNDER = 'SELECT code, how, score, "left"(said, 400) AS said FROM domains WHERE question_id = ?'


def _life(connection: duckdb.DuckDBPyConnection, name: str) -> Life:
    def several(record: type[Record], sql: str) -> Any:
        return tuple(record.model_validate(row) for row in _rows(connection, sql, name))

    cut, short = (f'"left"(%s, {n})' for n in (CHARACTERS, 400))
    question = _rows(
        connection,
        f"SELECT id, {cut % 'text'} AS text, length(text) AS length, {short % 'answer'} AS answer, answer_kind, "
        "choices FROM pool WHERE id = ? ORDER BY row LIMIT 1",
        name,
    )[0]
    return Life(
        **question | {"choices": tuple(choice[:400] for choice in question["choices"] or ())},
        rows=several(Place, "SELECT row, coalesce(source, '') AS source, licence FROM pool WHERE id = ? ORDER BY row"),
        steps=several(Said, _SAID + "WHERE question_id = ? ORDER BY place, row"),
        traces=several(
            Taught,
            f"SELECT teacher, thinking_tokens AS tokens, tokenizer, finish, {short % 'error'} AS error, "
            f"{cut % 'thinking'} AS thinking, {short % 'traces.answer'} AS answer, verdict, rule FROM traces "
            "LEFT JOIN trace_grades USING (question_id) WHERE question_id = ? ORDER BY ALL",
        ),
        attempts=several(
            Tried,
            f"SELECT solver, verdict, rule, {short % 'answer'} AS answer, {short % 'judged'} AS judged, "
            f"{short % 'error'} AS error FROM attempts WHERE question_id = ? ORDER BY ALL",
        ),
        domain=next(iter(several(Under, _UNDER)), None),
        selections=several(
            In, 'SELECT selection, how, domain, rank, "left", length FROM chosen WHERE question_id = ? ORDER BY ALL'
        ),
        trainsets=several(
            Built,
            "SELECT trainset, format, n_tokens AS tokens FROM trained WHERE question_id = ? ORDER BY ALL",
        ),
    )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, given: Any) -> list[dict[str, Any]]:
    done = connection.execute(sql, [given])
    names = [column[0] for column in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]
