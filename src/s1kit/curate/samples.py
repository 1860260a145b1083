"""A few rows that each step kept and dropped, the same every time.

Knows a hash of row and step, so that nobody chose them. Refuses to show more than the beginning of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any

import duckdb

from s1kit.curate.figures import Sample, Step

EACH = 5
"""Kept rows of a step, and as many dropped ones."""
CHARACTERS = 600
"""Of a text; of the evidence as many."""

_PICKED = f"""
SELECT place, kept, reason,
    arg_min({{row: row, id: question_id, source: source, evidence: evidence}}, hash, {EACH}) AS rows
FROM (
    SELECT place, kept, CASE WHEN kept THEN '' ELSE coalesce(reason, '') END AS reason, row, question_id, source,
        "left"(evidence, {CHARACTERS}) AS evidence, md5(concat_ws(' ', place, question_id, row)) AS hash
    FROM decisions
)
WHERE list_contains(?, reason) GROUP BY place, kept, reason
"""


def samples(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> tuple[Sample, ...]:
    """Up to five kept and five dropped rows of each step, in the order of the steps, dropped ones first.

    The dropped ones take turns by reason, the most frequent reason first, so that a rare one is seen too.
    """
    listed = sorted({"", *(reason.reason for step in steps for reason in step.reasons)})
    picked: dict[tuple[int, bool, str], list[dict[str, Any]]] = {
        (at, kept, reason): rows for at, kept, reason, rows in connection.execute(_PICKED, [listed]).fetchall()
    }
    found = []
    for step in steps:
        dropped = [[(r.reason, row) for row in picked.get((step.at, False, r.reason), [])] for r in step.reasons]
        kept = [[("", row) for row in picked.get((step.at, True, ""), [])]]
        found += [(step.name, False, *one) for one in _turns(dropped)]
        found += [(step.name, True, *one) for one in _turns(kept)]
    texts = _texts(connection, {row["row"] for _, _, _, row in found})
    return tuple(
        Sample(
            step=name,
            row=row["row"],
            question_id=row["id"],
            source=row["source"] or "",
            kept=kept,
            reason=reason,
            evidence=row["evidence"] or "",
            text=texts.get(row["row"], (None, 0))[0],
            length=texts.get(row["row"], (None, 0))[1],
        )
        for name, kept, reason, row in found
    )


def _turns(groups: Iterable[list[tuple[str, dict[str, Any]]]]) -> list[tuple[str, dict[str, Any]]]:
    return [one for one in chain.from_iterable(zip_longest(*groups)) if one is not None][:EACH]


def _texts(connection: duckdb.DuckDBPyConnection, rows: set[int]) -> dict[int, tuple[str, int]]:
    """Row to the beginning of its text and the text's length in characters."""
    sql = f'SELECT row, "left"(text, {CHARACTERS}), length(text) FROM pool WHERE list_contains(?, row)'
    return {row: (text, length) for row, text, length in connection.execute(sql, [sorted(rows)]).fetchall()}
