"""Where servers put text and thinking, and what is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.calls.call import Reply, whole
from s1kit.curate.calls.message import SHOWN, Failed, Gathered, said_by, shorten, split_thinking


def read(*payloads: Any, done: bool = False) -> Reply:
    gathered = Gathered()
    for payload in payloads:
        gathered.add(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    gathered.done = gathered.done or done
    return gathered.reply()


def said(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": fields, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("fields", "thinking", "text"),
    [
        ({"content": "4"}, "", "4"),
        ({"content": "4", "reasoning_content": "2+2"}, "2+2", "4"),
        ({"content": "4", "reasoning": "2+2"}, "2+2", "4"),
        ({"content": "4", "reasoning": "2+2", "reasoning_content": "2+2"}, "2+2", "4"),
        ({"content": "4", "reasoning_content": None}, "", "4"),
        ({"content": None, "reasoning_content": "2+"}, "2+", ""),
        ({"content": "<think>\n2+2\n</think>\n\n4"}, "2+2", "4"),
        ({"content": "2+2\n</think>\n\n4"}, "2+2", "4"),
        ({"content": "\n <think>2+"}, "2+", ""),
        ({"content": "<think>\n\n</think>\n\n4"}, "", "4"),
        ({"content": "the tag <think> opens"}, "", "the tag <think> opens"),
        ({"content": "</think> is a tag", "reasoning": "hm"}, "hm", "</think> is a tag"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}, {"text": "4"}]}, "2+2", "4"),
        ({"content": [{"type": "thinking", "thinking": "2+2"}, {"type": "text", "text": "4"}]}, "2+2", "4"),
        ({"content": " 4 \n"}, "", " 4 \n"),
    ],
)
def test_thinking_and_answer_are_found_wherever_they_are(fields: dict[str, Any], thinking: str, text: str) -> None:
    reply = read(said(**fields))
    assert (reply.thinking, reply.text, reply.finish) == (thinking, text, "stop")


@given(st.text("ab<>/think \n", max_size=40), st.integers(1, 5))
def test_pieces_of_a_stream_say_what_the_whole_says(text: str, size: int) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    assert read(*chunks, end) == read(said(content=text))


def test_a_surrogate_pair_that_was_cut_in_two_is_joined_and_a_half_is_replaced() -> None:
    halves = [rb'{"choices": [{"delta": {"content": "\ud83d"}}]}', rb'{"choices": [{"delta": {"content": "\ude00!"}}]}']
    assert read(*halves, done=True).text == "\U0001f600!"
    assert read(halves[0], done=True).text == "�"


@given(st.text(st.characters(), max_size=8))
def test_whole_changes_only_what_no_file_can_take(text: str) -> None:
    made = whole(text)
    made.encode()
    assert whole(made) == made
    if not any("\ud800" <= sign <= "\udfff" for sign in text):
        assert made == text


def test_only_the_first_of_several_answers_counts() -> None:
    two = {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    assert read(two, done=True).text == "a"


def test_tokens_are_read_and_what_is_no_count_is_passed_over() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": "9", "completion_tokens_details": {"reasoning_tokens": -1}}
    assert read(said(content="4") | {"usage": usage}).usage == {"prompt": 3}


@pytest.mark.parametrize(
    ("payload", "kind", "again"),
    [
        (b"<html>", "malformed", True),
        (b"\xff\xfe{", "malformed", True),
        (b"[" * 100_000, "malformed", True),
        (b"[]", "malformed", True),
        (b"{}", "malformed", True),
        ({"choices": []}, "malformed", True),
        ({"choices": "none"}, "malformed", True),
        ({"choices": [{"message": "hello"}]}, "malformed", True),
        ({"error": {"message": "slow down", "code": 429}}, "rate_limited", True),
        ({"error": {"message": "too long", "code": "400"}}, "http_4xx", False),
        ({"error": "worker died"}, "http_5xx", True),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}, "refused", False),
        ({"choices": [{"message": {"content": None, "refusal": "I will not"}}]}, "refused", False),
    ],
)
def test_what_is_no_answer_fails_with_its_kind(payload: Any, kind: str, again: bool) -> None:
    with pytest.raises(Failed) as caught:
        read(payload, done=True)
    assert (caught.value.kind, caught.value.again) == (kind, again)


def test_an_answer_without_its_end_was_cut() -> None:
    with pytest.raises(Failed, match="ended before") as caught:
        read({"choices": [{"delta": {"content": "half an ans"}}]})
    assert caught.value.kind == "cut"


@given(st.text(max_size=1000))
def test_a_strangers_words_become_one_short_printable_line(text: str) -> None:
    line = shorten(text)
    assert len(line) <= SHOWN
    assert line.isprintable()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"error": {"message": "bad model"}}', "bad model"),
        (b'{"detail": "not here"}', "not here"),
        (b'{"error": 3}', '{"error": 3}'),
        (b"<h1>502</h1>", "<h1>502</h1>"),
        (b"", ""),
    ],
)
def test_the_message_is_found_in_an_errors_body(body: bytes, shown: str) -> None:
    assert said_by(body) == shown


@given(st.text("ab <>/think\n", max_size=30))
def test_text_without_tags_is_never_touched(text: str) -> None:
    if "</think>" not in text and not text.lstrip().startswith("<think>"):
        assert split_thinking(text) == ("", text)
