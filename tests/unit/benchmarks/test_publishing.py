"""What must not be published is known by its mark, by its source, and by the origin that a row names."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.benchmarks.named import NAMED
from s1kit.benchmarks.publishing import LEFT_OUT, hide_question, may_publish
from s1kit.benchmarks.registry import NANO, load
from s1kit.benchmarks.rows import to_question
from s1kit.curate.source_draft import Draft, finish
from s1kit.curate.sources import SOURCES
from s1kit.types import Question
from unit.benchmarks.rows import gpqa_rows, math_rows


def question(**rest: Any) -> Question:
    return Question.make(text="What is it?", answer="4", answer_kind="math", **rest)


def test_a_gated_set_is_withheld_and_the_others_are_not() -> None:
    gated = to_question(NAMED["gpqa_diamond"], gpqa_rows(1)[0], "here")
    assert not may_publish(gated)
    assert not may_publish(gated.model_copy(update={"source": "renamed"})), "the mark alone says so"
    assert may_publish(to_question(NAMED["math500"], math_rows(1)[0], "here"))
    assert all(may_publish(load(name, 1)[0]) for name in NANO)


@pytest.mark.parametrize("key", ["gpqa", "gpqa_diamond"])
def test_curations_rows_of_it_are_known_too(key: str) -> None:
    draft = SOURCES[key].convert(gpqa_rows(1)[0], "")
    assert isinstance(draft, Draft)
    made = finish(draft, key, None)
    assert isinstance(made, Question)
    assert not may_publish(made)


@pytest.mark.parametrize(
    ("rest", "may"),
    [
        ({"source": "s1-59k", "meta": {"source_type": "Idavidrein/gpqa"}}, False),
        ({"source": "s1-59k", "meta": {"source_type": "Idavidrein/GPQA"}}, False),
        ({"source": "leaderboard_gpqa_diamond"}, False),
        ({"source": "mine", "licence": "as GPQA"}, False),
        ({"source": "mine", "meta": {"source": "Idavidrein/gpqa"}}, False),
        ({"source": "mine", "meta": {"gated": True}}, False),
        ({"source": "mine", "meta": {"gated": False}}, True),
        ({"source": "s1-59k", "meta": {"source_type": "aime"}}, True),
        ({}, True),
    ],
)
def test_marks_and_origins(rest: dict[str, Any], may: bool) -> None:
    assert may_publish(question(**rest)) is may


def test_what_stands_in_its_place_says_nothing_of_it() -> None:
    one = question(source="gpqa")
    hidden = hide_question(one)
    assert hidden.id == one.id
    assert not {one.text, one.answer} & {hidden.text, hidden.answer, *hidden.choices} or len(one.answer or "") == 1
    assert hide_question(one.model_copy(update={"answer": "the whole option"})).answer == LEFT_OUT
