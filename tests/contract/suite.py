"""What every exact engine owes the forcing machines. Each test takes ``subject``, an engine as a function of its slots.

Nothing here knows what an engine computes: expectations are relations between runs (one slot and many, one go and two,
streamed and whole), and what a limit, a stop or a ban means.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from s1kit.engines.base import Chunk, Engine, Request, join_chunks
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed
from s1kit.tokenizer import Tokenizer

CONTEXT = 256
VOCABULARY = 316
FEW, MANY = 3, 16
"""Slots, beside 1. No other numbers, and tests of one number stand together: a real engine takes seconds to start."""
WARM = Sampling(temperature=0.9, seed=11)
FIRST_OUTSIDE = 10**9
"""Stands for the first id that the engine's model does not have."""


@dataclass(frozen=True)
class Subject:
    """An engine to be tested, and the folder of the tokenizer that goes with it."""

    make: Callable[[int], Engine]
    tokenizer_folder: Path
    vocabulary: int = VOCABULARY
    """Ids that the engine's model can emit, padding included."""
    shares: bool = False
    """Serves again what it once generated: at once and whole, and who pays for it depends on who came first."""


def run(engine: Engine, requests: Iterable[Request]) -> dict[str, Chunk]:
    """Whole chunks by request id. Checks that a request is finished once and says nothing afterwards."""
    whole: dict[str, Chunk] = {}
    for request in requests:
        engine.submit(request)
    while chunks := engine.collect():
        for chunk in chunks:
            before = whole.get(chunk.request_id)
            assert before is None or before.finish is None
            whole[chunk.request_id] = chunk if before is None else join_chunks(before, chunk)
    assert all(chunk.finish is not None for chunk in whole.values())
    return whole


def one(engine: Engine, request: Request) -> Chunk:
    """The whole chunk of a single request."""
    return run(engine, [request])[request.id]


def prompt(seed: int, length: int = 12) -> tuple[int, ...]:
    rng = random.Random(seed)
    return tuple(rng.randrange(256) for _ in range(length))


def mixed_requests(count: int = 24) -> list[Request]:
    """Greedy and sampled, short and long, with and without filters, several sharing a prompt's beginning."""
    rng = random.Random(3)
    requests = []
    for i in range(count):
        ids = prompt(i % 10, rng.randrange(1, 60)) + (prompt(100 + i, 3) if i % 4 == 0 else ())
        sampling = (
            Sampling()
            if i % 3 == 0
            else Sampling(
                temperature=0.8,
                seed=i,
                top_k=20 if i % 2 else 0,
                top_p=0.9 if i % 5 == 0 else 1.0,
                frequency_penalty=0.5 if i % 7 == 0 else 0.0,
            )
        )
        requests.append(Request(f"r{i}", ids, rng.randrange(1, 60), sampling=sampling))
    return requests


def tokens(chunks: dict[str, Chunk]) -> dict[str, tuple[tuple[int, ...], object, object]]:
    return {name: (chunk.tokens, chunk.finish, chunk.stop_id) for name, chunk in chunks.items()}


# -- independence


def test_one_slot_and_sixteen_give_the_same(subject: Subject) -> None:
    requests = mixed_requests()
    assert tokens(run(subject.make(1), requests)) == tokens(run(subject.make(MANY), requests))


def test_order_of_submission_does_not_matter(subject: Subject) -> None:
    requests = mixed_requests()
    shuffled = random.Random(5).sample(requests, len(requests))
    assert tokens(run(subject.make(MANY), requests)) == tokens(run(subject.make(MANY), shuffled))


def test_late_arrivals_change_nothing(subject: Subject) -> None:
    requests = mixed_requests()
    expected = tokens(run(subject.make(MANY), requests))
    engine = subject.make(MANY)
    queue, got = list(requests), {}
    while True:
        for request in queue[:5]:
            engine.submit(request)
        del queue[:5]
        chunks = engine.collect()
        got |= {chunk.request_id: chunk for chunk in chunks}
        if not chunks and not queue:
            break
    assert tokens(got) == expected


@pytest.mark.parametrize(
    "sampling", [Sampling(), WARM, Sampling(temperature=1.0, top_p=0.8, frequency_penalty=0.7, seed=3)]
)
def test_cut_and_continued_equals_one_go(subject: Subject, sampling: Sampling) -> None:
    engine = subject.make(FEW)
    if sampling.temperature and not engine.info.crn:
        pytest.skip("no common random numbers")
    whole = one(engine, Request("whole", prompt(1), 60, sampling=sampling))
    parts: tuple[int, ...] = ()
    for i, size in enumerate((1, 7, 2, 30, 20)):
        chunk = one(engine, Request(f"p{i}", prompt(1) + parts, size, sampling=sampling, continues=f"p{i - 1}"))
        assert chunk.finish == "length"
        assert len(chunk.tokens) == size
        parts += chunk.tokens
    assert parts == whole.tokens


