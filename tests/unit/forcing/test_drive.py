"""The driver: lazy, live, and clean when its reader leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from s1kit.engines.base import Chunk, EngineError, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sweep import SweepEngine
from s1kit.forcing.tape import Machine
from s1kit.policies import BudgetForcing, Sampling
from unit.forcing.cases import RESOLVED, STOPS, VOCAB

FMT = RESOLVED["one id"]


def engine(**options: int) -> ScriptedEngine:
    return ScriptedEngine.random(3, stops=STOPS["one id"], vocab_size=VOCAB, context_len=200, **options)


def row(n: int) -> Row:
    return Row(f"q{n}", (1, n), FMT.open)


def plan(over: ScriptedEngine) -> Plan:
    return Plan.make(BudgetForcing(max_thinking=20, max_answer=5), FMT, Sampling(), over.info)


def test_machines_are_opened_no_further_than_the_window() -> None:
    over, opened = engine(slots=1), []

    def rows() -> Iterator[Machine]:
        for n in range(20):
            opened.append(n)
            yield machine(plan(over), row(n))

    running = drive(rows(), over, in_flight=3)
    next(running)
    assert len(opened) <= 4
    assert len(list(running)) == 19


def test_a_reader_that_leaves_early_leaves_nothing_in_the_engine() -> None:
    over = engine(slots=2)
    running = drive((machine(plan(over), row(n)) for n in range(9)), over)
    first = next(running)
    running.close()
    assert over.collect() == []
    again = {g.question_id: g for g in drive((machine(plan(over), row(n)) for n in range(9)), over)}
    assert len(again) == 9
    assert again[first.question_id] == first


def test_a_stranger_s_chunk_is_passed_over() -> None:
    over = engine(slots=2)
    over.submit(Request("stranger", (1,), 3))
    assert len(list(drive([machine(plan(over), row(0))], over))) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_an_engine_that_falls_silent_is_an_error_not_a_hang(shared: bool) -> None:
    class Silent(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            return []

    over = Silent(lambda context, request: 0, vocab_size=VOCAB, context_len=200)
    with pytest.raises(EngineError, match="nothing to say about 1 open"):
        list(drive([machine(plan(over), row(0))], SweepEngine(over) if shared else over))


def test_a_sweep_left_early_does_not_disturb_the_next_one_on_the_same_engine() -> None:
    over = engine(slots=2)
    alone = {g.question_id: g for g in drive((machine(plan(over), row(n)) for n in range(9)), engine(slots=2))}
    running = drive((machine(plan(over), row(n)) for n in range(9)), SweepEngine(over))
    next(running)
    running.close()
    again = {g.question_id: g for g in drive((machine(plan(over), row(n)) for n in range(9)), SweepEngine(over))}
    assert {k: g.token_ids for k, g in again.items()} == {k: g.token_ids for k, g in alone.items()}


def test_after_ctrl_c_in_the_engine_the_same_rows_run_again() -> None:
    class Interrupted(ScriptedEngine):
        pressed = False

        def collect(self) -> list[Chunk]:
            if not self.pressed:
                self.pressed = True
                raise KeyboardInterrupt
            return super().collect()

    over = Interrupted(lambda context, request: 28, vocab_size=VOCAB, context_len=200)
    with pytest.raises(KeyboardInterrupt):
        list(drive([machine(plan(over), row(n)) for n in range(3)], over))
    assert len(list(drive([machine(plan(over), row(n)) for n in range(3)], over))) == 3


def test_watch_sees_every_chunk_of_a_stream() -> None:
    over, seen = engine(), []
    (got,) = drive([machine(plan(over), row(0))], over, stream=True, watch=lambda r, c: seen.append((r, c)))
    assert all(r.stream for r, _ in seen)
    assert any(c.finish is None for _, c in seen)
    tokens = tuple(t for _, c in seen for t in c.tokens)
    assert len(tokens) == got.n_thinking_model + got.n_answer


def test_generations_come_as_they_finish_not_in_rounds() -> None:
    over = ScriptedEngine(
        lambda context, request: 28 if 22 in context else 20 if context[1] == 0 else 5,
        vocab_size=VOCAB,
        context_len=200,
    )
    order = [g.question_id for g in drive((machine(plan(over), row(n)) for n in (1, 0)), over)]
    assert order == ["q0", "q1"]


def test_two_rows_with_one_identity_are_refused() -> None:
    over = engine()
    with pytest.raises(ValueError, match="still live"):
        list(drive([machine(plan(over), row(0)), machine(plan(over), row(0))], over))
