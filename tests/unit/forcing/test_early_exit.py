"""Early exit: trial answers are budget forcing's answers at that place, and they leave no trace in the thought."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.early_exit import _sureness, settled
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import BUILT_IN
from s1kit.policies import BudgetForcing, EarlyExit, Sampling
from s1kit.types import Generation
from unit.forcing.cases import RESOLVED, Case
from unit.forcing.later import CASES, alone_and_together, faults, plain, plan_of, roomy, run, said, why

COSTS = ("n_paid", "n_paid_thinking", "n_discarded")
CASE = Case("one id", BudgetForcing(), (1, 2), False, 300, 1, 5, 0.7, 3)


@CASES
@given(case=roomy(), limit=st.integers(0, 14))
def test_without_a_trial_it_is_budget_forcing(case: Case, limit: int) -> None:
    policy = EarlyExit(max_thinking=limit, max_answer=4, every=100, agree=2)
    (got,), (hard,) = run(case, policy), run(case, plain(policy))
    assert said(got) == said(hard)
    assert got.n_discarded == 0


@CASES
@given(case=roomy(), limit=st.integers(0, 30), every=st.integers(1, 9), at=st.booleans())
def test_trials_that_settle_nothing_change_nothing(case: Case, limit: int, every: int, at: bool) -> None:
    where = {"at": "<5>"} if at else {"every": every}
    policy = EarlyExit(max_thinking=limit, max_answer=4, agree=1000, max_probe=3, **where)
    (got,), (hard,) = run(case, policy), run(case, plain(policy))
    assert said(got, *COSTS) == said(hard, *COSTS)
    assert got.n_paid == got.n_thinking_model + got.n_answer + got.n_discarded
    assert faults(plan_of(case, policy), got) == []


def line(case: Case, policy: EarlyExit, thought: int) -> str | None:
    """The first line of budget forcing's answer after so much thought; None where it does not come to its end."""
    limit = BudgetForcing(max_thinking=thought, max_answer=policy.max_probe, cutoff_suffix=policy.probe)
    (cut,) = run(case, limit)
    text = RESOLVED[case.format].tokenizer.decode(why(cut, "answer")).lstrip()
    first, more, _ = text.partition("\n")
    return first.strip() or None if more or cut.answer_ended != "length" else None


@CASES
@given(
    case=roomy(),
    every=st.integers(1, 5),
    agree=st.integers(2, 3),
    probe=st.none() | st.sampled_from(["", "<7>"]),
    room=st.integers(1, 3),
)
def test_it_ends_at_the_first_place_where_budget_forcing_would_answer_the_same_again(
    case: Case, every: int, agree: int, probe: str | None, room: int
) -> None:
    case = replace(case, format="one id")  # stops of several ids may move a place forward
    policy = EarlyExit(max_thinking=20, max_answer=4, every=every, agree=agree, probe=probe, max_probe=room)
    (got,), (hard,) = run(case, policy), run(case, plain(policy))
    lines: list[str | None] = []
    place = None
    for thought in range(every, hard.n_thinking + 1 if hard.ended == "model" else 20, every):
        lines.append(line(case, policy, thought))
        if lines[-1] is not None and lines[-agree:] == [lines[-1]] * agree:
            place = thought
            break
    plan = plan_of(case, policy)
    assert faults(plan, got) == []
    if place is None:
        event("never settled")
        assert said(got, *COSTS) == said(hard, *COSTS)
        return
    event("settled")
    assert (got.ended, why(got, "think")) == ("early", why(hard, "think")[:place])
    assert why(got, "cutoff") == plan.suffix
    (cut,) = run(case, plain(policy, max_thinking=place))
    assert why(got, "answer") == why(cut, "answer")
    assert any("cannot be" in fault for fault in faults(plan_of(case, plain(policy)), got))


