"""The chat engine against a real server: what is sent, what comes of each answer, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from s1kit.engines.base import EngineError
from s1kit.engines.chat import ChatEngine, ChatReply, ChatRequest, answers, generation, native
from s1kit.policies import Ask, BudgetForcing, NativeBudget, Sampling, Unforced, label, policy_id
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.types import Question
from s1kit.wire.peer import Patience
from unit.curate.calls.fake_server import (
    BILL,
    Act,
    FakeServer,
    Seen,
    delta,
    drop,
    hang,
    in_turn,
    slow,
    status,
    stream,
    whole,
)

QUICK = Patience(silence=2.0, longest=10.0, tries=3, back_off=0.001, longest_wait=0.2)
HIGH = NativeBudget(fields={"reasoning_effort": "high"}, max_tokens=500)


def request(name: str = "a", policy: NativeBudget = HIGH, **sampling: Any) -> ChatRequest:
    return ChatRequest(name, ({"role": "user", "content": f"2+2? {name}"},), policy, Sampling(**sampling))


@contextmanager
def chatting(behave: Callable[[Seen], Act], **options: Any) -> Iterator[tuple[ChatEngine, FakeServer]]:
    with FakeServer(behave) as server:
        engine = ChatEngine("m", url=server.url, **{"api_key_env": "S1KIT_TEST_KEY", "patience": QUICK, **options})
        try:
            yield engine, server
        finally:
            engine.close()


def ask(
    behave: Callable[[Seen], Act], *requests: ChatRequest, **options: Any
) -> tuple[dict[str, ChatReply], FakeServer]:
    with chatting(behave, **options) as (engine, server):
        for one in requests or (request(),):
            engine.submit(one)
        replies = {reply.request_id: reply for some in iter(engine.collect, []) for reply in some}
    return replies, server


def test_the_budget_goes_out_as_it_is_and_sampling_explicitly() -> None:
    thinking = {"type": "enabled", "budget_tokens": 4096}
    own = NativeBudget(fields={"thinking": thinking, "max_completion_tokens": 9}, own_sampling=True)
    _, server = ask(
        lambda seen: whole(content="4"), request("a"), request("b", own), request("c", temperature=0.6, seed=7), slots=1
    )
    common = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    first, second, third = (s.body for s in server.script.seen)
    assert first == common | {
        "messages": [{"role": "user", "content": "2+2? a"}],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 500,
        "reasoning_effort": "high",
    }
    assert second == common | {
        "messages": [{"role": "user", "content": "2+2? b"}],
        "thinking": thinking,
        "max_completion_tokens": 9,
    }
    assert (third["temperature"], third["seed"]) == (0.6, 7)


@pytest.mark.parametrize(
    "act",
    [
        whole(content="4", reasoning_content="2+2"),
        whole(content="<think>2+2</think>\n4"),
        whole(content=[{"type": "thinking", "thinking": [{"text": "2+2"}]}, {"type": "text", "text": "4"}]),
        stream(delta(reasoning_content="2+"), delta(reasoning="2"), delta(content="4")),
    ],
)
def test_thinking_and_answer_are_kept_apart(act: Act) -> None:
    replies, _ = ask(lambda seen: act)
    reply = replies["a"]
    assert (reply.thinking, reply.answer, reply.finish) == ("2+2", "4", "stop")
    assert reply.usage == {"prompt": 11, "completion": 7, "thinking": 5}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (status(500), "HTTP 500: no (3 tries)"),
        (status(429, **{"retry-after": "0"}), "lower engine.slots"),
        (status(401), "no key was sent: set S1KIT_TEST_KEY"),
        (status(400), "HTTP 400: no; the server does not take this request"),
        (drop, "the connection broke"),
        (stream(delta(content="half"), end=()), "the answer was cut off (3 tries)"),
        (stream("{nonsense"), "not JSON"),
        (whole(content=None, refusal="I will not"), "the endpoint refused: I will not"),
        (hang, "the server said nothing for too long"),
    ],
)
def test_what_fails_for_good_is_an_error_and_the_others_are_answered(bad: Act, words: str) -> None:
    def behave(seen: Seen) -> Act:
        return bad if "bad" in seen.asked else whole(content="4")

    patience = Patience(silence=0.1, tries=3, back_off=0.001, longest_wait=0.05)
    replies, _ = ask(behave, request("bad"), request("good"), patience=patience)
    assert replies["bad"].finish == "error"
    assert words in str(replies["bad"].error)
    assert replies["good"].answer == "4"


def test_a_try_that_was_cut_leaves_nothing_in_the_answer() -> None:
    cut = stream(delta(content="half an ans"), end=())
    replies, server = ask(in_turn(cut, status(503), stream(delta(content="whole"))))
    assert (replies["a"].answer, replies["a"].error) == ("whole", None)
    assert server.requests == 3


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S1KIT_TEST_KEY", "sk-very-secret")
    replies, server = ask(lambda seen: status(401, b'{"error": {"message": "bad key sk-very-secret"}}'))
    sent = {name.lower(): value for name, value in server.script.seen[0].headers.items()}
    assert sent["authorization"] == "Bearer sk-very-secret"
    assert str(replies["a"].error).startswith("HTTP 401: bad key [key]; is the key in S1KIT_TEST_KEY right")


def test_cancel_close_and_a_live_id() -> None:
    with chatting(lambda seen: slow(0.3, whole(content="4")), slots=1) as (engine, _):
        for name in ("running", "waiting"):
            engine.submit(request(name))
        with pytest.raises(ValueError, match="'running'"):
            engine.submit(request("running"))
        for name in ("running", "waiting", "never"):
            engine.cancel(name)
        ended = {reply.request_id: reply.finish for some in iter(engine.collect, []) for reply in some}
        assert ended == {"running": "cancelled", "waiting": "cancelled"}
        assert engine.collect() == []
    with pytest.raises(EngineError, match="closed"):
        engine.submit(request())


@pytest.mark.parametrize(
    "policy", [BudgetForcing(max_thinking=9), BudgetForcing(), Unforced(ask=Ask(unit="tokens", limit=5))]
)
def test_policies_that_place_tokens_are_refused_with_the_reason(policy: BudgetForcing | Unforced) -> None:
    with pytest.raises(EngineError, match=r"takes none(?s:.)*native_budget"):
        native(policy)
    assert native(Unforced(max_tokens=9)) == NativeBudget(fields={}, max_tokens=9)
    assert native(HIGH) is HIGH


def test_a_policy_has_a_name_and_keeps_to_its_own_fields() -> None:
    assert label(HIGH) == "reasoning_effort high"
    assert policy_id(HIGH, {}, Sampling()).startswith("native-reasoning-effort-high-500-")
    assert policy_id(HIGH, {}, Sampling()) != policy_id(HIGH, {}, Sampling(temperature=0.5))
    with pytest.raises(ValueError, match="temperature cannot be set here"):
        NativeBudget(fields={"temperature": 1})


def test_rows_are_inexact_text_and_the_store_takes_them(tmp_path: Path) -> None:
    """Three rows: answered, cut off in the thinking, failed; ``verify`` says what it cannot know, and no more."""
    questions = [Question.make(text=f"q{i}?", answer="4", answer_kind="integer") for i in range(3)]
    name = policy_id(HIGH, {}, Sampling())

    def behave(seen: Seen) -> Act:
        if "q1" in seen.asked:
            return stream(delta(reasoning_content="hm"), end=(delta("length"), BILL, "[DONE]"))
        return status(400) if "q2" in seen.asked else whole(content="4", reasoning_content="2+2")

    with chatting(behave) as (engine, _):
        rows = (
            ((q.id, name, 0), ChatRequest(q.id, ({"role": "user", "content": q.prompt()},), HIGH, Sampling()))
            for q in questions
        )
        done = {g.question_id: g for g in answers(engine, rows)}
        run = RunDir.create(
            tmp_path,
            "eval",
            "chat",
            config_resolved={"model": "m"},
            questions=questions,
            engine=engine.info,
            policies={name: {"label": label(HIGH), "policy": HIGH.model_dump(mode="json"), "samples": 1}},
        )
    with run:
        run.append_many(list(done.values()))
        run.finish()
    ended = [(done[q.id].ended, done[q.id].answer_ended, done[q.id].n_thinking) for q in questions]
    assert ended == [("model", "turn_end", 5), ("cutoff", None, 5), ("error", None, 0)]
    assert all(g.token_ids is None and not g.exact for g in done.values())
    assert done[questions[0].id].segments[1].text == "4"
    found = {(f.message.partition(":")[0], f.level) for f in verify(RunDir.open(run.path)) if f.level != "ok"}
    assert found == {("tokens", "unverifiable"), ("policies", "unverifiable")}


def test_a_bill_that_tells_less_counts_as_little() -> None:
    row = generation(ChatReply("a", "stop", "t", "4", {"completion": 7}), ("q", "p", 0))
    assert (row.n_thinking, row.n_answer, row.n_paid) == (0, 7, 7)
