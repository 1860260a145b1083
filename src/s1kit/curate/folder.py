"""A curation on disk: which file holds what, and which rows are still in.

Knows names and columns. A step is done when its decisions are there: they are written last, whole or not at all, so a
curation that was killed goes on with the first step that lacks them. Refuses to know what a step does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
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
    read_batches,
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

    def tally(self, step: str) -> tuple[int, Counter[str]]:
        """How many rows a step kept, and how many it dropped for which reason."""
        table = pq.read_table(self._step(step), columns=["kept", "reason"])
        dropped = table.filter(pc.invert(table["kept"]))["reason"].to_pylist()
        return len(table) - len(dropped), Counter(dropped)

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

    def rows(self, alive: Alive, wanted: Collection[str] | None = None) -> Iterator[list[Row]]:
        """The pool's rows that are alive, in batches, by rising number; all, or those of the questions named."""
        names = None if wanted is None else pa.array(list(wanted), pa.string())
        for taken in read_batches(self.pool, batch=BATCH):
            keep = alive[taken["row"].to_numpy()]
            if names is not None:
                keep &= pc.is_in(taken["id"], names).to_numpy(zero_copy_only=False)
            # the others are left out while they are columns: a step reads many times the rows that it keeps
            if batch := [_row(values) for values in taken.filter(pa.array(keep)).to_pylist()]:
                yield batch

    def questions(self, alive: Alive, wanted: Collection[str] | None = None) -> Iterator[Question]:
        """The questions of ``rows``, one by one."""
        for batch in self.rows(alive, wanted):
            yield from (row.question for row in batch)

    def ids(self, alive: Alive) -> Iterator[str]:
        """The ids of ``questions``, without their texts."""
        for taken in read_batches(self.pool, ["row", "id"], SMALL_ROWS):
            yield from taken["id"].filter(pa.array(alive[taken["row"].to_numpy()])).to_pylist()

    def write_traces(self, traces: Iterable[Trace]) -> None:
        """One trace per question that was taught; failed calls too."""
        write_parquet(self.traces, TRACES, map(trace_row, traces))

    def read_traces(self, wanted: Collection[str] | None = None) -> Iterator[Trace]:
        """All traces, or those of the questions named, in file order."""
        yield from read_traces(self.traces, wanted)

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


def _row(values: dict[str, Any]) -> Row:
    """A line of pool.parquet.

    It was made by this package and is held by its hash. To check every id again would cost more than the steps do, and
    so would ``model_construct``, which goes over the fields one by one: this is the record that it makes.
    """
    number = values.pop("row")
    meta = values["meta"]
    values |= {"meta": {} if meta == "{}" else json.loads(meta), "choices": tuple(values["choices"])}
    question = Question.__new__(Question)
    for slot, value in {
        "__dict__": values,
        "__pydantic_fields_set__": set(values),
        "__pydantic_extra__": None,
        "__pydantic_private__": None,
    }.items():
        object.__setattr__(question, slot, value)
    return Row(number, question)
