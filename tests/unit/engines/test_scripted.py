"""The scripted engine keeps the engine contract to the letter."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.engines.base import Chunk, Request, StopMatcher, join_chunks, refusal
from s1kit.engines.scripted import ScriptedEngine
from s1kit.policies import Sampling
from s1kit.types import EngineInfo


def follow(*script: int, **options: Any) -> ScriptedEngine:
    """Goes on from prompt (1,) with ``script``, then with id 0 for ever."""
    return ScriptedEngine.from_scripts({(1,): script}, vocab_size=50, context_len=20, **options)


def request(name: str = "r", max_tokens: int = 5, **more: Any) -> Request:
    return Request(name, more.pop("prompt_ids", (1,)), max_tokens, **more)


def run(engine: ScriptedEngine, *requests: Request) -> dict[str, list[Chunk]]:
    for one in requests:
        engine.submit(one)
    out: dict[str, list[Chunk]] = {}
    while chunks := engine.collect():
        for chunk in chunks:
            out.setdefault(chunk.request_id, []).append(chunk)
    return out


def only(engine: ScriptedEngine, one: Request) -> Chunk:
    (chunks,) = run(engine, one).values()
    (chunk,) = chunks
    return chunk


def test_length_is_max_tokens() -> None:
    assert only(follow(5, 6, 7), request(max_tokens=2)) == Chunk("r", (5, 6), "length", prefilled=1)


def test_the_context_ends_a_request_by_length() -> None:
    assert len(only(follow(), request(max_tokens=100)).tokens) == 19


def test_a_stop_is_reported_and_is_not_among_the_tokens() -> None:
    chunk = only(follow(5, 6, 7), request(stop_ids=(9, 6)))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == ((5,), "stop", 6)


def test_a_stop_right_behind_the_last_token_is_not_looked_for() -> None:
    chunk = only(follow(5, 6, 7), request(max_tokens=2, stop_ids=(7,)))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == ((5, 6), "length", None)


def test_a_stop_sequence_is_trimmed_and_named_by_its_first_id() -> None:
    chunk = only(follow(5, 6, 7, 8), request(stop_seqs=((6, 7), (9, 9))))
    assert (chunk.tokens, chunk.finish, chunk.stop_id) == ((5,), "stop", 6)


def test_half_a_stop_sequence_at_the_end_stays() -> None:
    assert only(follow(5, 6, 7), request(max_tokens=2, stop_seqs=((6, 7),))).tokens == (5, 6)


def test_of_two_sequences_that_end_together_the_longer_counts() -> None:
    for seqs in (((7,), (6, 7)), ((6, 7), (7,))):
        assert only(follow(5, 6, 7), request(stop_seqs=seqs)).tokens == (5,)


def test_min_tokens_bans_stops_until_then() -> None:
    chunk = only(follow(6, 6, 6), request(stop_ids=(6,), min_tokens=2))
    assert (chunk.tokens, chunk.stop_id) == ((7, 7), 6)  # a script that insists gets the next allowed id


def test_a_sequence_that_begins_before_min_tokens_does_not_count() -> None:
    chunk = only(follow(6, 7, 6, 7), request(stop_seqs=((6, 7),), min_tokens=1))
    assert (chunk.tokens, chunk.finish) == ((6, 7), "stop")


def test_banned_ids_never_come() -> None:
    assert only(follow(5, 6, 5), request(max_tokens=3, banned_ids=(5,))).tokens == (6, 6, 6)
    assert only(follow(49), request(max_tokens=1, banned_ids=(49, 0))).tokens == (1,)


def test_a_stream_is_the_same_tokens_in_pieces_and_withholds_what_may_be_a_stop() -> None:
    pieces = run(follow(5, 6, 7, 8, 9), request(stream=True, stop_seqs=((7, 8, 9),)))["r"]
    assert [c.tokens for c in pieces] == [(5,), (6,), ()]
    assert [c.finish for c in pieces] == [None, None, "stop"]
    whole = only(follow(5, 6, 7, 8, 9), request(stop_seqs=((7, 8, 9),)))
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = join_chunks(joined, piece)
    assert joined == whole


def test_cancelling_keeps_what_came_and_passes_over_the_unknown() -> None:
    engine = follow(5, 6, 7, 8)
    engine.submit(request(stream=True))
    assert engine.collect()[0].tokens == (5,)
    engine.cancel("nobody")
    engine.cancel("r")
    (last,) = engine.collect()
    assert (last.tokens, last.finish) == ((), "cancelled")
    assert engine.collect() == []
    engine.cancel("r")
    engine.submit(request())  # the id is free again


def test_a_waiting_request_can_be_cancelled() -> None:
    engine = follow(slots=1)
    engine.submit(request("a"))
    engine.submit(request("b"))
    engine.cancel("b")
    chunks = {c.request_id: c.finish for c in [*engine.collect(), *engine.collect()]}
    assert chunks == {"a": "length", "b": "cancelled"}


def test_a_live_id_is_refused() -> None:
    engine = follow()
    engine.submit(request())
    with pytest.raises(ValueError, match="still live"):
        engine.submit(request())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt_ids": ()}, "the prompt is empty"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"prompt_ids": (1, 50)}, "token id 50 is outside"),
        ({"prompt_ids": (-1,)}, "token id -1 is outside"),
        ({"prompt_ids": (1,) * 20}, "the prompt has 20 tokens, the context holds 20"),
    ],
)
def test_an_impossible_row_is_an_error_and_the_others_finish(fields: dict[str, Any], said: str) -> None:
    got = run(follow(5), request("bad", **fields), request("good", max_tokens=1))
    (bad,) = got["bad"]
    assert (bad.finish, bad.tokens) == ("error", ())
    assert said in (bad.error or "")
    assert got["good"][0].tokens == (5,)


@pytest.mark.parametrize(
    ("lacks", "asked"),
    [("min_tokens", {"min_tokens": 1}), ("stop_seqs", {"stop_seqs": ((1, 2),)}), ("banned_ids", {"banned_ids": (3,)})],
)
def test_what_an_engine_does_not_honour_is_refused_not_ignored(lacks: str, asked: dict[str, Any]) -> None:
    info = EngineInfo(name="poor", model="m", version="1", context_len=20, vocab_size=50, **{lacks: False})
    assert refusal(request(**asked), info) == f"engine poor does not honour {lacks}"
    assert refusal(request(), info) is None


def test_slots_and_order_change_no_row() -> None:
    def rows(**options: Any) -> dict[str, tuple[int, ...]]:
        engine = ScriptedEngine.random(4, stops={3: 0.2}, vocab_size=50, context_len=64, **options)
        asked = [Request(f"r{n}", (n,), 30, stop_ids=(3,)) for n in range(12)]
        return {name: chunks[0].tokens for name, chunks in run(engine, *asked).items()}

    assert rows(slots=1) == rows(slots=16) == rows(slots=5)


def test_the_random_model_depends_on_context_and_on_the_seed_only_when_sampling() -> None:
    engine = ScriptedEngine.random(4, vocab_size=50, context_len=64)

    def tokens(name: str, temperature: float, seed: int, prompt: tuple[int, ...] = (1,)) -> tuple[int, ...]:
        return only(engine, Request(name, prompt, 8, sampling=Sampling(temperature=temperature, seed=seed))).tokens

    assert tokens("a", 0.0, 1) == tokens("b", 0.0, 2)
    assert tokens("c", 1.0, 1) != tokens("d", 1.0, 2)
    assert tokens("e", 1.0, 1) == tokens("f", 1.0, 1)
    first = tokens("g", 1.0, 1)
    assert tokens("h", 1.0, 1, (1, *first[:3]))[:5] == first[3:]


def test_of_matching_scripts_the_longest_prefix_counts() -> None:
    engine = ScriptedEngine.from_scripts({(1,): [5, 6], (1, 5): [7]}, vocab_size=50, context_len=20)
    assert only(engine, request(max_tokens=3)).tokens == (5, 7, 0)


def test_every_request_is_kept_for_the_test_to_look_at_and_close_forgets() -> None:
    engine = follow()
    engine.submit(request())
    engine.close()
    assert engine.collect() == []
    assert [r.id for r in engine.submitted] == ["r"]


def test_the_matcher_withholds_one_less_than_the_longest_stop() -> None:
    assert StopMatcher(()).withheld == 0
    assert StopMatcher(((1, 2, 3), (4, 5), ())).withheld == 2
    assert StopMatcher(((1, 2),)).match([1]) is None
    assert StopMatcher(((1, 2),), 1).match([1, 2]) is None
    assert StopMatcher(((1, 2),), 1).match([0, 1, 2]) == (1, 2)


def test_joined_chunks_add_up() -> None:
    a = Chunk("r", (1,), None, logprobs=(((1, -0.1),),), elapsed=1.0, prefilled=4)
    b = Chunk("r", (2, 3), "stop", 9, logprobs=(((2, -0.2),), ((3, -0.3),)), exact=False, elapsed=0.5, paid=0)
    both = join_chunks(a, b)
    assert (both.tokens, both.finish, both.stop_id, both.exact) == ((1, 2, 3), "stop", 9, False)
    assert (both.paid, both.prefilled, both.elapsed) == (1, 4, 1.5)
    assert both.logprobs == (((1, -0.1),), ((2, -0.2),), ((3, -0.3),))
    assert join_chunks(Chunk("r", (1,), None), Chunk("r", (2,), "length")).paid is None
