"""Plain rows: known columns are read, counts and verdicts where stated; what could be read two ways is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.imports.errors import ImportRefused
from unit.imports.reading import GOLDEN, imported, verdicts, write

SUM = {"question": "What is 3 + 4?", "answer": "7"}


def one(tmp_path: Path, **row: Any) -> Any:
    """The generation of a single row."""
    (found,) = imported(write(tmp_path / "rows.jsonl", row)).parts.generations
    return found


def test_policies_budgets_counts_and_verdicts_are_the_files() -> None:
    found = imported(GOLDEN / "rows.jsonl")
    entries = {entry["label"]: entry for entry in found.parts.policies.values()}
    assert {name: entry["policy"]["max_thinking"] for name, entry in entries.items()} == {"short": 8, "long": 64}
    assert all(entry["tokens"] == "stated" and entry["role"] == "budget" for entry in entries.values())
    assert [row.n_thinking for row in found.parts.generations] == [5, 8, 8, 3, 20, 30, 41, 9]
    assert verdicts(found, "jsonl") == [
        *["correct", "incorrect", "incorrect", "ungraded"],
        *["correct", "correct", "incorrect", "correct"],
    ]
    assert found.parts.grades["jsonl"][3].rule == "not stated"


@pytest.mark.parametrize("name", ["response", "output", "completion", "generation", "text"])
def test_a_response_is_read_and_split_under_every_name(tmp_path: Path, name: str) -> None:
    row = one(tmp_path, **SUM, **{name: "<think>3, 4</think>\\boxed{7}"})
    assert (row.thinking_text, row.answer_text) == ("3, 4", "\\boxed{7}")


def test_chat_messages_are_a_question_and_an_answer(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is 3 + 4?"}]},
        {"role": "assistant", "content": "7", "reasoning_content": "3, 4"},
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 6, "completion_tokens_details": {"reasoning_tokens": 5}}
    row = one(tmp_path, messages=messages, target="7", usage=usage, finish_reason="stop")
    assert (row.thinking_text, row.answer_text) == ("3, 4", "7")
    assert (row.n_prompt, row.n_thinking, row.n_answer, row.n_paid) == (9, 5, 1, 6)


def test_whose_answer_it_is_has_to_be_said(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"rows.jsonl:1: there is thinking, but whose `answer` is it") as refused:
        one(tmp_path, **SUM, thinking="3, 4")
    assert "hint: call the model's `answer_text`" in str(refused.value)
    assert one(tmp_path, question="What is 3 + 4?", thinking="3, 4", answer="8", target="7").answer_text == "8"
    assert one(tmp_path, **SUM, thinking="3, 4", answer_text="9").answer_text == "9"


def test_a_list_of_responses_is_samples_and_repeated_rows_are_too(tmp_path: Path) -> None:
    listed = imported(write(tmp_path / "a.jsonl", {**SUM, "outputs": ["7", "8", {"text": "9"}]})).parts
    repeated = imported(write(tmp_path / "b.jsonl", *({**SUM, "output": text} for text in "789"))).parts
    for parts in (listed, repeated):
        assert [(row.sample, row.answer_text) for row in parts.generations] == [(0, "7"), (1, "8"), (2, "9")]
    (entry,) = repeated.policies.values()
    assert entry["samples"] == 3


def test_a_stated_sample_number_orders_the_samples(tmp_path: Path) -> None:
    rows = [{**SUM, "output": text, "sample": number} for text, number in (("b", 1), ("a", 0))]
    assert [row.answer_text for row in imported(write(tmp_path / "a.jsonl", *rows)).parts.generations] == ["a", "b"]


def test_a_json_array_reads_as_its_lines_do(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (GOLDEN / "rows.jsonl").read_text().splitlines()]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    assert imported(path).parts.generations == imported(GOLDEN / "rows.jsonl").parts.generations


def test_a_total_alone_counts_no_thinking(tmp_path: Path) -> None:
    found = imported(write(tmp_path / "a.jsonl", {**SUM, "output": "<think>3</think>7", "output_tokens": 12})).parts
    (entry,) = found.policies.values()
    assert entry["tokens"] == "not counted"
    assert (found.generations[0].n_thinking, found.generations[0].n_paid) == (0, 12)


def test_an_error_is_a_failed_row_and_no_response_is_left_out(tmp_path: Path) -> None:
    rows = [{**SUM, "error": "timed out"}, {**SUM, "response": "7"}, {**SUM, "response": None}]
    found = imported(write(tmp_path / "a.jsonl", *rows))
    assert [row.ended for row in found.parts.generations] == ["error", "model"]
    assert found.reading.left_out == {"no response": 1}


def test_half_a_surrogate_pair_is_kept_as_a_sign_that_files_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "What \\ud83d?", "response": "\\ude00 7", "answer": "7"}\n')
    found = imported(path).parts
    assert found.generations[0].answer_text == "� 7"
    assert found.questions[0].text == "What �?"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"response": "7"}, r"cannot tell what wrote this; its rows have response"),
        ({"question": "x", "response": {"a": 1}}, r":1: a response has to be a text, this is dict"),
        ({"question": "x", "response": [[1]]}, r":1: a response has to be a text, this is list"),
    ],
)
def test_a_row_that_is_none_is_refused(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(ImportRefused, match=told):
        imported(write(tmp_path / "a.jsonl", row))


def test_several_texts_have_the_verdicts_that_the_row_lists(tmp_path: Path) -> None:
    three = {**SUM, "outputs": ["7", "8", "seven"]}
    listed = imported(write(tmp_path / "a.jsonl", {**three, "scores": [1, 0, None]}))
    assert verdicts(listed, "jsonl") == ["correct", "incorrect", "ungraded"]
    alone = imported(write(tmp_path / "b.jsonl", {**three, "correct": True}))
    assert verdicts(alone, "jsonl") == ["ungraded"] * 3
    assert alone.parts.grades["jsonl"][0].rule == "correct: one verdict for 3 samples"


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"rows.jsonl holds no rows$"):
        imported(write(tmp_path / "rows.jsonl"))
