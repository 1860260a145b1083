"""A chat server on 127.0.0.1 that does what a test tells it to, request by request, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Act = Callable[["Handler"], None]
"""Writes one response."""


@dataclass
class Seen:
    """One request as it arrived."""

    number: int
    """From 0, over all requests."""
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float = field(default_factory=time.monotonic)

    @property
    def asked(self) -> str:
        """The last message's text."""
        return str(self.body["messages"][-1]["content"])


@dataclass
class Script:
    """What the server saw, and how it behaves."""

    behave: Callable[[Seen], Act]
    seen: list[Seen] = field(default_factory=list)
    now: int = 0
    most: int = 0
    """Requests at the same time, at most."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        script = self.script
        with script.lock:
            seen = Seen(len(script.seen), self.path, dict(self.headers), body)
            script.seen.append(seen)
            script.now += 1
            script.most = max(script.most, script.now)
        try:
            script.behave(seen)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with script.lock:
                script.now -= 1

    def whole(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


class FakeServer:
    """Runs until the ``with`` is left; ``url`` is its base URL."""

    def __init__(self, behave: Callable[[Seen], Act]) -> None:
        self.script = Script(behave)
        handler = type("Scripted", (Handler,), {"script": self.script})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def requests(self) -> int:
        return len(self.script.seen)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.script.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 5}}


def message(finish: str = "stop", **fields: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": finish}
    return json.dumps({"model": "m-2026", "choices": [choice], "usage": USAGE}).encode()


def whole(**fields: Any) -> Act:
    """200 with the whole answer."""
    return lambda handler: handler.whole(200, message(**fields))


def status(code: int, body: bytes = b'{"error": {"message": "no"}}', **headers: str) -> Act:
    return lambda handler: handler.whole(code, body, **headers)


def raw(body: bytes, kind: str = "application/json") -> Act:
    return lambda handler: handler.whole(200, body, kind)


def events(*payloads: Any) -> bytes:
    lines = [p if isinstance(p, str) else json.dumps(p) for p in payloads]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"model": "m-2026", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


BILL = {"choices": [], "usage": USAGE}


def stream(*payloads: Any, end: tuple[Any, ...] = (delta("stop"), BILL, "[DONE]"), wait: float = 0.0) -> Act:
    """200 with events, ``wait`` seconds apart; the connection closes behind the last."""

    def act(handler: Handler) -> None:
        handler.begin_stream()
        for payload in (*payloads, *end):
            handler.wfile.write(events(payload))
            handler.wfile.flush()
            handler.script.over.wait(wait)

    return act


def hang(handler: Handler) -> None:
    """Says nothing until the test is over."""
    handler.script.over.wait(60)
    handler.close_connection = True


def drop(handler: Handler) -> None:
    """Closes the connection without a word."""
    handler.close_connection = True


def slow(seconds: float, act: Act) -> Act:
    def wait_then(handler: Handler) -> None:
        time.sleep(seconds)
        act(handler)

    return wait_then


def in_turn(*acts: Act) -> Callable[[Seen], Act]:
    """The n-th request gets the n-th act, and every later one the last."""
    return lambda seen: acts[min(seen.number, len(acts) - 1)]
