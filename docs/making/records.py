"""The page of records: every row and file that reaches disk, and the views that SQL sees.

Knows which file holds which record. Refuses to know a field: the records say what theirs are.
"""

from __future__ import annotations

import ast
import inspect
from typing import get_args

from pydantic import BaseModel

from making.markdown import code, one_line, prose, table, under_names
from making.types import fields
from s1kit import types
from s1kit.store.query import query

FILES = {
    "Question": "`questions.parquet` of a run; benchmark files are read into it",
    "Trace": "`traces.parquet` of a curation",
    "Decision": "`decisions/NN-STEP.parquet` of a curation",
    "Attempt": "`attempts.parquet` of a curation",
    "Filed": "`domains.parquet` of a curation",
    "Chosen": "`selections/NAME/rows.parquet` of a curation",
    "Selection": "`selections/NAME/selection.json` of a curation",
    "TrainRow": "`train.parquet` of a training set",
    "Segment": "`Generation.segments`",
    "Generation": "`generations.jsonl` of a run while it runs, `generations.parquet` once it is finished",
    "Grade": "`grades/GRADER@VERSION.parquet` of a run",
    "EngineInfo": "`manifest.json` of a run, under `engine`",
    "RunManifest": "`manifest.json` of a run",
}
SETS = ("AnswerKind", "Phase", "Origin", "Why", "Ended", "AnswerEnded", "Verdict", "Role", "RunKind", "RunStatus")
VIEWS = ("runs", "questions", "generations", "grades", "points")
HEAD = """# Records

What reaches disk. Every record is frozen and has no other fields than these, so that a row of a newer version is
refused instead of half read. A run also holds `config.yaml` (the recipe as resolved), `metrics.json`
([metrics](metrics.md)) and, after a report, `report/`. `s1 runs verify RUN` derives everything again that can be.
"""


def page() -> str:
    """The page. KeyError for a record whose file nobody named."""
    records = [
        record
        for record in vars(types).values()
        if isinstance(record, type) and issubclass(record, types.Record) and record is not types.Record
    ]
    index = table(("record", "where it is"), ((link(record), FILES[record.__name__]) for record in records))
    return "\n\n".join([
        HEAD.strip(), f"Schema version: {types.SCHEMA_VERSION}.", index, *map(_section, records),
        "## Closed sets of words", table(("set", "words", "what they mean"), map(_words, SETS)),
        "## Views of `s1 query`",
        "Columns as SQL sees them; they are only ever added to. Examples: [asking with SQL](../query.md).",
        *map(_view, VIEWS),
    ])  # fmt: skip


def link(record: type[BaseModel]) -> str:
    """Where a record is on the page."""
    return f"[{record.__name__}](#{record.__name__.lower()})"


def _section(record: type[BaseModel]) -> str:
    rows = fields(record, link)
    parts = [f"## {record.__name__}", prose(str(record.__doc__)), f"In {FILES[record.__name__]}."]
    more = [
        (code(name), "", "derived", one_line(str(item.__doc__)))
        for name, item in vars(record).items()
        if isinstance(item, property)
    ]
    return "\n\n".join([*parts, table(("field", "type", "default", "what it is"), [*rows, *more])])


def _words(name: str) -> tuple[str, str, str]:
    told = under_names(ast.parse(inspect.getsource(types)).body).get(name, "")
    return code(name), " ".join(map(code, get_args(getattr(types, name)))), one_line(told)


def _view(name: str) -> str:
    _, rows = query(f"DESCRIBE {name}", [])
    return "\n\n".join([f"### {name}", table(("column", "type"), ((code(row[0]), code(row[1])) for row in rows))])
