"""A run's generations as the browser needs them: question by question, tokens as arrays, nothing held for long.

Knows the columns of ``generations.parquet`` and that a finished run is ordered by question. Refuses to validate tokens
one by one, which for ten thousand traces takes longer than writing them: ``s1 runs verify`` does that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.report.browser_texts import Ids
from s1kit.store import layout
from s1kit.store.journal import decode, read_offsets
from s1kit.store.rows import read_batches
from s1kit.store.run import RunDir
from s1kit.types import Generation

_PLAIN = (
    "question_id", "policy_id", "sample", "segments", "ended", "answer_ended", "extensions", "looped",
    "n_thinking_model", "n_thinking_forced", "n_answer", "n_paid", "n_discarded", "tries", "error",
)  # fmt: skip
_TEXTS = ("thinking_text", "answer_text")
BATCH = 64
"""Rows read at a time: of 32,000 tokens each, 16 MiB."""
HIDDEN = "…"
"""What stands for the words of a stretch that must not be shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One generation: the plain columns by name, and its tokens, or the stored texts where there are none."""

    plain: dict[str, Any]
    tokens: Ids | None
    thinking_text: str
    answer_text: str

    @property
    def key(self) -> layout.Key:
        """Identity of the row inside its run."""
        return (self.plain["question_id"], self.plain["policy_id"], self.plain["sample"])

    def hidden(self) -> Row:
        """The row without words, as ``publishing.hide_generation`` would have it; its numbers and marks stay."""

        def dots(segment: Mapping[str, Any]) -> dict[str, Any]:
            return {**segment, "text": HIDDEN if segment["text"] or segment["end"] > segment["start"] else ""}

        segments = [dots(segment) for segment in self.plain["segments"] or ()]
        plain = {**self.plain, "segments": segments, "error": self.plain["error"] and LEFT_OUT}
        return Row(plain, None, LEFT_OUT, "")


def rows_by_question(run: RunDir, policies: Collection[str], tokens: bool = True) -> Iterator[tuple[str, list[Row]]]:
    """``(question id, its rows)`` of these policies, one question in memory at a time.

    With ``tokens`` false no tokens are read: every row then has its stored texts. Raises StoreError for a run without
    generations, or with a damaged file.
    """
    file = layout.record_file(run.path)
    rows = _of_parquet(run, policies, tokens) if file.name == layout.GENERATIONS else _of_journal(run, policies, tokens)
    for question, found in groupby(rows, key=lambda row: str(row.plain["question_id"])):
        yield question, list(found)


def _of_parquet(run: RunDir, policies: Collection[str], tokens: bool) -> Iterator[Row]:
    wanted = pa.array(sorted(policies), pa.string())
    columns = [*_PLAIN, *_TEXTS, *(("token_ids",) if tokens else ())]
    for read in read_batches(run.path / layout.GENERATIONS, columns, BATCH):
        batch = read.filter(pc.is_in(read.column("policy_id"), wanted))
        for i, plain in enumerate(batch.select(list(_PLAIN)).to_pylist()):
            ids = batch.column("token_ids")[i].values if tokens else None
            if ids is None:
                yield Row(plain, None, *(batch.column(name)[i].as_py() or "" for name in _TEXTS))
            else:
                yield Row(plain, ids.to_numpy().astype(np.int32), "", "")


def _of_journal(run: RunDir, policies: Collection[str], tokens: bool) -> Iterator[Row]:
    """A journal is in the order of arrival: its rows are found first, then read again in the order of the questions."""
    file = run.path / layout.JOURNAL
    place = {question.id: i for i, question in enumerate(run.questions())}
    rank = {name: i for i, name in enumerate(policies)}
    found = [
        (place.get(row.question_id, -1), rank[row.policy_id], row.sample, at)
        for at, row in read_offsets(file)
        if row.policy_id in rank
    ]
    with file.open("rb") as handle:
        for number, (*_, at) in enumerate(sorted(found), start=1):
            handle.seek(at)
            yield _row(decode(handle.readline(), file, number), tokens)


def _row(row: Generation, tokens: bool) -> Row:
    dumped = row.model_dump(include=set(_PLAIN))
    ids = np.array(row.token_ids, dtype=np.int32) if tokens and row.token_ids is not None else None
    return Row(dumped, ids, row.thinking_text, row.answer_text)
