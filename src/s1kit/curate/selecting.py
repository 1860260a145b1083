"""A selection on disk: drawn once, compared with the evaluation sets once more, and never overwritten by another.

Knows the files of a selection. The record is written last, so a selection is whole or not there.
"""

from __future__ import annotations

import json

from s1kit.curate.drawing import draw
from s1kit.curate.recipe import SelectConfig
from s1kit.curate.select import SelectionError
from s1kit.curate.stages import compare_selected
from s1kit.curate.work import Work
from s1kit.store.files import write_atomic
from s1kit.store.rows import CHOSEN, SMALL_ROWS, read_records, write_parquet
from s1kit.types import Chosen, Question, Selection

RECORD, ROWS, CONTAMINATION = "selection.json", "rows.parquet", "contamination.json"
SETTINGS = "settings.json"


def make_selection(work: Work, config: SelectConfig) -> Selection:
    """The selection of these settings: drawn, or read where it is there already.

    Raises SelectionError where another selection has its name.
    """
    path = work.folder.selections / config.label
    selection, rows = draw(work.folder, work.config.steps, config)
    if (path / RECORD).exists():
        there = Selection.model_validate_json((path / RECORD).read_bytes())
        if there != selection:
            raise SelectionError(
                f"`{path}` is another selection (settings or rows differ)\n"
                "hint: give this one a `name` of its own, or remove that folder"
            )
        work.say(f"selection {config.label}: {selection.size:,} rows (drawn before)")
        return there
    path.mkdir(parents=True, exist_ok=True)
    write_parquet(path / ROWS, CHOSEN, map(vars, rows), SMALL_ROWS)
    found = compare_selected(work, (question for _, question in chosen_questions(work, rows)))
    write_atomic(path / CONTAMINATION, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    write_atomic(path / SETTINGS, config.model_dump_json(indent=1) + "\n")
    work.did = True
    write_atomic(path / RECORD, selection.model_dump_json(indent=1) + "\n")
    work.say(f"selection {config.label}: {selection.size:,} rows of {len(selection.counts_by_domain)} domains")
    return selection


def read_chosen(work: Work, label: str) -> list[Chosen]:
    """The rows of a selection, in the order in which they were drawn."""
    return list(read_records(work.folder.selections / label / ROWS, Chosen))


def chosen_questions(work: Work, rows: list[Chosen]) -> list[tuple[Chosen, Question]]:
    """The rows with their questions, in the same order."""
    wanted = {row.question_id for row in rows}
    alive = work.folder.alive([step for step in work.config.steps if step != "difficulty"])
    found = {q.id: q for q in work.folder.questions(alive, wanted)}
    return [(row, found[row.question_id]) for row in rows]
