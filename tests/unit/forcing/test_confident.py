"""Stopping by confidence: to the token where the stored trace of the same draws falls below the bar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sureness import window_means
from s1kit.formats import BUILT_IN
from s1kit.policies import BudgetForcing, Confident, Sampling
from s1kit.search.confidence import given_up, recorded
from s1kit.types import Generation
from unit.forcing.cases import Case
from unit.forcing.later import CASES, alone_and_together, faults, plain, plan_of, roomy, run, said, why

COSTS = ("n_paid", "n_paid_thinking", "n_discarded")


@CASES
@given(
    case=roomy(),
    window=st.integers(1, 6),
    every=st.integers(1, 9),
    place=st.floats(0.0, 1.2),
    limit=st.none() | st.integers(0, 20),
)
def test_it_stops_where_the_stored_trace_says(
    case: Case, window: int, every: int, place: float, limit: int | None
) -> None:
    (stored,) = run(case, BudgetForcing(max_thinking=limit, max_answer=4, logprobs=3))
    means = sorted(window_means(recorded(stored)[: stored.n_thinking].tolist(), window))
    bar = means[min(int(place * len(means)), len(means) - 1)] if means and place <= 1 else 0.0
    policy = Confident(max_thinking=limit, max_answer=4, bar=bar, window=window, logprobs=3, every=every)
    (got,) = run(case, policy)
    at = given_up(stored, bar, window)
    assert faults(plan_of(case, policy), got) == []
    assert got.n_paid == got.n_thinking_model + got.n_answer + got.n_discarded
    if at is None:
        event("never below the bar")
        assert said(got, *COSTS) == said(stored, *COSTS)
        return
    event("given up")
    assert (got.ended, got.answer_ended, got.n_answer) == ("unsure", None, 0)
    assert why(got, "think") == why(stored, "think")[:at]
    assert got.confidence == (stored.confidence or ())[:at]
    assert "close" not in [s.why for s in got.segments]


@CASES
@given(case=roomy(), every=st.integers(1, 9))
def test_without_a_bar_it_is_budget_forcing(case: Case, every: int) -> None:
    policy = Confident(max_thinking=12, max_answer=4, bar=0.0, window=2, logprobs=2, every=every)
    (got,), (hard,) = run(case, policy), run(case, plain(policy, logprobs=2))
    assert said(got, *COSTS) == said(hard, *COSTS)
    assert len(got.confidence or ()) == got.n_thinking + got.n_answer


@CASES
@given(case=roomy(), every=st.integers(1, 9))
def test_batches_change_nothing(case: Case, every: int) -> None:
    alone, together = alone_and_together(case, Confident(bar=1.6, window=3, logprobs=3, every=every, max_answer=4))
    assert alone == together


CASE = Case("one id", BudgetForcing(), (1, 2), False, 300, 1, 5, 0.7, 3)
SHY = Confident(max_thinking=30, max_answer=4, bar=1.6, window=3, logprobs=3)


def unsure() -> tuple[Case, Generation]:
    for model in range(50):
        case = replace(CASE, model=model)
        (got,) = run(case, SHY)
        if got.ended == "unsure":
            return case, got
    pytest.fail("no model was unsure")


def test_a_record_that_contradicts_its_confidence_is_found() -> None:
    case, got = unsure()
    plan = plan_of(case, SHY)
    assert faults(plan, got) == []
    sure = tuple(c + 9 for c in got.confidence or ())
    assert any("given up" in f for f in faults(plan, got.model_copy(update={"confidence": sure})))
    assert any("is below" in f for f in faults(plan, got.model_copy(update={"ended": "model"})))
    assert any("confidences" in f for f in faults(plan, got.model_copy(update={"confidence": None})))
    assert any("cannot be" in f for f in faults(plan_of(case, plain(SHY)), got))


def test_an_engine_without_log_probabilities_is_refused_and_one_that_forgets_them_fails() -> None:
    with pytest.raises(PolicyError, match="hint: use hf or vllm"):
        plan_of(CASE, SHY, CASE.engine())
    engine = CASE.engine()
    engine.info = engine.info.model_copy(update={"logprobs": True})
    (got,) = run(CASE, SHY, engine)
    assert got.ended == "error"
    assert "log-probabilities" in (got.error or "")


def test_one_likely_id_is_too_few() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        Confident(bar=1.0, logprobs=1)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_on_a_real_model(tiny_model: Path, temperature: float) -> None:
    pytest.importorskip("torch")
    from s1kit.engines.hf import HFEngine

    engine = HFEngine(tiny_model, slots=4)
    try:
        _on(engine, temperature)
    finally:
        engine.close()


def _on(engine: object, temperature: float) -> None:
    """The stored rows and the stopped ones agree; so do slots of one and of four."""
    fmt = BUILT_IN["s1"].resolve(engine.tokenizer)  # type: ignore[attr-defined]
    rows = [Row(f"q{i}", fmt.tokenizer.encode(f"user {i}"), fmt.open, seed=i) for i in range(6)]

    def under(policy: BudgetForcing | Confident) -> dict[str, Generation]:
        plan = Plan.make(policy, fmt, Sampling(temperature=temperature), engine.info)  # type: ignore[attr-defined]
        return {g.question_id: g for g in drive((machine(plan, row) for row in rows), engine)}  # type: ignore[arg-type]

    stored = under(BudgetForcing(max_thinking=40, max_answer=6, logprobs=20))
    assert all(len(g.confidence or ()) == g.n_thinking + g.n_answer for g in stored.values())
    lows = sorted(min(window_means((g.confidence or ())[: g.n_thinking], 8), default=9.0) for g in stored.values())
    bar = (lows[2] + lows[3]) / 2
    stopped = under(Confident(max_thinking=40, max_answer=6, bar=bar, window=8, every=7))
    assert sorted(g.ended == "unsure" for g in stopped.values()) == [False] * 3 + [True] * 3
    for name, got in stopped.items():
        at = given_up(stored[name], bar, 8)
        assert why(got, "think") == why(stored[name], "think")[:at]
        assert (at is None) == (got.ended != "unsure")
        assert got.confidence == pytest.approx((stored[name].confidence or ())[: None if at is None else at], rel=1e-4)
