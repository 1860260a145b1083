"""A mapped row is the question that the benchmark reader makes of it, and a row that is none says why."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.benchmarks.files import ANSWER_KEYS, TEXT_KEYS, read_questions
from s1kit.curate.mapping import Mapping, to_question
from s1kit.curate.source_draft import Left, plain, short_answer, stripped, visible
from s1kit.grading.integer import integer_literal
from s1kit.types import Question, canonical_json, question_id

WORDS = st.text("abcxyz 0123\u200d\u202e\u0130", min_size=1, max_size=20).filter(lambda t: visible(t))
ANSWERS = st.one_of(st.none(), st.integers(-99, 999), st.text("abc019/ -", min_size=1).filter(lambda t: t.strip()))


@st.composite
def plain_rows(draw: st.DrawFn) -> dict[str, Any]:
    row: dict[str, Any] = {draw(st.sampled_from(TEXT_KEYS)): draw(WORDS)}
    if draw(st.booleans()):
        row["choices"] = ["red", "green", "blue"]
        row[draw(st.sampled_from(ANSWER_KEYS))] = draw(st.sampled_from(["A", "(b)", "blue"]))
    else:
        row[draw(st.sampled_from(ANSWER_KEYS))] = draw(ANSWERS)
    row |= draw(st.fixed_dictionaries({}, optional={k: st.sampled_from(["u", "v"]) for k in ("source", "domain")}))
    return row


@given(plain_rows())
@settings(max_examples=60, deadline=None)
def test_the_default_mapping_reads_what_the_benchmark_reader_reads(row: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pool.jsonl"
        file.write_text(json.dumps(row) + "\n", encoding="utf-8")
        (expected,) = read_questions(file)
    assert to_question(row, Mapping(), "pool") == expected


def test_a_question_record_keeps_its_id() -> None:
    record = Question.make(text="Which?", answer="A", answer_kind="choice", choices=("A) x", "B) y"), source="s")
    assert to_question(record.model_dump(), Mapping(), "pool") == record


def test_columns_roles_constants_and_what_is_kept() -> None:
    mapping = Mapping.model_validate(
        {
            "text": "Frage",
            "answer": ["kurz", "lang"],
            "solution": "lang",
            "passage": "Vorspann",
            "choices": "Wahl",
            "domain": "Fach",
            "keep": ["nr", "fehlt"],
            "source": "schule",
            "licence": "cc0",
        }
    )
    row = {
        "Frage": "Was?",
        "lang": "weil b",
        "kurz": "b",
        "Vorspann": "Es war.",
        "Wahl": '["a","b"]',
        "Fach": 7,
        "nr": 3,
    }
    question = to_question(row, mapping, "file")
    assert question == Question.make(
        text="Es war.\n\nWas?",
        answer="b",
        answer_kind="choice",
        choices=("a", "b"),
        source="schule",
        domain="7",
        licence="cc0",
        meta={"nr": 3, "solution": "weil b", "passage_characters": 9},
    )


@pytest.mark.parametrize(
    ("row", "reason", "said"),
    [
        ({"q": "x"}, "no_text", "text, question, problem, prompt; the row has q"),
        ({}, "no_text", "the row has nothing"),
        ({"text": ["x"]}, "no_text", "the question is list"),
        ({"text": ""}, "empty_question", "0 characters"),
        ({"text": " \n\t\u00a0\u3000"}, "empty_question", "5 characters"),
        ({"text": "\u200b\u200d\u202e\ufeff\u00ad"}, "empty_question", "none of them visible"),
        ({"text": "\u3164\u2800\u115f\u0301\x00"}, "empty_question", "none of them visible"),
        ({"text": "x", "choices": ["a", "b"], "answer": "C"}, "bad_reference", "'C' names none of the 2 choices"),
        ({"text": "x", "choices": "a|b"}, "bad_choices", "'a|b' is no list"),
        ({"text": "x", "choices": {"A": "a"}}, "bad_choices", "dict is no list"),
        ({"text": "x", "answer_kind": "essay"}, "bad_kind", "'essay' is none of integer"),
        ({"text": "x\ud800"}, "broken_row", "half a surrogate pair"),
    ],
)
def test_a_row_that_is_no_question_says_why(row: dict[str, Any], reason: str, said: str) -> None:
    left = to_question(row, Mapping(), "pool")
    assert isinstance(left, Left)
    assert left.reason == reason
    assert said in left.evidence


@pytest.mark.parametrize(
    ("answer", "kind", "stored"),
    [
        ("42", "integer", "42"),
        (42, "integer", "42"),
        ("-7", "integer", "-7"),
        ("\uff14\uff12", "integer", "42"),
        ("\u2212\uff14\uff12", "integer", "-42"),
        ("\u0664\u0662", "integer", "42"),
        ("007", "integer", "007"),
        ("x\u00b2", "math", "x\u00b2"),
        ("\u00b2", "math", "\u00b2"),
        ("4.0", "math", "4.0"),
        (4.0, "math", "4.0"),
        ([0, 5], "math", "[0, 5]"),
        ("", "math", None),
        (None, "math", None),
    ],
)
def test_kinds_of_answers(answer: Any, kind: str, stored: str | None) -> None:
    question = to_question({"text": "x", "answer": answer}, Mapping(), "pool")
    assert isinstance(question, Question)
    assert (question.answer_kind, question.answer) == (kind, stored)
    if kind == "integer":
        assert stored is not None
        assert integer_literal(stored) is not None, "a grader has to read it"


def test_a_number_counts_into_the_choices_from_0_unless_it_is_one_of_them() -> None:
    by_place = to_question({"text": "x", "choices": ["red", "green"], "answer": 1}, Mapping(), "pool")
    by_text = to_question({"text": "x", "choices": ["1", "0"], "answer": 1}, Mapping(), "pool")
    assert isinstance(by_place, Question)
    assert isinstance(by_text, Question)
    assert (by_place.answer, by_text.answer) == ("B", "1")


def test_signs_that_are_not_seen_stay_in_the_text() -> None:
    text = "\u202eشكر \u200dx\u200b \uff11+\uff11\x07"
    question = to_question({"text": text}, Mapping(), "pool")
    assert isinstance(question, Question)
    assert question.text == text
    assert question.id == question_id(text) != question_id("x 1+1")


@pytest.mark.parametrize(
    ("options", "choices"),
    [
        (["(A)one", "(B) two"], ("one", "two")),
        (["A) one", "B) two"], ("one", "two")),
        (["A. one", "B: two"], ("one", "two")),
        (["A one", "(B)two"], ("one", "two")),
        (["A cat", "a dog"], ("A cat", "a dog")),
        (["one", "two"], ("one", "two")),
        (["(A)one", "(C)two"], ("(A)one", "(C)two")),
        ([], ()),
    ],
)
def test_letters_before_choices(options: list[str], choices: tuple[str, ...]) -> None:
    assert stripped(tuple(options)) == choices


def test_options_lettered_out_of_order_are_refused() -> None:
    assert stripped(("(A)x", "(C)y", "(B)z")) == Left("mixed_choices", "the options are lettered A C B")


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("so \\boxed{1} or \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("128", "128"),
        ("Long.\n\nAnswer: B", "B"),
        ("By induction.\n\nDone.", None),
        ("It follows from the symmetry of the figure that the sum is always even.", None),
        ("The answer is found below.", None),
        (None, None),
        (3, None),
    ],
)
def test_the_short_answer_of_a_solution(solution: Any, answer: str | None) -> None:
    assert short_answer(solution) == answer


@given(
    st.recursive(st.none() | st.floats() | st.binary() | st.dates() | st.text(), lambda v: st.lists(v) | st.tuples(v))
)
def test_meta_is_json(value: Any) -> None:
    def refused(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    made = plain({"k": value})
    assert json.loads(canonical_json(made), parse_constant=refused) == made
