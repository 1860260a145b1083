"""In front of another server: the completions engine is an engine like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s1kit.engines.completions_open import open_completions
from s1kit.engines.scripted import ScriptedEngine
from s1kit.serve.fields import Rules
from s1kit.tokenizer import Tokenizer
from unit.engines.model_server import Model, ModelServer
from unit.serve.serving import HELLO, Running, serving
from unit.serve.test_faults import raw


@contextmanager
def upstream(folder: Path, ends: float = 0.05, **model: Any) -> Iterator[tuple[Running, Model, ScriptedEngine]]:
    """A server in front of a stub that speaks vLLM's dialect, and the engine that the stub's model is."""
    tokenizer = Tokenizer.load(folder)
    stops = {i: ends for name in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(name)) is not None}

    def make() -> ScriptedEngine:
        return ScriptedEngine.random(3, stops=stops, vocab_size=tokenizer.vocab_size, context_len=2000)

    behind = Model("vllm", make, tokenizer, context_len=2000, **model)
    with ModelServer(behind) as stub:
        engine, _ = open_completions(folder, url=stub.url, profile="vllm", served="served", slots=4)
        with serving(engine, rules=Rules(max_answer=64), tokenizer=tokenizer) as running:
            yield running, behind, make()


def test_it_says_what_the_model_itself_would_say(tiny_model: Path) -> None:
    rules, tokenizer = Rules(max_answer=64), Tokenizer.load(tiny_model)
    with (
        upstream(tiny_model) as (server, _, engine),
        serving(engine, rules=rules, tokenizer=tokenizer) as direct,
    ):
        for fields in ({}, {"thinking_budget": 20}, {"wait": 2}, {"min_thinking_tokens": 50}):
            here, there = (s.post({**HELLO, **fields}).json() for s in (server, direct))
            assert here["choices"] == there["choices"]
            assert here["usage"] == there["usage"]
            assert here["budget"]["exact"]


def test_a_client_that_leaves_frees_the_place_at_the_other_server_too(tiny_model: Path) -> None:
    with upstream(tiny_model, ends=0.0, pace=0.01) as (server, behind, _):
        with raw(server, {**HELLO, "stream": True}) as sock:
            assert sock.recv(100)
            server.until(lambda: behind.now == 1)
        server.idle()
        server.until(lambda: behind.now == 0)
