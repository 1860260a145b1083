"""What any solver solves goes; what nobody could judge is neither solved nor unsolved."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from s1kit.curate.row import Row
from s1kit.curate.trying import decide
from s1kit.types import Attempt, Question

VERDICTS = ("correct", "incorrect", "no_answer", "undecided")
ROWS = [Row(3 * i, Question.make(text=f"{i}?", answer="1", answer_kind="integer", source="s")) for i in range(16)]


def attempt(row: Row, solver: str, verdict: Any) -> Attempt:
    return Attempt(question_id=row.question.id, solver=solver, answer="...", verdict=verdict, rule="r")


@pytest.mark.parametrize("undecided", ["keep", "drop"])
def test_every_pair_of_verdicts_of_two_solvers(undecided: Any) -> None:
    pairs = list(product(VERDICTS, VERDICTS))
    tried = [attempt(row, "a", one) for row, (one, _) in zip(ROWS, pairs, strict=True)]
    tried += [attempt(row, "b", other) for row, (_, other) in zip(ROWS, pairs, strict=True)]
    for row, said, pair in zip(ROWS, decide(ROWS, tried, "difficulty", undecided), pairs, strict=True):
        solved, unknown = "correct" in pair, "undecided" in pair
        expected = "solved" if solved else "undecided" if unknown else ""
        assert (said.row, said.step, said.reason) == (row.number, "difficulty", expected)
        assert said.kept is (not solved and (not unknown or undecided == "keep"))
        assert said.evidence == f"a: {pair[0]} (r), b: {pair[1]} (r)"


@pytest.mark.parametrize(("undecided", "kept"), [("keep", True), ("drop", False)])
def test_a_row_that_no_solver_tried_is_undecided(undecided: Any, kept: bool) -> None:
    [said] = decide(ROWS[:1], [], "difficulty", undecided)
    assert (said.kept, said.reason, said.evidence) == (kept, "undecided", "no attempt")


def test_the_order_of_the_attempts_does_not_matter() -> None:
    tried = [attempt(row, "a", VERDICTS[i % 4]) for i, row in enumerate(ROWS)]
    forth = list(decide(ROWS, tried, "difficulty", "drop"))
    assert list(decide(ROWS, tried[::-1], "difficulty", "drop")) == forth
