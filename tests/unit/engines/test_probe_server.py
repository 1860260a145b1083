"""What only a server's answer shows, on real HTTP: its own thinking budget, its tokenizer, text without delimiters."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from s1kit.engines.base import Request
from s1kit.engines.completions_open import open_completions
from s1kit.engines.probe import ends_of, probe, quick, refusal
from s1kit.engines.probe_server import BUDGET, NATIVE, ServerProbe
from s1kit.engines.scripted import ScriptedEngine
from s1kit.formats import load_format
from s1kit.tokenizer import Tokenizer
from s1kit.types import sha256_hex
from unit.engines.model_server import Model, ModelServer

MESSAGES = [{"role": "user", "content": "How many r in raspberry?"}]
Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@contextmanager
def chatting(answer: Answer, folder: Path, profile: str = "vllm") -> Iterator[ServerProbe]:
    """A chat endpoint that answers every request with what ``answer`` makes of its body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, content = answer(asked)
            said = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        yield ServerProbe(url, profile, served="served", tokenizer=Tokenizer.load(folder))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def thinks(words: int, field: str = "reasoning_content") -> tuple[int, dict[str, Any]]:
    message = {"content": "3", field: "x y " * (words // 2)}
    return 200, {"model": "served", "choices": [{"message": message, "finish_reason": "stop"}]}


def asked_for(body: dict[str, Any], profile: str) -> bool:
    [(name, value)] = NATIVE[profile].fields.items()
    return bool(body.get(name) == value)


@pytest.mark.parametrize("profile", sorted(NATIVE))
def test_a_native_budget_that_cuts_is_told_from_one_that_is_ignored_or_refused(tiny_model: Path, profile: str) -> None:
    def cuts(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return thinks(BUDGET // 2 if asked_for(body, profile) else 200)

    def refuses(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if asked_for(body, profile):
            return 400, {"error": {"message": "reasoning_config is not configured"}}
        return thinks(200, "reasoning")

    verdicts = {}
    for name, answer in {"cuts": cuts, "ignored": lambda body: thinks(200), "absent": refuses}.items():
        with chatting(answer, tiny_model, profile) as server:
            found = server.native_budget(MESSAGES)
        assert found.detail.startswith(f"{name}:")
        assert bool(found.hint) == (name != "cuts")
        verdicts[name] = found.verdict
    assert verdicts == {"cuts": "ok", "ignored": "ignored", "absent": "absent"}


@pytest.mark.parametrize(
    ("answer", "profile", "said"),
    [
        (lambda body: thinks(8), "vllm", "too few to cut"),
        (lambda body: (404, {"error": {"message": "no chat here"}}), "vllm", "no chat here"),
        (lambda body: thinks(200), "openai", "no field"),
    ],
    ids=["short thoughts", "no chat", "a dialect without a number"],
)
def test_what_cannot_be_seen_is_not_tried(tiny_model: Path, answer: Answer, profile: str, said: str) -> None:
    with chatting(answer, tiny_model, profile) as server:
        found = server.native_budget(MESSAGES)
    assert found.verdict == "not tried"
    assert said in found.detail


class Talk:
    """A model of plain letters: a thought, ``<|im_start|>``, more letters, the end of its turn."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = Tokenizer.load(folder)
        self.letters = [self.tokenizer.encode(letter)[0] for letter in "abcdefghijklmnopqrstuvwxyz"]
        self.start, self.end = (self.tokenizer.id_of(name) for name in ("<|im_start|>", "<|im_end|>"))

    def __call__(self, context: tuple[int, ...], request: Request) -> int:
        assert self.start is not None
        assert self.end is not None
        since = len(context) - 1 - max((i for i, t in enumerate(context) if t == self.start), default=0)
        if since >= 45:
            return self.end if since >= 75 or context.count(self.start) > 3 else self.start
        row = request.sampling.seed if request.sampling.temperature else None
        return self.letters[int(sha256_hex(f"{row}|{context}")[:8], 16) % len(self.letters)]

    def engine(self) -> ScriptedEngine:
        return ScriptedEngine(self, vocab_size=self.tokenizer.vocab_size, context_len=256, slots=1)


class Mute(Tokenizer):
    """Decodes as servers do unless told otherwise: special tokens are left out."""

    def decode(self, ids: Any) -> str:
        return super().decode([i for i in ids if i not in self.special_ids])


@pytest.mark.parametrize("mute", [False, True], ids=["rendered", "left out"])
def test_a_text_server_that_leaves_out_special_tokens_is_refused(tiny_model: Path, mute: bool) -> None:
    talk = Talk(tiny_model)
    spelled = (Mute if mute else Tokenizer).load(tiny_model)
    served = Model("openai", talk.engine, spelled, eos=talk.end)
    fmt = load_format("s1").resolve(talk.tokenizer)
    prompt, opening = fmt.render(MESSAGES)
    with ModelServer(served) as server:
        engine, _ = open_completions(tiny_model, url=server.url, profile="openai", served="served", slots=4)
        try:
            findings = quick(engine, prompt + opening, ends_of(fmt))
            whole = probe(engine, prompt + opening, ends_of(fmt))
        finally:
            engine.close()
    for found in (findings, whole):
        [end] = [f for f in found if f.probe == "end of thinking"]
        assert end.verdict == ("wrong" if mute else "ok"), end
        reason = refusal(found)
        assert (reason is not None) == mute
        assert not mute or "leaves special tokens out" in str(reason)
    assert [f.probe for f in whole if f.verdict == "wrong"] == (["end of thinking"] if mute else [])


def test_a_tokenizer_of_the_same_size_that_is_another_ones_is_found(tiny_model: Path, tmp_path: Path) -> None:
    talk = Talk(tiny_model)
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (tmp_path / name).write_bytes((tiny_model / name).read_bytes())
    vocabulary = json.loads((tmp_path / "tokenizer.json").read_text())
    swapped = vocabulary["model"]["vocab"]
    for left, right in zip("abcdefghijklm", "zyxwvutsrqpon", strict=True):
        swapped[left], swapped[right] = swapped[right], swapped[left]
    (tmp_path / "tokenizer.json").write_text(json.dumps(vocabulary))
    prompt = tuple(range(40, 60))
    verdicts = {}
    with ModelServer(Model("vllm", talk.engine, talk.tokenizer)) as server:
        for name, folder in {"own": tiny_model, "another": tmp_path}.items():
            asked = ServerProbe(server.url, "vllm", served="served", tokenizer=Tokenizer.load(folder))
            verdicts[name] = asked.tokens_match(prompt).verdict
    assert verdicts == {"own": "ok", "another": "wrong"}