@CASES
@given(case=roomy(), at=st.sampled_from(["<5>", "<5><6>", "<9>"]), sure=st.sampled_from([0.2, 0.5, 1.0]))
def test_a_sure_trial_ends_the_thought_before_its_turn(case: Case, at: str, sure: float) -> None:
    policy = EarlyExit(max_thinking=40, max_answer=4, at=at, sure=sure, max_probe=3)
    (got,), (hard,) = run(case, policy), run(case, plain(policy))
    plan, turn = plan_of(case, policy), RESOLVED[case.format].tokenizer.encode(at)
    assert faults(plan, got) == []
    assert got.n_paid == got.n_thinking_model + got.n_answer + got.n_discarded
    whole = why(hard, "think")
    if got.ended != "early":
        event("went on")
        assert said(got, *COSTS) == said(hard, *COSTS)
        return
    event("ended early")
    assert sure < 1.0
    assert why(got, "think") == whole[: got.n_thinking]
    assert whole[got.n_thinking :][: len(turn)] == turn


@CASES
@given(case=roomy(), every=st.integers(1, 5))
def test_batches_change_nothing(case: Case, every: int) -> None:
    policy = EarlyExit(max_thinking=20, max_answer=4, every=every, agree=2, sure=0.5, max_probe=3)
    alone, together = alone_and_together(case, policy)
    assert alone == together


@pytest.mark.parametrize("where", [{"every": 2}, {"at": "<5>"}])
@pytest.mark.parametrize("rule", [{"sure": 1e-9}, {"sure": 1.0}])
def test_thoughts_do_end_early_and_only_where_trials_can_settle_them(
    where: dict[str, int | str], rule: dict[str, int | float]
) -> None:
    """Properties over random models hold of a method that never exits too; this one does not."""
    early = 0
    for model in range(40):
        case = replace(CASE, model=model)
        policy = EarlyExit.model_validate({"max_thinking": 30, "max_answer": 4, "max_probe": 3, **where, **rule})
        (got,), (hard,) = run(case, policy), run(case, plain(policy))
        early += got.ended == "early"
        assert (got.ended == "early") == (got.n_thinking < hard.n_thinking or got.ended != hard.ended)
    assert early == 0 if rule == {"sure": 1.0} else early > 3


@pytest.mark.parametrize(
    ("policy", "thought", "trials"),
    [
        ({"every": 4, "agree": 2}, 16, 4),
        ({"every": 4, "agree": 3}, 20, 5),
        ({"every": 5, "agree": 2}, 15, 3),
        ({"at": "<5>", "agree": 2}, 17, 3),  # a turn at 5, 11 and 17: the second and third trial agree
    ],
    ids=["two", "three", "other places", "at a turn"],
)
def test_agreement_ends_the_thought_at_the_place_that_was_worked_out_by_hand(
    policy: dict[str, int | str], thought: int, trials: int
) -> None:
    """A model that answers <9> once it has thought 10 tokens and something else each time before, and never stops."""

    def settling(context: tuple[int, ...], request: Request) -> int:
        thoughts = context[len(CASE.prompt) + 1 + 3 :]  # behind the prompt and what opens the thinking
        if 22 not in thoughts:
            return 5 if len(thoughts) % 6 == 5 else 6
        if 28 in request.stop_ids and len(context) > len(request.prompt_ids):
            return 28
        size = thoughts.index(22) - 1  # what closes it begins one before
        size -= thoughts[size - 1] == 10  # a newline of the close
        return 9 if size >= 10 else 11 + size

    engine = ScriptedEngine(settling, vocab_size=30, context_len=300)
    settings = EarlyExit.model_validate({"max_thinking": 40, "max_answer": 4, "max_probe": 3, **policy})
    (got,) = run(CASE, settings, engine)
    assert (got.ended, got.n_thinking, got.n_discarded) == ("early", thought, trials)
    assert why(got, "answer") == (9,)
    assert got.n_paid == thought + 1 + trials


