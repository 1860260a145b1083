"""Exports: the fields that trainers read, and whether their text gives the ids of the training rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.curate.conditions import Condition
from s1kit.curate.export import KINDS, export
from s1kit.curate.rows import RowError, build_rows
from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.nano import traces
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.types import Question, Trace, TrainRow
from unit.byte_level import HARMONY, QWEN, TEMPLATE, THINK, tokenizer

DATA = Path(__file__).parents[4] / "shared" / "data"
# as R1's template does: whatever stands before the end of thinking is dropped from the assistant's turn
FORGETFUL = TEMPLATE.replace("m.content", "m.content.split('</think>')[-1]")


def read(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()]


def real_pairs() -> list[tuple[Question, Trace]]:
    pairs = []
    for line in (DATA / "s1k_5_gemini_traces.jsonl").read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        meta = {"solution": row["solution"], "cot_type": row["cot_type"]}
        question = Question.make(
            text=row["question"], answer=None, answer_kind="math", source=row["source_type"], meta=meta
        )
        thinking, answer = row["gemini_thinking_trajectory"], row["gemini_attempt"]
        pairs.append((question, Trace(question_id=question.id, teacher="gemini", thinking=thinking, answer=answer)))
    return pairs


def check_round_trip(
    folder: Path, pairs: list[tuple[Question, Trace]], form: ResolvedFormat, condition: Condition | None
) -> None:
    """Prompt and reply of each chat file, rendered and encoded as text, are the ids of the training row."""
    done = export(folder, iter(pairs), form, condition=condition)
    rows = build_rows(pairs, form, condition=condition)
    assert (done.rows, done.same_ids) == (len(pairs), len(pairs))
    assert [TrainRow.model_validate(value) for value in read(folder, "train")] == rows
    chats = {
        "messages": [value["messages"] for value in read(folder, "messages")],
        "prompt_completion": [v["prompt"] + v["completion"] for v in read(folder, "prompt_completion")],
        "sharegpt": [
            [
                {"role": {"human": "user", "gpt": "assistant"}[t["from"]], "content": t["value"]}
                for t in v["conversations"]
            ]
            for v in read(folder, "sharegpt")
        ],
    }
    for conversations in chats.values():
        for (asked, replied), row in zip(conversations, rows, strict=True):
            assert (asked["role"], replied["role"]) == ("user", "assistant")
            text = form.tokenizer.render([asked]) + replied["content"] + form.spec.turn_end[0]
            assert form.tokenizer.encode(text) == row.input_ids


@pytest.mark.parametrize("condition", [None, "token", "step"])
def test_text_gives_the_ids_of_the_row(tmp_path: Path, condition: Condition | None) -> None:
    form = BUILT_IN["s1"].resolve(Tokenizer.load(resolve_model("nano")))
    check_round_trip(tmp_path, traces.load(20), form, condition)


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "s1k_5_gemini_traces.jsonl").is_file(), reason="the real traces are not here")
@pytest.mark.parametrize("condition", [None, "token", "step"])
def test_text_gives_the_ids_of_real_rows(tmp_path: Path, condition: Condition | None) -> None:
    form = BUILT_IN["s1"].resolve(Tokenizer.load(DATA / "qwen2.5-tokenizer"))
    check_round_trip(tmp_path, real_pairs(), form, condition)


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "s1k_5_gemini_traces.jsonl").is_file(), reason="the real traces are not here")
def test_the_published_schema(tmp_path: Path) -> None:
    form = BUILT_IN["s1"].resolve(Tokenizer.load(DATA / "qwen2.5-tokenizer"))
    export(tmp_path, real_pairs(), form, kinds=["s1k"])
    text = (DATA / "s1k_5_gemini_traces.jsonl").read_text(encoding="utf-8")
    published = [json.loads(line) for line in text.split("\n")[:-1]]
    for ours, theirs in zip(read(tmp_path, "s1k"), published, strict=True):
        for name in ("solution", "question", "cot_type", "source_type"):
            assert ours[name] == theirs[name]
        assert ours["thinking_trajectories"] == [theirs["gemini_thinking_trajectory"]]
        assert ours["attempt"] == theirs["gemini_attempt"]
    columns = ("solution", "question", "cot_type", "source_type", "metadata", "cot", "thinking_trajectories", "attempt")
    assert tuple(ours) == columns


def test_the_hf_template_of_a_whole_conversation_is_the_row_and_a_line_end(tmp_path: Path) -> None:
    """What a trainer does: `apply_chat_template` over both turns, here by transformers itself."""
    from transformers import AutoTokenizer

    folder = resolve_model("nano")
    theirs = AutoTokenizer.from_pretrained(folder)
    form = BUILT_IN["s1"].resolve(Tokenizer.load(folder))
    pairs = traces.load(5)
    export(tmp_path, pairs, form, kinds=["messages"])
    for value, row in zip(read(tmp_path, "messages"), build_rows(pairs, form), strict=True):
        ids = theirs.apply_chat_template(value["messages"], tokenize=True, return_dict=False)
        assert tuple(ids) == (*row.input_ids, *form.tokenizer.encode("\n"))


@pytest.mark.parametrize(
    ("name", "special", "template", "same"),
    [
        ("qwen3", (*QWEN, *THINK), TEMPLATE, 1),
        ("qwen3", (*QWEN, *THINK), FORGETFUL, 0),
        ("harmony", (*QWEN, *HARMONY), TEMPLATE, 0),
        ("plain", QWEN, TEMPLATE, 1),
    ],
)
def test_templates_that_change_the_reply_are_found(
    tmp_path: Path, name: str, special: tuple[str, ...], template: str, same: int
) -> None:
    form = BUILT_IN[name].resolve(tokenizer(special, template))
    assert export(tmp_path, traces.load(1), form).same_ids == same


def test_a_line_is_a_row_whatever_its_text_holds(tmp_path: Path) -> None:
    nasty = "a\u2028b\x85c\u2029d\x0be\x0c\x1cf\r\ng\u202e\u200b\x00"
    question = Question.make(text=nasty, answer=nasty, answer_kind="text", source=nasty, meta={"x": nasty})
    trace = Trace(question_id=question.id, teacher="t", thinking=nasty, answer=nasty)
    done = export(tmp_path, [(question, trace)] * 2, BUILT_IN["s1"].resolve(tokenizer()))
    assert done.files == tuple(f"{kind}.jsonl" for kind in KINDS)
    for kind in KINDS:
        assert len(read(tmp_path, kind)) == 2
    assert read(tmp_path, "s1k")[0]["thinking_trajectories"] == [nasty]


def test_a_pair_that_is_no_row_leaves_the_old_files(tmp_path: Path) -> None:
    form, pairs = BUILT_IN["s1"].resolve(tokenizer()), traces.load(2)
    export(tmp_path, pairs[:1], form)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    bad = (pairs[1][0], pairs[1][1].model_copy(update={"thinking": "<|im_end|>"}))
    with pytest.raises(RowError, match=pairs[1][0].id):
        export(tmp_path, [pairs[0], bad], form)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
