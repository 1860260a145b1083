"""Unforced: one request, and the phases found afterwards are the turn, cut at its delimiters."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan
from s1kit.policies import Sampling, Unforced
from unit.forcing.cases import CASES, RESOLVED, Case, cases


@CASES
@given(case=cases(), limit=st.none() | st.integers(1, 30))
def test_phases_are_the_turn_cut_at_its_delimiters(case: Case, limit: int | None) -> None:
    engine, fmt, row = case.engine(), RESOLVED[case.format], case.row()
    plan = Plan.make(Unforced(max_tokens=limit), fmt, Sampling(), engine.info)
    (got,) = drive([machine(plan, row)], engine)
    (request,) = engine.submitted
    assert request.prompt_ids == row.prompt_ids + row.open_ids
    assert request.max_tokens == min(plan.room(row), limit or plan.room(row))
    assert set(request.stop_ids) == set(fmt.turn_end_ids)
    assert request.stop_seqs == ()
    assert got.token_ids is not None
    assert got.n_paid == len(got.token_ids) - len(row.open_ids) <= request.max_tokens
    assert got.n_paid_thinking == got.n_thinking_model
    at = 0
    for s in got.segments:
        assert s.start == at
        at = s.end
    assert at == len(got.token_ids)
    order = "".join(s.why[0] for s in got.segments if s.origin == "model")
    assert re.fullmatch("t?|t?ca?t?", order)  # thought, close, answer, and thought again where it re-opened
    stops = {*fmt.think_stop_ids, *fmt.reopen_ids}
    answers = [got.token_ids[s.start : s.end] for s in got.segments if s.why == "answer"]
    assert all(not stops.intersection(ids) for ids in answers)
    if "c" not in order:
        assert got.answer_ended is None
        assert got.n_answer == 0
        assert got.ended == ("model" if got.segments[-1].stop_id is not None else got.ended)
