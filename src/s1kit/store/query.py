"""SQL over runs: a supported interface, in memory and read-only.

``query(sql, where)`` runs one statement over these views. ``where`` is a runs root, a run, or a list of runs. Columns
are only ever added; each view exists, with these columns, also where no run has such a file.

``runs``
    run, kind, status, started, finished, seconds, s1kit_version, schema_version, engine, model, n_questions,
    n_generations (both counted at the end of a session), config_hash, config JSON, policies JSON, counts JSON,
    git JSON, hardware JSON, parent, directory (name of the run's directory)
``questions``
    run, id, text, answer, answer_kind, choices VARCHAR[], source, domain, licence, meta JSON
``generations``
    run, question_id, policy_id, sample, label (the policy's), n_prompt, token_ids BIGINT[], segments
    STRUCT(phase, origin, why, "start", "end", stop_id, text)[], ended, answer_ended, extensions, min_met, looped,
    n_thinking_model, n_thinking_forced, n_thinking (their sum, what budgets count), n_answer, n_paid, n_paid_thinking,
    n_discarded, tries, n_steps, n_step_tokens, confidence FLOAT[], exact, engine_ms, thinking_text, answer_text, error
``grades``
    run, question_id, policy_id, sample, grader, version, verdict, rule, extracted, reference
``points``
    run, policy_id, label, n, accuracy, thinking_mean, rest JSON (everything else that metrics.json says of the point)

A running run is read from its journal (complete rows only), a finished one from Parquet, lazily and only the columns
that the statement names. Statements cannot write, reach files or the network, or load extensions. Some to start from:
``s1kit.store.query_examples``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as pds

from s1kit.store import layout
from s1kit.store.errors import StoreError
from s1kit.store.manifest import MANIFEST, read_manifest
from s1kit.store.rows import GENERATIONS, GRADES, QUESTIONS
from s1kit.store.run import RunDir

_text, _int, _float = pa.string(), pa.int64(), pa.float64()

RUNS = pa.schema(
    [
        ("run", _text), ("kind", _text), ("status", _text), ("started", _text), ("finished", _text),
        ("seconds", _float), ("s1kit_version", _text), ("schema_version", _int), ("engine", _text), ("model", _text),
        ("n_questions", _int), ("n_generations", _int), ("config_hash", _text), ("config", _text), ("policies", _text),
        ("counts", _text), ("git", _text), ("hardware", _text), ("parent", _text), ("directory", _text),
    ]
)  # fmt: skip

POINTS = pa.schema(
    [
        ("run", _text), ("policy_id", _text), ("label", _text), ("n", _int), ("accuracy", _float),
        ("thinking_mean", _float), ("rest", _text),
    ]
)  # fmt: skip

_LABELS = pa.schema([("run", _text), ("policy_id", _text), ("label", _text)])
_JSON = {"config", "policies", "counts", "git", "hardware", "rest", "meta"}


class StoreWarning(UserWarning):
    """A directory below the runs root that could not be read, and is not in the views."""


def query(
    sql: str, where: Path | Sequence[Path], parameters: Sequence[Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """``(column names, rows)`` of one SELECT (or DESCRIBE, SUMMARIZE, EXPLAIN). ``?`` in ``sql`` takes ``parameters``.

    Raises StoreError for a statement that is not one, or that DuckDB refuses.
    """
    try:
        connection = connect(where)
    except pa.ArrowException as problem:
        raise StoreError(f"a run's files cannot be read: {problem}", "`s1 runs verify` says which") from problem
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type not in (
            duckdb.StatementType.SELECT,
            duckdb.StatementType.EXPLAIN,
        ):
            raise StoreError(
                "the statement is not a single SELECT", "runs are read-only here; write one query at a time"
            )
        done = connection.execute(statements[0], list(parameters) or None)
        return [column[0] for column in done.description or ()], done.fetchall()
    except duckdb.Error as problem:
        raise StoreError(
            f"DuckDB refuses the query: {problem}", "`DESCRIBE generations` shows the columns of a view"
        ) from problem
    finally:
        connection.close()


def connect(where: Path | Sequence[Path]) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with the views; it sees the runs as they are now and cannot reach any file itself."""
    runs = list(_open(where))
    connection = duckdb.connect(":memory:")
    _view(connection, "runs", RUNS, [(None, pa.Table.from_pylist([_run_row(run) for run in runs], RUNS))])
    points = pa.concat_tables([POINTS.empty_table(), *map(_points, runs)])
    _view(connection, "points", POINTS, [(None, points)])
    _view(connection, "questions", QUESTIONS, [(run.id, pds.dataset(run.path / layout.QUESTIONS)) for run in runs])
    _view(connection, "grades", GRADES, [(run.id, pds.dataset(f)) for run in runs for f in run.grade_files().values()])
    _view(connection, "_generations", GENERATIONS, [(run.id, _generations(run)) for run in runs])
    labels = [
        {"run": run.id, "policy_id": policy, "label": str(entry.get("label", policy))}
        for run in runs
        for policy, entry in run.manifest.policies.items()
    ]
    _view(connection, "_labels", _LABELS, [(None, pa.Table.from_pylist(labels, _LABELS))])
    connection.execute(
        "CREATE VIEW generations AS SELECT g.*, n_thinking_model + n_thinking_forced AS n_thinking, l.label "
        "FROM _generations g LEFT JOIN _labels l USING (run, policy_id)"
    )
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def run_directories(where: Path | Sequence[Path]) -> list[Path]:
    """The runs that ``where`` names: itself, those directly below it, or those listed. Sorted by name."""
    if not isinstance(where, (str, Path)):
        return [Path(path) for path in where]
    root = Path(where)
    if (root / MANIFEST).exists():
        return [root]
    if not root.is_dir():
        raise StoreError(f"no runs at `{root}`", "name a runs directory, or a run")
    return sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))


