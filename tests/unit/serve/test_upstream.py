"""In front of another server: the completions engine is an engine like any other, and its faults are told as such."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from s1kit.engines.base import Request
from s1kit.engines.completions_open import open_completions
from s1kit.engines.scripted import ScriptedEngine
from s1kit.serve.fields import Rules
from s1kit.serve.service import Limits
from s1kit.tokenizer import Tokenizer
from s1kit.wire.peer import Patience
from unit.engines.model_server import Fault, Model, ModelServer, Seen
from unit.serve.serving import HELLO, Running, serving
from unit.serve.test_faults import raw, shaped

QUICK = Patience(silence=0.3, longest=20.0, tries=3, back_off=0.001, longest_wait=0.05)


@contextmanager
def upstream(
    folder: Path,
    ends: float = 0.05,
    *,
    dialect: str = "vllm",
    patience: Patience | None = None,
    limits: Limits | None = None,
    make: Callable[[], ScriptedEngine] | None = None,
    **model: Any,
) -> Iterator[tuple[Running, Model, ScriptedEngine]]:
    """A server in front of a stub that speaks a dialect, and the engine that the stub's model is."""
    tokenizer = Tokenizer.load(folder)
    stops = {i: ends for name in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(name)) is not None}

    def random() -> ScriptedEngine:
        return ScriptedEngine.random(3, stops=stops, vocab_size=tokenizer.vocab_size, context_len=2000)

    behind = Model(dialect, make or random, tokenizer, context_len=2000, **model)
    with ModelServer(behind) as stub:
        engine, _ = open_completions(
            folder,
            url=stub.url,
            profile=dialect,
            served="served",
            slots=4,
            patience=patience or Patience(),
            context_len=2000,
        )
        with serving(engine, rules=Rules(max_answer=64), tokenizer=tokenizer, limits=limits) as running:
            yield running, behind, (make or random)()


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp"])
def test_it_says_what_the_model_itself_would_say(tiny_model: Path, dialect: str) -> None:
    rules, tokenizer = Rules(max_answer=64), Tokenizer.load(tiny_model)
    with (
        upstream(tiny_model, dialect=dialect) as (server, _, engine),
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


# -- a server that speaks text only


def words(folder: Path, thoughts: int) -> Callable[[], ScriptedEngine]:
    """A model that writes letters, and ends each thought and each answer after ``thoughts`` of them."""
    tokenizer = Tokenizer.load(folder)
    spelt = [tokenizer.encode(letter)[0] for letter in "abcdefghij"]
    end, turn = tokenizer.id_of("<|im_start|>"), tokenizer.id_of("<|im_end|>")
    assert end is not None
    assert turn is not None

    def draw(context: tuple[int, ...], request: Request) -> int:
        said = tokenizer.decode(context)
        tail = said.rpartition("<|im_start|>")[2]
        if len(tail) < thoughts:
            return spelt[len(said) % len(spelt)]
        return end if tail.startswith("think") else turn

    return lambda: ScriptedEngine(draw, vocab_size=tokenizer.vocab_size, context_len=2000)


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_only_server_keeps_phases_and_maxima_and_says_that_it_is_not_exact(
    tiny_model: Path, stream: bool
) -> None:
    with upstream(tiny_model, dialect="openai", make=words(tiny_model, 60)) as (server, behind, _):
        card = httpx.get(server.url + "/v1/models").json()["data"][0]
        assert card["exact"] is False
        for budget, forced in ((20, True), (0, True), (1000, False)):
            reply = told(server, {**HELLO, "thinking_budget": budget, "max_tokens": 1100, "stream": stream})
            assert reply["budget"]["exact"] is False
            assert reply["budget"]["used"] <= budget
            assert reply["budget"]["forced_end"] is forced
            assert bool(reply["thinking"]) is (budget > 0)
            assert reply["answer"].startswith("Final Answer:") is forced
            assert "<|" not in reply["thinking"] + reply["answer"]
        assert all(isinstance(seen.body["prompt"], str) for seen in behind.seen)
        server.idle()


@pytest.mark.parametrize(
    ("fields", "words_"), [({"wait": 1}, "banned ids"), ({"min_thinking_tokens": 9}, "banned ids")]
)
def test_what_text_cannot_carry_is_refused_with_the_reason(
    tiny_model: Path, fields: dict[str, Any], words_: str
) -> None:
    with upstream(tiny_model, dialect="openai") as (server, behind, _):
        error = shaped(server.post({**HELLO, **fields}), 400)
        assert words_ in error["message"]
        assert "completions" in error["message"]
        assert not behind.seen
        server.idle()


def told(server: Running, body: dict[str, Any]) -> dict[str, Any]:
    """Thinking, answer and budget of a reply, streamed or not."""
    reply = server.post(body)
    assert reply.status_code == 200, reply.text
    if not body["stream"]:
        [choice] = reply.json()["choices"]
        said = choice["message"]
        return {"thinking": said["reasoning"], "answer": said["content"], "budget": choice["budget"]}
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    deltas = [event["choices"][0]["delta"] for event in events]
    return {
        "thinking": "".join(delta.get("reasoning", "") for delta in deltas),
        "answer": "".join(delta.get("content", "") for delta in deltas),
        "budget": events[-1]["budget"],
    }


# -- a server that misbehaves


FAULTS = [
    (Fault("drop"), "connection broke"),
    (Fault("cut"), "connection broke"),
    (Fault("ends"), "cut off"),
    (Fault("garbage"), "not JSON"),
    (Fault("error"), "the engine died"),
    (Fault("500"), "out of memory"),
    (Fault("429", wait=0.01), "busy"),
    (Fault("hang"), "said nothing for too long"),
    (Fault("stalls"), "said nothing for too long"),
    (Fault("short", 5), "limit of its own"),
    (Fault("no ids"), "without token ids"),
    (Fault("bos"), "changed the prompt"),
]


@pytest.mark.parametrize(("fault", "words_"), FAULTS, ids=[fault.kind for fault, _ in FAULTS])
def test_a_fault_of_the_other_server_is_an_error_and_nothing_hangs(tiny_model: Path, fault: Fault, words_: str) -> None:
    """As long as it lasts; the next request is well, and no row stays open."""
    ill = [True]
    body = {**HELLO, "thinking_budget": 40, "max_tokens": 60}
    with upstream(tiny_model, ends=0.0, patience=QUICK, fault=lambda seen: fault if ill[0] else None) as (
        server,
        behind,
        _,
    ):
        whole = shaped(server.post(body), 500)
        assert whole["code"] == "generation_failed"
        assert whole["type"] == "server_error"
        assert words_ in whole["message"]
        streamed = server.post({**body, "stream": True})
        assert streamed.status_code == 200
        *_, error, end = [line for line in streamed.text.splitlines() if line]
        assert words_ in json.loads(error[6:])["error"]["message"]
        assert end == "data: [DONE]"
        server.idle()
        server.until(lambda: behind.now == 0 or fault.kind in ("hang", "stalls"))
        ill[0] = False
        assert server.post(body).json()["usage"]["completion_tokens"] == 60
        server.idle()


@pytest.mark.parametrize("kind", ["cut", "ends", "garbage", "error", "stalls"])
def test_an_answer_that_breaks_off_is_taken_up_again_and_nobody_sees_it(tiny_model: Path, kind: str) -> None:
    ill = [Fault(kind, 5), Fault(kind, 9)]
    body = {**HELLO, "thinking_budget": 40, "max_tokens": 60}
    with upstream(tiny_model, patience=QUICK, fault=lambda seen: ill.pop() if ill else None) as (server, _, _):
        broken = told(server, {**body, "stream": True})
        assert not ill
        assert told(server, {**body, "stream": True}) == broken
        server.idle()


@pytest.mark.parametrize("kind", ["ignores stops", "ignores limit"])
def test_a_stop_or_limit_that_the_other_server_ignores_is_kept_here(tiny_model: Path, kind: str) -> None:
    with (
        upstream(tiny_model, fault=lambda seen: Fault(kind)) as (server, _, engine),
        serving(engine, rules=Rules(max_answer=64), tokenizer=Tokenizer.load(tiny_model)) as direct,
    ):
        for fields in ({}, {"thinking_budget": 20}):
            here, there = (s.post({**HELLO, **fields}).json() for s in (server, direct))
            assert here["choices"] == there["choices"]
        server.idle()


def test_a_model_that_changes_behind_the_name_is_an_error_for_good(tiny_model: Path) -> None:
    def later(seen: Seen) -> Fault | None:
        return Fault("another model") if seen.number > 2 else None

    with upstream(tiny_model, patience=QUICK, fault=later) as (server, _, _):
        replies = [server.post({**HELLO, "thinking_budget": 5, "max_tokens": 9}) for _ in range(6)]
        assert replies[0].status_code == 200
        assert "answers as 'another'" in shaped(replies[-1], 500)["message"]
        server.idle()


def test_a_slow_server_is_given_up_in_time_and_its_place_is_free(tiny_model: Path) -> None:
    with upstream(tiny_model, ends=0.0, pace=0.05, limits=Limits(seconds=0.5)) as (server, behind, _):
        body = {**HELLO, "thinking_budget": 500, "max_tokens": 900}
        assert shaped(server.post(body), 504)["code"] == "timeout"
        assert '"code":"timeout"' in server.post({**body, "stream": True}).text
        server.idle()
        server.until(lambda: behind.now == 0)


def test_health_tells_of_a_server_that_is_gone_and_of_its_return(tiny_model: Path) -> None:
    ill = [True]
    with upstream(
        tiny_model, patience=replace(QUICK, tries=1), fault=lambda seen: Fault("drop") if ill[0] else None
    ) as (server, _, _):
        for _ in range(3):
            shaped(server.post(HELLO), 500)
        health = httpx.get(server.url + "/health")
        assert (health.status_code, health.json()["status"]) == (503, "failed")
        assert "connection broke" in health.json()["reason"]
        ill[0] = False
        assert server.post(HELLO).status_code == 200
        assert httpx.get(server.url + "/health").json() == {"status": "ok"}
