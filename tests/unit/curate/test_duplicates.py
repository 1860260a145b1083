"""Exact duplicates: the first of those that fold to the same text and choices stands."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.duplicates import Exact
from s1kit.curate.fold import folded
from s1kit.curate.row import Row
from s1kit.types import Decision, Question

TEXT = st.lists(st.sampled_from(["a", "A", " ", "４", "4", "\u200b", "\n", "²", "2"]), max_size=4).map("".join)
QUESTIONS = st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=2).map(tuple)), max_size=20)


def rows_of(questions: list[tuple[str, tuple[str, ...]]], source: str = "s") -> list[Row]:
    return [
        Row(i, Question.make(text=text, choices=choices, answer=str(i), answer_kind="text", source=f"{source}{i % 3}"))
        for i, (text, choices) in enumerate(questions)
    ]


@given(QUESTIONS, st.integers(1, 7))
def test_decisions_are_those_of_the_definition_however_the_rows_are_batched(
    questions: list[tuple[str, tuple[str, ...]]], size: int
) -> None:
    rows, exact = rows_of(questions), Exact()
    decisions = [d for i in range(0, len(rows), size) for d in exact.step(rows[i : i + size])]
    first: dict[tuple[str, ...], Row] = {}
    for row, decision in zip(rows, decisions, strict=True):
        key = tuple(folded(part) for part in (row.question.text, *row.question.choices))
        kept = first.setdefault(key, row)
        assert (decision.row, decision.question_id, decision.step) == (row.number, row.question.id, "duplicates")
        assert decision.kept == (kept is row)
        if kept is not row:
            assert decision.reason == "exact"
            assert decision.evidence == f"row {kept.number} ({kept.question.source})"


def kept(*texts: str) -> list[bool]:
    return [d.kept for d in Exact().step(rows_of([(text, ()) for text in texts]))]


def test_invisible_differences_are_none_and_visible_ones_are() -> None:
    assert kept("Find 42.", "Find  ４２.\u200b", "\u202eFind\u00a042.", "find 42.", "Find 42") == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert kept("What is 10²?", "What is 102?") == [True, True], "a raised sign is not a digit"


def test_choices_are_part_of_the_question_and_answers_are_not() -> None:
    rows = rows_of([("q", ("a", "b")), ("q", ("b", "a")), ("q", ()), ("q a b", ()), ("q", ("a", "b"))])
    assert [d.kept for d in Exact().step(rows)] == [True, True, True, True, False]


def test_rows_far_apart_and_many_sources_are_named_right() -> None:
    def row(number: int, source: str) -> Row:
        return Row(number, Question.make(text=f"q{number % 7}", answer=None, answer_kind="text", source=source))

    exact = Exact()
    exact.step([row(i, f"set {i}") for i in range(7)])
    (decision,) = exact.step([row(7 * 10**9 + 3, "late")])
    assert isinstance(decision, Decision)
    assert decision.evidence == "row 3 (set 3)"


def test_memory_does_not_grow_with_the_text() -> None:
    exact, count = Exact(), 5_000
    tracemalloc.start()
    try:
        for i in range(0, count, 100):
            exact.step(
                [Row(j, Question.make(text=f"{j} " * 200, answer=None, answer_kind="text")) for j in range(i, i + 100)]
            )
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / count < 200
