"""A row that is read live is the row that would have been generated without readers, paused or not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.engines.base import Engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.policies import BudgetForcing, Sampling
from s1kit.serve.live import LiveRow, Piece
from s1kit.store.rules import split_tokens
from s1kit.types import Generation
from unit.serve.serving import END, START, TOKENIZER, chatty

FORMATS = {name: load_format(name).resolve(TOKENIZER) for name in ("s1", "s1-steps")}


def run(live: LiveRow, engine: Engine, pauses: random.Random | None = None) -> Generation:
    """Run a row to its end, taking it out of the engine at random moments."""
    while live.request is not None:
        engine.submit(live.request)
        name, leaving, over = live.request.id, False, False
        while not over:
            for chunk in engine.collect():
                if chunk.request_id != name:
                    continue
                over = chunk.finish is not None
                if over and leaving:
                    live.rest(chunk)
                else:
                    live.take(chunk)
                if live.generation is not None:
                    return live.generation
                if not over and not leaving and pauses is not None and pauses.random() < 0.2:
                    engine.cancel(name)
                    leaving = True
    assert live.generation is not None
    return live.generation


def same(first: Generation, second: Generation) -> bool:
    aside = {"engine_ms": 0.0, "n_paid": 0, "n_paid_thinking": 0}
    return first.model_copy(update=aside) == second.model_copy(update=aside)


def said(live: LiveRow, phase: str) -> str:
    return "".join(e.text for e in live.events if isinstance(e, Piece) and e.phase == phase)


POLICIES = st.builds(
    lambda limit, least, waits, nudges, answer: BudgetForcing(
        max_thinking=limit,
        min_thinking=min(least, limit if limit is not None else least),
        extensions=waits,
        nudges=nudges,
        max_answer=answer,
        on_overflow="clamp",
    ),
    st.none() | st.integers(0, 60).filter(lambda n: n == 0 or n > 8),
    st.integers(0, 40),
    st.integers(0, 3),
    st.sampled_from([None, ("Hm",), ("ä", "Wait")]),
    st.integers(1, 30),
)


@pytest.mark.parametrize("fmt", FORMATS)
@settings(max_examples=150, deadline=None)
@given(policy=POLICIES, seed=st.integers(0, 10**6), sampled=st.booleans(), min_tokens=st.booleans())
def test_live_and_paused_rows_are_the_rows_of_drive(
    fmt: str, policy: BudgetForcing, seed: int, sampled: bool, min_tokens: bool
) -> None:
    def engine() -> ScriptedEngine:
        return chatty(seed % 97, context_len=400, min_tokens=min_tokens)

    resolved = FORMATS[fmt]
    plan = Plan.make(policy, resolved, Sampling(temperature=0.7 if sampled else 0.0), engine().info)
    prompt, opening = resolved.render([{"role": "user", "content": "hi"}])
    row = Row("q", prompt, opening, seed=seed)
    [expected] = drive([machine(plan, row)], engine())
    for pauses in (None, random.Random(seed)):
        live = LiveRow(plan, row, 0, "r0")
        made = run(live, engine(), pauses)
        assert same(made, expected)
        thinking, answer = split_tokens(expected)
        assert said(live, "think") == TOKENIZER.decode(thinking)
        assert said(live, "answer") == TOKENIZER.decode(answer)
        thoughts = [e for e in live.events if isinstance(e, Piece) and e.phase == "think"]
        assert not thoughts or thoughts[-1].used == expected.n_thinking
        lit = [t for s in expected.segments if s.why == "nudge" for t in (expected.token_ids or ())[s.start : s.end]]
        assert "".join(e.text for e in thoughts if e.forced) == TOKENIZER.decode(lit)
        phases = [e.phase for e in live.events if isinstance(e, Piece)]
        assert phases == sorted(phases, reverse=True)  # thinking first, then the answer


def scripted(thought: str, answer: Sequence[int]) -> tuple[ScriptedEngine, Plan, Row]:
    fmt = FORMATS["s1"]
    prompt, opening = fmt.render([{"role": "user", "content": "hi"}])
    written = TOKENIZER.encode(thought)
    first = (*prompt, *opening)
    after = (*first, *written, *fmt.newline_for(written[-1]), *fmt.close)
    engine = ScriptedEngine.from_scripts(
        {first: [*written, START], after: list(answer)}, vocab_size=TOKENIZER.vocab_size
    )
    return engine, Plan.make(BudgetForcing(max_answer=64), fmt, Sampling(), engine.info), Row("q", prompt, opening)


def test_a_stop_string_ends_the_answer_and_is_not_looked_for_in_the_thinking() -> None:
    engine, plan, row = scripted("a STOP here", [*TOKENIZER.encode("forty STOP two"), END])
    live = LiveRow(plan, row, 0, "r0", ("STOP",))
    run(live, engine)
    assert said(live, "think") == "a STOP here"
    assert said(live, "answer") == "forty "
    assert live.events[-1].stopped  # type: ignore[union-attr]


@pytest.mark.parametrize("answer", ["forty STO", "S", "ST ST"])
def test_what_only_looked_like_a_stop_is_said(answer: str) -> None:
    engine, plan, row = scripted("x", [*TOKENIZER.encode(answer), END])
    live = LiveRow(plan, row, 0, "r0", ("STOP",))
    run(live, engine)
    assert said(live, "answer") == answer
    done: Any = live.events[-1]
    assert not done.stopped
    assert done.generation.answer_ended == "turn_end"


def test_a_broken_promise_of_the_engine_is_an_error_of_the_row() -> None:
    _engine, plan, row = scripted("x", [START])
    live = LiveRow(plan, row, 0, "r0")
    assert live.request is not None
    from s1kit.engines.base import Chunk

    live.take(Chunk(live.request.id, (65,) * 5000, "length"))
    assert live.generation is not None
    assert live.generation.error is not None
    assert "5000 tokens" in live.generation.error
