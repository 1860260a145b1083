"""Rows: the layout of s1 in every format, the loss mask, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s1kit.curate.conditions import Condition
from s1kit.curate.rows import IGNORED, RowError, answer_start, build_row, build_rows, check_row
from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.nano import tokenizer as nano_tokenizer
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.types import Question, Trace
from unit.byte_level import HARMONY, QWEN, R1, THINK, tokenizer

DATA = Path(__file__).parents[4] / "shared" / "data"
FAMILIES = {"s1": QWEN, "qwen3": (*QWEN, *THINK), "r1": (*QWEN, *R1), "harmony": (*QWEN, *HARMONY), "plain": QWEN}
PROMPT = "<|im_start|>user\nHow many r in raspberry?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> ResolvedFormat:
    folder = tmp_path_factory.mktemp("tokenizer")
    nano_tokenizer.save(folder)
    return BUILT_IN["s1"].resolve(Tokenizer.load(folder))


def pair(thinking: str = "Quick look: 3.\n", answer: str = "3") -> tuple[Question, Trace]:
    question = Question.make(text="How many r in raspberry?", answer="3", answer_kind="integer")
    return question, Trace(question_id=question.id, teacher="t", thinking=thinking, answer=answer)


def learned(form: ResolvedFormat, labels: tuple[int, ...]) -> str:
    return form.tokenizer.decode([label for label in labels if label != IGNORED])


@pytest.mark.parametrize("thinking", ["Quick look: 3.\n", "Quick look: 3.", "\n\n Quick look: 3. \n\n"])
def test_layout(form: ResolvedFormat, thinking: str) -> None:
    row = build_row(*pair(thinking), form)
    reply = "<|im_start|>think\nQuick look: 3.\n<|im_start|>answer\nAnswer: 3<|im_end|>"
    assert form.tokenizer.decode(row.input_ids) == PROMPT + reply
    assert learned(form, row.labels) == reply
    assert row.n_tokens == len(row.input_ids) == len(row.labels)


@pytest.mark.parametrize(
    ("name", "condition", "reply"),
    [
        ("s1", None, "<|im_start|>think\nOne.\n\nTwo.\n<|im_start|>answer\nAnswer: 3<|im_end|>"),
        ("qwen3", None, "<think>\nOne.\n\nTwo.\n</think>\n\nAnswer: 3<|im_end|>"),
        ("r1", None, "<think>\nOne.\n\nTwo.\n</think>\n\nAnswer: 3<｜end▁of▁sentence｜>"),
        (
            "harmony",
            None,
            "<|channel|>analysis<|message|>One.\n\nTwo.<|end|><|start|>assistant<|channel|>final<|message|>"
            "Answer: 3<|return|>",
        ),
        ("plain", None, "Answer: 3<|im_end|>"),
        (
            "s1",
            "step",
            "<|im_start|>2 steps left\nOne.\n<|im_start|>1 steps left\nTwo.\n<|im_start|>answer\nAnswer: 3<|im_end|>",
        ),
        (
            "qwen3",
            "step",
            "<think>\n2 steps left\nOne.\n\n1 steps left\nTwo.\n</think>\n\nAnswer: 3<|im_end|>",
        ),
    ],
)
def test_the_reply_in_every_format(name: str, condition: Condition | None, reply: str) -> None:
    form = BUILT_IN[name].resolve(tokenizer(FAMILIES[name]))
    row = build_row(*pair("One.\n\nTwo."), form, condition=condition)
    assert learned(form, row.labels) == reply
    assert form.tokenizer.decode(row.input_ids).endswith(reply)
    start = answer_start(row, form.close)
    assert start is not None
    assert form.tokenizer.decode(row.input_ids[start:]).startswith("Answer: 3")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("3", "Answer: 3"),
        (" 3\n", "Answer: 3"),
        ("So.\nAnswer: 3", "So.\nAnswer: 3"),
        ("answer: 3", "Answer: answer: 3"),
    ],
)
def test_an_answer_that_says_answer_is_not_prefixed_again(form: ResolvedFormat, answer: str, said: str) -> None:
    text = form.tokenizer.decode(build_row(*pair(answer=answer), form).input_ids)
    assert text.partition("<|im_start|>answer\n")[2] == said + "<|im_end|>"


def test_choices_are_part_of_the_prompt(form: ResolvedFormat) -> None:
    question = Question.make(text="Which one?", answer="B", answer_kind="choice", choices=("4", "3"))
    trace = Trace(question_id=question.id, teacher="t", thinking="Three.", answer="B")
    assert "user\nWhich one?\n\nA) 4\nB) 3<|im_end|>" in form.tokenizer.decode(
        build_row(question, trace, form).input_ids
    )


def test_all_nano_rows_are_sound(form: ResolvedFormat) -> None:
    rows = build_rows(traces.load(200), form, max_tokens=2048)
    assert len({row.id for row in rows}) == 200
    for row in rows:
        assert row.labels[-1] == form.turn_end_ids[0]


def test_a_condition_makes_another_row_of_the_same_trace(form: ResolvedFormat) -> None:
    conditions: list[Condition | None] = [None, "token", "step"]
    rows = [build_row(*pair("One.\n\nTwo.\n\nThree."), form, condition=c) for c in conditions]
    assert len({row.id for row in rows}) == 3
    texts = [form.tokenizer.decode(row.input_ids) for row in rows]
    assert "Think for up to 4 steps.<|im_end|>" in texts[2]
    assert "4 steps left\nOne.\n<|im_start|>3 steps left\nTwo.\n<|im_start|>2 steps left\nThree.\n" in texts[2]
    thinking = len(form.tokenizer.encode("One.\n\nTwo.\n\nThree."))
    asked = int(texts[1].partition("\n\nThink for up to ")[2].partition(" tokens.<|im_end|>")[0])
    assert thinking <= asked < 2 * thinking
    assert asked.bit_count() == 1


def test_a_row_that_does_not_fit_is_named(form: ResolvedFormat) -> None:
    question, trace = pair()
    size = build_row(question, trace, form).n_tokens
    assert build_row(question, trace, form, max_tokens=size).n_tokens == size
    with pytest.raises(RowError, match=f"{question.id}: the row has {size} tokens, max_tokens is {size - 1}"):
        build_row(question, trace, form, max_tokens=size - 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thinking": "Looks like <|im_end|> 3."}, r"thinking contains a control token \(<\|im_end\|>\)"),
        ({"answer": "<|im_start|>think"}, r"answer contains a control token \(<\|im_start\|>\)"),
        ({"question_id": "0" * 16}, "beside question"),
        ({"error": "timeout", "thinking": "", "answer": ""}, r"there is no trace \(timeout\)"),
        ({"answer": " \n"}, "has no answer"),
        ({"thinking": "half \ud83d of it"}, "thinking holds half a surrogate pair at 5"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(form: ResolvedFormat, change: dict[str, str], message: str) -> None:
    question, trace = pair()
    with pytest.raises(RowError, match=message):
        build_row(question, trace.model_copy(update=change), form)


def test_control_tokens_in_a_question_are_refused(form: ResolvedFormat) -> None:
    question = Question.make(text="Say <|im_end|>", answer="3", answer_kind="integer")
    trace = Trace(question_id=question.id, teacher="t", thinking="No.", answer="3")
    with pytest.raises(RowError, match=f"question {question.id}: the text holds"):
        build_row(question, trace, form)


def test_a_delimiter_that_is_ordinary_text_is_refused_in_a_trace() -> None:
    spec = BUILT_IN["qwen3"].model_copy(update={"text_delimiters": True})
    form = spec.resolve(tokenizer(QWEN))
    assert build_row(*pair("Fine."), form).n_tokens > 0
    with pytest.raises(RowError, match="control token"):
        build_row(*pair("Not </think> fine."), form)


@pytest.mark.parametrize("condition", ["token", "step"])
def test_a_condition_needs_thinking(form: ResolvedFormat, condition: Condition) -> None:
    with pytest.raises(RowError, match="the trace has no thinking"):
        build_row(*pair(" \n"), form, condition=condition)
    with pytest.raises(RowError, match="format plain has no thinking"):
        build_row(*pair(), BUILT_IN["plain"].resolve(tokenizer()), condition=condition)


@pytest.mark.parametrize("thinking", ["\u200b zero \u202e width \x00\x07", "a" * 200_000, "é\u2028\x0b\x85 ü", ""])
def test_a_strangers_text_comes_back_as_it_was(form: ResolvedFormat, thinking: str) -> None:
    row = build_row(*pair(thinking), form)
    inside = form.tokenizer.decode(row.input_ids).partition("think\n")[2].partition("<|im_start|>answer")[0]
    assert inside == (thinking.strip() + "\n" if thinking else "")


def test_check_catches_a_mask_that_hides_the_end(form: ResolvedFormat) -> None:
    row = build_row(*pair(), form)
    with pytest.raises(RowError, match="turn end"):
        check_row(row.model_copy(update={"labels": (*row.labels[:-1], IGNORED)}), form)
    with pytest.raises(RowError, match="delimiter"):
        check_row(row.model_copy(update={"labels": (*([IGNORED] * (row.n_tokens - 1)), row.labels[-1])}), form)
    with pytest.raises(RowError, match="differs"):
        check_row(row.model_copy(update={"labels": (*row.labels[:-1], row.labels[-1] + 1)}), form)


@pytest.mark.parametrize("condition", [None, "token", "step"])
def test_ids_are_those_of_the_whole_text(condition: Condition | None) -> None:
    """Segment by segment and in one piece give the same ids: what a text trainer sees is what is in the row."""
    form = BUILT_IN["s1"].resolve(Tokenizer.load(resolve_model("nano")))
    for question, trace in traces.load(50):
        row = build_row(question, trace, form, condition=condition)
        assert form.tokenizer.encode(form.tokenizer.decode(row.input_ids)) == row.input_ids


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "s1k_5_gemini_traces.jsonl").is_file(), reason="the real traces are not here")
@pytest.mark.parametrize("condition", [None, "token", "step"])
def test_ids_of_real_traces_are_those_of_the_whole_text(condition: Condition | None) -> None:
    form = BUILT_IN["s1"].resolve(Tokenizer.load(DATA / "qwen2.5-tokenizer"))
    for line in (DATA / "s1k_5_gemini_traces.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        real = json.loads(line)
        question = Question.make(text=real["question"], answer=real["solution"], answer_kind="math")
        thinking, attempt = real["gemini_thinking_trajectory"], real["gemini_attempt"]
        trace = Trace(question_id=question.id, teacher="gemini", thinking=thinking, answer=attempt)
        row = build_row(question, trace, form, condition=condition)
        text = form.tokenizer.decode(row.input_ids)
        assert form.tokenizer.encode(text) == row.input_ids
        if condition is None:
            said = attempt if "Answer:" in attempt else f"Answer: {attempt}"
            assert text.endswith(
                f"{question.text}<|im_end|>\n<|im_start|>assistant\n<|im_start|>think\n{thinking.strip()}\n"
                f"<|im_start|>answer\n{said.strip()}<|im_end|>"
            ), "the published training text"
