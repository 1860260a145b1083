"""The machine keeps its promises whatever chunks it is sent, and however they are cut up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import machine
from s1kit.types import Generation
from unit.forcing.cases import CASES, VOCAB, Case, cases, check


def played(
    case: Case, data: st.DataObject, *, min_tokens: bool, honest: bool = True
) -> tuple[Generation, list[Request], list[list[Chunk]]]:
    """Run the case's machine against arbitrary replies, each in arbitrary pieces."""
    plan = case.plan(case.engine(min_tokens=min_tokens).info)
    running = machine(plan, case.row())
    requests: list[Request] = []
    replies: list[list[Chunk]] = []
    try:
        asked = next(running)
        while True:
            assert asked is not None
            requests.append(asked)
            replies.append(data.draw(pieces(asked, honest)))
            for chunk in replies[-1]:
                asked = running.send(chunk)
    except StopIteration as stop:
        return stop.value, requests, replies


@st.composite
def pieces(draw: st.DrawFn, request: Request, honest: bool) -> list[Chunk]:
    """Chunks that answer a request within the engine's contract; dishonest ones break it."""
    unwanted = {*request.stop_ids, *request.banned_ids} if honest else set()
    ids = [i for i in range(VOCAB) if i not in unwanted]
    finish = draw(st.sampled_from(["stop", "stop", "stop", "length", "error", "cancelled"]))
    most = request.max_tokens if honest else request.max_tokens + 3
    full = finish == "length" and draw(st.booleans())
    size = most if full else draw(st.integers(0, min(most, 8)))
    tokens = tuple(draw(st.lists(st.sampled_from(ids), min_size=min(size, 40), max_size=min(size, 40))))
    stop_id = draw(st.sampled_from(request.stop_ids)) if finish == "stop" and request.stop_ids else None
    cuts = sorted(draw(st.lists(st.integers(0, len(tokens)), max_size=3)))
    edges = [0, *cuts]
    partial = [Chunk(request.id, tokens[a:b], None) for a, b in zip(edges, cuts, strict=False)]
    return [*partial, Chunk(request.id, tokens[edges[-1] :], finish, stop_id)]


@CASES
@given(case=cases(), data=st.data(), min_tokens=st.booleans())
def test_the_rules_hold_for_any_replies(case: Case, data: st.DataObject, min_tokens: bool) -> None:
    got, requests, _ = played(case, data, min_tokens=min_tokens)
    plan = case.plan(case.engine(min_tokens=min_tokens).info)
    check(plan, case.row(), got, requests)


@CASES
@given(case=cases(), data=st.data())
def test_any_partition_of_the_replies_gives_the_same_generation(case: Case, data: st.DataObject) -> None:
    got, requests, replies = played(case, data, min_tokens=True)
    whole = [
        Chunk(r.id, tuple(t for c in chunks for t in c.tokens), chunks[-1].finish, chunks[-1].stop_id)
        for r, chunks in zip(requests, replies, strict=True)
    ]
    again = machine(case.plan(case.engine().info), case.row())
    asked, outcome = next(again, None), None
    for request, chunk in zip(requests, whole, strict=True):
        assert asked == request
        try:
            asked = again.send(chunk)
        except StopIteration as stop:
            outcome = stop.value
    assert not requests or outcome == got


@CASES
@given(case=cases(), data=st.data(), min_tokens=st.booleans())
def test_an_engine_that_breaks_its_promises_fails_its_row_and_nothing_of_it_stays(
    case: Case, data: st.DataObject, min_tokens: bool
) -> None:
    got, requests, replies = played(case, data, min_tokens=min_tokens, honest=False)
    plan = case.plan(case.engine(min_tokens=min_tokens).info)
    check(plan, case.row(), got, requests)
    for request, chunks in zip(requests, replies, strict=True):
        tokens = [t for c in chunks for t in c.tokens]
        if len(tokens) > request.max_tokens or {*request.stop_ids, *request.banned_ids}.intersection(tokens):
            assert got.error is not None
