"""A model server on 127.0.0.1 that speaks the dialects of several engines, with a ScriptedEngine for a model.

Written against the dialects' own descriptions, not against the client: what a client must not send, it refuses. Each
request is generated from its own token ids alone, so a request that is cut and continued is really continued.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from s1kit.engines.base import Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.policies import Sampling
from s1kit.tokenizer import Tokenizer

ALWAYS = frozenset(("model", "prompt", "temperature", "top_p", "frequency_penalty", "presence_penalty", "stream"))
"""Fields that every request has to have: a server would fill the sampling ones with the model's own defaults."""
PLAIN = frozenset(("max_tokens", "n", "seed", "stream_options", "stop"))
SGLANG = (
    PLAIN
    | frozenset(("top_k", "min_p", "repetition_penalty", "stop_token_ids", "min_tokens", "ignore_eos", "logit_bias"))
    | {"return_token_ids"}
)
FIELDS = {
    "openai": ALWAYS | PLAIN,
    "sglang": ALWAYS | SGLANG,
    "vllm": ALWAYS | SGLANG | {"logprobs", "return_tokens_as_token_ids", "stream_interval"},
    "llamacpp": ALWAYS
    | {"n_predict", "seed", "top_k", "samplers", "repeat_penalty", "repeat_last_n", "t_max_predict_ms", "stop"}
    | {"preserved_tokens", "cache_prompt", "return_tokens", "logit_bias"},
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: ``kind`` after ``after`` tokens."""

    kind: str
    after: int = 0
    wait: float = 0.0


@dataclass
class Seen:
    """One request as it arrived."""

    number: int
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    connection: int
    sent: int = 0
    """Tokens that were written."""
    broken: bool = False
    """The client went away."""


@dataclass
class Model:
    """What is served, and how it misbehaves."""

    dialect: str
    make: Callable[[], ScriptedEngine]
    tokenizer: Tokenizer
    name: str = "served"
    context_len: int = 256
    eos: int | None = None
    fault: Callable[[Seen], Fault | None] = lambda seen: None
    card: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    pace: float = 0.0
    """Seconds between tokens."""
    seen: list[Seen] = field(default_factory=list)
    now: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)
    connections: list[socket.socket] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model: Model

    def setup(self) -> None:
        super().setup()
        self.model.connections.append(self.connection)

    def do_GET(self) -> None:
        model = self.model
        if model.key and self.headers.get("authorization") != f"Bearer {model.key}":
            self.whole(401, {"error": {"message": "wrong key"}})
        elif self.path == "/v1/models":
            length = {"max_model_len": model.context_len} if model.dialect in ("vllm", "sglang") else {}
            self.whole(200, {"object": "list", "data": [{"id": model.name, "created": 1, **length, **model.card}]})
        elif self.path == "/version" and model.dialect == "vllm":
            self.whole(200, {"version": "9.9"})
        elif self.path == "/props" and model.dialect == "llamacpp":
            settings = {"n_ctx": model.context_len + 1}
            self.whole(200, {"default_generation_settings": settings, "build_info": "b1"})
        else:
            self.whole(404, {"error": {"message": "no such page"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = self.model
        with model.lock:
            seen = Seen(len(model.seen), self.path, body, dict(self.headers), self.client_address[1])
            model.seen.append(seen)
            model.now += 1
            model.most = max(model.most, model.now)
        try:
            self.answer(seen)
        except (BrokenPipeError, ConnectionResetError):
            seen.broken = True
            self.close_connection = True
        finally:
            with model.lock:
                model.now -= 1

    def answer(self, seen: Seen) -> None:
        model, fault = self.model, self.model.fault(seen)
        kind = "" if fault is None else fault.kind
        if kind == "drop":
            self.close_connection = True
        elif kind == "hang":
            model.over.wait(30)
            self.close_connection = True
        elif kind == "500":
            self.whole(500, {"error": {"message": "out of memory", "code": 500}})
        elif kind == "429":
            self.whole(429, {"error": "busy"}, **{"retry-after": str(fault.wait if fault else 0)})
        elif model.key and self.headers.get("authorization") != f"Bearer {model.key}":
            self.whole(401, {"error": {"message": "wrong key"}})
        elif (problem := self.wrong(seen)) is not None:
            self.whole(400, {"error": {"message": problem, "code": 400}})
        elif seen.body["stream"]:
            self.stream(seen, fault)
        else:
            self.native(seen, fault)

    def wrong(self, seen: Seen) -> str | None:
        """Why this server refuses the request."""
        model, body = self.model, seen.body
        expected = "/completion" if model.dialect == "llamacpp" else "/v1/completions"
        if seen.path != expected:
            return f"no such path {seen.path}"
        if unknown := set(body) - FIELDS[model.dialect]:
            return f"unknown fields {sorted(unknown)}"
        if missing := ALWAYS - set(body):
            return f"missing fields {sorted(missing)}"
        if body["model"] != model.name:
            return f"the model {body['model']} does not exist"
        if isinstance(body["prompt"], str) != (model.dialect == "openai"):
            return "wrong kind of prompt"
        limit = body.get("max_tokens", body.get("n_predict"))
        if model.dialect != "openai" and len(body["prompt"]) + limit > model.context_len:
            return f"maximum context length is {model.context_len}"
        return None

    def meaning(self, body: dict[str, Any]) -> Request:
        """What the fields mean to the model behind."""
        model = self.model
        stops = set(body.get("stop_token_ids") or ())
        if model.eos is not None and not body.get("ignore_eos"):
            stops.add(model.eos)
        if model.dialect == "sglang" and body.get("ignore_eos"):
            stops = set()
        bias = body.get("logit_bias") or {}
        never = [int(i) for i in bias] if isinstance(bias, dict) else [i for i, value in bias if value is False]
        prompt = body["prompt"]
        return Request(
            "r",
            tuple(model.tokenizer.encode(prompt) if isinstance(prompt, str) else prompt),
            body.get("max_tokens", body.get("n_predict")),
            stop_ids=tuple(stops),
            stop_seqs=tuple(model.tokenizer.encode(word) for word in body.get("stop") or ()),
            min_tokens=body.get("min_tokens", 0),
            banned_ids=tuple(never),
            sampling=Sampling(temperature=body["temperature"], seed=body.get("seed", 0)),
            stream=True,
        )

    def tokens(self, seen: Seen, fault: Fault | None) -> Iterator[tuple[list[int], str | None, int | None]]:
        """``(ids, finish, stop id)``: deltas as this server would send them."""
        request = self.meaning(seen.body)
        engine = self.model.make()
        if fault is not None and fault.kind == "ignores stops":
            request = replace(request, stop_ids=(), stop_seqs=())
        if fault is not None and fault.kind == "ignores limit":
            request = replace(request, max_tokens=request.max_tokens + 9)
        engine.submit(request)
        interval = seen.body.get("stream_interval", 1)
        held: list[int] = []
        while chunks := engine.collect():
            for chunk in chunks:
                held += chunk.tokens
                if chunk.finish is not None:
                    yield held, chunk.finish, chunk.stop_id
                elif len(held) >= interval:
                    yield held, None, None
                    held = []

    def stream(self, seen: Seen, fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        model, ids_sent = self.model, seen.body["prompt"]
        exact = model.dialect != "openai"
        for ids, finish, stop_id in self.tokens(seen, fault):
            if fault is not None and self.breaks(seen, fault, ids):
                return
            if fault is not None and fault.kind == "short" and seen.sent + len(ids) >= fault.after:
                ids, finish = ids[: fault.after - seen.sent], "length"
            text = model.tokenizer.decode(ids)
            if exact and stop_id is not None:
                ids = [*ids, stop_id]
            seen.sent += len(ids)
            choice: dict[str, Any] = {"index": 0, "text": text, "finish_reason": finish, "logprobs": None}
            if exact and not (fault is not None and fault.kind == "no ids"):
                choice["token_ids"] = ids
                if ids_sent is not None:
                    choice["prompt_token_ids"] = ids_sent[1:] if fault is not None and fault.kind == "bos" else ids_sent
                    ids_sent = None
            if finish is not None:
                eos = stop_id == model.eos
                reason = None if eos and model.dialect == "vllm" else stop_id
                choice["matched_stop" if model.dialect == "sglang" else "stop_reason"] = reason
            if seen.body.get("logprobs"):
                top = [{f"token_id:{i}": -0.5, f"token_id:{(i + 1) % 300}": -1.5} for i in ids]
                choice["logprobs"] = {"top_logprobs": top}
            name = "another" if fault is not None and fault.kind == "another model" else model.name
            self.event({"object": "text_completion", "model": name, "choices": [choice]})
            model.over.wait(model.pace)
            if finish is not None:
                break
        prompt = len(self.meaning(seen.body).prompt_ids)
        details = {"prompt_tokens": prompt, "prompt_tokens_details": {"cached_tokens": prompt - 1}}
        self.event({"object": "text_completion", "model": model.name, "choices": [], "usage": details})
        self.piece(b": a comment\n\ndata: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def breaks(self, seen: Seen, fault: Fault, ids: list[int]) -> bool:
        """Whether the stream ends here by a fault."""
        if seen.sent + len(ids) <= fault.after:
            return False
        if fault.kind == "cut":
            self.close_connection = True
            self.connection.close()
        elif fault.kind == "ends":  # properly, but too early
            self.wfile.write(b"0\r\n\r\n")
        elif fault.kind == "garbage":
            self.piece(b'data: {"choices": [{"te\n\n')
            self.close_connection = True
        elif fault.kind == "error":
            self.event({"error": {"message": "the engine died", "code": 500}})
            self.close_connection = True
        elif fault.kind == "trickles":  # comments, as servers send them to keep a connection
            while not self.model.over.wait(0.02):
                self.piece(b": ping\n\n")
            self.close_connection = True
        elif fault.kind == "stalls":
            self.model.over.wait(30)
            self.close_connection = True
        else:
            return False
        return True

    def native(self, seen: Seen, fault: Fault | None) -> None:
        """llama.cpp's own answer, in one piece."""
        every: list[int] = []
        why: str | None = None
        at: int | None = None
        for ids, finish, stop_id in self.tokens(seen, fault):
            every += ids
            why, at = finish, stop_id
        if fault is not None and fault.kind == "short":
            every, why, at = every[: fault.after], "length", None
        words = seen.body.get("stop") or []
        text = self.model.tokenizer.decode(every)
        eos = at is not None and at == self.model.eos
        if at is not None:
            every += [at] if eos else list(next(s for s in map(self.model.tokenizer.encode, words) if s[0] == at))
        seen.sent = len(every)
        kind = "limit" if why == "length" else "eos" if eos else "word"
        timings = {"prompt_n": 1}
        stop = {"stop": True, "stop_type": kind, "truncated": False, "model": self.model.name, "timings": timings}
        self.whole(200, {"index": 0, "content": text, "tokens": every, **stop})

    def whole(self, status: int, content: Any, **headers: str) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def event(self, content: Any) -> None:
        self.piece(f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode())

    def piece(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *args: Any) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that a fault closed is none of the test's business; a mistake of this file is."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            traceback.print_exc()


class ModelServer:
    """Runs until the ``with`` is left; ``url`` is its address."""

    def __init__(self, model: Model, port: int = 0) -> None:
        self.model = model
        self._server = _Quiet(("127.0.0.1", port), type("Serving", (Handler,), {"model": model}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.model.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in self.model.connections:  # a server that is gone answers on none of them
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
