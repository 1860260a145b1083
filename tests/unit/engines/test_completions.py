"""The completions engine against a real server that cuts, stalls, lies, refuses and goes away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.suite import CONTEXT, VOCABULARY, one, prompt, run
from s1kit.engines.base import Chunk, EngineError, Request
from s1kit.engines.completions import CompletionsEngine
from s1kit.engines.completions_open import open_completions
from s1kit.engines.completions_server import GIVE_UP
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.policies import BudgetForcing, Policy, Sampling, Unforced
from s1kit.tokenizer import Tokenizer
from s1kit.types import sha256_hex
from s1kit.wire.peer import Patience
from unit.engines.model_server import Fault, Model, ModelServer, Seen

WARM = Sampling(temperature=1.0, seed=5)
QUICK = Patience(silence=5.0, longest=20.0, tries=6, back_off=0.001, longest_wait=0.5)


def server_like(temperature_restarts: bool = True) -> ScriptedEngine:
    """A model as servers have it: greedy by context alone, sampled by (seed, position in this request, context)."""

    def draw(context: tuple[int, ...], request: Request) -> int:
        warm = bool(request.sampling.temperature) and temperature_restarts
        at = (request.sampling.seed, len(context) - len(request.prompt_ids)) if warm else ()
        return int(sha256_hex(f"{at}|{context}")[:8], 16) % 280

    return ScriptedEngine(draw, vocab_size=VOCABULARY, context_len=CONTEXT, slots=1)


@contextmanager
def serving(
    folder: Path, dialect: str = "vllm", *, slots: int = 4, patience: Patience = QUICK, **model: Any
) -> Iterator[tuple[CompletionsEngine, Model]]:
    served = Model(dialect, model.pop("make", server_like), Tokenizer.load(folder), **model)
    with ModelServer(served) as server:
        engine, _ = open_completions(
            folder, url=server.url, profile=dialect, served="served", slots=slots, patience=patience
        )
        try:
            yield engine, served
        finally:
            engine.close()


def faults(*plan: Fault | None) -> Callable[[Seen], Fault | None]:
    """The n-th request gets the n-th fault, later ones none."""
    return lambda seen: plan[seen.number] if seen.number < len(plan) else None


# -- what a fault may and may not change


mendable = st.one_of(
    st.none(),
    st.builds(Fault, st.sampled_from(["drop", "500", "429"])),
    st.builds(Fault, st.sampled_from(["cut", "ends", "garbage", "error"]), st.integers(0, 30)),
)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_finished_rows_are_those_of_the_undisturbed_engine(tiny_model: Path, data: st.DataObject) -> None:
    requests = []
    for i in range(data.draw(st.integers(1, 4))):
        ids = prompt(data.draw(st.integers(0, 5)))
        free = one(server_like(), Request("free", ids, 40)).tokens
        sampling = data.draw(st.sampled_from([Sampling(), WARM, Sampling(frequency_penalty=0.5)]))
        requests.append(
            Request(
                f"r{i}",
                ids,
                data.draw(st.integers(1, 40)),
                stop_ids=data.draw(st.sampled_from([(), (free[9],), (free[20], free[3])])),
                stop_seqs=data.draw(st.sampled_from([(), ((free[12], free[13]),)])),
                min_tokens=data.draw(st.integers(0, 5)),
                banned_ids=data.draw(st.sampled_from([(), (free[5], 300)])),
                sampling=sampling,
                stream=data.draw(st.booleans()),
            )
        )
    expected = run(server_like(), requests)
    plan = data.draw(st.lists(mendable, max_size=5))
    with serving(tiny_model, data.draw(st.sampled_from(["vllm", "sglang"])), fault=faults(*plan)) as (engine, _):
        got = run(engine, requests)
    assert {n: (c.tokens, c.finish, c.stop_id, c.error) for n, c in got.items()} == {
        n: (c.tokens, c.finish, c.stop_id, c.error) for n, c in expected.items()
    }


def test_a_greedy_row_goes_on_where_it_was_cut_and_nothing_is_generated_twice(tiny_model: Path) -> None:
    request = Request("a", prompt(1), 40, min_tokens=15, stream=True)
    with serving(tiny_model, fault=faults(Fault("cut", 10), Fault("cut", 7))) as (engine, model):
        chunk = one(engine, request)
        expected = one(server_like(), request)
    assert chunk.tokens == expected.tokens
    assert chunk.paid is None
    asked = [(len(s.body["prompt"]), s.body["max_tokens"], s.body.get("min_tokens", 0)) for s in model.seen]
    assert asked == [(12, 40, 15), (22, 30, 5), (29, 23, 0)]
    assert sum(s.sent for s in model.seen) == 40


@pytest.mark.parametrize("sampling", [WARM, Sampling(frequency_penalty=0.3)])
def test_any_other_row_starts_again_and_says_what_that_cost(tiny_model: Path, sampling: Sampling) -> None:
    request = Request("a", prompt(1), 40, sampling=sampling, stream=True)
    with serving(tiny_model, fault=faults(Fault("cut", 10))) as (engine, model):
        chunk = one(engine, request)
        expected = one(server_like(), request)
    assert chunk.tokens == expected.tokens
    assert chunk.paid == 50
    assert [s.body["max_tokens"] for s in model.seen] == [40, 40]


def test_a_streamed_sample_that_a_server_cannot_repeat_is_an_error(tiny_model: Path) -> None:
    drawn = random.Random(0)

    def forgetful() -> ScriptedEngine:
        return ScriptedEngine(lambda context, request: drawn.randrange(256), vocab_size=VOCABULARY, context_len=CONTEXT)

    with serving(tiny_model, make=forgetful, fault=faults(Fault("cut", 20)), pace=0.002) as (engine, _):
        engine.submit(Request("a", prompt(1), 40, sampling=WARM, stream=True))
        chunks: list[Chunk] = []
        while got := engine.collect():
            chunks += got
    assert chunks[-1].finish == "error"
    assert "does not repeat a seeded sample" in str(chunks[-1].error)
    assert sum(len(c.tokens) for c in chunks) == 20


OUTCOMES: list[tuple[Fault, dict[str, Any], str]] = [
    (Fault("drop"), {}, "the connection broke"),
    (Fault("cut", 5), {}, "the connection broke"),
    (Fault("ends", 5), {}, "the answer was cut off"),
    (Fault("garbage", 5), {}, "not JSON"),
    (Fault("error", 5), {}, "HTTP 500: the engine died"),
    (Fault("500"), {}, "HTTP 500: out of memory (3 tries); see the server's log"),
    (Fault("429", wait=0.01), {}, "HTTP 429: busy (3 tries); the server is too busy: lower engine.slots"),
    (Fault("hang"), {"silence": 0.1}, "the server said nothing for too long"),
    (Fault("stalls", 5), {"silence": 0.1}, "the server said nothing for too long"),
    (Fault("stalls", 5), {"longest": 0.2}, "no whole answer within 0.2 seconds"),
    (Fault("trickles", 5), {"silence": 0.2, "longest": 0.6}, "no whole answer within 0.6 seconds; fewer engine.slots"),
    (Fault("short", 5), {}, "ended after 5 of 30 tokens without a stop: it has a limit of its own"),
    (Fault("no ids"), {}, "without token ids, which profile vllm promises"),
    (Fault("bos"), {}, "the server changed the prompt"),
]


@pytest.mark.parametrize(("fault", "patience", "words"), OUTCOMES, ids=lambda v: str(getattr(v, "kind", "")) or None)
def test_what_cannot_be_mended_is_an_error_that_says_what_to_do(
    tiny_model: Path, fault: Fault, patience: dict[str, float], words: str
) -> None:
    patient = replace(QUICK, tries=3, **patience)
    sick = prompt(1)
    with serving(
        tiny_model, patience=patient, fault=lambda seen: fault if tuple(seen.body["prompt"][:12]) == sick else None
    ) as (engine, model):
        # streamed, so that a fault after 5 tokens finds single tokens; the sampled row never gets further
        got = run(engine, [Request("bad", sick, 30, sampling=WARM, stream=True), Request("good", prompt(2), 30)])
    assert got["bad"].finish == "error"
    assert words in str(got["bad"].error)
    assert len(got["good"].tokens) == 30
    assert len(model.seen) <= 4


@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp"])
@pytest.mark.parametrize("kind", ["ignores stops", "ignores limit"])
def test_a_server_that_ignores_a_stop_or_a_limit_changes_nothing(tiny_model: Path, kind: str, dialect: str) -> None:
    free = one(server_like(), Request("free", prompt(3), 30)).tokens
    for stream in (True, False):
        request = Request("a", prompt(3), 20, stop_ids=(free[8],) if kind == "ignores stops" else (), stream=stream)
        expected = one(server_like(), request)
        with serving(tiny_model, dialect, fault=lambda seen: Fault(kind)) as (engine, _):
            got = one(engine, request)
        assert (got.tokens, got.finish, got.stop_id) == (expected.tokens, expected.finish, expected.stop_id)


def test_retry_after_is_kept_by_all(tiny_model: Path) -> None:
    times: list[float] = []

    def busy(seen: Seen) -> Fault | None:
        times.append(time.monotonic())
        return Fault("429", wait=1.5) if seen.number == 0 else None

    with serving(tiny_model, fault=busy, patience=replace(QUICK, longest_wait=5.0)) as (engine, _):
        engine.submit(Request("a", prompt(1), 5))
        while not times:
            time.sleep(0.01)
        time.sleep(0.7)  # for the reply to be read
        got = run(engine, [Request("b", prompt(2), 5)])
    assert {c.finish for c in got.values()} == {"length"}
    assert all(at - times[0] >= 1.5 for at in times[1:])


def test_a_reader_that_waits_can_be_called_away_and_misses_nothing(tiny_model: Path) -> None:
    with serving(tiny_model, fault=lambda s: Fault("429", wait=1.5) if s.number == 0 else None) as (engine, _):
        request = Request("a", prompt(3), 12)
        expected = one(server_like(), request)
        engine.submit(request)
        threading.Timer(0.1, engine.wake).start()
        assert engine.collect() == []
        chunks: list[Chunk] = []
        while not chunks or chunks[-1].finish is None:
            chunks += engine.collect()
    assert tuple(t for c in chunks for t in c.tokens) == expected.tokens


# -- the same model


def test_another_name_in_the_middle_of_a_run_is_an_error(tiny_model: Path) -> None:
    with serving(tiny_model, fault=lambda s: Fault("another model") if s.number == 1 else None) as (engine, _):
        assert one(engine, Request("a", prompt(1), 5)).finish == "length"
        chunk = one(engine, Request("b", prompt(1), 5))
    assert chunk.finish == "error"
    assert "answers as 'another'" in str(chunk.error)
    assert "restore the first" in str(chunk.error)


def test_a_server_that_comes_back_with_another_model_is_noticed(tiny_model: Path) -> None:
    tokenizer = Tokenizer.load(tiny_model)
    old = Model("vllm", server_like, tokenizer, card={"root": "/models/a"})
    with ModelServer(old) as server:
        port = server.port
        engine, _ = open_completions(tiny_model, url=server.url, served="served", patience=QUICK)
        assert one(engine, Request("a", prompt(1), 5)).finish == "length"
    new = Model("vllm", server_like, tokenizer, card={"root": "/models/b"})
    with ModelServer(new, port):
        chunk = one(engine, Request("b", prompt(1), 5))
        new.card["root"] = "/models/a"
        mended = one(engine, Request("c", prompt(1), 5))
    engine.close()
    assert "another model behind 'served'" in str(chunk.error)
    assert mended.finish == "length"


def test_a_server_that_is_gone_ends_the_run_and_not_every_row(tiny_model: Path) -> None:
    with serving(tiny_model, patience=replace(QUICK, tries=1), fault=lambda seen: Fault("drop")) as (engine, _):
        for i in range(200):
            engine.submit(Request(f"r{i}", prompt(1), 5))
        ended: list[Chunk] = []

        def read_all() -> None:
            while chunks := engine.collect():
                ended.extend(chunks)

        with pytest.raises(EngineError, match=r"16 requests in a row failed(?s:.)*--resume"):
            read_all()
    assert GIVE_UP <= len(ended) < 60


# -- requests and connections


def test_slots_bound_what_runs_and_connections_are_kept(tiny_model: Path) -> None:
    ports: set[int] = set()

    def note(seen: Seen) -> None:
        ports.add(seen.connection)

    with serving(tiny_model, slots=3, fault=note, pace=0.001) as (engine, model):
        got = run(engine, [Request(f"r{i}", prompt(i), 12, stream=i % 2 == 0) for i in range(30)])
    assert len(got) == 30
    assert model.most == 3
    assert len(ports) <= 4


def test_a_continuation_goes_before_what_waits(tiny_model: Path) -> None:
    with serving(tiny_model, slots=1, pace=0.005) as (engine, model):
        for i in range(5):
            engine.submit(Request(f"r{i}", prompt(i), 4, stream=True))
        first = engine.collect()[0].request_id
        engine.submit(Request("next", prompt(9), 4, continues=first))
        run(engine, [])
    assert [tuple(s.body["prompt"]) for s in model.seen].index(prompt(9)) == 1


def test_cancel_ends_the_generation_at_the_server(tiny_model: Path) -> None:
    with serving(tiny_model, pace=0.01) as (engine, model):
        engine.submit(Request("a", prompt(1), 200, stream=True))
        engine.collect()
        engine.cancel("a")
        last = [chunk for chunks in iter(engine.collect, []) for chunk in chunks][-1]
        assert last.finish == "cancelled"
        deadline = time.monotonic() + 5
        while model.now and time.monotonic() < deadline:
            time.sleep(0.01)
        assert model.now == 0
        assert model.seen[0].sent < 100


def test_what_is_cancelled_at_once_ends_too(tiny_model: Path) -> None:
    with serving(tiny_model, slots=2) as (engine, _):
        for i in range(50):
            engine.submit(Request(f"r{i}", prompt(1), 20))
            engine.cancel(f"r{i}")
        ended = [chunk.finish for chunks in iter(engine.collect, []) for chunk in chunks]
        assert ended == ["cancelled"] * 50
        assert one(engine, Request("after", prompt(1), 5)).finish == "length"


def test_close_ends_what_runs_and_may_be_called_twice(tiny_model: Path) -> None:
    with serving(tiny_model, fault=lambda seen: Fault("hang")) as (engine, _):
        for i in range(8):
            engine.submit(Request(f"r{i}", prompt(1), 5))
        time.sleep(0.05)
        begun = time.monotonic()
        engine.close()
        engine.close()
        assert time.monotonic() - begun < 2
        with pytest.raises(EngineError, match="closed"):
            engine.submit(Request("late", prompt(1), 5))


def test_what_the_server_says_of_its_cache_and_logprobs_is_reported(tiny_model: Path) -> None:
    with serving(tiny_model) as (engine, _):
        chunk = one(engine, Request("a", prompt(1), 6, top_logprobs=1))
    assert chunk.prefilled == 1
    assert chunk.logprobs == tuple(((token, -0.5),) for token in chunk.tokens)


# -- dialects, through the forcing machines


POLICIES: list[Policy] = [
    BudgetForcing(max_thinking=40, max_answer=12),
    BudgetForcing(max_thinking=60, extensions=2, max_answer=12),
    BudgetForcing(max_thinking=50, min_thinking=25, nudges=("Hmm", ""), max_answer=8),
    Unforced(max_tokens=60),
]


def generations(engine: Any, folder: Path, sampling: Sampling) -> list[dict[str, Any]]:
    fmt = load_format("s1").resolve(Tokenizer.load(folder))
    machines = []
    for i in range(16):
        plan = Plan.make(POLICIES[i % len(POLICIES)], fmt, sampling, engine.info)
        machines.append(machine(plan, Row(f"q{i}", prompt(i, 20), fmt.open, seed=i)))
    done = [g.model_dump(exclude={"engine_ms"}) for g in drive(machines, engine)]
    return sorted(done, key=lambda g: str(g["question_id"]))


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0)])
@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp"])
def test_generations_are_those_of_the_model_itself(tiny_model: Path, dialect: str, sampling: Sampling) -> None:
    tokenizer = Tokenizer.load(tiny_model)
    ends = {i: 0.05 for name in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(name)) is not None}

    def make(slots: int = 1) -> ScriptedEngine:
        return ScriptedEngine.random(
            3, stops=ends, slots=slots, vocab_size=VOCABULARY, context_len=CONTEXT, min_tokens=dialect != "llamacpp"
        )

    expected = generations(make(8), tiny_model, sampling)
    eos = tokenizer.id_of("<|im_end|>")
    with serving(tiny_model, dialect, make=make, eos=eos) as (engine, _):
        got = generations(engine, tiny_model, sampling)
    if dialect == "llamacpp":  # its samples are seeded with 31 bits, and rows here with few: the same
        assert engine.info.min_tokens is False
    assert not any(g["error"] for g in got)
    assert [g["segments"] for g in expected if g["extensions"]]
    assert got == expected


def test_a_plain_server_gives_inexact_rows_and_forced_ends_are_refused(tiny_model: Path) -> None:
    fmt = load_format("s1").resolve(Tokenizer.load(tiny_model))
    words = fmt.tokenizer.encode("so the sum is larger than what is left and that gives two ")

    def make() -> ScriptedEngine:
        end = {30: fmt.think_stop_ids[0], 50: fmt.turn_end_ids[0]}

        def speak(context: tuple[int, ...], request: Request) -> int:
            return end.get(len(context), words[len(context) % len(words)])

        return ScriptedEngine(speak, vocab_size=VOCABULARY, context_len=CONTEXT)

    with serving(tiny_model, "openai", make=make) as (engine, model):
        with pytest.raises(PolicyError, match="needs banned ids"):
            Plan.make(BudgetForcing(extensions=1), fmt, Sampling(), engine.info)
        plan = Plan.make(BudgetForcing(max_thinking=15, max_answer=12), fmt, Sampling(), engine.info)
        row = Row("q", fmt.tokenizer.encode("letters"), fmt.open)
        (generation,) = drive([machine(plan, row)], engine)
        top_k = one(engine, Request("k", prompt(1), 5, sampling=Sampling(temperature=1.0, top_k=5)))
    assert generation.exact is False
    assert generation.error is None
    assert (generation.ended, generation.n_thinking_model) == ("cutoff", 15)
    assert isinstance(model.seen[0].body["prompt"], str)
    assert "<|im_start|>" in model.seen[0].body["stop"]
    assert "has no top_k" in str(top_k.error)


def test_a_plain_servers_budget_is_counted_in_our_tokens(tiny_model: Path) -> None:
    """The server spells every word, so its tokens run out first; it is asked for the rest."""
    tokenizer = Tokenizer.load(tiny_model)
    spelt = [tokenizer.encode(letter)[0] for letter in "and that gives "]

    def make() -> ScriptedEngine:
        start = len(tokenizer.encode("letters"))
        return ScriptedEngine(
            lambda context, request: spelt[(len(tokenizer.decode(context)) - 7) % len(spelt)] if start else 0,
            vocab_size=VOCABULARY,
            context_len=CONTEXT,
        )

    with serving(tiny_model, "openai", make=make) as (engine, model):
        chunk = one(engine, Request("a", tokenizer.encode("letters"), 8))
    assert (chunk.finish, len(chunk.tokens), chunk.exact) == ("length", 8, False)
    assert len(model.seen) > 1
    assert "and that gives and that gives ".startswith(tokenizer.decode(chunk.tokens))


@pytest.mark.parametrize("dialect", ["openai", "llamacpp"])
def test_a_server_that_gives_too_little_and_no_stop_is_an_error_whatever_its_dialect(
    tiny_model: Path, dialect: str
) -> None:
    with serving(tiny_model, dialect, fault=lambda seen: Fault("short", 0)) as (engine, model):
        chunk = one(engine, Request("a", prompt(1), 30))
    assert chunk.finish == "error"
    assert "ended after 0 of 30 tokens without a stop: it has a limit of its own" in str(chunk.error)
    assert len(model.seen) == 1


def test_a_plain_server_that_leaves_the_stop_in_is_cut_there(tiny_model: Path) -> None:
    tokenizer = Tokenizer.load(tiny_model)
    script = tokenizer.encode("one two<|im_end|>three four")
    ask = tokenizer.encode("user")

    def make() -> ScriptedEngine:
        return ScriptedEngine.from_scripts({ask: script}, vocab_size=VOCABULARY, context_len=CONTEXT)

    stop = tokenizer.id_of("<|im_end|>")
    assert stop is not None
    with serving(tiny_model, "openai", make=make, fault=lambda seen: Fault("ignores stops")) as (engine, _):
        chunk = one(engine, Request("a", ask, 40, stop_ids=(stop,)))
    assert (tokenizer.decode(chunk.tokens), chunk.finish, chunk.stop_id) == ("one two", "stop", stop)
