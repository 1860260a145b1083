"""What clients and engines do wrong: nothing hangs, no slot leaks, every error has its shape, nobody else suffers."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from s1kit.engines.base import Chunk, EngineError, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.errors import UserError
from s1kit.serve.fields import Rules
from s1kit.serve.live import LiveRow
from s1kit.serve.outbox import Outbox
from s1kit.serve.scheduler import Job
from s1kit.serve.server import Process, key_from, listen, refuse_public
from s1kit.serve.service import Exchange, Limits
from s1kit.types import Generation
from unit.serve.serving import HELLO, TOKENIZER, Running, chatty, endless, serving

LONG = {**HELLO, "thinking_budget": 4000, "max_tokens": 5000}


def shaped(reply: httpx.Response, status: int) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@contextmanager
def raw(server: Running, body: dict[str, Any], buffer: int | None = None) -> Iterator[socket.socket]:
    """A connection that has sent a chat request and read nothing."""
    payload = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(payload)}\r\n"
    sock = socket.socket()
    if buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.settimeout(20)
    with sock:
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(head.encode() + b"\r\n" + payload)
        yield sock


def unchunk(data: bytes) -> bytes:
    """The body of a chunked HTTP reply."""
    rest, body = data.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def spoken(body: bytes, key: str = "reasoning") -> str:
    found = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: {")]
    return "".join(e["choices"][0]["delta"].get(key, "") for e in found if e["choices"])


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_slot_at_once(stream: bool) -> None:
    engine = endless(0.002, slots=2)
    with serving(engine) as server:
        with raw(server, {**LONG, "stream": stream, "n": 2, "temperature": 1}) as sock:
            server.until(lambda: server.gauge("s1_rows_running") == 2)
            if stream:
                assert sock.recv(100)
        server.idle()
        server.until(lambda: not engine._active and not engine._waiting)
        assert len(engine.submitted) == 2
        assert "s1_disconnects_total 1" in httpx.get(server.url + "/metrics").text
        assert server.post({**HELLO, "max_tokens": 4}).status_code == 200


def test_a_client_that_leaves_while_waiting_is_never_run() -> None:
    engine = endless(0.002, slots=1)
    with serving(engine) as server:
        with raw(server, LONG) as _:
            server.until(lambda: server.gauge("s1_rows_running") == 1)
            with raw(server, LONG) as _:
                server.until(lambda: server.gauge("s1_rows_waiting") == 1)
            server.until(lambda: server.gauge("s1_rows_waiting") == 0)
        server.idle()
        assert len(engine.submitted) == 1


def test_a_slow_reader_is_paused_slows_nobody_and_misses_nothing() -> None:
    with serving(endless(slots=1)) as server:
        wanted = server.post(LONG).json()["choices"][0]["message"]
        with raw(server, {**LONG, "stream": True}, buffer=2048) as sock:
            first = sock.recv(1)
            server.until(lambda: server.gauge("s1_rows_paused") == 1)
            started = time.monotonic()
            for _ in range(3):  # one byte a second; meanwhile the only slot serves others
                first += sock.recv(1)
                assert server.post({**HELLO, "max_tokens": 40}).status_code == 200
                assert server.gauge("s1_rows_paused") == 1
                time.sleep(0.5)
            assert time.monotonic() - started < 10
            data = first
            while not data.endswith(b"0\r\n\r\n"):
                data += sock.recv(65536)
        body = unchunk(data)
        assert spoken(body) == wanted["reasoning"]
        assert spoken(body, "content") == wanted["content"]
        server.idle()


def test_a_reader_that_takes_nothing_is_cut() -> None:
    with serving(endless(slots=1), limits=Limits(stall_seconds=0.5)) as server:
        with raw(server, {**LONG, "stream": True}, buffer=2048):
            server.until(lambda: server.gauge("s1_rows_open") == 1)
            server.idle()
        assert "s1_stalled_total 1" in httpx.get(server.url + "/metrics").text


def test_two_hundred_at_once_are_all_answered() -> None:
    async def flood(server: Running) -> list[httpx.Response]:
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=200), timeout=60) as client:
            url = server.url + "/v1/chat/completions"
            return list(await asyncio.gather(*(client.post(url, json={**HELLO, "max_tokens": 40}) for _ in range(200))))

    with serving(endless(0.001, slots=4), waiting=16) as server:
        replies = asyncio.run(flood(server))
        codes = [reply.status_code for reply in replies]
        assert set(codes) == {200, 429}
        assert codes.count(200) >= 20
        for reply in replies:
            if reply.status_code == 429:
                assert shaped(reply, 429)["code"] == "queue_full"
                assert 1 <= int(reply.headers["retry-after"]) <= 60
            else:
                assert reply.json()["usage"]["completion_tokens"] == 40
        server.idle()


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving(chatty(), limits=Limits(body_bytes=100_000, prompt_characters=50_000, body_seconds=1.0)) as running:
        yield running
        running.idle()


def send(server: Running, content: bytes, **headers: str) -> httpx.Response:
    headers = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return httpx.post(server.url + "/v1/chat/completions", content=content, headers=headers, timeout=30)


def test_bodies_that_are_too_large_are_refused_without_being_kept(server: Running) -> None:
    assert "--max-body" in shaped(send(server, b"x" * 10_000_000), 413)["message"]
    many = b'{"messages": [{"role": "user", "content": "' + b"x" * 90_000 + b'"}]}'
    assert "--max-prompt" in shaped(send(server, many), 400)["message"]


def test_an_announced_giant_is_refused_unread(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert b" 413 " in sock.recv(65536).splitlines()[0]


def test_a_body_that_never_comes_is_given_up(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99\r\n\r\n{"
        )
        assert b" 408 " in sock.recv(65536).splitlines()[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"messages": NaN}', b'{"temperature": 1e999, "messages": []}', b"[" * 50_000],
)
def test_malformed_bodies(server: Running, content: bytes) -> None:
    shaped(send(server, content), 400)


@pytest.mark.parametrize(
    "name", ["messages", "stream", "n", "stop", "thinking", "wait", "seed", "top_p", "\ud800", "x" * 9999]
)
@pytest.mark.parametrize("value", [[], {}, "x", 1.5, -7, True, [[[[]]]]])
def test_wrong_types_are_refused_or_ignored_by_rule(server: Running, name: str, value: Any) -> None:
    reply = send(server, json.dumps({**HELLO, name: value}).encode())
    if reply.status_code != 200:
        shaped(reply, 400)


def test_headers(server: Running) -> None:
    assert server.post(HELLO, headers={"X-Long": "x" * 10_000}).status_code == 200
    shaped(server.post(HELLO, headers={"X-Long": "x" * 40_000}), 431)
    shaped(send(server, b"{}", content_type="text/plain"), 415)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in sock.recv(65536).splitlines()[0]


class Dying(ScriptedEngine):
    """Fails after some tokens, as an engine whose device is gone."""

    left = 30

    def collect(self) -> list[Chunk]:
        self.left -= 1
        if self.left < 0:
            raise EngineError("the device is gone\nhint: look")
        return super().collect()


def test_an_engine_that_dies_is_said_to_everybody(caplog: pytest.LogCaptureFixture) -> None:
    engine = Dying(lambda context, request: 65, vocab_size=TOKENIZER.vocab_size, context_len=9000)
    with serving(engine) as server:
        whole = shaped(server.post(LONG), 503)
        assert whole["code"] == "engine_failed"
        assert "the device is gone" in whole["message"]
        shaped(server.post(HELLO), 503)
        assert httpx.get(server.url + "/health").status_code == 503
        server.idle()


def test_an_engine_that_dies_in_a_stream_ends_it_with_an_error() -> None:
    engine = Dying(lambda context, request: 65, vocab_size=TOKENIZER.vocab_size, context_len=9000)
    with serving(engine) as server:
        reply = server.post({**LONG, "stream": True})
        assert reply.status_code == 200
        *_, error, end = [line for line in reply.text.splitlines() if line]
        assert json.loads(error[6:])["error"]["code"] == "engine_failed"
        assert end == "data: [DONE]"


def test_an_engine_that_recovers_serves_again() -> None:
    engine = Dying(lambda context, request: 65, vocab_size=TOKENIZER.vocab_size, context_len=9000)
    with serving(engine) as server:
        shaped(server.post(LONG), 503)
        assert httpx.get(server.url + "/health").json()["status"] == "failed"
        engine.left = 10_000
        assert server.post({**HELLO, "max_tokens": 9}).status_code == 200
        assert httpx.get(server.url + "/health").json() == {"status": "ok"}
        server.idle()


class Distant(ScriptedEngine):
    """Says something every two seconds, as a slow upstream; can be woken."""

    def __init__(self, **options: Any) -> None:
        super().__init__(lambda context, request: 65, vocab_size=TOKENIZER.vocab_size, **options)
        self.woken = threading.Event()

    def collect(self) -> list[Chunk]:
        if not any(live.cancelled for live in self._active) and self.woken.wait(2):
            self.woken.clear()
            return []
        return super().collect()

    def wake(self) -> None:
        self.woken.set()


def test_an_engine_that_can_be_woken_lets_nobody_wait_for_it() -> None:
    engine = Distant(slots=2)
    with serving(engine) as server:
        with raw(server, {**HELLO, "stream": True}):
            server.until(lambda: server.gauge("s1_rows_running") == 1)
            with raw(server, {**HELLO, "stream": True}):
                server.until(lambda: server.gauge("s1_rows_running") == 2, 1.0)
        server.until(lambda: server.gauge("s1_rows_running") == 0, 1.0)
        server.until(lambda: server.gauge("s1_engine_requests") == 0)


class Failing(ScriptedEngine):
    """Answers one request with an error, as an upstream that closes its line."""

    def collect(self) -> list[Chunk]:
        return [Chunk(c.request_id, c.tokens, "error", error="the line was cut") for c in super().collect()]


def test_a_row_that_fails_fails_alone() -> None:
    engine = Failing(lambda context, request: 65, vocab_size=TOKENIZER.vocab_size)
    with serving(engine) as server:
        assert "the line was cut" in shaped(server.post({**HELLO, "max_tokens": 9}), 500)["message"]
        assert httpx.get(server.url + "/health").status_code == 200
        server.idle()


def test_a_reply_that_takes_too_long_is_given_up() -> None:
    with serving(endless(0.005), limits=Limits(seconds=0.3)) as server:
        assert shaped(server.post(LONG), 504)["code"] == "timeout"
        streamed = server.post({**LONG, "stream": True})
        assert '"code":"timeout"' in streamed.text
        server.idle()


def test_shutting_down_finishes_what_runs() -> None:
    with serving(endless(0.001), grace=10) as server:
        replies: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: replies.append(server.post({**HELLO, "max_tokens": 300})))
        asking.start()
        server.until(lambda: server.gauge("s1_rows_running") == 1)
        server.server.should_exit = True
        asking.join(20)
        assert replies[0].json()["usage"]["completion_tokens"] == 300
        server.thread.join(10)
        with pytest.raises(httpx.ConnectError):
            server.post(HELLO)


def test_what_is_late_at_the_end_hears_so() -> None:
    with serving(endless(0.002), grace=0.3) as server:
        replies: list[httpx.Response] = []
        asking = [
            threading.Thread(target=lambda s=stream: replies.append(server.post({**LONG, "stream": s})))
            for stream in (False, True)
        ]
        for thread in asking:
            thread.start()
        server.until(lambda: server.gauge("s1_rows_running") == 2)
        server.server.should_exit = True
        for thread in asking:
            thread.join(20)
        assert sorted(reply.status_code for reply in replies) == [200, 503]
        assert all("shutting_down" in reply.text for reply in replies)


def test_the_address_is_this_machine_unless_there_is_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        refuse_public(Process(host=host))
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(UserError, match="api-key-env"):
            refuse_public(Process(host=host))
        refuse_public(Process(host=host, key="x"))
        refuse_public(Process(host=host, public=True))
    with listen("127.0.0.1", 0) as sock, pytest.raises(UserError, match="cannot listen"):
        listen("127.0.0.1", sock.getsockname()[1])
    monkeypatch.setenv("S1_TEST_KEY", "sesame")
    assert key_from("S1_TEST_KEY") == "sesame"
    assert key_from(None) is None
    monkeypatch.setenv("S1_TEST_KEY", " ")
    with pytest.raises(UserError, match="S1_TEST_KEY"):
        key_from("S1_TEST_KEY")


def test_equal_requests_at_the_same_time_are_kept_apart() -> None:
    with serving(endless(0.001, slots=4), rules=Rules(max_answer=64)) as server:
        replies: list[httpx.Response] = []
        asking = [
            threading.Thread(target=lambda: replies.append(server.post({**HELLO, "max_tokens": 60}))) for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(20)
        assert len({reply.json()["choices"][0]["message"]["reasoning"] for reply in replies}) == 1


def test_requests_of_one_row_continue_each_other() -> None:
    """The engine is told which request a continuation extends, so that it can keep the prefix."""
    engine = chatty(3)
    with serving(engine) as server:
        server.post({**HELLO, "wait": 2})
        asked: list[Request] = engine.submitted
        assert [r.continues for r in asked] == [None, *(r.id for r in asked[:-1])]
        assert len(asked) >= 3


def test_nothing_is_kept_of_a_request_that_is_over() -> None:
    """However it ended: answered, streamed, refused, left by its client, failed."""
    kept = {Job, Exchange, LiveRow, Outbox, Generation, Request, Chunk}

    def alive() -> dict[str, int]:
        gc.collect()
        found = [type(thing).__name__ for thing in gc.get_objects() if type(thing) in kept]
        return {name: found.count(name) for name in found}

    engine = chatty()
    with serving(engine) as server:
        for round_ in range(2):
            for stream in (False, True):
                for _ in range(4):
                    server.post({**HELLO, "stream": stream, "wait": 1})
                with raw(server, {**HELLO, "stream": stream, "min_thinking_tokens": 3000, "n": 2, "temperature": 1}):
                    server.until(lambda: server.gauge("s1_rows_open") == 2)
            server.post({**HELLO, "n": -1})
            server.post({**HELLO, "stop": "a"})
            server.idle()
            engine.submitted.clear()
            server.generations.clear()
            server.until(lambda: not engine._active and not engine._waiting)
            if round_ == 0:
                first = alive()
        server.until(lambda: all(number <= first.get(name, 0) for name, number in alive().items()))
