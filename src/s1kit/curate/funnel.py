"""``measure``: a curation directory as the numbers of its report.

Knows how each figure is counted from the files. Refuses to decide anything about a row, and to hold the pool: DuckDB
counts, and only the few rows that are shown come into Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from s1kit.curate.audit import LengthAudit
from s1kit.curate.figures import Bin, Domain, Draw, Filing, Funnel, Lengths, Reason, SourceCount, Step, Verdicts
from s1kit.curate.folder import Folder
from s1kit.curate.keywords import keywords
from s1kit.curate.msc import title
from s1kit.curate.samples import samples
from s1kit.curate.sources import SOURCES
from s1kit.curate.tables import CurationError, read_json, tables
from s1kit.types import Selection

REASONS = 40
"""Reasons that are listed for a step; rarer ones are counted together."""
LICENCES = 20
"""Licences that are listed for a source."""
_MARKS = {"min": 0.0, "p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def measure(
    path: Path,
    *,
    paper: Mapping[str, int] | None = None,
) -> Funnel:
    """The numbers of the curation at ``path``; the same files always give the same record.

    ``paper``: questions per source in Table 6, to stand beside the counts; None takes them from ``SOURCES`` for the
    sources that occur. Everything but the pool and the decisions may be missing and is then empty. Raises
    CurationError for a folder that is no curation, or one with a damaged file.
    """
    folder = Folder(path)
    with tables(path) as connection:
        draws = _draws(connection, folder)
        steps = _steps(connection, folder)
        solved, attempted = _all(connection, _SOLVED)[0]
        return Funnel(
            collected=steps[0].rows_in,
            steps=steps,
            sources=_sources(connection, steps, paper),
            lengths=_lengths(connection),
            domains=_domains(connection),
            teacher=_verdicts(connection, "trace_grades", "policy_id"),
            solvers=_verdicts(connection, "attempts", "solver"),
            solved=solved if attempted else None,
            attempted=attempted,
            selections=draws,
            samples=samples(connection, steps),
            audits=_audits(folder),
            ledger=read_json(folder.ledger),
        )


def _draws(connection: duckdb.DuckDBPyConnection, folder: Folder) -> tuple[Draw, ...]:
    sql = "SELECT selection, count(*), sum(length), count(DISTINCT domain) FROM chosen GROUP BY selection"
    counted = {name: rest for name, *rest in _all(connection, sql)}
    draws = []
    for file in sorted(folder.selections.glob("*/selection.json")):
        try:
            drawn = Selection.model_validate(read_json(file))
        except ValidationError as problem:
            raise CurationError(f"`{file}` is not a selection of this version\nhint: draw it again") from problem
        name = file.parent.name
        n, tokens, domains = counted.get(name, (0, 0, 0))
        rule = {"rule": drawn.rule, "size": drawn.size, "seed": drawn.seed}
        draws.append(Draw(name=name, **rule, questions=n, tokens=tokens or 0, domains=domains))
    return tuple(draws)


def _steps(connection: duckdb.DuckDBPyConnection, folder: Folder) -> tuple[Step, ...]:
    counted = {
        at: (rows, kept)
        for at, rows, kept in _all(
            connection, "SELECT place, count(*), count(*) FILTER (kept) FROM decisions GROUP BY place"
        )
    }
    reasons: dict[int, list[Reason]] = {}
    sql = (
        "SELECT place, reason, count(*) AS n FROM decisions WHERE NOT kept GROUP BY place, reason "
        "QUALIFY row_number() OVER (PARTITION BY place ORDER BY n DESC, reason) <= ? ORDER BY n DESC, reason"
    )
    for at, reason, rows in _all(connection, sql, [REASONS]):
        reasons.setdefault(at, []).append(Reason(reason=reason or "", rows=rows))
    steps = []
    for name, file in folder.steps().items():
        at = int(file.name[:2])
        rows, kept = counted.get(at, (0, 0))
        listed = tuple(reasons.get(at, ()))
        other = rows - kept - sum(reason.rows for reason in listed)
        steps.append(Step(at=at, name=name, rows_in=rows, kept=kept, reasons=listed, other=other))
    return tuple(steps)


_LICENCES = """SELECT source, arg_min(licence, licence, ?) FROM (SELECT DISTINCT source, licence FROM pool)
WHERE licence IS NOT NULL GROUP BY source"""
_MEANS = """SELECT source, sum(thinking_tokens) / count(*) FROM pool JOIN traces ON question_id = id
WHERE error IS NULL AND thinking_tokens IS NOT NULL GROUP BY source"""
_CHOSEN = """SELECT source, selection, count(*) FROM (
    SELECT selection, id, arg_min(source, row) AS source FROM chosen JOIN pool ON id = question_id GROUP BY ALL
) GROUP BY ALL ORDER BY ALL"""


def _sources(
    connection: duckdb.DuckDBPyConnection, steps: Sequence[Step], paper: Mapping[str, int] | None
) -> tuple[SourceCount, ...]:
    place = {step.at: index for index, step in enumerate(steps)}
    collected: dict[str, int] = dict.fromkeys(paper or (), 0)
    kept: dict[str, list[int]] = {}
    sql = "SELECT place, coalesce(source, ''), count(*), count(*) FILTER (kept) FROM decisions GROUP BY ALL"
    for at, source, rows, left in _all(connection, sql):
        collected.setdefault(source, 0)
        if at == steps[0].at:
            collected[source] = rows
        kept.setdefault(source, [0] * len(steps))[place[at]] = left
    licences = dict(_all(connection, _LICENCES, [LICENCES]))
    means = dict(_all(connection, _MEANS))
    chosen: dict[str, dict[str, int]] = {}
    for source, selection, n in _all(connection, _CHOSEN):
        chosen.setdefault(source, {})[selection] = n
    found = [
        SourceCount(
            source=source,
            licences=tuple(licences.get(source, ())),
            paper=_in_paper(source) if paper is None else paper.get(source),
            collected=rows,
            kept=tuple(kept.get(source, [0] * len(steps))),
            chosen=chosen.get(source, {}),
            mean_tokens=means.get(source),
        )
        for source, rows in collected.items()
    ]
    return tuple(sorted(found, key=lambda s: (-s.collected, -(s.paper or 0), s.source)))


def _in_paper(source: str) -> int | None:
    return SOURCES[source].count if source in SOURCES else None


def _lengths(connection: duckdb.DuckDBPyConnection) -> tuple[Lengths, ...]:
    bins: dict[str, dict[int, int]] = {}
    power = "CASE WHEN n < 1 THEN -1 ELSE floor(log2(n))::INTEGER END"
    for scope, at, n in _all(connection, f"SELECT scope, {power}, count(*) FROM lengths GROUP BY ALL"):
        bins.setdefault(scope, {})[at] = n
    marks = ", ".join(map(str, _MARKS.values()))
    sql = f"SELECT scope, count(*), sum(n), quantile_disc(n, [{marks}]) FROM lengths GROUP BY scope ORDER BY scope"
    return tuple(
        Lengths(
            scope=scope,
            n=n,
            total=total,
            mean=total / n,
            quantiles=dict(zip(_MARKS, quantiles, strict=True)),
            bins=tuple(_bin(at, bins[scope].get(at, 0)) for at in range(min(bins[scope]), max(bins[scope]) + 1)),
        )
        for scope, n, total, quantiles in _all(connection, sql)
    )


def _bin(power: int, n: int) -> Bin:
    return Bin(low=0, high=0, n=n) if power < 0 else Bin(low=2**power, high=2 ** (power + 1) - 1, n=n)


def _domains(connection: duckdb.DuckDBPyConnection) -> tuple[Domain, ...]:
    telling = keywords(connection)
    sql = (
        "SELECT scope, code, count(*), sum(tokens), sum(count(*)) OVER (PARTITION BY scope) FROM filed "
        "GROUP BY scope, code"
    )
    filings: dict[str, dict[str, Filing]] = {}
    for scope, code, n, tokens, of in _all(connection, sql):
        words = telling.get((scope, code), ())
        filings.setdefault(code, {})[scope] = Filing(questions=n, tokens=tokens, share=n / of, keywords=words)
    found = [
        Domain(
            code=code,
            title=title(code),
            pool=by_scope.get(""),
            chosen={scope: filing for scope, filing in sorted(by_scope.items()) if scope},
        )
        for code, by_scope in filings.items()
    ]
    return tuple(sorted(found, key=lambda domain: (-(domain.pool.questions if domain.pool else 0), domain.code)))


def _audits(folder: Folder) -> dict[str, LengthAudit]:
    """What each training set's record says of its lengths."""
    audits = {}
    for file in sorted(folder.trainsets.glob("*/trainset.json")):
        try:
            audits[file.parent.name] = LengthAudit.model_validate(read_json(file)["audit"])
        except (ValidationError, KeyError, TypeError) as problem:
            raise CurationError(f"`{file}` is not a training set of this version\nhint: build it again") from problem
    return audits


def _verdicts(connection: duckdb.DuckDBPyConnection, table: str, who: str) -> tuple[Verdicts, ...]:
    counts: dict[tuple[str, str], dict[str, int]] = {}
    sql = (
        f"SELECT '' AS scope, {who} AS who, verdict, count(*) FROM {table} GROUP BY ALL UNION ALL "
        f"SELECT selection, {who}, verdict, count(*) FROM {table} JOIN chosen USING (question_id) GROUP BY ALL "
        "ORDER BY ALL"
    )
    for scope, name, verdict, n in _all(connection, sql):
        counts.setdefault((scope, name), {})[verdict] = n
    return tuple(Verdicts(who=name, scope=scope, counts=counted) for (scope, name), counted in counts.items())


_SOLVED = """SELECT count(*) FILTER (solved), count(*) FROM (
    SELECT bool_or(verdict = 'correct') AS solved FROM attempts GROUP BY question_id
)"""


def _all(connection: duckdb.DuckDBPyConnection, sql: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection.execute(sql, list(given) or None).fetchall()
    return rows
