"""NoThinking: the sentence stands where a thought would, and none of it is counted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from s1kit.policies import NoThinking
from unit.forcing.cases import RESOLVED, Case
from unit.forcing.later import CASES, alone_and_together, engine_of, faults, plain, plan_of, roomy, run, said, why


@CASES
@given(case=roomy(), answer=st.integers(1, 5))
def test_the_model_answers_behind_a_thought_that_it_did_not_write(case: Case, answer: int) -> None:
    fmt = RESOLVED[case.format]
    engine = engine_of(case)
    (got,) = run(case, NoThinking(prefill="<7><8>", max_answer=answer), engine)
    plan = plan_of(case, NoThinking(prefill="<7><8>", max_answer=answer))
    whys = [s.why for s in got.segments]
    assert whys[: whys.index("close")] == [*(["open"] if not case.opened else []), "prefill"]
    assert why(got, "prefill") == (7, 8)
    assert "cutoff" not in whys
    assert (got.ended, got.n_thinking, got.n_paid_thinking) == ("model", 0, 0)
    assert got.n_paid == got.n_answer <= answer
    (request,) = engine.submitted
    row = case.row()
    assert request.prompt_ids == (*row.prompt_ids, *row.open_ids, 7, 8, *fmt.newline_for(8), *fmt.close)
    assert faults(plan, got) == []
    assert faults(plan, got.model_copy(update={"ended": "cutoff"}))
    other = plan_of(case, plain(plan.policy))  # type: ignore[arg-type]
    assert any("prefill" in fault for fault in faults(other, got))


@CASES
@given(case=roomy())
def test_with_nothing_to_say_it_is_a_budget_of_zero_without_its_suffix(case: Case) -> None:
    policy = NoThinking(prefill="", max_answer=4, cutoff_suffix="")
    (got,) = run(case, policy)
    (bare,) = run(case, plain(policy, max_thinking=0))
    assert said(got) == {**said(bare), "ended": "model"}


def test_batches_change_nothing() -> None:
    case = Case("one id", plain(NoThinking()), (1, 2), False, 300, 1, 5, 0.7, 3)
    alone, together = alone_and_together(case, NoThinking(prefill="<7>", max_answer=9))
    assert alone == together


def test_a_context_without_room_for_the_sentence_is_an_error() -> None:
    case = Case("one id", plain(NoThinking()), (1, 2), False, 300, 1, 5, 0.7, 3)
    policy = NoThinking(prefill="<7>" * 5, max_answer=9)
    needed = 300 - plan_of(case, policy).room(case.row()) + 5
    (fits,) = run(replace(case, context_len=needed), policy)
    (short,) = run(replace(case, context_len=needed - 1), policy)
    assert fits.error is None
    assert short.ended == "error"
    assert "context" in (short.error or "")
