"""A fixed selection taught again by another teacher, as s1.1 did over the questions of s1.

Knows that the questions stay and the traces change. Refuses to select again, and to touch the first training set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from s1kit.curate import teaching
from s1kit.curate.building import Built, label, write
from s1kit.curate.recipe import ModelConfig
from s1kit.curate.row import batches
from s1kit.curate.trainset import TrainSetError
from s1kit.curate.work import Work
from s1kit.store.rows import GRADES, SMALL_ROWS, TRACES, read_records, read_traces, trace_row, write_parquet
from s1kit.tokenizer import Tokenizer
from s1kit.types import Grade, Question, Record, Selection, sha256_hex


class Taught(Record):
    """What the new teacher made of the selection."""

    path: str
    teacher: str
    built: Built
    shares: dict[str, dict[str, int]]
    """Each teacher -> its traces that are right, wrong, without an answer, undecided (``ungraded``)."""


def reteach(work: Work, selection: str, teacher: ModelConfig, judged: bool) -> Taught:
    """Traces, verdicts and a training set of ``teacher`` over a selection that is there.

    Rows that it failed on are left out of the training set, and listed with it. Raises TrainSetError where it failed on
    all of them.
    """
    folder = work.folder
    record = folder.selections / selection / "selection.json"
    if not record.exists():
        there = ", ".join(sorted(p.parent.name for p in folder.selections.glob("*/selection.json"))) or "none"
        raise TrainSetError(f"`{folder.path}` has no selection {selection!r} (there are: {there})")
    ids = Selection.model_validate_json(record.read_bytes()).ids
    identity = work.caller("teacher", teacher).identity
    slug = re.sub(r"[^A-Za-z0-9]+", "-", identity).strip("-")[:40] + "-" + sha256_hex(identity)[:6]
    path = folder.trainsets / f"{label(selection, work.config.train)}-by-{slug}"
    path.mkdir(parents=True, exist_ok=True)
    traces, grades = path / "traces.parquet", path / "trace_grades.parquet"
    tokenizer = Tokenizer.load(work.config.folder(work.config.trace.tokenizer))

    def questions() -> Iterator[Question]:
        alive = folder.alive([step for step in folder.steps() if step != "difficulty"])
        for names in batches(ids, 2000):
            found = {q.id: q for q in folder.questions(alive, names)}
            yield from (found[name] for name in names)

    made = teaching.traces_by_model(work, teacher, questions, len(ids), tokenizer)
    write_parquet(traces, TRACES, map(trace_row, made))
    graded = teaching.grade(work, questions(), read_traces(traces), judged)
    write_parquet(grades, GRADES, map(vars, graded), SMALL_ROWS)
    verdicts = list(read_records(grades, Grade))
    skipping = work.config.train.model_copy(update={"skip_unfit": True})
    config = work.config.model_copy(update={"train": skipping})
    built = write(path, folder, selection, config, traces, verdicts)
    shares = {identity: _counts(verdicts)}
    if folder.trace_grades.exists():
        chosen = frozenset(ids)
        for grade in folder.read_grades():
            if grade.question_id in chosen:
                counts = shares.setdefault(grade.policy_id, {})
                counts[grade.verdict] = counts.get(grade.verdict, 0) + 1
    return Taught(path=str(path), teacher=identity, built=built, shares=shares)


def _counts(grades: list[Grade]) -> dict[str, int]:
    return dict(Counter(grade.verdict for grade in grades))
