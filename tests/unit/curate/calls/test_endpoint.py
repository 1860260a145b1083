"""An endpoint against a real server that answers, refuses, hangs, cuts, and talks nonsense."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from s1kit.curate.calls.answering import answered
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Call, CallerError, Reply
from s1kit.curate.calls.endpoint import Endpoint
from unit.curate.calls.fake_server import (
    BILL,
    Act,
    FakeServer,
    Handler,
    Seen,
    delta,
    drop,
    events,
    hang,
    in_turn,
    message,
    raw,
    slow,
    status,
    stream,
    whole,
)

KEY = "sk-very-secret-0123456789"


def call(text: str = "2+2?", **fields: Any) -> Call:
    return Call("solver", "q", "m", ({"role": "user", "content": text},), **fields)


def endpoint(server: FakeServer, **options: Any) -> Endpoint:
    quick: dict[str, Any] = {"timeout": 5.0, "back_off": 0.01, "longest_wait": 0.3, "key_env": "S1KIT_TEST_KEY"}
    return Endpoint(server.url, "m", **{**quick, **options})


def ask(server: FakeServer, *calls: Call, **options: Any) -> list[Reply]:
    return [reply for _, reply in endpoint(server, **options).answer(calls or (call(),))]


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "act",
    [
        whole(content="4", reasoning_content="2+2"),
        stream(delta(reasoning_content="2+"), delta(reasoning="2"), delta(content="4")),
        stream(delta(content="<thi"), delta(content="nk>2+2</think>4")),
        stream(delta(content="2+2\n</thi"), delta(content="nk>\n\n4")),
    ],
    ids=["whole", "two fields", "tags", "closing tag only"],
)
def test_an_answer_is_the_same_however_it_comes(act: Act, streaming: bool) -> None:
    with FakeServer(in_turn(act)) as server:
        [reply] = ask(server, stream=streaming)
        [seen] = server.script.seen
    assert (reply.text, reply.thinking, reply.finish, reply.error) == ("4", "2+2", "stop", None)
    assert reply.usage == {"prompt": 11, "completion": 7, "thinking": 5}
    assert (reply.served, reply.tries) == ("m-2026", 1)
    assert seen.path == "/v1/chat/completions"
    assert seen.body.get("stream", False) == streaming


def test_the_body_has_what_the_call_says_and_nothing_else() -> None:
    with FakeServer(in_turn(whole(content="4"))) as server:
        ask(server, call(top_p=0.9, max_tokens=5, seed=3, extra={"top_k": 2}), stream=False)
        ask(server, call(temperature=None), stream=False)
        first, second = (seen.body for seen in server.script.seen)
    messages = [{"role": "user", "content": "2+2?"}]
    assert first == {
        "model": "m",
        "messages": messages,
        "temperature": 0.0,
        "top_p": 0.9,
        "max_tokens": 5,
        "seed": 3,
        "top_k": 2,
    }
    assert second == {"model": "m", "messages": messages}


OK = whole(content="4")


@pytest.mark.parametrize(
    "bad",
    [
        status(408),
        status(429),
        status(429, retry_after="0.05"),
        status(500),
        status(503, b"<html>down</html>"),
        drop,
        raw(b'{"choices": [{"mess'),
        raw(b"<html>hello</html>", "text/html"),
        raw(message(content="4"), "text/event-stream"),
        stream(delta(content="4"), end=()),
        stream(delta(content="4"), end=('{"choices": [{"del',)),
        stream(delta(content="4"), end=({"error": {"message": "overloaded", "code": 503}},)),
        stream("not json"),
    ],
)
def test_what_another_try_may_mend_is_tried_again(bad: Act) -> None:
    with FakeServer(in_turn(bad, bad, OK)) as server:
        [reply] = ask(server)
        assert server.requests == 3
    assert (reply.text, reply.error, reply.tries) == ("4", None, 3)


@pytest.mark.parametrize(
    ("bad", "kind", "requests"),
    [
        (status(429), "rate_limited", 4),
        (status(500, b'{"error": {"message": "out of \\u0000 memory"}}'), "http_5xx", 4),
        (drop, "connection", 4),
        (hang, "timeout", 4),
        (stream(delta(content="4"), end=()), "cut", 4),
        (raw(b"{}"), "malformed", 4),
        (raw(b"<html>", "text/html"), "malformed", 4),
        (status(400), "http_4xx", 1),
        (status(413), "http_4xx", 1),
        (status(302, location="http://127.0.0.1:9/"), "http_3xx", 1),
        (whole(content="", finish="content_filter"), "refused", 1),
    ],
)
def test_tries_are_bounded_and_the_last_error_is_the_reply(bad: Act, kind: str, requests: int) -> None:
    with FakeServer(in_turn(bad)) as server:
        [reply] = ask(server, tries=4, timeout=0.2)
        assert server.requests == requests
    assert (reply.kind, reply.tries, reply.text) == (kind, requests, "")
    assert reply.error
    assert reply.error.isprintable()


@pytest.mark.parametrize("end", [(delta("stop"),), ("[DONE]",), (delta("length"), "[DONE]"), (delta("stop"), BILL)])
def test_a_stream_is_whole_with_either_of_its_two_ends(end: tuple[Any, ...]) -> None:
    with FakeServer(in_turn(stream(delta(content="4"), end=end))) as server:
        [reply] = ask(server, tries=1)
    assert (reply.text, reply.error) == ("4", None)


@pytest.mark.parametrize("last", [events("[DONE]"), events(delta("stop"))], ids=["done", "finish"])
def test_a_last_event_without_its_blank_line_counts(last: bytes) -> None:
    body = events(delta(content="4")) + last.rstrip()
    with FakeServer(in_turn(raw(body, "text/event-stream"))) as server:
        assert ask(server, tries=1)[0].text == "4"


def test_a_connection_that_breaks_behind_the_answer_costs_nothing() -> None:
    def break_off(handler: Handler) -> None:
        body = events(delta(content="4"), delta("stop"))
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))
        handler.close_connection = True

    with FakeServer(in_turn(break_off)) as server:
        [reply] = ask(server)
    assert (reply.text, reply.tries) == ("4", 1)


def test_a_server_that_stays_on_the_line_after_its_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s1kit.engines.chat_exchange.LINGER", 0.1)

    def stay(handler: Handler) -> None:
        stream(delta(content="4"))(handler)
        hang(handler)

    with FakeServer(in_turn(stay)) as server:
        begun = time.monotonic()
        assert ask(server, tries=1, timeout=30.0)[0].text == "4"
        assert time.monotonic() - begun < 10


def test_a_server_that_trickles_for_ever_is_ended_and_not_paid_again() -> None:
    drip = stream(*[delta(content=".")] * 500, wait=0.05)
    with FakeServer(in_turn(drip)) as server:
        [reply] = ask(server, longest=0.4)
        assert server.requests == 1
    assert reply.kind == "timeout"


def test_retry_after_holds_all_calls_and_is_capped() -> None:
    def behave(seen: Seen) -> Act:
        return status(429, retry_after="3600") if seen.asked == "a" and seen.number < 2 else slow(0.2, OK)

    with FakeServer(behave) as server:
        replies = ask(server, *map(call, "abcd"), concurrency=2, longest_wait=0.8)
        early = min(seen.at for seen in server.script.seen)
        later = sorted(seen.at - early for seen in server.script.seen)[2:]
    assert len(later) == 3
    assert all(0.7 < at < 30 for at in later), "c and d wait though nobody told them to"
    assert sorted(reply.tries for reply in replies) == [1, 1, 1, 2]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_calls_than_allowed_are_in_flight_or_read_ahead(concurrency: int) -> None:
    read = 0

    def source() -> Iterator[Call]:
        nonlocal read
        for number in range(12):
            read += 1
            yield call(str(number))

    with FakeServer(lambda seen: slow(0.05, whole(content=seen.asked))) as server:
        got = 0
        for asked, reply in endpoint(server, concurrency=concurrency).answer(source()):
            assert reply.text == asked.messages[0]["content"]
            got += 1
            assert read <= got + concurrency
        assert (got, server.requests, server.script.most) == (12, 12, concurrency)


def test_what_is_known_already_passes_through_in_step() -> None:
    known = [(call(str(n)), Reply(text=f"known {n}")) for n in range(50)]
    with FakeServer(in_turn(slow(0.3, OK))) as server:
        answers = endpoint(server, concurrency=2).answer([call("x"), *known])
        got = [reply.text for _, reply in answers]
        assert server.requests == 1
    assert got == [*(f"known {n}" for n in range(50)), "4"], "nothing waits for the slow one"


@pytest.mark.parametrize("code", [401, 402, 403, 404])
@pytest.mark.parametrize("key", ["", KEY])
def test_a_server_that_lets_nobody_in_ends_the_run(
    code: int, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", key)
    echo = f'{{"error": {{"message": "wrong key {KEY}"}}}}'.encode()
    with FakeServer(in_turn(status(code, echo))) as server, Cache(tmp_path / "c.sqlite") as cache:
        calls = [call(str(n)) for n in range(40)]
        with pytest.raises(CallerError) as caught:
            list(answered(endpoint(server, concurrency=2), calls, cache))
        assert server.requests <= 2
        assert len(cache) == 0
        assert f"{server.url}/chat/completions (model m): HTTP {code}" in str(caught.value)
    assert (KEY in str(caught.value)) == (not key)
    assert "S1KIT_TEST_KEY" in str(caught.value) or code == 404


def test_a_server_that_is_not_there_ends_the_run_at_once() -> None:
    with FakeServer(in_turn(OK)) as server:
        gone = endpoint(server)
    with pytest.raises(CallerError, match="is the server running"):
        list(gone.answer([call()]))


def test_after_a_success_one_forbidden_call_is_one_error() -> None:
    with FakeServer(in_turn(OK, status(403), OK)) as server:
        replies = ask(server, call("a"), call("b"), call("c"), concurrency=1)
    assert [reply.kind for reply in replies] == [None, "http_4xx", None]


def test_a_server_that_goes_away_ends_the_run_and_its_errors_are_forgotten(tmp_path: Path) -> None:
    calls = [call(str(n)) for n in range(30)]
    up = True

    def behave(seen: Seen) -> Act:
        return OK if up and seen.number < 10 else status(500)

    with FakeServer(behave) as server, Cache(tmp_path / "c.sqlite") as cache:
        caller = endpoint(server, tries=1, give_up=5, concurrency=1)
        with pytest.raises(CallerError, match="5 calls in a row failed; the last: HTTP 500"):
            list(answered(caller, calls, cache))
        assert len(cache) == 10
        assert server.requests == 15


def test_a_success_forgives_the_failures_before_it() -> None:
    with FakeServer(lambda seen: OK if seen.number % 3 == 0 else status(500)) as server:
        replies = ask(server, *(call(str(n)) for n in range(12)), tries=1, give_up=3, concurrency=1)
    assert [reply.kind for reply in replies] == [None, "http_5xx", "http_5xx"] * 4


def test_failures_of_single_calls_do_not_end_a_run() -> None:
    with FakeServer(lambda seen: OK if seen.number == 0 else status(400)) as server:
        replies = ask(server, *(call(str(n)) for n in range(20)), give_up=3, concurrency=1)
    assert [reply.kind for reply in replies] == [None, *["http_4xx"] * 19]


@pytest.mark.parametrize("key", ["", KEY])
def test_the_key_is_sent_and_kept_nowhere(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", f" {key}\n")
    echo = f'{{"error": {{"message": "{"." * 280}{KEY} is over its limit"}}}}'.encode()
    path = tmp_path / "c.sqlite"
    with FakeServer(in_turn(OK, status(400, echo))) as server, Cache(path) as cache:
        caller = endpoint(server, concurrency=1)
        replies = [reply for _, reply in answered(caller, [call("a"), call("b")], cache)]
        assert {seen.headers.get("authorization") for seen in server.script.seen} == {f"Bearer {key}" if key else None}
        assert "[key]" in (replies[1].error or "") or not key
        if key:
            for file in tmp_path.iterdir():
                assert KEY[:6].encode() not in file.read_bytes(), file
            assert KEY not in repr(caller)


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000/v1", "ftp://a/v1", "http://user:pw@a/v1", "http://a/v1?key=k", "http://a:b/v1", "http:///v1"],
)
def test_a_base_url_that_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(CallerError) as caught:
        Endpoint(url, "m")
    assert "pw" not in str(caught.value)
    assert "key=k" not in str(caught.value)


def test_a_base_url_may_be_the_whole_address() -> None:
    with FakeServer(in_turn(OK)) as server:
        ask(server, call())
        list(Endpoint(server.url + "/chat/completions/", "m", key_env=None).answer([call()]))
        assert {seen.path for seen in server.script.seen} == {"/v1/chat/completions"}


def test_a_key_that_no_header_can_carry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", "sk-a\nsk-b")
    with pytest.raises(CallerError, match="line break") as caught:
        list(Endpoint("http://127.0.0.1:9/v1", "m", key_env="S1KIT_TEST_KEY").answer([call()]))
    assert "sk-a" not in str(caught.value)


@pytest.mark.parametrize("leave", [0, 1])
def test_a_reader_that_leaves_ends_every_request_at_once(leave: int) -> None:
    with FakeServer(lambda seen: hang if seen.number else OK) as server:
        answers = endpoint(server, concurrency=4, timeout=60.0).answer(call(str(n)) for n in itertools.count())
        begun = time.monotonic()
        list(itertools.islice(answers, leave))
        answers.close()
        assert time.monotonic() - begun < 10
        assert server.requests <= 4 + leave


@pytest.mark.parametrize(
    "wrong",
    [lambda: call(extra={"stream": False}), lambda: Call("r", "q", "another", ({"role": "user", "content": ""},))],
)
def test_a_call_that_is_not_for_this_endpoint_is_a_mistake(wrong: Callable[[], Call]) -> None:
    with FakeServer(in_turn(OK)) as server:
        with pytest.raises(ValueError):
            ask(server, wrong())
        assert server.requests == 0


HOSTILE = ["", "\x00\x1b[31m", "\u200b\u202eabc", "\ud800 half", "x" * 1_000_000, '"}\n\ndata: [DONE]']


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("text", HOSTILE, ids=["empty", "control", "rtl", "surrogate", "long", "quotes"])
def test_whatever_a_text_holds_arrives_and_comes_back(text: str, streaming: bool, tmp_path: Path) -> None:
    def echo(seen: Seen) -> Act:
        return stream(delta(content=seen.asked)) if streaming else whole(content=seen.asked)

    with FakeServer(echo) as server, Cache(tmp_path / "c.sqlite") as cache:
        [(asked, reply)] = answered(endpoint(server, stream=streaming), [call(text)], cache)
        assert reply.text == text.replace("\ud800", "�")
        assert cache.get(asked) == reply
