"""A step is there whole or not at all, and which rows are left is what the decisions say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

import s1kit.curate.folder as folder_module
from s1kit.curate.folder import Folder
from s1kit.store.errors import StoreError
from s1kit.types import Decision
from unit.curate.curated import STEPS, Curation


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Curation:
    curation = Curation(tmp_path_factory.mktemp("folder") / "c")
    curation.write()
    return curation


@pytest.mark.parametrize("count", range(len(STEPS) + 1))
def test_rows_that_are_left_are_those_that_no_step_dropped(made: Curation, count: int) -> None:
    dropped = {d.row for d in made.decisions if d.step in ("pool", *STEPS[:count]) and not d.kept}
    alive = Folder(made.path).alive(STEPS[:count])
    assert len(alive) == len(made.pool) + 1, "broken rows have a number too"
    assert set(alive.nonzero()[0].tolist()) == {number for number, _ in made.pool} - dropped


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_rows_come_in_order_whatever_the_batch(made: Curation, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "BATCH", batch)
    folder = Folder(made.path)
    batches = list(folder.rows(folder.alive(())))
    assert all(0 < len(rows) <= batch for rows in batches)
    assert [(row.number, row.question) for rows in batches for row in rows] == made.pool


def test_the_order_of_the_steps_does_not_change_what_is_left(made: Curation) -> None:
    steps = list(STEPS)
    expected = Folder(made.path).alive(steps).tolist()
    Random(0).shuffle(steps)
    assert Folder(made.path).alive(steps).tolist() == expected


def test_steps_are_listed_in_the_order_in_which_they_were_taken(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for number, step in enumerate(("pool", "trace", "quality", "domain")):
        folder.write_decisions(number, step, [])
    assert list(folder.steps()) == ["pool", "trace", "quality", "domain"]


def test_a_step_that_breaks_off_is_not_done(tmp_path: Path) -> None:
    def breaking() -> Iterator[Decision]:
        for row in range(10_000):
            yield Decision(row=row, question_id=None, source="s", step="quality", kept=True)
        raise KeyboardInterrupt

    folder = Folder(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        folder.write_decisions(0, "quality", breaking())
    assert folder.steps() == {}
    assert [p for p in (tmp_path / "decisions").iterdir() if not p.name.startswith(".")] == []


def test_what_another_program_left_among_the_decisions_is_no_step(made: Curation, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_decisions(0, "pool", [])
    for name in ("notes.txt", "pool.parquet", ".01-quality.parquet.tmp", "1-quality.parquet"):
        (tmp_path / "decisions" / name).write_text("x")
    assert list(folder.steps()) == ["pool"]


def test_a_step_that_is_not_there_is_an_error_that_lists_those_that_are(made: Curation, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has no step shine \(there are: pool, quality"):
        list(Folder(made.path).decisions("shine"))
    with pytest.raises(StoreError, match=r"has no step pool \(there are: none\)"):
        Folder(tmp_path).alive(())


def test_lengths_leave_failed_calls_out(made: Curation) -> None:
    assert Folder(made.path).lengths() == made.tokens()
    assert any(t.error for t in made.traces)


def test_named_traces_come_in_file_order(made: Curation) -> None:
    names = [t.question_id for t in made.traces[:5]]
    assert [t.question_id for t in Folder(made.path).read_traces(names[::-1])] == names
