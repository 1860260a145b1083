"""One definition of confidence, whoever reads it: while a row is made, in the store, and in a vote."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.base import Chunk
from s1kit.forcing.sureness import confidences, first_below, token_sureness, window_means
from s1kit.policies import BudgetForcing
from s1kit.search.confidence import stop_after, token_confidence
from unit.forcing.cases import Case
from unit.forcing.later import CASES, SureEngine, alone_and_together, engine_of, faults, plan_of, roomy, run, said, why

VALUES = st.lists(st.floats(0.0, 20.0, width=32), max_size=40)


@CASES
@given(logs=st.lists(st.lists(st.floats(-30, 0), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_vote_reads_what_the_machine_writes(logs: list[list[float]]) -> None:
    rows = tuple(tuple(enumerate(row)) for row in logs)
    got = confidences(Chunk("r", tuple(range(len(logs))), "length", logprobs=rows))
    assert got == tuple(token_confidence(logs).astype(np.float32).tolist())


def test_what_is_banned_or_absent_is_left_out() -> None:
    assert token_sureness([-1.0, -math.inf, -3.0, math.nan]) == 2.0
    assert token_sureness([-math.inf]) == 0.0
    assert confidences(Chunk("r", (1,), "length")) == ()
    assert token_sureness(np.log([0.98, 0.01, 0.01])) > token_sureness(np.log([1 / 3] * 3))


@CASES
@given(values=VALUES, window=st.integers(1, 9))
def test_means_are_exact_and_rounded_once(values: list[float], window: int) -> None:
    grain = Fraction(1, 2**60)
    exact = [Fraction(v) // grain * grain for v in values]
    runs = [exact[end - window : end] for end in range(window, len(values) + 1)]
    assert list(window_means(values, window)) == [float(sum(run, Fraction(0)) / window) for run in runs]


@CASES
@given(values=VALUES, window=st.integers(1, 9), bar=st.floats(0, 20), data=st.data())
def test_the_place_does_not_depend_on_the_pieces(
    values: list[float], window: int, bar: float, data: st.DataObject
) -> None:
    means = list(window_means(values, window))
    bar = data.draw(st.sampled_from([bar, *means])) if means else bar
    whole = first_below((), values, bar, window)
    assert whole == next((window + i for i, mean in enumerate(means) if mean < bar), None)
    at, found = 0, None
    while at < len(values) and found is None:
        size = data.draw(st.integers(1, 6))
        here = first_below(values[:at], values[at : at + size], bar, window)
        found = None if here is None else at + here
        at += size
    assert found == whole
    if len(values) >= window:
        assert stop_after(values, bar, window) == whole


@CASES
@given(case=roomy(), top=st.integers(1, 4))
def test_every_token_that_the_model_wrote_has_one(case: Case, top: int) -> None:
    engine = engine_of(case)
    policy = case.policy.model_copy(update={"logprobs": top, "extensions": 1, "max_thinking": 20})
    (got,) = run(case, policy, engine)
    assert faults(plan_of(case, policy), got) == []
    _fits(
        case, engine, got.token_ids or (), [s for s in got.segments if s.origin == "model"], got.confidence or (), top
    )
    (without,) = run(case, policy.model_copy(update={"logprobs": 0}))
    assert without.confidence is None
    assert said(got, "confidence") == said(without, "confidence")
    assert len(got.confidence or ()) == len(why(got, "think", "answer"))


def _fits(case, engine, tokens, segments, read, top) -> None:  # type: ignore[no-untyped-def]
    prompt, at = case.row().prompt_ids, 0
    for s in segments:
        ids = tokens[s.start : s.end]
        rows = SureEngine.likely((*prompt, *tokens[: s.start]), ids, top)
        assert read[at : at + len(ids)] == confidences(Chunk("r", ids, "length", logprobs=rows))
        at += len(ids)
    assert at == len(read)


@CASES
@given(case=roomy())
def test_batches_change_nothing(case: Case) -> None:
    alone, together = alone_and_together(case, BudgetForcing(max_thinking=12, max_answer=4, logprobs=2))
    assert alone == together


def test_a_missing_number_is_found() -> None:
    case = Case("one id", BudgetForcing(), (1, 2), False, 300, 1, 5, 0.7, 3)
    policy = BudgetForcing(max_thinking=12, max_answer=4, logprobs=2)
    (got,) = run(case, policy)
    assert got.confidence
    short = got.model_copy(update={"confidence": got.confidence[:-1]})
    assert any("confidences for" in fault for fault in faults(plan_of(case, policy), short))


def test_after_a_nudge_on_an_engine_without_min_tokens_too() -> None:
    """The first token after a nudge is then a request of its own: its number must not be lost."""
    seen = 0
    for model in range(20):
        case = Case("one id", BudgetForcing(), (1, 2), False, 300, 0, model, 0.7, 3)
        engine = engine_of(case)
        engine.info = engine.info.model_copy(update={"min_tokens": False})
        policy = BudgetForcing(max_thinking=30, max_answer=4, extensions=2, logprobs=2)
        (got,) = run(case, policy, engine)
        seen += got.extensions
        written = [s for s in got.segments if s.origin == "model"]
        _fits(case, engine, got.token_ids or (), written, got.confidence or (), 2)
    assert seen