def test_a_trial_that_never_ends_settles_nothing_and_is_counted() -> None:
    engine = ScriptedEngine(lambda context, request: 7, vocab_size=30, context_len=300)
    policy = EarlyExit(max_thinking=20, max_answer=4, every=5, agree=2, max_probe=6)
    (got,) = run(CASE, policy, engine)
    assert (got.ended, got.n_thinking, got.n_discarded) == ("cutoff", 20, 3 * 6)
    assert got.n_paid == 20 + 4 + 18


def test_a_trial_that_fails_fails_its_row() -> None:
    class Failing(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            asked = {request.id: request for request in self.submitted}
            return [
                replace(c, finish="error", error="no answer") if asked[c.request_id].max_tokens == 6 else c
                for c in super().collect()
            ]

    engine = Failing(lambda context, request: 7, vocab_size=30, context_len=300)
    (got,) = run(CASE, EarlyExit(max_thinking=20, max_answer=4, every=5, agree=2, max_probe=6), engine)
    assert (got.ended, got.answer_ended, got.error, got.n_thinking) == ("error", None, "no answer", 5)


def test_either_rule_settles() -> None:
    both = EarlyExit(every=5, agree=2, sure=0.9)
    assert settled(both, [("4", 0.0), ("4", 0.0)])
    assert settled(both, [("5", 0.0), ("4", 0.9)])
    assert not settled(both, [("4", 0.0), ("5", 0.0), ("4", 0.89)])
    assert not settled(both, [(None, 1.0), (None, 1.0)])


def test_sureness_is_the_geometric_mean_of_what_was_drawn() -> None:
    rows = (((7, -0.1), (8, -2.0)), ((8, -0.5), (7, -0.7)), ((1, -0.2), (2, -0.3)))
    chunk = Chunk("r", (7, 7, 9), "stop", logprobs=rows)
    assert _sureness(chunk, 2) == pytest.approx(2.718281828 ** (-0.4))
    assert _sureness(chunk, 3) == 0.0  # 9 is not among the likely ids
    assert _sureness(chunk, 0) == 0.0
    assert _sureness(replace(chunk, logprobs=None), 2) == 0.0


def test_what_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        EarlyExit(at="", agree=2)
    with pytest.raises(PolicyError, match="end of thinking"):
        plan_of(CASE, EarlyExit(at="<20>", agree=2))
    with pytest.raises(PolicyError, match="hint: use hf or vllm"):
        plan_of(CASE, EarlyExit(at="<5>", sure=0.9), CASE.engine())
    assert plan_of(CASE, EarlyExit(at="<5>", agree=2), CASE.engine())


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_on_a_real_model_the_thought_is_a_prefix_of_the_one_without_trials(
    tiny_model: Path, temperature: float
) -> None:
    pytest.importorskip("torch")
    from s1kit.engines.hf import HFEngine

    engine = HFEngine(tiny_model, slots=4)
    fmt = BUILT_IN["s1"].resolve(engine.tokenizer)
    rows = [Row(f"q{i}", fmt.tokenizer.encode(f"user {i}"), fmt.open, seed=i) for i in range(6)]
    watched: list[Request] = []

    def under(policy: BudgetForcing | EarlyExit) -> dict[str, Generation]:
        plan = Plan.make(policy, fmt, Sampling(temperature=temperature), engine.info)
        seen = drive((machine(plan, row) for row in rows), engine, watch=lambda request, _: watched.append(request))
        return {g.question_id: g for g in seen}

    try:
        hard = under(BudgetForcing(max_thinking=40, max_answer=6))
        trials = EarlyExit(max_thinking=40, max_answer=6, every=7, agree=1000, sure=1e-9, max_probe=4, probe="\n")
        got = under(trials)
    finally:
        engine.close()
    assert any(request.top_logprobs for request in watched)
    for name, row in got.items():
        assert why(row, "think") == why(hard[name], "think")[: row.n_thinking]
        assert row.n_paid == row.n_thinking + row.n_answer + row.n_discarded
