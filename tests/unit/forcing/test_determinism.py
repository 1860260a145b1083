"""Ways of running that must change nothing: found where they do, and where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.determinism import compare, divergence
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.ways import CutEngine, UnhintedEngine
from s1kit.formats import load_format
from s1kit.policies import BudgetForcing, Sampling
from s1kit.tokenizer import Tokenizer


def engine_of(tokenizer: Tokenizer) -> ScriptedEngine:
    ends = {i: 0.03 for t in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(t)) is not None}
    return ScriptedEngine.random(4, stops=ends, vocab_size=tokenizer.vocab_size, context_len=500, slots=64)


class Crowded(ScriptedEngine):
    """Says something else as soon as more than ``alone`` requests are in flight, as half precision may."""

    alone = 1

    def submit(self, request: Request) -> None:
        live = len(self._waiting) + len(self._active)
        super().submit(request if live < self.alone else replace(request, banned_ids=(*request.banned_ids, *range(8))))


@pytest.fixture
def tokenizer(tiny_model: Path) -> Tokenizer:
    return Tokenizer.load(tiny_model)


def plan_and_rows(tokenizer: Tokenizer, engine: ScriptedEngine, **sampling: float) -> tuple[Plan, list[Row]]:
    fmt = load_format("s1").resolve(tokenizer)
    plan = Plan.make(BudgetForcing(extensions=1, max_answer=8), fmt, Sampling(**sampling), engine.info)
    rows = []
    for i in range(12):
        prompt, opening = fmt.render([{"role": "user", "content": f"What is {i} + {i}?"}])
        rows.append(Row(f"q{i}", prompt, opening))
    return plan, rows


def test_nothing_differs_on_an_engine_that_keeps_the_contract(tokenizer: Tokenizer) -> None:
    engine = engine_of(tokenizer)
    plan, rows = plan_and_rows(tokenizer, engine)
    compared, found = compare(engine, plan, rows, others={"opened again": lambda: engine_of(tokenizer)})
    assert [c.identical for c in compared] == [12] * 5
    assert {c.first for c in compared} == {None}
    assert list(found) == ["1 at once", *(c.setting for c in compared)]
    assert any(len(g.token_ids or ()) > 60 for g in found["1 at once"]), "some rows are cut more than once"


def test_what_depends_on_the_crowd_is_found(tokenizer: Tokenizer) -> None:
    def draw(context: tuple[int, ...], request: Request) -> int:
        return sum(context) % tokenizer.vocab_size if request.banned_ids else (sum(context) + 1) % tokenizer.vocab_size

    engine = Crowded(draw, vocab_size=tokenizer.vocab_size, context_len=300, slots=64)
    plan, rows = plan_and_rows(tokenizer, engine)
    compared, _ = compare(engine, plan, rows)
    crowded = [c for c in compared if c.setting == "8 at once"]
    assert crowded[0].identical < 12
    assert crowded[0].first is not None
    assert crowded[0].where in {row.question_id for row in rows}


def test_sampled_rows_are_not_compared(tokenizer: Tokenizer) -> None:
    engine = engine_of(tokenizer)
    plan, rows = plan_and_rows(tokenizer, engine, temperature=1.0)
    with pytest.raises(ValueError, match="greedy"):
        compare(engine, plan, rows)


def test_pieces_are_put_together_and_asked_for_without_a_hint(tokenizer: Tokenizer) -> None:
    inner = engine_of(tokenizer)
    cut = CutEngine(inner, cuts=(5, 9))
    cut.submit(Request("a", (1, 2, 3), 14, continues="before"))
    chunks: list[Chunk] = []
    while not chunks:
        chunks = cut.collect()
    alone = engine_of(tokenizer)
    alone.submit(Request("a", (1, 2, 3), 14))
    assert chunks == [replace(c, elapsed=chunks[0].elapsed, prefilled=chunks[0].prefilled) for c in alone.collect()]
    assert [len(r.prompt_ids) for r in inner.submitted] == [3, 8, 12]
    assert all(r.continues is None for r in inner.submitted)
    unhinted = UnhintedEngine(inner)
    unhinted.submit(Request("b", (1,), 1, continues="a"))
    assert inner.submitted[-1].continues is None


def test_the_place_where_two_rows_part() -> None:
    assert divergence((1, 2, 3), (1, 2, 3)) is None
    assert divergence((1, 2, 3), (1, 9, 3)) == 1
    assert divergence((1, 2), (1, 2, 3)) == 2
    assert divergence((), (1,)) == 0
