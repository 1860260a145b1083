"""Rows cut at a number of tokens, on purpose and by name: the paper's sequence-length ablation (section 3, Table 7).

Knows what a cut takes away. Refuses to cut unless asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from s1kit.curate.rows import answer_start
from s1kit.types import Record, TrainRow


class CutRow(Record):
    """A row that lost its end."""

    id: str
    question_id: str
    tokens: int
    """It had so many."""
    answer_lost: bool
    """Not one token of its answer is left: the model learns from it to think on."""


def cut_rows(
    rows: Iterable[TrainRow], most: int | None, close: tuple[int, ...]
) -> tuple[list[TrainRow], list[dict[str, object]]]:
    """The rows with at most ``most`` tokens each, and what was cut; unchanged where ``most`` is None.

    ``close`` is the format's closing delimiter in ids. A row whose prompt alone fills ``most`` is left out: it would
    teach nothing.
    """
    kept: list[TrainRow] = []
    cut: list[dict[str, object]] = []
    for row in rows:
        if most is None or row.n_tokens <= most:
            kept.append(row)
            continue
        start = answer_start(row, close)
        lost = start is None or start >= most
        said = CutRow(id=row.id, question_id=row.question_id, tokens=row.n_tokens, answer_lost=lost)
        cut.append(said.model_dump())
        labels = row.labels[:most]
        if any(label != -100 for label in labels):
            changes = {"input_ids": row.input_ids[:most], "labels": labels, "n_tokens": most}
            kept.append(row.model_copy(update=changes))
    return kept, cut
