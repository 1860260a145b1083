"""The labels that the nano process reward model learns from: exact, repeatable, and of no evaluation question."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from s1kit.nano import prm_rows, sets, teacher, text, traces
from s1kit.nano.family import Problem
from s1kit.nano.prm_rows import Labelled, answer_right, corrupt, corrupted, line_right, read, taught, teach
from s1kit.nano.world import FAMILIES, draw

WRITERS: dict[str, Callable[[int, int], list[Labelled]]] = {"taught": taught, "corrupted": corrupted}


def concluded(line: str) -> str | None:
    """The value that a line ends with, by trying every phrase of the world on it; None: the line is broken off."""
    head = line.splitlines()[-1].split(" A)")[0]
    for phrase in sorted((*text.ENDS, *teacher.LOOKS), key=len, reverse=True):
        before, _ = phrase.split("{v}")
        _, found, rest = head.rpartition(before)
        if found and rest.endswith(".") and " " not in rest:
            return rest[:-1]
    return None


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solutions in whole lines: what is cut says no value that could be recomputed."""
    monkeypatch.setattr(prm_rows, "UNFINISHED", 0.0)
    monkeypatch.setattr(prm_rows, "PIECES", 0.0)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_label_says_whether_the_line_ends_with_what_the_solver_finds(writer: str) -> None:
    rows = WRITERS[writer](300, 5)
    for row in rows:
        truth = row.problem.family.solve(row.problem.facts)
        for step, label in zip(row.steps[:-1], row.labels[:-1], strict=True):
            assert label is (concluded(step) == truth), step
        assert row.labels[-1] is (row.steps[-1].split("Answer: ")[1] == row.problem.label(truth))
    labels = [label for row in rows for label in row.labels]
    assert 0.2 < labels.count(False) / len(labels) < 0.6
    assert {row.problem.family.name for row in rows} == set(FAMILIES)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("writer", WRITERS)
def test_what_a_line_says_is_read_as_what_was_meant(writer: str) -> None:
    for row in WRITERS[writer](300, 6):
        again = read(row.problem, "\n".join(row.steps[:-1]), row.steps[-1])
        assert again.steps == row.steps
        pairs = zip(row.steps, row.labels, again.labels, strict=True)
        differ = [(step, meant) for step, meant, found in pairs if meant is not found]
        assert not differ


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_are_a_function_of_size_and_seed(writer: str) -> None:
    assert WRITERS[writer](40, 1) == WRITERS[writer](40, 1)
    assert WRITERS[writer](40, 1) == WRITERS[writer](60, 1)[:40]
    assert WRITERS[writer](40, 1) != WRITERS[writer](40, 2)


@pytest.mark.parametrize("kind", ["taught", "corrupted", "drawn"])
def test_no_question_is_one_of_an_evaluation_set(kind: str) -> None:
    asked = prm_rows.problems(2500, 1, kind)
    ids = {sets.problem_id(problem) for problem in asked}
    assert len(ids) == 2500
    texts = {question.text for name in sets.PLANS for question in sets.load(name)}
    assert not texts & {problem.text for problem in asked}
    # without the filter the same draw would meet them
    rng, names = Random(f"s1kit nano prm {kind} 1"), list(FAMILIES)
    habits = teacher.Teacher()
    free = {draw(rng, rng.choice(habits.levels), names[n % 12], habits.choice).text for n in range(2500)}
    assert texts & free


def test_unfinished_thoughts_and_pieces_keep_the_label_of_what_they_become() -> None:
    rows = taught(400, 3) + corrupted(400, 3)
    broken = [row for row in rows if concluded(row.steps[-2]) is None]
    assert 0.1 < len(broken) / len(rows) < 0.4
    assert all(len(row.steps) == len(row.labels) and all(row.steps) for row in rows)
    assert all(row.labels[-1] is answer_right(row.problem, row.steps[-1]) for row in rows)
    # whatever line can be read has the label that reading gives it
    for row in rows:
        for step, label in zip(row.steps, row.labels, strict=True):
            if (found := line_right(row.problem, step)) is not None:
                assert found is label, step


def choice() -> Problem:
    return next(p for p in sets.problems("nano_choice") if p.family.name == "total" and p.answer == "B")


def test_a_line_of_a_choice_question_needs_the_option_too() -> None:
    asked = choice()
    first, second = asked.options[:2]
    assert asked.value == second
    lead = f"Wait, in order: work. So {second}. A){first} no; B){second} yes. Option "
    assert line_right(asked, lead + "B.") is True
    assert line_right(asked, lead + "A.") is False
    assert line_right(asked, f"Quick look: {second}.") is True
    assert line_right(asked, f"Quick look: {first}.") is False
    assert answer_right(asked, "Final Answer: B") is True
    assert answer_right(asked, "Answer: C.") is False


@pytest.mark.parametrize("said", ["Wait, in order: a b", "So 4", "It looks like", "Wait,", "Answer:", ""])
def test_what_ends_with_no_value_is_not_labelled(said: str) -> None:
    asked = sets.problems("nano_dev")[0]
    assert line_right(asked, said) is None
    assert answer_right(asked, said) is None


def test_an_empty_answer_is_no_step() -> None:
    asked = sets.problems("nano_dev")[0]
    assert read(asked, f"Quick look: {asked.value}.\n\n", " \n") == Labelled(
        asked, (f"Quick look: {asked.value}.",), (True,)
    )


def test_the_teacher_says_the_value_of_every_line() -> None:
    for trace in traces.written(400, seed=7):
        lines = trace.thinking.splitlines()
        assert trace.values == tuple(concluded(line) for line in lines)
        assert trace.answer == trace.problem.label(trace.values[-1])
        assert trace.right == (trace.answer == trace.problem.answer)


def test_a_single_writer_is_a_function_of_its_draws() -> None:
    asked = sets.problems("nano_dev")[3]
    for write in (teach, corrupt):
        assert write(Random(4), asked) == write(Random(4), asked)
        assert len({write(Random(n), asked) for n in range(20)}) > 10
