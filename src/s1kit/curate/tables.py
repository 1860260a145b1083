"""The files of a curation directory as SQL views, the same columns whether or not a file is there yet.

Knows file names, schemas and the limits that keep a pool of a million rows in bounded memory. Refuses to write, and to
know what the columns mean.

``pool``, ``decisions`` (with ``place``, the number in the file's name), ``traces``, ``trace_grades``, ``attempts``,
``domains``, ``chosen`` (with ``selection``), ``trained`` (with ``trainset``). And over scopes, where a scope is the
name of a selection, or empty for the whole pool: ``lengths`` (scope, n), one per trace, and ``filed`` (scope, code,
question_id, tokens), one per question with a domain.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as pds

from s1kit.curate.folder import Folder
from s1kit.errors import UserError
from s1kit.store.rows import ATTEMPTS, CHOSEN, DECISIONS, FILED, GRADES, POOL, TRACES

TRAINED = pa.schema([("question_id", pa.string()), ("format", pa.string()), ("n_tokens", pa.int64())])
"""What is read of a training set's rows: not the tokens."""
MEMORY = "1GB"
"""What a query may hold before it spills to a temporary folder."""

_SCOPED = (
    """CREATE VIEW lengths AS
    SELECT '' AS scope, thinking_tokens AS n FROM traces WHERE error IS NULL AND thinking_tokens IS NOT NULL
    UNION ALL SELECT selection, length FROM chosen""",
    """CREATE VIEW filed AS
    SELECT '' AS scope, code, question_id, coalesce(t.n, 0) AS tokens FROM domains LEFT JOIN (
        SELECT question_id, sum(thinking_tokens) AS n FROM traces WHERE error IS NULL GROUP BY question_id
    ) t USING (question_id)
    UNION ALL SELECT selection, domain, question_id, length FROM chosen""",
)


class CurationError(UserError):
    """A directory that is not a curation, or a file of it that cannot be read: says which, and what to do."""


@contextlib.contextmanager
def tables(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection with the views over the curation at ``path``.

    Raises CurationError where there is no curation, and for any file that turns out damaged while it is used.
    """
    with tempfile.TemporaryDirectory(prefix="s1-") as spill, duckdb.connect(":memory:") as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET temp_directory = " + _quoted(spill))
        connection.execute("SET preserve_insertion_order = false")
        try:
            _views(connection, path)
            connection.execute("SET python_enable_replacements = false")
            yield connection
        except (duckdb.ParserException, duckdb.BinderException):
            raise  # a mistake in a statement of this package, not in a file
        except (duckdb.Error, pa.ArrowException, OSError) as problem:
            raise CurationError(
                f"the curation at `{path}` cannot be read: {str(problem)[:500]}\n"
                "hint: a file is damaged or of another version; run the curation again with --resume"
            ) from problem


def read_json(path: Path) -> Any:
    """The content of a JSON file; None where there is no such file. Raises CurationError for a damaged one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise CurationError(
            f"`{path}` cannot be read: {problem}\nhint: restore it, or run the step that writes it again"
        ) from problem


def _views(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    folder = Folder(path)
    steps = list(folder.steps().items())
    if not folder.pool.is_file() or not steps:
        raise CurationError(
            f"`{path}` holds no curation: there is no pool.parquet with decisions beside it\n"
            "hint: name the folder that `s1 curate` wrote"
        )
    for schema, file in (
        (POOL, folder.pool), (TRACES, folder.traces), (GRADES, folder.trace_grades), (ATTEMPTS, folder.attempts),
        (FILED, folder.domains),
    ):  # fmt: skip
        _view(connection, file.stem, schema, None, [("", file)])
    _view(connection, "decisions", DECISIONS, "place", [(int(file.name[:2]), file) for _, file in steps])
    _view(connection, "chosen", CHOSEN, "selection", _named(folder.selections, "rows.parquet"))
    _view(connection, "trained", TRAINED, "trainset", _named(folder.trainsets, "train.parquet"))
    for view in _SCOPED:
        connection.execute(view)


def _named(folder: Path, file: str) -> list[tuple[int | str, Path]]:
    return [(found.parent.name, found) for found in sorted(folder.glob(f"*/{file}"))]


def _view(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    schema: pa.Schema,
    label: str | None,
    parts: Iterable[tuple[int | str, Path]],
) -> None:
    """One view over all parts, ``label`` a column that tells them apart; without any part it has its columns alone."""
    columns = ", ".join(f'"{field.name}"' for field in schema)
    selects = []
    for number, (value, file) in enumerate(parts):
        if file.is_file():
            connection.register(f"_{name}_{number}", pds.dataset(file, schema=schema, format="parquet"))
            told = f"{_quoted(value)} AS {label}, " if label else ""
            selects.append(f'SELECT {told}{columns} FROM "_{name}_{number}"')
    if not selects:
        connection.register(f"_{name}", schema.empty_table())
        selects.append(f'SELECT {f"NULL AS {label}, " if label else ""}{columns} FROM "_{name}"')
    connection.execute(f'CREATE VIEW "{name}" AS {" UNION ALL ".join(selects)}')


def _quoted(value: int | str) -> str:
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
