"""What the record of a row says beside its tokens: ids, costs, errors, loops."""

from __future__ import annotations

from typing import Any

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import failed, machine
from s1kit.forcing.plan import Plan, Row, overflowing
from s1kit.forcing.tape import Machine, loops
from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.types import EngineInfo, Generation
from unit.forcing.cases import RESOLVED, VOCAB

FMT = RESOLVED["one id"]
ROW = Row("q", (1, 2), FMT.open, sample=3, seed=9)


def plan(policy: BudgetForcing | Unforced | None = None, context_len: int = 1000, **engine: Any) -> Plan:
    fields = {"name": "toy", "model": "toy", "version": "1", "context_len": context_len, "vocab_size": VOCAB, **engine}
    info = EngineInfo(**fields)
    return Plan.make(policy or BudgetForcing(max_answer=5), FMT, Sampling(), info)


def play(running: Machine, *replies: list[Chunk]) -> tuple[Generation, list[Request]]:
    """Send each request its chunks; the machine has to end with the last one."""
    requests: list[Request] = []
    try:
        asked = next(running)
        for chunks in replies:
            assert asked is not None
            requests.append(asked)
            for chunk in chunks:
                asked = running.send(chunk)
        raise AssertionError(f"still asking: {asked}")
    except StopIteration as stop:
        return stop.value, requests


def said(*tokens: int, finish: str = "stop", stop_id: int | None = 20, **more: object) -> Chunk:
    return Chunk("any", tokens, finish, stop_id, **more)  # type: ignore[arg-type]


def test_identity_and_prompt_length_are_the_rows_own() -> None:
    made = plan()
    got, requests = play(machine(made, ROW), [said(3)], [said(4, stop_id=28)])
    assert got.key == ("q", made.policy_id, 3)
    assert got.n_prompt == 2
    assert [r.id for r in requests] == [f"q/{made.policy_id}/3/0", f"q/{made.policy_id}/3/1"]
    assert [r.continues for r in requests] == [None, requests[0].id]


def test_times_and_payments_add_up_over_chunks_and_requests() -> None:
    replies = [
        [said(3, 4, finish=None, stop_id=None, elapsed=0.5), said(5, elapsed=0.25, paid=0)],  # type: ignore[arg-type]
        [said(6, stop_id=28, elapsed=1.0, paid=7)],
    ]
    got, _ = play(machine(plan(), ROW), *replies)
    assert got.engine_ms == 1750.0
    assert (got.n_paid, got.n_paid_thinking) == (9, 2)
    assert (got.n_thinking_model, got.n_answer) == (3, 1)
    assert got.exact


def test_times_are_kept_to_the_microsecond() -> None:
    got, _ = play(machine(plan(), ROW), [said(3, elapsed=0.00012345678)], [said(6, stop_id=28)])
    assert got.engine_ms == 0.123


def test_one_inexact_chunk_makes_the_row_inexact() -> None:
    first, _ = play(machine(plan(), ROW), [said(3, exact=False)], [said(6, stop_id=28)])
    last, _ = play(machine(plan(), ROW), [said(3)], [said(6, stop_id=28, exact=False)])
    assert (first.exact, last.exact) == (False, False)


def test_an_error_keeps_the_engines_words() -> None:
    got, _ = play(machine(plan(), ROW), [said(3, finish="error", stop_id=None, error="out of memory")])
    assert (got.ended, got.error) == ("error", "out of memory")
    cancelled, _ = play(machine(plan(), ROW), [said(finish="cancelled", stop_id=None)])
    assert cancelled.error == "the engine answered 'cancelled'"


def test_broken_promises_are_named() -> None:
    limited = plan(BudgetForcing(max_thinking=2, max_answer=5))
    over, _ = play(machine(limited, ROW), [said(3, 4, 5, finish="length", stop_id=None)])
    assert over.error == "the engine returned 3 tokens where 2 were asked for"
    stop, _ = play(machine(plan(), ROW), [said(3, 20, 5)])
    assert stop.error == "the engine returned stop id 20 among the tokens"
    padded, _ = play(machine(plan(vocab_size=VOCAB + 1), ROW), [said(3, VOCAB)])
    assert padded.error == f"the engine returned banned id {VOCAB} among the tokens"
    both, _ = play(machine(plan(), ROW), [said(3, 20, 5, finish="error", error="worse")])
    assert both.error == "worse"
    assert all(s.stop_id is None for s in stop.segments)


