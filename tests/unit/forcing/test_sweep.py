"""The sweep engine as an engine: what it serves, what it asks for, and what it does when things fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from s1kit.engines.base import Chunk, Engine, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.sweep import SweepEngine

PROMPT = (1, 2)


def counting(end: int = 8, **options: int) -> ScriptedEngine:
    """Counts up from the context's length, and stops with id 0 once ``end`` tokens are out."""
    return ScriptedEngine(
        lambda context, request: 0 if len(context) - 2 == end else len(context),
        vocab_size=50,
        context_len=40,
        **options,
    )


def ask(name: str, max_tokens: int, **more: object) -> Request:
    return Request(name, PROMPT, max_tokens, stop_ids=(0,), **more)  # type: ignore[arg-type]


def all_of(engine: Engine, *requests: Request) -> dict[str, Chunk]:
    for request in requests:
        engine.submit(request)
    out: dict[str, Chunk] = {}
    while len(out) < len(requests):
        chunks = engine.collect()
        assert chunks
        out.update({c.request_id: c for c in chunks})
    return out


def test_cuts_of_one_trace_are_the_runs_those_budgets_give() -> None:
    requests = [ask(f"r{n}", n) for n in range(1, 12)]
    alone = all_of(counting(), *requests)
    inner = counting()
    swept = all_of(SweepEngine(inner), *requests)
    for name, chunk in alone.items():
        got = swept[name]
        assert (got.tokens, got.finish, got.stop_id) == (chunk.tokens, chunk.finish, chunk.stop_id)
    assert len(inner.submitted) == 1
    assert inner.submitted[0].max_tokens == 11
    assert sum(c.paid or 0 for c in swept.values()) == 8
    assert swept["r11"].paid == 8  # the longest pays, and the others pay nothing


def test_only_the_missing_tail_is_asked_for() -> None:
    inner = counting()
    sweep = SweepEngine(inner)
    first = all_of(sweep, ask("short", 3))["short"]
    second = all_of(sweep, ask("long", 6))["long"]
    assert (first.tokens, second.tokens) == ((2, 3, 4), (2, 3, 4, 5, 6, 7))
    tail = inner.submitted[1]
    assert (tail.prompt_ids, tail.max_tokens, tail.continues) == ((1, 2, 2, 3, 4), 3, inner.submitted[0].id)
    assert (first.paid, second.paid) == (3, 3)


def test_a_minimum_shrinks_with_what_is_there() -> None:
    inner = counting()
    sweep = SweepEngine(inner)
    all_of(sweep, ask("short", 1, min_tokens=3))
    all_of(sweep, ask("long", 6, min_tokens=3))
    assert [r.min_tokens for r in inner.submitted] == [3, 2]


def test_seeds_minimums_and_bans_are_kept_apart() -> None:
    inner = counting()
    base = ask("a", 3)
    others = [
        replace(base, id="b", sampling=base.sampling.model_copy(update={"seed": 1})),
        replace(base, id="c", min_tokens=1),
        replace(base, id="d", banned_ids=(49,)),
        replace(base, id="e", stop_ids=()),
        replace(base, id="f", stop_seqs=((7, 8),)),
    ]
    all_of(SweepEngine(inner), base, *others)
    assert len(inner.submitted) == 6


def test_a_continuation_names_the_real_request_that_holds_its_cache() -> None:
    inner = counting()
    sweep = SweepEngine(inner)
    all_of(sweep, ask("long", 6), ask("short", 3))
    all_of(sweep, Request("next", (1, 2, 2, 3, 4, 30), 2, continues="short"))
    assert inner.submitted[1].continues == inner.submitted[0].id
    all_of(sweep, Request("unknown", (5,), 2, continues="somebody"))
    assert inner.submitted[2].continues is None