def test_seed_decides_a_sample(subject: Subject) -> None:
    engine = subject.make(FEW)
    first, again, other = (
        one(engine, Request(name, prompt(2), 40, sampling=Sampling(temperature=1.0, seed=seed)))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.tokens == again.tokens
    assert first.tokens != other.tokens


# -- limits, stops, bans


def test_max_tokens_ends_with_length(subject: Subject) -> None:
    chunk = one(subject.make(FEW), Request("a", prompt(1), 9))
    assert (chunk.finish, chunk.stop_id, len(chunk.tokens)) == ("length", None, 9)


def test_a_full_context_ends_with_length(subject: Subject) -> None:
    engine = subject.make(FEW)
    got = run(engine, [Request("full", prompt(1, CONTEXT - 5), 1000), Request("other", prompt(2), 20)])
    assert (got["full"].finish, len(got["full"].tokens)) == ("length", 5)
    assert len(got["other"].tokens) == 20


def first_new(ids: tuple[int, ...], start: int) -> int:
    """Position of a token, at ``start`` or later, that has not occurred before it."""
    return next(i for i in range(start, len(ids)) if ids[i] not in ids[:i])


@pytest.mark.parametrize("sampling", [Sampling(), WARM])
def test_stop_id_ends_and_is_not_among_the_tokens(subject: Subject, sampling: Sampling) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(4), 50, sampling=sampling)).tokens
    at = first_new(free, 3)
    chunk = one(engine, Request("stopped", prompt(4), 50, stop_ids=(free[at],), sampling=sampling))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == (free[:at], "stop", free[at])


def test_stop_as_first_token_gives_an_empty_chunk(subject: Subject) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(4), 5)).tokens
    chunk = one(engine, Request("stopped", prompt(4), 5, stop_ids=(free[0],)))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == ((), "stop", free[0])


def test_stop_sequence_is_matched_on_ids_and_trimmed(subject: Subject) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(6), 50, sampling=WARM)).tokens
    at = first_new(free, 4)
    stop = free[at : at + 3]
    chunk = one(engine, Request("stopped", prompt(6), 50, stop_seqs=((999, 998), stop), sampling=WARM))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == (free[:at], "stop", stop[0])


def test_budget_inside_a_stop_sequence_is_a_cut(subject: Subject) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(6), 50, sampling=WARM)).tokens
    at = first_new(free, 4)
    chunk = one(engine, Request("cut", prompt(6), at + 2, stop_seqs=(free[at : at + 3],), sampling=WARM))
    assert (chunk.tokens, chunk.finish) == (free[: at + 2], "length")


def test_min_tokens_holds_stops_back(subject: Subject) -> None:
    engine = subject.make(FEW)
    if not engine.info.min_tokens:
        pytest.skip("min_tokens not honoured")
    free = one(engine, Request("free", prompt(7), 30)).tokens
    stops = tuple(set(free[:4]))
    chunk = one(engine, Request("held", prompt(7), 30, stop_ids=stops, min_tokens=3))
    assert len(chunk.tokens) >= 3
    assert not set(stops) & set(chunk.tokens)


def test_min_tokens_holds_stop_sequences_back(subject: Subject) -> None:
    engine = subject.make(FEW)
    if not engine.info.min_tokens:
        pytest.skip("min_tokens not honoured")
    free = one(engine, Request("free", prompt(6), 50, sampling=WARM)).tokens
    chunk = one(engine, Request("held", prompt(6), 50, stop_seqs=(free[1:3],), min_tokens=2, sampling=WARM))
    assert chunk.tokens[:3] == free[:3]


@pytest.mark.parametrize("sampling", [Sampling(), WARM])
def test_banned_ids_never_come(subject: Subject, sampling: Sampling) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(8), 40, sampling=sampling)).tokens
    banned = tuple(set(free[::2])) + tuple(range(300, subject.vocabulary))
    chunk = one(engine, Request("banned", prompt(8), 40, banned_ids=banned, sampling=sampling))
    assert len(chunk.tokens) == 40
    assert not set(banned) & set(chunk.tokens)


# -- rows that cannot run


@pytest.mark.parametrize(
    ("ids", "limit", "words"),
    [
        ((), 5, "prompt is empty"),
        ((1, 2, FIRST_OUTSIDE), 5, "outside the model's vocabulary"),
        ((1, -1), 5, "outside the model's vocabulary"),
        ((1,) * CONTEXT, 5, f"the context holds {CONTEXT}"),
        ((1,) * (CONTEXT * 3), 5, f"the context holds {CONTEXT}"),
        ((1, 2), 0, "max_tokens is 0"),
    ],
    ids=["no-prompt", "id-too-large", "negative-id", "full-context", "longer-than-context", "no-room"],
)
def test_a_row_that_cannot_run_says_why_and_the_others_finish(
    subject: Subject, ids: tuple[int, ...], limit: int, words: str
) -> None:
    bad = Request("bad", tuple(subject.vocabulary if i == FIRST_OUTSIDE else i for i in ids), limit)
    good = [Request(f"g{i}", prompt(i), 15) for i in range(4)]
    got = run(subject.make(FEW), [*good[:2], bad, *good[2:]])
    assert (got["bad"].finish, got["bad"].tokens) == ("error", ())
    assert words in str(got["bad"].error)
    assert all(len(got[r.id].tokens) == 15 and got[r.id].error is None for r in good)


