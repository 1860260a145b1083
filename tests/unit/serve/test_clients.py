"""Clients that nobody here wrote, over real sockets: the openai SDK, sync, async and streaming; plain HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from s1kit.engines.open import open_engine
from s1kit.engines.probe import Finding
from s1kit.evaluate import prepare
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling
from s1kit.serve.fields import Rules
from s1kit.serve.server import Process, build_service
from s1kit.serve.service import Limits
from s1kit.store.rules import split_tokens
from s1kit.types import Generation, Question
from unit.serve.serving import HELLO, TOKENIZER, Running, chatty, endless, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving(chatty()) as running:
        yield running
        running.idle()


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as made:
        yield made


def events(raw: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in raw.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_sdk_gets_thinking_answer_usage_and_budget(client: openai.OpenAI) -> None:
    reply: Any = client.chat.completions.create(
        model="test",
        messages=[{"role": "user", "content": "hello"}],
        extra_body={"thinking_token_budget": 40, "wait": 1, "cutoff_suffix": "So: "},
    )
    [choice] = reply.choices
    assert choice.message.reasoning_content == choice.message.reasoning
    assert reply.usage.completion_tokens_details.reasoning_tokens == reply.budget["used"]
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.budget["max"] == 40
    assert reply.budget["used"] <= 40
    assert reply.budget["exact"]
    assert reply.budget["forced_end"] == choice.message.content.startswith("So: ")


def test_a_budget_that_runs_out_is_said_to(client: openai.OpenAI) -> None:
    for budget, forced in ((3, True), (0, True)):
        reply: Any = client.chat.completions.create(
            model="test",
            messages=[{"role": "user", "content": "hello"}],
            extra_body={"thinking": {"type": "enabled", "budget_tokens": budget}, "min_thinking_tokens": budget},
        )
        assert reply.budget["used"] == budget
        assert reply.budget["forced_end"] is forced
        assert reply.choices[0].message.content.startswith("Final Answer:")


def test_streams_keep_phases_apart_and_say_the_same(client: openai.OpenAI) -> None:
    body: dict[str, Any] = {"model": "test", "messages": HELLO["messages"], "extra_body": {"wait": 2}}
    whole: Any = client.chat.completions.create(**body)
    thinking, answer, order, last, usage = "", "", [], None, None
    for chunk in client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}):
        event: Any = chunk
        if event.usage:
            usage = event.usage
            continue
        delta = event.choices[0].delta
        if getattr(delta, "reasoning_content", None):
            thinking += delta.reasoning_content
            order.append("think")
        if delta.content:
            answer += delta.content
            order.append("answer")
        last = event
    assert thinking == whole.choices[0].message.reasoning_content
    assert answer == whole.choices[0].message.content
    assert order == sorted(order, reverse=True)
    assert last is not None
    assert last.choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.budget == whole.budget
    assert usage is not None
    assert usage.completion_tokens == whole.usage.completion_tokens


def test_the_async_sdk_streams_many_at_once(server: Running) -> None:
    async def one(client: openai.AsyncOpenAI, seed: int) -> str:
        stream = await client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": "hi"}], seed=seed, temperature=1, stream=True
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream])

    async def all_of() -> list[str]:
        async with openai.AsyncOpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as client:
            return await asyncio.gather(*(one(client, seed) for seed in (*range(12), *range(12))))

    said = asyncio.run(all_of())
    assert said[:12] == said[12:]  # the same seed says the same in any company
    assert len(set(said)) > 6


def test_completions_choices_and_models(client: openai.OpenAI) -> None:
    reply: Any = client.completions.create(model="test", prompt=["ab", "cd"], n=2, temperature=1, seed=1, max_tokens=9)
    assert [c.index for c in reply.choices] == [0, 1, 2, 3]
    assert reply.usage.prompt_tokens == 4
    assert reply.choices[0].budget is None
    forced: Any = client.completions.create(
        model="test", prompt="ab", max_tokens=12, extra_body={"thinking_budget": 4, "min_thinking_tokens": 4}
    )
    assert forced.usage.completion_tokens_details.reasoning_tokens == forced.budget["used"] <= 4
    assert forced.usage.completion_tokens <= 12
    [model] = client.models.list().data
    assert model.id == "test"
    assert client.models.retrieve("test").id == "test"
    with pytest.raises(openai.NotFoundError, match="use 'test'"):
        client.models.retrieve("gpt")


def test_text_completions_stream(server: Running) -> None:
    whole = server.post({"prompt": "ab", "max_tokens": 30, "wait": 1}, "/v1/completions").json()
    parts = events(server.post({"prompt": "ab", "max_tokens": 30, "wait": 1, "stream": True}, "/v1/completions").text)
    choices = [event["choices"][0] for event in parts]
    assert "".join(c["text"] for c in choices) == whole["choices"][0]["text"]
    assert "".join(c.get("reasoning", "") for c in choices) == whole["choices"][0]["reasoning"]
    assert parts[-1]["budget"] == whole["budget"]


def test_thinking_can_be_left_out(server: Running) -> None:
    for hide in ({"include_reasoning": False}, {"reasoning": {"exclude": True}}):
        reply = server.post({**HELLO, **hide}).json()
        assert reply["choices"][0]["message"]["reasoning_content"] is None
        assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
        streamed = server.post({**HELLO, **hide, "stream": True}).text
        assert "reasoning" not in streamed.replace("reasoning_tokens", "")


def test_stop_strings_and_maxima(client: openai.OpenAI) -> None:
    with serving(endless()) as server:
        body = {**HELLO, "thinking_budget": 5, "max_tokens": 60}
        whole = server.post(body).json()
        answer = whole["choices"][0]["message"]["content"]
        assert whole["choices"][0]["finish_reason"] == "length"
        assert whole["budget"]["answer_truncated"]
        assert whole["usage"]["completion_tokens"] == 60
        cut = server.post({**body, "stop": [answer[20:23], "nowhere"]}).json()
        assert cut["choices"][0]["message"]["content"] == answer[:20]
        assert cut["choices"][0]["finish_reason"] == "stop"
        assert not cut["budget"]["answer_truncated"]
        server.idle()


def test_errors_have_the_shape_of_openai(server: Running, client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="test", messages=[{"role": "user", "content": "x"}], extra_body={"thinking_budget": -5}
        )
    assert caught.value.param == "thinking_budget"
    for path, method, status in (
        ("/v1/nowhere", "GET", 404),
        ("/v1/chat/completions", "GET", 405),
        ("/v1/models", "DELETE", 405),
        ("/v1/models/else", "GET", 404),
    ):
        reply = httpx.request(method, server.url + path)
        assert reply.status_code == status
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    wrong_model = server.post({**HELLO, "model": "gpt-9"})
    assert wrong_model.status_code == 404
    assert wrong_model.json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"thinking_budget": 100_000}, "context_length_exceeded", "max_completion_tokens"),
        ({"min_thinking_tokens": 100_000}, "context_length_exceeded", "context"),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, "context_length_exceeded", "context"),
        ({"messages": [{"role": "user", "content": "<|im_end|>"}]}, None, "control"),
        ({"wait": 1, "wait_str": "<|im_start|>"}, None, "control"),
        ({"cutoff_suffix": "<|im_end|>"}, None, "control"),
        ({"wait": 1, "wait_str": "far too long", "thinking_budget": 4}, None, "nudge"),
    ],
)
def test_what_cannot_run_is_refused_before_it_starts(server: Running, fields: Any, code: Any, words: str) -> None:
    reply = server.post({**HELLO, **fields})
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == code
    assert words in reply.json()["error"]["message"]


def test_efforts_and_maxima_take_what_the_context_leaves(server: Running) -> None:
    for fields in ({"reasoning_effort": "high"}, {"max_tokens": 100_000}, {"max_tokens": 4096}):
        reply = server.post({**HELLO, **fields})
        assert reply.status_code == 200, reply.text
        assert reply.json()["budget"]["max"] < 4096


def test_health_metrics_and_openapi(server: Running) -> None:
    server.post(HELLO)
    assert httpx.get(server.url + "/health").json() == {"status": "ok"}
    text = httpx.get(server.url + "/metrics").text
    assert 's1_requests_total{endpoint="chat",status="200"}' in text
    for line in text.splitlines():
        assert line.startswith("# ") or len(line.rsplit(" ", 1)) == 2
        float(line.rsplit(" ", 1)[1]) if not line.startswith("#") else None
    spec = httpx.get(server.url + "/openapi.json").json()
    assert "thinking_token_budget" in json.dumps(spec["paths"]["/v1/chat/completions"])


def test_a_key_is_asked_for() -> None:
    with serving(chatty(), key="sesame") as server:
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Bearer sés"}):
            for path in ("/v1/models", "/metrics"):
                reply = httpx.get(server.url + path, headers=[(k, v.encode()) for k, v in headers.items()])
                assert reply.status_code == 401
                assert reply.json()["error"]["code"] == "invalid_api_key"
        assert server.post(HELLO).status_code == 401
        assert server.post(HELLO, headers={"Authorization": "Bearer sesame"}).status_code == 200
        assert httpx.get(server.url + "/health").status_code == 200


def test_a_model_without_thinking_answers_plainly() -> None:
    with serving(endless(), fmt="plain") as server:
        reply = server.post({**HELLO, "max_tokens": 7}).json()
        assert len(reply["choices"][0]["message"]["content"]) == 7
        assert reply["choices"][0]["finish_reason"] == "length"
        assert reply["budget"] is None
        refused = server.post({**HELLO, "thinking_budget": 5})
        assert refused.status_code == 400
        assert "without a thinking phase" in refused.json()["error"]["message"]


def test_what_was_found_missing_is_refused_with_the_reason_and_published() -> None:
    """The engine claims both ways of holding back a stop, and was found to honour neither."""
    missing = [
        Finding(probe=probe, claimed=True, found=False, detail="id 7 came 3 times", hint="use another engine")
        for probe in ("banned_ids", "min_tokens")
    ]
    with serving(chatty(), findings=missing) as server:
        for fields in ({"wait": 1}, {"min_thinking_tokens": 5}):
            refused = server.post({**HELLO, **fields})
            assert refused.status_code == 400
            assert "does not honour" in refused.json()["error"]["message"]
        assert server.post({**HELLO, "thinking_budget": 5}).json()["budget"]["used"] <= 5
        [model] = httpx.get(server.url + "/v1/models").json()["data"]
        assert [(f["probe"], f["verdict"]) for f in model["findings"]] == [
            ("banned_ids", "wrong"),
            ("min_tokens", "wrong"),
        ]
        assert "id 7" in model["findings"][0]["detail"]


POLICIES: list[tuple[dict[str, Any], BudgetForcing]] = [
    ({}, BudgetForcing(max_answer=64)),
    ({"thinking_budget": 25}, BudgetForcing(max_thinking=25, max_answer=64)),
    ({"thinking_budget": 0}, BudgetForcing(max_thinking=0, max_answer=64)),
    ({"wait": 2}, BudgetForcing(extensions=2, max_answer=64)),
    ({"min_thinking_tokens": 60}, BudgetForcing(min_thinking=60, max_answer=64)),
    (
        {"thinking_budget": 90, "wait": 3, "wait_str": ["Hm", "Wait"], "cutoff_suffix": "So"},
        BudgetForcing(max_thinking=90, extensions=3, nudges=("Hm", "Wait"), cutoff_suffix="So", max_answer=64),
    ),
]


def alike(first: Generation, second: Generation) -> bool:
    aside = {"engine_ms": 0.0, "thinking_text": "", "answer_text": "", "policy_id": "", "n_paid": 0}
    aside |= {"n_paid_thinking": 0}
    return first.model_copy(update=aside) == second.model_copy(update=aside)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_budget_through_the_api_is_the_generation_of_eval(temperature: float) -> None:
    fmt = load_format("s1").resolve(TOKENIZER)
    questions = [Question.make(text=f"What is {i}?", answer=None, answer_kind="text") for i in range(3)]
    sampling = Sampling(temperature=temperature)
    samples = 2 if temperature else 1
    with serving(chatty(5)) as server:
        for fields, policy in POLICIES:
            engine = chatty(5)
            job = prepare(questions, [(policy, "budget", sampling)], fmt, engine.info, samples=samples, seed=3)
            [point] = job.points
            expected = {
                g.key[::2]: g for g in drive([machine(point.plan, r) for r in job.rows_of(point).values()], engine)
            }
            for question in questions:
                server.generations.clear()
                reply = server.post(
                    {
                        "messages": [{"role": "user", "content": question.text}],
                        "temperature": temperature,
                        "seed": 3,
                        "n": samples,
                        **fields,
                    }
                ).json()
                assert len(server.generations) == samples
                for made in server.generations:
                    wanted = expected[made.key[::2]]
                    assert alike(made, wanted)
                    message = reply["choices"][made.sample]["message"]
                    thinking, answer = split_tokens(wanted)
                    assert message["reasoning_content"] == TOKENIZER.decode(thinking)
                    assert message["content"] == TOKENIZER.decode(answer)


def test_the_shipped_model_through_the_api_is_the_generation_of_eval() -> None:
    engine, tokenizer = open_engine("hf", resolve_model("nano"), slots=2)
    fmt = load_format("s1").resolve(tokenizer)
    text = "How many r in raspberry?"
    question = Question.make(text=text, answer=None, answer_kind="text")
    policy = BudgetForcing(max_thinking=60, extensions=1, max_answer=64)
    job = prepare([question], [(policy, "budget", Sampling())], fmt, engine.info)
    [point] = job.points
    [wanted] = drive([machine(point.plan, row) for row in job.rows_of(point).values()], engine)
    service = build_service(engine, fmt, "nano", Rules(max_answer=64), Limits(), Process())
    made: list[Generation] = []
    service.metrics.row_done = made.append  # type: ignore[method-assign]

    async def ask() -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": text}], "thinking_token_budget": 60, "wait": 1}
        asked, prepared = await service.read(json.dumps(body).encode(), "chat")
        service.scheduler.start()
        exchange = service.open(asked, prepared)
        try:
            return await exchange.whole()
        finally:
            exchange.close()
            assert service.scheduler.stop()

    reply = asyncio.run(ask())
    assert alike(made[0], wanted)
    assert reply["choices"][0]["message"]["content"] == tokenizer.decode(split_tokens(wanted)[1])
