"""The soft cut-off: budget forcing up to the limit, then until a text or the end of the grace."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from s1kit.forcing.check import PolicyError
from s1kit.policies import BudgetForcing, SoftCutoff
from unit.forcing.cases import Case
from unit.forcing.later import CASES, alone_and_together, faults, plain, plan_of, roomy, run, said, why

UNTIL = {"<5>": (5,), "<5><6>": (5, 6), "<9>": (9,)}
CASE = Case("one id", BudgetForcing(), (1, 2), False, 300, 1, 5, 0.7, 3)


def first_end(thought: tuple[int, ...], limit: int, until: tuple[int, ...]) -> int | None:
    """How long the thought is with the first ``until`` that begins at or behind the limit."""
    size = len(until)
    return next((i + size for i in range(limit, len(thought) - size + 1) if thought[i : i + size] == until), None)


@CASES
@given(
    case=roomy(), limit=st.integers(0, 8), grace=st.integers(1, 30), until=st.sampled_from(sorted(UNTIL))
)  # fmt: skip
def test_it_ends_behind_the_first_text_beyond_the_limit(case: Case, limit: int, grace: int, until: str) -> None:
    policy = SoftCutoff(max_thinking=limit, grace=grace, until=until, max_answer=4)
    (got,) = run(case, policy)
    (hard,) = run(case, plain(policy, max_thinking=limit + grace))
    thought = why(hard, "think")
    end = first_end(thought, limit, UNTIL[until])
    plan = plan_of(case, policy)
    assert faults(plan, got) == []
    if end is None:
        event("no text in the grace")
        assert said(got, "n_paid", "n_paid_thinking", "n_discarded") == said(
            hard, "n_paid", "n_paid_thinking", "n_discarded"
        )
    else:
        event("ended behind the text")
        assert (got.ended, why(got, "think")) == ("cutoff", thought[:end])
        assert why(got, "cutoff") == plan.suffix
    assert got.n_paid == got.n_thinking_model + got.n_answer + got.n_discarded


@CASES
@given(case=roomy(), grace=st.integers(1, 30))
def test_a_thought_that_ends_before_the_limit_is_budget_forcings(case: Case, grace: int) -> None:
    (natural,) = run(case, BudgetForcing(max_thinking=100, max_answer=4))
    if natural.ended != "model":
        return
    limit = natural.n_thinking + 3  # as long as the longest stop: a hard limit cuts inside one, a soft one does not
    (got,) = run(case, SoftCutoff(max_thinking=limit, grace=grace, until="<5>", max_answer=4))
    (hard,) = run(case, BudgetForcing(max_thinking=limit, max_answer=4))
    assert said(got) == said(hard)


@CASES
@given(case=roomy(), grace=st.integers(1, 9))
def test_batches_change_nothing(case: Case, grace: int) -> None:
    alone, together = alone_and_together(case, SoftCutoff(max_thinking=3, grace=grace, until="<5>", max_answer=4))
    assert alone == together


@pytest.mark.parametrize("until", sorted(UNTIL))
def test_thoughts_do_end_behind_the_text(until: str) -> None:
    """The property above holds of a hard limit too wherever the text does not turn up; here it has to."""
    ended = 0
    for model in range(80):
        (got,) = run(replace(CASE, model=model), SoftCutoff(max_thinking=2, grace=60, until=until, max_answer=4))
        if got.ended == "cutoff" and got.n_thinking < 62:
            ended += 1
            assert why(got, "think")[-len(UNTIL[until]) :] == UNTIL[until]
    assert ended > 3


def test_the_context_has_to_hold_the_grace_too() -> None:
    policy = SoftCutoff(max_thinking=3, grace=9, until="<99>", max_answer=4)
    with pytest.raises(PolicyError, match="end of thinking"):
        plan_of(CASE, policy.model_copy(update={"until": "<20>"}))
    tight = replace(CASE, context_len=300 - plan_of(CASE, policy).room(CASE.row()) + 11)
    (refused,) = run(tight, policy)
    assert refused.ended == "error"
    assert "9 more" in (refused.error or "")
    (clamped,) = run(tight, policy.model_copy(update={"on_overflow": "clamp"}))
    assert clamped.error is None
    (whole,) = run(replace(tight, context_len=tight.context_len + 1), policy)
    assert whole.error is None


def test_a_text_that_cannot_be_spelled_or_matched_is_refused() -> None:
    with pytest.raises(PolicyError, match="cannot spell"):
        plan_of(CASE, SoftCutoff(max_thinking=3, until="no id"))
    engine = CASE.engine()
    engine.info = engine.info.model_copy(update={"stop_seqs": False})
    with pytest.raises(PolicyError, match="several tokens"):
        plan_of(CASE, SoftCutoff(max_thinking=3, until="<5><6>"), engine)


def test_a_cut_before_the_limit_is_found() -> None:
    policy = SoftCutoff(max_thinking=8, grace=4, until="<5>", max_answer=4)
    for model in range(50):
        case = replace(CASE, model=model)
        (got,) = run(case, policy)
        if got.ended == "cutoff":
            break
    else:
        pytest.fail("no model was cut")
    lower = plan_of(case, policy.model_copy(update={"max_thinking": got.n_thinking + 1}))
    assert any("cutoff" in fault for fault in faults(lower, got))
