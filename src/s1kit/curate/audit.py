"""What a sequence length would cut from a training set, before anybody trains with it.

Knows row lengths and where answers start. Refuses to cut: the paper's ablation (section 3) trained at 4,096 tokens,
which cut 74% of the rows, and the model learned to think on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from s1kit.curate.rows import answer_start
from s1kit.types import Record, TrainRow

LENGTHS = (1024, 2048, 4096, 8192, 16384, 20000, 32768)
"""Sequence lengths worth knowing about: 32,768 is s1's, 20,000 that of s1.1, 4,096 the ablation's."""


class Cut(Record):
    """What a trainer that truncates at ``length`` tokens would do to the set."""

    length: int
    rows_cut: int
    """Rows longer than ``length``: each loses at least its turn end."""
    share: float
    answers_lost: int
    """Rows of which not one token of the answer would be left."""


class LengthAudit(Record):
    """Tokens per row, and what each sequence length would cut. Percentiles are lengths of real rows."""

    rows: int
    tokens: int
    min: int
    median: float
    mean: float
    p90: int
    p99: int
    max: int
    cuts: tuple[Cut, ...]


def audit(rows: Iterable[TrainRow], close: tuple[int, ...], lengths: Sequence[int] = LENGTHS) -> LengthAudit:
    """The audit of a training set; ``close`` is the format's closing delimiter in ids. One pass, two numbers a row.

    A percentile is the nearest rank: the smallest length that at least so many rows do not exceed. Raises ValueError
    where there are no rows.
    """
    sizes: list[int] = []
    starts: list[int] = []
    for row in rows:
        sizes.append(row.n_tokens)
        start = answer_start(row, close)
        starts.append(row.n_tokens if start is None else start)
    if not sizes:
        raise ValueError("no rows to audit")
    ranked, count = sorted(sizes), len(sizes)
    return LengthAudit(
        rows=count,
        tokens=sum(sizes),
        min=ranked[0],
        median=float(median(ranked)),
        mean=sum(sizes) / count,
        p90=ranked[-(-90 * count // 100) - 1],
        p99=ranked[-(-99 * count // 100) - 1],
        max=ranked[-1],
        cuts=tuple(_cut(length, sizes, starts) for length in lengths),
    )


def _cut(length: int, sizes: Sequence[int], starts: Sequence[int]) -> Cut:
    cut = sum(size > length for size in sizes)
    lost = sum(start >= length and size > length for size, start in zip(sizes, starts, strict=True))
    return Cut(length=length, rows_cut=cut, share=cut / len(sizes), answers_lost=lost)
