"""What makes a trace one that nothing can be learned from, and traces that are there already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.curate.row import Row
from s1kit.curate.teaching import ask_for, decide, fault, traces_of_file, traces_of_sources
from s1kit.errors import UserError
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.types import Question, Trace

QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(4)]
CHOICE = Question.make(text="Which?", answer="B", answer_kind="choice", choices=("one", "two"))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(resolve_model("nano"))


def trace(**changes: Any) -> Trace:
    values = {"question_id": QUESTIONS[0].id, "teacher": "t", "thinking": "Two.", "answer": "4", "finish": "stop"}
    return Trace.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"finish": None}, None),
        ({"answer": "wrong"}, None),
        ({"error": "500: gone"}, "api_error"),
        ({"error": "500: gone", "thinking": "", "answer": ""}, "api_error"),
        ({"finish": "length"}, "cut_off"),
        ({"finish": "length", "answer": ""}, "cut_off"),
        ({"finish": "cutoff"}, "cut_off"),
        ({"finish": "context"}, "cut_off"),
        ({"thinking": ""}, "no_thinking"),
        ({"thinking": " \n\t"}, "no_thinking"),
        ({"answer": ""}, "no_answer"),
        ({"answer": "\n "}, "no_answer"),
        ({"finish": "missing", "error": "x.jsonl has none", "thinking": ""}, "no_trace"),
    ],
)
def test_a_trace_has_a_fault_or_can_be_learned_from(changes: dict[str, Any], expected: str | None) -> None:
    assert fault(trace(**changes)) == expected
    [said] = decide([Row(7, QUESTIONS[0])], [trace(thinking_tokens=9, **changes)], "trace")
    assert (said.row, said.kept, said.reason) == (7, expected is None, expected or "")
    assert said.evidence.startswith(changes.get("error") or "9 thinking tokens of t")


def test_evidence_is_short_however_long_the_error() -> None:
    [said] = decide([Row(0, QUESTIONS[0])], [trace(error="x" * 10_000)], "trace")
    assert len(said.evidence) == 300


def test_rows_and_traces_that_do_not_belong_together_are_no_decisions() -> None:
    with pytest.raises(ValueError):
        list(decide([Row(0, QUESTIONS[0]), Row(1, QUESTIONS[1])], [trace()], "trace"))


def test_teacher_and_solvers_get_the_bare_question() -> None:
    assert ask_for(CHOICE).messages == ({"role": "user", "content": "Which?\n\nA) one\nB) two"},)


def test_traces_of_a_file_come_in_the_order_of_the_questions(tmp_path: Path, tokenizer: Tokenizer) -> None:
    rows = [
        {"question_id": QUESTIONS[2].id, "thinking": "by id", "answer": 4, "teacher": "big"},
        {"question": QUESTIONS[0].text, "thinking": "by text", "answer": "0"},
        {"question": "  " + QUESTIONS[0].text, "thinking": "again", "answer": "1"},
        {"text": CHOICE.text, "choices": list(CHOICE.choices), "thinking": "by choice", "answer": "B"},
        {"question": CHOICE.text, "thinking": "without its choices it is another question", "answer": "B"},
    ]
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = list(traces_of_file(file, [*QUESTIONS, CHOICE], tokenizer))
    assert [t.question_id for t in found] == [q.id for q in (*QUESTIONS, CHOICE)]
    assert [t.thinking for t in found] == ["by text", "", "by id", "", "by choice"]
    assert [fault(t) for t in found] == [None, "no_trace", None, "no_trace", None]
    assert (found[2].teacher, found[2].answer, found[0].teacher) == ("big", "4", "traces.jsonl")
    assert [t.thinking_tokens for t in found if t.error is None] == [
        len(tokenizer.encode(t.thinking)) for t in found if t.error is None
    ]


@pytest.mark.parametrize(
    "row",
    [
        '{"question": "half a row',
        '{"thinking": "a", "answer": "b"}',
        '{"question": "?", "answer": "b"}',
        '{"question": "?", "thinking": "a"}',
        '{"question": "?", "thinking": ["a"], "answer": "b"}',
        '{"question": 7, "thinking": "a", "answer": "b"}',
    ],
)
def test_a_row_that_is_no_trace_is_named(tmp_path: Path, tokenizer: Tokenizer, row: str) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps({"question": "?", "thinking": "a", "answer": "b"}) + "\n" + row + "\n")
    with pytest.raises(UserError, match=r"traces\.jsonl:2"):
        list(traces_of_file(file, QUESTIONS, tokenizer))


def test_a_source_teaches_where_it_has_a_solution_and_an_answer(tokenizer: Tokenizer) -> None:
    def asked(answer: str | None, **meta: Any) -> Question:
        return Question.make(text=f"{meta}?", answer=answer, answer_kind="math", meta=meta)

    rows = [asked("1", solution=" So 1. "), asked("1"), asked(None, solution="So."), asked("1", solution=[]), asked("")]
    found = list(traces_of_sources("solution", rows, tokenizer))
    assert [fault(t) for t in found] == [None, *["no_trace"] * 4]
    assert (found[0].thinking, found[0].answer, found[0].teacher) == ("So 1.", "Answer: 1", "source solution")
