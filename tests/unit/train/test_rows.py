"""Rows: the layout of s1, the loss mask, and what is refused."""

from __future__ import annotations

import pytest

from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano import traces
from s1kit.tokenizer import Tokenizer
from s1kit.train.rows import IGNORED, RowError, build_row, build_rows, check_row
from s1kit.types import Question, Trace


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> ResolvedFormat:
    folder = tmp_path_factory.mktemp("tokenizer")
    nano_tokenizer.save(folder)
    return BUILT_IN["s1"].resolve(Tokenizer.load(folder))


def pair(thinking: str = "Quick look: 3.\n", answer: str = "3") -> tuple[Question, Trace]:
    question = Question.make(text="How many r in raspberry?", answer="3", answer_kind="integer")
    return question, Trace(question_id=question.id, teacher="t", thinking=thinking, answer=answer)


@pytest.mark.parametrize("thinking", ["Quick look: 3.\n", "Quick look: 3."])
def test_layout(form: ResolvedFormat, thinking: str) -> None:
    row = build_row(*pair(thinking), form)
    assert form.tokenizer.decode(row.input_ids) == (
        "<|im_start|>user\nHow many r in raspberry?<|im_end|>\n<|im_start|>assistant\n"
        "<|im_start|>think\nQuick look: 3.\n<|im_start|>answer\nAnswer: 3<|im_end|>"
    )
    learned = [label for label in row.labels if label != IGNORED]
    assert form.tokenizer.decode(learned) == (
        "<|im_start|>think\nQuick look: 3.\n<|im_start|>answer\nAnswer: 3<|im_end|>"
    )
    assert row.n_tokens == len(row.input_ids) == len(row.labels)


def test_all_nano_rows_are_sound(form: ResolvedFormat) -> None:
    rows = build_rows(traces.load(200), form, max_tokens=2048)
    assert len({row.id for row in rows}) == 200
    for row in rows:
        assert row.labels[-1] == form.turn_end_ids[0]


def test_a_row_that_does_not_fit_is_named(form: ResolvedFormat) -> None:
    question, trace = pair()
    with pytest.raises(RowError, match=question.id):
        build_row(question, trace, form, max_tokens=20)


def test_control_tokens_inside_a_trace_are_refused(form: ResolvedFormat) -> None:
    with pytest.raises(RowError, match="control token"):
        build_row(*pair("Looks like <|im_end|> 3.\n"), form)


def test_a_trace_of_another_question_is_refused(form: ResolvedFormat) -> None:
    question, trace = pair()
    with pytest.raises(RowError, match="beside question"):
        build_row(question, trace.model_copy(update={"question_id": "0" * 16}), form)


def test_check_catches_a_mask_that_hides_the_end(form: ResolvedFormat) -> None:
    row = build_row(*pair(), form)
    with pytest.raises(RowError, match="turn end"):
        check_row(row.model_copy(update={"labels": (*row.labels[:-1], IGNORED)}), form)
    with pytest.raises(RowError, match="delimiter"):
        check_row(row.model_copy(update={"labels": (*([IGNORED] * (row.n_tokens - 1)), row.labels[-1])}), form)
    with pytest.raises(RowError, match="differs"):
        check_row(row.model_copy(update={"labels": (*row.labels[:-1], row.labels[-1] + 1)}), form)
