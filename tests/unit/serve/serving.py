"""A real server on 127.0.0.1 over a scripted engine and a byte-level tokenizer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from s1kit.engines.base import Engine, Request
from s1kit.engines.probe import Finding
from s1kit.engines.scripted import ScriptedEngine
from s1kit.formats import load_format
from s1kit.serve.fields import Rules
from s1kit.serve.server import GracefulServer, Process, build_service, listen
from s1kit.serve.service import Limits, Service
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation
from unit.byte_level import tokenizer as byte_level

TOKENIZER = byte_level()
START, END = (TOKENIZER.id_of(name) or 0 for name in ("<|im_start|>", "<|im_end|>"))
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def chatty(seed: int = 0, *, ends: float = 0.05, **options: Any) -> ScriptedEngine:
    """Writes random bytes, half of them no UTF-8, and ends thoughts and turns now and then."""
    options = {"context_len": 4096, "slots": 8, **options}
    return ScriptedEngine.random(seed, stops={START: ends, END: ends}, vocab_size=TOKENIZER.vocab_size, **options)


def endless(pause: float = 0.0, **options: Any) -> ScriptedEngine:
    """Writes letters until it is cut; each token takes ``pause`` seconds."""

    def letter(context: tuple[int, ...], request: Request) -> int:
        time.sleep(pause)
        return 65 + len(context) % 26

    options = {"context_len": 20_000, "slots": 8, **options}
    return ScriptedEngine(letter, vocab_size=TOKENIZER.vocab_size, **options)


@dataclass
class Running:
    """A server that runs in a thread of its own."""

    url: str
    port: int
    service: Service
    server: GracefulServer
    thread: threading.Thread
    generations: list[Generation]

    def post(self, body: Any, path: str = "/v1/chat/completions", **more: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=30, **more)

    def gauge(self, name: str) -> int:
        return self.service.scheduler.gauges()[name]

    def until(self, condition: Any, seconds: float = 10.0) -> None:
        """Wait for something that has to come about."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"still not so: {self.service.scheduler.gauges()}"
            time.sleep(0.01)

    def idle(self) -> None:
        """Nothing is left behind: no row, no request in the engine."""
        self.until(lambda: not any(self.service.scheduler.gauges().values()))


@contextmanager
def serving(
    engine: Engine,
    *,
    rules: Rules | None = None,
    limits: Limits | None = None,
    key: str | None = None,
    waiting: int = 64,
    grace: float = 5.0,
    fmt: str = "s1",
    tokenizer: Tokenizer = TOKENIZER,
    hosts: tuple[str, ...] = (),
    findings: Sequence[Finding] = (),
    name: str = "test",
) -> Iterator[Running]:
    """Start, and stop in the end."""
    process = Process(key=key, waiting=waiting, grace=grace, hosts=hosts)
    resolved = load_format(fmt).resolve(tokenizer)
    plain = Rules(thinking=not resolved.spec.plain, max_answer=64)
    service = build_service(engine, resolved, name, rules or plain, limits or Limits(), process, findings)
    generations: list[Generation] = []
    counted = service.metrics.row_done

    def keep(generation: Generation) -> None:
        generations.append(generation)
        counted(generation)

    service.metrics.row_done = keep  # type: ignore[method-assign]
    sock = listen("127.0.0.1", 0)
    server = GracefulServer(service, process)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    port = sock.getsockname()[1]
    running = Running(f"http://127.0.0.1:{port}", port, service, server, thread, generations)
    running.until(lambda: server.started)
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
