"""One request against a real server: what comes back is an object, or a failure that says what kind it is."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from s1kit.wire.failed import Failed, Unreachable
from s1kit.wire.post import fetch, payloads
from unit.curate.calls.fake_server import Act, FakeServer, Handler, drop, events, in_turn, raw, status, stream


def over_http(ask: Callable[[httpx.AsyncClient], Awaitable[Any]], silence: float = 5.0) -> Any:
    async def run() -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=silence) as client:
            return await ask(client)

    return asyncio.run(run())


def post(act: Act) -> tuple[list[dict[str, Any]], bool]:
    """The objects of an answer, and whether the server said that they were all."""
    said: list[bool] = []

    async def ask(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        return [found async for found in payloads(client, server.url, b"{}", done=lambda: said.append(True))]

    with FakeServer(in_turn(act)) as server:
        return over_http(ask), bool(said)


def get(act: Act) -> Any:
    with FakeServer(in_turn(act)) as server:
        return over_http(lambda client: fetch(client, f"{server.url}/models"))


def packed(data: bytes) -> Act:
    return lambda handler: handler.whole(200, data, content_encoding="gzip")


@pytest.mark.parametrize(
    ("act", "found", "said"),
    [
        (raw(b'{"a": 1}'), [{"a": 1}], True),
        (packed(gzip.compress(b'{"a": 1}')), [{"a": 1}], True),
        (stream({"a": 1}, {"a": 2}, end=("[DONE]",)), [{"a": 1}, {"a": 2}], True),
        (stream({"a": 1}, end=("[DONE]", {"a": 2})), [{"a": 1}], True),
        (stream({"a": 1}, {"a": 2}, end=()), [{"a": 1}, {"a": 2}], False),
        (stream({"a": 1}, end=('{"a": ',)), None, False),
        (raw(events({"a": 1}) + b'data: {"a": 2}', "text/event-stream"), [{"a": 1}, {"a": 2}], False),
        (raw(events({"a": 1}) + b'data: {"a": ', "text/event-stream"), [{"a": 1}], False),
        (raw(events({"a": 1}) + b"data: [DONE]", "text/event-stream; charset=utf-8"), [{"a": 1}], True),
        (raw(b": ping\n\nevent: x\n\n", "text/event-stream"), [], False),
    ],
    ids=["whole", "packed", "done", "behind", "not done", "broken", "unclosed", "half", "unclosed done", "nothing"],
)
def test_objects_come_in_order_and_their_end_is_told(act: Act, found: list[dict[str, Any]] | None, said: bool) -> None:
    if found is None:
        with pytest.raises(Failed, match="not JSON"):
            post(act)
    else:
        assert post(act) == (found, said)


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (status(500), "http_5xx", "HTTP 500: no"),
        (status(404), "http_4xx", "HTTP 404: no"),
        (status(302, location="http://127.0.0.1:9/"), "http_3xx", "HTTP 302"),
        (raw(b"<html>", "text/html"), "malformed", "not JSON; is the address right"),
        (raw(b"[]"), "malformed", "list where an object belongs"),
        (packed(b"no gzip at all"), "malformed", "compression is broken"),
        (drop, "connection", "the connection broke"),
    ],
    ids=["500", "404", "302", "html", "list", "gzip", "drop"],
)
def test_what_is_no_answer_says_what_it_is(act: Act, kind: str, words: str) -> None:
    with pytest.raises(Failed, match=words) as caught:
        post(act)
    assert caught.value.kind == kind
    if kind != "malformed":
        assert caught.value.again == (kind in ("http_5xx", "connection"))


def test_a_page_is_fetched_and_one_that_is_not_there_is_none() -> None:
    assert get(raw(b'{"data": []}')) == {"data": []}
    assert get(status(404)) is None
    assert get(status(405)) is None
    for bad, words in [(packed(b"no gzip"), "compression"), (raw(b"<p>"), "not JSON"), (status(401), "HTTP 401: no")]:
        with pytest.raises(Failed, match=words):
            get(bad)


def test_nobody_there_is_told_from_a_connection_that_broke() -> None:
    with FakeServer(in_turn(drop)) as server:
        pass
    with pytest.raises(Unreachable, match="no connection"):
        over_http(lambda client: fetch(client, server.url))


def test_an_answer_without_an_end_is_left_at_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s1kit.wire.post.LARGEST", 1 << 20)

    def pour(handler: Handler) -> None:
        handler.begin_stream()
        while not handler.script.over.is_set():
            handler.wfile.write(b"data: {" + b" " * 100_000)

    for act in (pour, raw(b" " * (2 << 20))):
        with pytest.raises(Failed, match="longer than 1 MiB") as caught:
            post(act)
        assert not caught.value.again, "the next one would be as long"
    with pytest.raises(Failed, match="HTTP 500") as caught:  # of an error's words no more than that is read
        post(status(500, b"x" * (2 << 20)))
    assert len(caught.value.message) < 1 << 17
