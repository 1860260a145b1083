"""Over a real engine contract: slots, order, streaming and min_tokens change nothing, and the rules hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.base import Request
from s1kit.forcing.replay import replay
from s1kit.types import Generation
from unit.forcing.cases import CASES, Case, cases, check, outputs, through


def by_row(requests: list[Request]) -> dict[str, list[Request]]:
    out: dict[str, list[Request]] = {}
    for request in requests:
        out.setdefault(request.id.split("/")[0], []).append(request)
    return out


def holds_stop_sequence(got: Generation, seqs: tuple[tuple[int, ...], ...]) -> bool:
    """A whole stop sequence inside one thought; the first token after a nudge does not count as its beginning."""
    assert got.token_ids is not None
    nudged = False
    for s in got.segments:
        if s.why == "think":
            ids = got.token_ids[s.start + nudged : s.end]
            if any(ids[i : i + len(seq)] == seq for seq in seqs for i in range(len(ids))):
                return True
        nudged = s.why == "nudge"
    return False


@CASES
@given(case=cases(), min_tokens=st.booleans(), stream=st.booleans())
def test_the_rules_hold_over_an_engine(case: Case, min_tokens: bool, stream: bool) -> None:
    engine = case.engine(min_tokens=min_tokens)
    plan = case.plan(engine.info)
    generations = through(case, engine, rows=3, stream=stream)
    asked = by_row(engine.submitted)
    for got in generations:
        row = case.row(int(got.question_id[1:]))
        check(plan, row, got, asked.get(got.question_id, []))
        assert got.ended != "stuck"
        assert not holds_stop_sequence(got, plan.format.think_stop_seqs)
        assert got.n_paid == got.n_thinking_model + got.n_answer
        assert got.n_paid_thinking == got.n_thinking_model


@CASES
@given(case=cases(), order=st.integers(0, 99), stream=st.booleans(), slots=st.sampled_from([1, 2, 16]))
def test_slots_order_and_streaming_change_nothing(case: Case, order: int, stream: bool, slots: int) -> None:
    expected = outputs(through(case, case.engine(slots=1), rows=4))
    assert outputs(through(case, case.engine(slots=slots, order=order), rows=4, stream=stream)) == expected


@CASES
@given(case=cases())
def test_an_engine_without_min_tokens_gives_the_same_generations(case: Case) -> None:
    expected = outputs(through(case, case.engine(), rows=3))
    assert outputs(through(case, case.engine(min_tokens=False), rows=3)) == expected


@CASES
@given(case=cases(), min_tokens=st.booleans())
def test_every_record_replays_to_its_own_requests(case: Case, min_tokens: bool) -> None:
    engine = case.engine(min_tokens=min_tokens)
    plan = case.plan(engine.info)
    generations = through(case, engine, rows=2)
    asked = by_row(engine.submitted)
    for got in generations:
        if got.error is None:
            pairs = replay(plan, case.row(int(got.question_id[1:])), got)
            assert [request for request, _ in pairs] == asked[got.question_id]