def test_a_failure_fails_only_those_who_asked_for_more_than_there_is() -> None:
    class Failing(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            chunks = super().collect()
            return [Chunk(c.request_id, c.tokens[:4], "error", error="out of memory", elapsed=1.0) for c in chunks]

    sweep = SweepEngine(Failing(lambda context, request: 9, vocab_size=50, context_len=40))
    got = all_of(sweep, ask("short", 3), ask("exact", 4), ask("long", 6))
    assert (got["short"].tokens, got["short"].finish, got["short"].error) == ((9, 9, 9), "length", None)
    assert got["exact"].finish == "length"
    assert (got["long"].tokens, got["long"].finish, got["long"].error) == ((9,) * 4, "error", "out of memory")
    assert sum(c.paid or 0 for c in got.values()) == 4
    assert sum(c.elapsed for c in got.values()) == 1.0
    assert all_of(sweep, ask("again", 6))["again"].finish == "error"


def test_inexactness_is_passed_on() -> None:
    class Inexact(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            return [replace(c, exact=False) for c in super().collect()]

    sweep = SweepEngine(Inexact(lambda context, request: 9, vocab_size=50, context_len=40))
    assert not all_of(sweep, ask("a", 3))["a"].exact


def test_a_full_context_ends_a_thread_for_everybody() -> None:
    inner = counting(end=100)
    got = all_of(SweepEngine(inner), ask("a", 60), ask("b", 90))
    assert len(got["a"].tokens) == len(got["b"].tokens) == 38
    assert {c.finish for c in got.values()} == {"length"}
    assert len(inner.submitted) == 1


def test_cancelling_one_leaves_the_others_their_trace() -> None:
    inner = counting()
    sweep = SweepEngine(inner)
    for request in (ask("a", 5), ask("b", 5)):
        sweep.submit(request)
    sweep.cancel("a")
    sweep.cancel("unknown")
    got = {c.request_id: c for c in [*sweep.collect(), *sweep.collect()]}
    assert (got["a"].finish, got["a"].paid) == ("cancelled", 0)
    assert (got["b"].finish, len(got["b"].tokens)) == ("length", 5)


def test_whoever_joins_a_thread_that_is_being_cancelled_is_served() -> None:
    inner = counting(slots=1)
    inner.submit(Request("blocker", (3,), 2))
    sweep = SweepEngine(inner)
    sweep.submit(ask("a", 5))
    sweep._serve(sweep._key_of["a"])  # now in flight on the real engine
    sweep.cancel("a")
    inner.cancel("blocker")
    inner.collect()
    sweep.submit(ask("b", 5))
    chunks: list[Chunk] = []
    while not any(c.request_id == "b" for c in chunks):
        chunks += sweep.collect()
    assert {c.request_id: c.finish for c in chunks} == {"a": "cancelled", "b": "length"}


def test_stops_that_begin_alike_are_not_shared_but_right() -> None:
    script = [5, 7, 8, 9, 9]

    def engine() -> ScriptedEngine:
        return ScriptedEngine.from_scripts({PROMPT: script}, vocab_size=50, context_len=40)

    requests = [Request(f"r{n}", PROMPT, n, stop_seqs=((7, 8), (7, 9))) for n in (1, 2, 3, 4)]
    alone, swept = all_of(engine(), *requests), all_of(SweepEngine(engine()), *requests)
    for name, chunk in alone.items():
        assert (swept[name].tokens, swept[name].finish, swept[name].stop_id) == (
            chunk.tokens,
            chunk.finish,
            chunk.stop_id,
        )


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_stop_sequence_across_the_seam_is_found_and_only_its_beginning_is_generated_again(first: int) -> None:
    inner = ScriptedEngine.from_scripts({PROMPT: [5, 7, 8, 9, 9]}, vocab_size=50, context_len=40)
    sweep = SweepEngine(inner)
    stops = ((7, 8, 9),)
    short = all_of(sweep, Request("short", PROMPT, first, stop_seqs=stops))["short"]
    long = all_of(sweep, Request("long", PROMPT, 9, stop_seqs=stops))["long"]
    assert short.tokens == (5, 7, 8)[:first]
    assert (long.tokens, long.finish, long.stop_id) == ((5,), "stop", 7)
    assert len(inner.submitted[1].prompt_ids) == len(PROMPT) + 1


def test_a_live_id_is_refused_and_closing_closes_the_real_engine() -> None:
    inner = counting()
    sweep = SweepEngine(inner)
    sweep.submit(ask("a", 5))
    with pytest.raises(ValueError, match="still live"):
        sweep.submit(ask("a", 5))
    sweep.collect()
    inner.submit(ask("left", 3))
    sweep.close()
    assert inner.collect() == []
    assert sweep.collect() == []


def test_nothing_is_asked_for_and_refused_as_by_every_engine() -> None:
    alone = all_of(counting(), ask("none", 0))["none"]
    got = all_of(SweepEngine(counting()), ask("some", 3), ask("none", 0))
    assert (got["none"].finish, got["none"].error) == (alone.finish, alone.error) == ("error", alone.error)
    assert got["some"].tokens == (2, 3, 4)
