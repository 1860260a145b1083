"""Where servers put text and thinking, and what is no answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.chat_exchange import exchange
from s1kit.engines.chat_message import Message, split_thinking
from s1kit.wire.failed import Failed
from unit.curate.calls.fake_server import FakeServer, in_turn, raw


def read(*payloads: Any, done: bool = False) -> Message:
    message = Message()
    for payload in payloads:
        message.add(json.loads(payload) if isinstance(payload, bytes) else payload)
    message.done = message.done or done
    message.end()
    return message


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
    message = read(said(**fields))
    assert (message.thinking, message.answer, message.finish) == (thinking, text, "stop")


@given(st.text("ab<>/think \n", max_size=40), st.integers(1, 5))
def test_pieces_of_a_stream_say_what_the_whole_says(text: str, size: int) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    streamed, at_once = read(*chunks, end), read(said(content=text))
    assert (streamed.thinking, streamed.answer) == (at_once.thinking, at_once.answer)


def test_a_surrogate_pair_that_was_cut_in_two_is_joined_and_a_half_is_replaced() -> None:
    halves = [rb'{"choices": [{"delta": {"content": "\ud83d"}}]}', rb'{"choices": [{"delta": {"content": "\ude00!"}}]}']
    assert read(*halves, done=True).answer == "\U0001f600!"
    assert read(halves[0], done=True).answer == "�"


def test_only_the_first_of_several_answers_counts() -> None:
    two = {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}}]}
    assert read(two, done=True).answer == "a"


def test_tokens_are_read_and_what_is_no_count_is_passed_over() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": "9", "completion_tokens_details": {"reasoning_tokens": -1}}
    assert read(said(content="4") | {"usage": usage}).usage == {"prompt": 3}
    for wrong in (True, 1.5, 10**400, None):
        assert read(said(content="4") | {"usage": {"prompt_tokens": wrong}}).usage == {}


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
        ({"error": {"message": "too long", "status": 400}}, "http_4xx", False),
        ({"error": "worker died"}, "http_5xx", True),
        ({"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}, "refused", False),
        ({"choices": [{"message": {"content": None, "refusal": "I will not"}}]}, "refused", False),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_answer_fails_with_its_kind(payload: Any, kind: str, again: bool) -> None:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()

    async def ask(url: str) -> Message:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await exchange(client, f"{url}/chat/completions", b'{"messages": [{"content": ""}]}')

    with FakeServer(in_turn(raw(body))) as server, pytest.raises(Failed) as caught:
        asyncio.run(ask(server.url))
    assert (caught.value.kind, caught.value.again) == (kind, again)


def test_an_answer_without_its_end_was_cut() -> None:
    with pytest.raises(Failed, match="was cut off") as caught:
        read({"choices": [{"delta": {"content": "half an ans"}}]})
    assert caught.value.kind == "cut"


@given(st.text("ab <>/think\n", max_size=30))
def test_text_without_tags_is_never_touched(text: str) -> None:
    if "</think>" not in text and not text.lstrip().startswith("<think>"):
        assert split_thinking(text) == ("", text)
