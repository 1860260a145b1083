"""A sweep equals separate runs token for token, and pays for each thinking token once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan
from s1kit.forcing.sweep import SweepEngine
from s1kit.forcing.tape import Machine
from s1kit.types import EngineInfo, Generation
from unit.forcing.cases import CASES, Case, cases, outputs

BUDGETS = st.lists(st.none() | st.integers(0, 14), min_size=2, max_size=6, unique=True)


def plans(case: Case, info: EngineInfo, budgets: list[int | None], extensions: list[int]) -> list[Plan]:
    """One plan per point of the curve; the natural end and each number of extensions with all the room."""
    points: list[dict[str, object]] = [{"max_thinking": b, "extensions": 0} for b in budgets]
    points += [{"max_thinking": None, "extensions": n} for n in extensions if n]
    out: dict[str, Plan] = {}
    for point in points:
        try:
            plan = case.plan(info, min_thinking=0, on_overflow="clamp", **point)
        except PolicyError:
            continue
        out[plan.policy_id] = plan
    return list(out.values())


def machines(case: Case, points: list[Plan], seeds: int) -> list[Machine]:
    return [
        machine(plan, replace(case.row(n), question_id=f"q{n}s{seed}", seed=seed))
        for n in range(2)
        for seed in range(seeds)
        for plan in points
    ]


def thoughts(case: Case, generations: list[Generation]) -> set[tuple[object, ...]]:
    """Distinct thinking tokens of the model: a token is its whole context, the row's seed and itself."""
    out: set[tuple[object, ...]] = set()
    for got in generations:
        assert got.token_ids is not None
        for s in got.segments:
            if s.why == "think":
                out.update((got.question_id, got.token_ids[: i + 1]) for i in range(s.start, s.end))
    return out


@CASES
@given(case=cases(), budgets=BUDGETS, extensions=st.sets(st.integers(1, 4)), min_tokens=st.booleans())
def test_a_sweep_equals_separate_runs(
    case: Case, budgets: list[int | None], extensions: set[int], min_tokens: bool
) -> None:
    engine = case.engine(min_tokens=min_tokens)
    points = plans(case, engine.info, budgets, sorted(extensions))
    swept = list(drive(machines(case, points, seeds=2), SweepEngine(engine)))
    alone: list[Generation] = []
    for plan in points:
        alone += drive(machines(case, [plan], seeds=2), case.engine(min_tokens=min_tokens))
    assert outputs(swept) == outputs(alone)
    # two samples differ by their seed only, so a sweep must not mix them up; greedy ones are the same trace
    assert sum(g.n_paid for g in swept) <= sum(g.n_paid for g in alone)
    distinct = len(thoughts(case, swept))
    paid = sum(g.n_paid_thinking for g in swept)
    if case.format == "one id":
        assert paid == distinct
    else:  # a short budget may end inside a stop sequence, whose tokens the longer run trims
        assert paid <= distinct


@CASES
@given(case=cases(), budgets=BUDGETS)
def test_a_sweep_of_budgets_pays_the_longest_point(case: Case, budgets: list[int | None]) -> None:
    case = replace(case, format="one id")
    engine = case.engine()
    points = plans(case, engine.info, budgets, [])
    swept = list(drive((machine(plan, case.row()) for plan in points), SweepEngine(engine)))
    assert sum(g.n_paid_thinking for g in swept) == max(g.n_thinking_model for g in swept)


@CASES
@given(case=cases(), budgets=BUDGETS, window=st.integers(1, 3), hold=st.sampled_from([1, 40, 10_000]))
def test_a_narrow_window_and_a_short_memory_change_nothing(
    case: Case, budgets: list[int | None], window: int, hold: int
) -> None:
    engine = case.engine()
    points = plans(case, engine.info, budgets, [2])
    wide = outputs(drive(machines(case, points, seeds=1), SweepEngine(case.engine())))
    narrow = outputs(drive(machines(case, points, seeds=1), SweepEngine(engine, hold_tokens=hold), in_flight=window))
    assert narrow == wide