def test_a_row_that_does_not_fit_says_how_much_room_there_is() -> None:
    small = plan(BudgetForcing(max_thinking=30, max_answer=5), context_len=40)
    got, _ = play(machine(small, ROW))
    assert got.error is not None
    assert got.error == (
        "the context of 40 tokens leaves 24 for thinking after a prompt of 5; max_thinking asks for 30"
    )
    assert overflowing(small, [ROW]) == [(ROW, 24)]
    assert overflowing(plan(BudgetForcing(max_thinking=30, on_overflow="clamp"), context_len=40), [ROW]) == []
    assert overflowing(plan(BudgetForcing(max_thinking=24, max_answer=5), context_len=40), [ROW]) == []
    free, _ = play(machine(plan(Unforced(), context_len=5), ROW))
    assert free.error == "the context of 40 tokens leaves".replace("40", "5") + " 0 for thinking after a prompt of 5"


def test_a_prompt_that_leaves_not_even_an_answer_overflows_unless_clamped() -> None:
    assert overflowing(plan(BudgetForcing(max_answer=35), context_len=40), [ROW]) == [(ROW, -6)]
    assert overflowing(plan(BudgetForcing(max_answer=29), context_len=40), [ROW]) == []
    assert overflowing(plan(BudgetForcing(max_answer=35, on_overflow="clamp"), context_len=40), [ROW]) == []


def test_a_row_that_failed_before_it_began_asks_for_nothing() -> None:
    got, requests = play(failed(plan(), ROW, "the row it refers to failed"))
    assert requests == []
    assert (got.ended, got.error, got.token_ids) == ("error", "the row it refers to failed", ())
    assert got.answer_ended is None


def test_a_row_cap_below_the_policy_is_a_cutoff() -> None:
    got, requests = play(
        machine(plan(BudgetForcing(max_thinking=9, max_answer=5)), ROW.capped(1)),
        [said(3, finish="length", stop_id=None)],
        [said(4, stop_id=28)],
    )
    assert requests[0].max_tokens == 1
    assert got.ended == "cutoff"


def test_loops_are_tails_of_8_to_64_tokens_four_times() -> None:
    gram = list(range(100))
    assert loops(gram[:8] * 4)
    assert loops([5, 6, *gram[:8] * 4])
    assert loops(gram[:64] * 4)
    assert loops([7] * 32)
    assert not loops(gram[:8] * 3)
    assert not loops([*gram[:8] * 4, 99])
    assert not loops(gram[:7] * 4)
    assert not loops(gram[:65] * 4)
    assert not loops(gram[:64] * 3 + gram[1:64])
    assert not loops([7] * 31)
    assert not loops([])


def test_a_looping_thought_is_flagged_and_changes_nothing_else() -> None:
    thought = said(*[3, 4, 5, 6, 7, 8, 9, 1] * 4)
    got, _ = play(machine(plan(), ROW), [thought], [said(6, stop_id=28)])
    assert (got.looped, got.ended) == (True, "model")
    answer, _ = play(
        machine(plan(BudgetForcing(max_answer=32)), ROW),
        [said(3)],
        [said(*[3, 4, 5, 6, 7, 8, 9, 1] * 4, finish="length", stop_id=None)],
    )
    assert not answer.looped


def test_unforced_pays_thinking_only_for_its_thinking() -> None:
    got, _ = play(machine(plan(Unforced()), ROW), [said(3, 4, 20, 22, 10, 5, stop_id=28)])
    assert (got.n_paid, got.n_paid_thinking) == (6, 2)
    twice, _ = play(machine(plan(Unforced()), ROW), [said(3, 4, 20, 22, 10, 5, 20, 6, stop_id=28)])
    assert (twice.n_paid, twice.n_paid_thinking, twice.n_thinking_model) == (8, 4, 4)
    shared, _ = play(machine(plan(Unforced()), ROW), [said(3, 4, 20, 22, 10, 5, stop_id=28, paid=1)])
    assert (shared.n_paid, shared.n_paid_thinking) == (1, 1)


def test_a_loop_through_nudges_is_a_loop() -> None:
    thought = (3, 4, 5, 6, 7, 8, 9)  # with the nudge behind it: 8 tokens
    got, _ = play(
        machine(plan(BudgetForcing(extensions=4, max_answer=5)), ROW), *[[said(*thought)]] * 5, [said(6, stop_id=28)]
    )
    assert (got.looped, got.extensions) == (True, 4)


def test_without_min_tokens_the_two_requests_of_a_thought_are_thinking_like_any_other() -> None:
    policy = BudgetForcing(max_thinking=4, extensions=1, after_nudge=Sampling(temperature=0.5), max_answer=5)
    got, requests = play(
        machine(plan(policy, min_tokens=False), ROW),
        [said(3)],
        [said(4, finish="length", stop_id=None)],
        [said(5, finish="length", stop_id=None)],
        [said(6, stop_id=28)],
    )
    assert [r.sampling.temperature for r in requests] == [0.0, 0.5, 0.5, 0.0]
    assert [r.max_tokens for r in requests] == [4, 1, 1, 5]
    assert (got.ended, got.n_paid, got.n_paid_thinking) == ("cutoff", 4, 3)
