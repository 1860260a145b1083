"""A curation on disk: which file holds what, and which rows are still in.

Knows names and columns. A step is done when its decisions are there: they are written last, whole or not at all, so a
curation that was killed goes on with the first step that lacks them. Refuses to know what a step does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from s1kit.curate.row import Row
from s1kit.store.errors import StoreError
from s1kit.store.rows import (
    ATTEMPTS,
    DECISIONS,
    FILED,
    GRADES,
    SMALL_ROWS,
    TRACES,
    read_parquet,
    read_records,
    read_traces,
    trace_row,
    write_parquet,
)
from s1kit.types import Attempt, Decision, Filed, Grade, Question, Record, Trace

R = TypeVar("R", bound=Record)
Alive = npt.NDArray[np.bool_]
"""One flag per row of the pool, by its number."""
POOL_STEP = "pool"
BATCH = 2048


class Folder:
    """The files of one curation. Reading a file that a step has not made yet raises StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pool = path / "pool.parquet"
        self.traces = path / "traces.parquet"
        self.trace_grades = path / "trace_grades.parquet"
        self.attempts = path / "attempts.parquet"
        self.domains = path / "domains.parquet"
        self.contamination = path / "contamination.json"
        self.boilerplate = path / "boilerplate.json"
        self.selections = path / "selections"
        self.trainsets = path / "trainsets"
        self.ledger = path / "ledger.json"
        self.funnel = path / "funnel.json"

    def steps(self) -> dict[str, Path]:
        """Step -> its decisions, in the order in which the steps were taken; ``pool`` comes first."""
        files = sorted((self.path / "decisions").glob("[0-9][0-9]-*.parquet"))
        return {file.stem[3:]: file for file in files}

    def write_decisions(self, number: int, step: str, decisions: Iterable[Decision]) -> None:
        """The decisions of step ``number`` (the pool's is 0), which makes it done."""
        (self.path / "decisions").mkdir(exist_ok=True)
        path = self.path / "decisions" / f"{number:02}-{step}.parquet"
        write_parquet(path, DECISIONS, (vars(d) for d in decisions), SMALL_ROWS)

    def decisions(self, step: str) -> Iterator[Decision]:
        """What a step said, by rising row."""
        yield from read_records(self._step(step), Decision)

    def alive(self, steps: Iterable[str]) -> Alive:
        """Rows that none of these steps dropped."""
        first = pq.read_metadata(self._step(POOL_STEP)).num_rows
        flags = np.zeros(first, dtype=np.bool_)
        for name in (POOL_STEP, *(s for s in steps if s != POOL_STEP)):
            table = pq.read_table(self._step(name), columns=["row", "kept"])
            kept = np.zeros(first, dtype=np.bool_)
            kept[table["row"].to_numpy()[table["kept"].to_numpy()]] = True
            flags = kept if name == POOL_STEP else flags & kept
        return flags

    def rows(self, alive: Alive) -> Iterator[list[Row]]:
        """The pool's rows that are alive, in batches, by rising number."""
        batch: list[Row] = []
        for values in read_parquet(self.pool, batch=BATCH):
            number = values.pop("row")
            if not alive[number]:
                continue
            values |= {"meta": json.loads(values["meta"]), "choices": tuple(values["choices"])}
            # made by this package and held by its hash: checking every id again would cost more than the steps do
            batch.append(Row(number, Question.model_construct(**values)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def questions(self, alive: Alive) -> Iterator[Question]:
        """The questions of ``rows``, one by one."""
        for batch in self.rows(alive):
            yield from (row.question for row in batch)

    def write_traces(self, traces: Iterable[Trace]) -> None:
        """One trace per question that was taught; failed calls too."""
        write_parquet(self.traces, TRACES, map(trace_row, traces))

    def read_traces(self, wanted: Sequence[str] | None = None) -> Iterator[Trace]:
        """All traces, or those of the questions named, in file order."""
        names = None if wanted is None else frozenset(wanted)
        yield from (t for t in read_traces(self.traces) if names is None or t.question_id in names)

    def write_grades(self, grades: Iterable[Grade]) -> None:
        """The verdicts on the teacher's answers."""
        write_parquet(self.trace_grades, GRADES, map(vars, grades), SMALL_ROWS)

    def read_grades(self) -> Iterator[Grade]:
        """The verdicts on the teacher's answers."""
        yield from read_records(self.trace_grades, Grade)

    def write_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Every solver's attempts."""
        write_parquet(self.attempts, ATTEMPTS, map(vars, attempts))

    def read_attempts(self) -> Iterator[Attempt]:
        """Every solver's attempts, solver by solver."""
        yield from read_records(self.attempts, Attempt)

    def write_domains(self, filed: Iterable[Filed]) -> None:
        """The domain of every question that was filed."""
        write_parquet(self.domains, FILED, map(vars, filed), SMALL_ROWS)

    def read_filed(self) -> Iterator[Filed]:
        """Who filed which question where, in the pool's order."""
        yield from read_records(self.domains, Filed)

    def read_domains(self) -> dict[str, str]:
        """Question -> code; empty where no question was filed."""
        if not self.domains.exists():
            return {}
        return {row["question_id"]: row["code"] for row in read_parquet(self.domains, ["question_id", "code"])}

    def lengths(self) -> dict[str, int]:
        """Question -> thinking tokens of its trace; failed calls are left out."""
        columns = ["question_id", "thinking_tokens", "error"]
        rows = read_parquet(self.traces, columns, SMALL_ROWS)
        return {row["question_id"]: row["thinking_tokens"] or 0 for row in rows if row["error"] is None}

    def _step(self, name: str) -> Path:
        found = self.steps().get(name)
        if found is None:
            there = ", ".join(self.steps()) or "none"
            raise StoreError(f"`{self.path}` has no step {name} (there are: {there})", "run `s1 curate` on its recipe")
        return found
