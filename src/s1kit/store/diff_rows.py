"""The rows of two runs side by side: which are the same, and where the others part.

Knows tokens as arrays and texts as strings, and how to read them without making a record of every row. Refuses to know
policies and verdicts: it is told which rows belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from s1kit.store import layout
from s1kit.store.layout import Key
from s1kit.store.rows import read_batches, read_parquet
from s1kit.types import Record

Ids = npt.NDArray[np.int32]
Unit = Literal["tokens", "characters"]
SEAM = "¶"
"""Between thinking and answer: the same words in another phase are not the same."""
AROUND = 60
"""Characters shown before and after the place where two texts part."""


@dataclass(frozen=True, slots=True)
class Light:
    """What a comparison needs of one row; ``ids`` are None where the engine gave none."""

    key: Key
    n_thinking: int
    ids: Ids | None


class Spread(Record):
    """Where rows part, as the index of the first token (or character) that differs."""

    least: int
    quarter: float
    median: float
    three_quarters: float
    most: int


class Parting(Record):
    """One row whose first ``at`` tokens (or characters) are the same in both runs, with the texts around that place.

    ``same`` ends where the texts part. Both ``a`` and ``b`` are empty where only a token that is in no text differs.
    """

    question_id: str
    sample: int
    at: int
    same: str
    a: str
    b: str


class Sameness(Record):
    """``n`` pairs compared by ``unit``: how many are identical, and where the others part (None where none does)."""

    unit: Unit
    n: int
    identical: int
    first: Spread | None
    example: Parting | None
    """Of the pair that parts at the median place."""


def light_rows(run: Path) -> Iterator[Light]:
    """Every row without its texts, in file order. Raises StoreError."""
    file = layout.record_file(run)
    if file.name == layout.JOURNAL:
        for row in layout.read_generations(run):
            ids = None if row.token_ids is None else np.array(row.token_ids, dtype=np.int32)
            yield Light(row.key, row.n_thinking, ids)
        return
    columns = ["question_id", "policy_id", "sample", "n_thinking_model", "n_thinking_forced", "token_ids"]
    for batch in read_batches(file, columns):
        yield from _light(batch)


def _light(batch: pa.RecordBatch) -> Iterator[Light]:
    """Token lists are cut out of the batch's one array: no list of Python integers is made."""
    question, policy, sample = (batch.column(i).to_pylist() for i in range(3))
    model, forced, lists = (batch.column(i) for i in (3, 4, 5))
    thinking = (model.to_numpy(zero_copy_only=False) + forced.to_numpy(zero_copy_only=False)).tolist()
    ids = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int32)
    there = lists.is_valid().to_pylist()
    ends = np.cumsum(lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)).tolist()
    start = 0
    for i, end in enumerate(ends):
        yield Light((question[i], policy[i], sample[i]), thinking[i], ids[start:end] if there[i] else None)
        start = end


def texts(run: Path, wanted: Collection[Key]) -> dict[Key, str]:
    """Thinking and answer of the rows named, with SEAM between them. Raises StoreError."""
    if not wanted:
        return {}
    file = layout.record_file(run)
    if file.name == layout.JOURNAL:
        rows: Iterator[dict[str, Any]] = (row.model_dump() for row in layout.read_generations(run))
    else:
        rows = read_parquet(file, ["question_id", "policy_id", "sample", "thinking_text", "answer_text"])
    keys = ((row, (row["question_id"], row["policy_id"], row["sample"])) for row in rows)
    return {key: row["thinking_text"] + SEAM + row["answer_text"] for row, key in keys if key in wanted}


def ids_part(a: Ids, b: Ids) -> int | None:
    """Index of the first token that differs; None where all are the same."""
    n = min(len(a), len(b))
    unequal = a[:n] != b[:n]
    if unequal.any():
        return int(unequal.argmax())
    return None if len(a) == len(b) else n


def texts_part(a: str, b: str) -> int | None:
    """Index of the first character that differs; None where all are the same."""
    if a == b:
        return None
    low, high = 0, min(len(a), len(b))
    while low < high:  # the longest common prefix, by halves: comparing slices is fast, a loop over characters is not
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low


def spread(parts: Collection[int]) -> Spread | None:
    """Minimum, quartiles and maximum; None of nothing."""
    if not parts:
        return None
    least, quarter, median, more, most = np.percentile(list(parts), [0, 25, 50, 75, 100]).tolist()
    return Spread(least=int(least), quarter=quarter, median=median, three_quarters=more, most=int(most))


def sameness(unit: Unit, found: Mapping[Key, int | None], show: Callable[[Key], tuple[str, str]]) -> Sameness | None:
    """The summary of pairs, each with where it parts (None: nowhere); None where no pair was compared this way.

    ``show`` gives both texts of a pair; it is asked for one.
    """
    if not found:
        return None
    parts = sorted((at, key) for key, at in found.items() if at is not None)
    example = None
    if parts:
        at, key = parts[(len(parts) - 1) // 2]
        example = _example(key, at, *show(key))
    return Sameness(
        unit=unit,
        n=len(found),
        identical=len(found) - len(parts),
        first=spread([at for at, _ in parts]),
        example=example,
    )


def _example(key: Key, at: int, a: str, b: str) -> Parting:
    cut = texts_part(a, b)
    if cut is None:
        return Parting(question_id=key[0], sample=key[2], at=at, same=a[-AROUND:], a="", b="")
    before = a[max(0, cut - AROUND) : cut]
    after = slice(cut, cut + AROUND)
    return Parting(question_id=key[0], sample=key[2], at=at, same=before, a=a[after], b=b[after])