def _open(where: Path | Sequence[Path]) -> Iterator[RunDir]:
    asked = run_directories(where)
    for path in asked:
        try:
            if read_manifest(path).kind == "curate":
                continue  # questions without generations: nothing for these views
            run = RunDir.open(path)
            layout.record_file(path)
        except StoreError as problem:
            if asked == [where] or not isinstance(where, (str, Path)):
                raise
            # one damaged run must not hide all the others
            warnings.warn(StoreWarning(f"left out: {problem.message}"), stacklevel=2)
            continue
        yield run


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, parts: Iterable[tuple[str | None, Any]]
) -> None:
    """One view over the parts of all runs, each with its run's id; an empty part gives the columns in any case."""
    selects = []
    columns = ", ".join(f'"{f.name}"::JSON AS "{f.name}"' if f.name in _JSON else f'"{f.name}"' for f in schema)
    for i, (run, part) in enumerate([*parts, (None if "run" in schema.names else "", schema.empty_table())]):
        source = f"_{name}_{i}"
        connection.register(source, part)
        prefix = "" if run is None else "'" + run.replace("'", "''") + "' AS run, "
        selects.append(f'SELECT {prefix}{columns} FROM "{source}"')
    connection.execute(f'CREATE VIEW "{name}" AS {" UNION ALL ".join(selects)}')


def _generations(run: RunDir) -> Any:
    file = layout.record_file(run.path)
    if file.name == layout.GENERATIONS:
        return pds.dataset(file)
    return pa.Table.from_pylist([row.model_dump() for row in run.generations()], GENERATIONS)


def _run_row(run: RunDir) -> dict[str, Any]:
    m = run.manifest
    row = m.model_dump(include={"kind", "status", "started", "finished", "seconds", "s1kit_version", "schema_version"})
    row |= {"run": m.id, "config_hash": m.config_hash, "parent": m.parent, "directory": run.path.resolve().name}
    row |= {"engine": m.engine and m.engine.name, "model": m.engine and m.engine.model}
    row |= {"n_questions": m.counts.get("questions"), "n_generations": m.counts.get("generations")}
    return row | {name: _json(getattr(m, name)) for name in ("config", "policies", "counts", "git", "hardware")}


def _points(run: RunDir) -> pa.Table:
    rows = []
    try:
        for point in (run.metrics() or {}).get("points", ()):
            known = {name: point.get(name) for name in POINTS.names if name not in ("run", "rest")}
            rest = {name: value for name, value in point.items() if name not in known}
            rows.append({"run": run.id, **known, "rest": _json(rest)})
        return pa.Table.from_pylist(rows, POINTS)
    except (pa.ArrowException, AttributeError, TypeError) as problem:
        raise StoreError(
            f"`{run.path / layout.METRICS}`: points are not as documented: {problem}", "compute them with `s1 metrics`"
        ) from problem


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