# -- life of a request


def test_nothing_in_flight_gives_nothing(subject: Subject) -> None:
    assert subject.make(FEW).collect() == []


def test_a_live_id_is_refused_and_a_finished_one_may_come_back(subject: Subject) -> None:
    engine = subject.make(FEW)
    request = Request("a", prompt(1), 5)
    engine.submit(request)
    with pytest.raises(ValueError, match="'a'"):
        engine.submit(request)
    first = engine.collect()[0]
    assert one(engine, request).tokens == first.tokens


def test_streamed_deltas_are_the_whole(subject: Subject) -> None:
    engine = subject.make(FEW)
    for request in mixed_requests(8):
        whole = one(engine, request)
        assert tokens(run(engine, [replace(request, stream=True)])) == tokens({request.id: whole})


def test_streams_come_in_pieces_beside_whole_ones(subject: Subject) -> None:
    if subject.shares:
        pytest.skip("chunks of a sweep are whole")
    engine = subject.make(FEW)
    engine.submit(Request("s", prompt(1), 20, stream=True))
    engine.submit(Request("w", prompt(2), 20))
    seen: dict[str, list[Chunk]] = {"s": [], "w": []}
    while chunks := engine.collect():
        for chunk in chunks:
            seen[chunk.request_id].append(chunk)
    assert len(seen["s"]) > 5
    assert all(chunk.tokens for chunk in seen["s"][:-1])
    assert len(seen["w"]) == 1


def test_a_stream_never_shows_the_beginning_of_a_stop(subject: Subject) -> None:
    engine = subject.make(FEW)
    free = one(engine, Request("free", prompt(6), 50, sampling=WARM)).tokens
    at = first_new(free, 4)
    request = Request("s", prompt(6), 50, stop_seqs=(free[at : at + 4],), sampling=WARM, stream=True)
    assert one(engine, request).tokens == free[:at]


def test_cancel_ends_a_running_and_a_waiting_request(subject: Subject) -> None:
    if subject.shares:
        pytest.skip("a request that was answered before is over at once; tests/unit/forcing cancels in a sweep")
    engine = subject.make(1)
    expected = one(engine, Request("x", prompt(1), 50)).tokens
    for name in ("running", "waiting"):
        engine.submit(Request(name, prompt(1), 50, stream=True))
    partial = [chunk for _ in range(3) for chunk in engine.collect()]
    streamed = next(chunk.request_id for chunk in partial)
    for name in ("running", "waiting", "never submitted"):
        engine.cancel(name)
    engine.submit(Request("after", prompt(1), 50))
    last: dict[str, Chunk] = {}
    while chunks := engine.collect():
        last |= {chunk.request_id: chunk for chunk in chunks}
    assert {name: chunk.finish for name, chunk in last.items()} == {
        "running": "cancelled",
        "waiting": "cancelled",
        "after": "length",
    }
    shown = tuple(t for c in partial if c.request_id == streamed for t in c.tokens) + last[streamed].tokens
    assert shown
    assert expected[: len(shown)] == shown
    assert last["after"].tokens == expected


def test_cancelling_a_finished_request_is_ignored(subject: Subject) -> None:
    engine = subject.make(1)
    one(engine, Request("a", prompt(1), 3))
    engine.cancel("a")
    assert engine.collect() == []


# -- through the forcing machines


POLICIES = [
    BudgetForcing(max_thinking=40, max_answer=12),
    BudgetForcing(max_thinking=60, extensions=2, max_answer=12),
    BudgetForcing(max_thinking=50, min_thinking=25, nudges=("Hmm", ""), max_answer=8),
    Unforced(max_tokens=50),
]


def test_generations_do_not_depend_on_slots_or_streaming(subject: Subject) -> None:
    """Policies and ways of sampling mixed, so that rows of every kind share a pass."""
    fmt = load_format("s1").resolve(Tokenizer.load(subject.tokenizer_folder))

    unlike = {"engine_ms", *(("n_paid", "n_paid_thinking") if subject.shares else ())}

    def generations(slots: int, stream: bool) -> list[dict[str, object]]:
        engine = subject.make(slots)
        machines = []
        for i in range(24):
            sampling = Sampling(temperature=float(i // len(POLICIES) % 2))
            plan = Plan.make(POLICIES[i % len(POLICIES)], fmt, sampling, engine.info)
            row = Row(f"q{i}", prompt(i % 6, 20), fmt.open, seed=row_seed(0, f"q{i % 6}", 0))
            machines.append(machine(plan, row))
        done = [g.model_dump(exclude=unlike) for g in drive(machines, engine, stream=stream)]
        return sorted(done, key=lambda g: str(g["question_id"]))

    alone = generations(1, False)
    assert len(alone) == 24
    assert not any(g["error"] for g in alone)
    assert alone == generations(FEW, True)
    assert alone == generations(MANY, False)
