"""What `s1 ask` shows live: every token once, and lit exactly those that the model did not write."""

from __future__ import annotations

import pytest

from s1kit.cli.ask import _Live
from s1kit.engines.open import open_engine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling


@pytest.mark.parametrize(
    "policy",
    [
        BudgetForcing(extensions=2, max_answer=16),
        BudgetForcing(max_thinking=12, max_answer=16),
        BudgetForcing(min_thinking=120, max_answer=16),
    ],
)
def test_every_token_is_shown_once_and_the_forced_ones_are_lit(
    policy: BudgetForcing, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, tokenizer = open_engine("hf", resolve_model("nano"), slots=1)
    fmt = load_format("s1").resolve(tokenizer)
    plan = Plan.make(policy, fmt, Sampling(), engine.info)
    prompt, opening = fmt.render([{"role": "user", "content": "How many r in raspberry?"}])
    live = _Live(plan, Row("q", prompt, opening))
    printed: list[tuple[str, str]] = []
    monkeypatch.setattr(live, "_print", lambda text, style: printed.append((text, style)))
    [generation] = drive([machine(plan, Row("q", prompt, opening))], engine, stream=True, watch=live)
    engine.close()
    tokens = generation.token_ids
    assert tokens is not None
    assert "".join(text for text, _ in printed) == tokenizer.decode(tokens)
    lit = "".join(text for text, style in printed if "yellow" in style)
    forced = [t for s in generation.segments if s.origin != "model" for t in tokens[s.start : s.end]]
    assert lit == tokenizer.decode(forced)
    assert any(style == "dim" for _, style in printed)
    assert printed[-1][1] == "bold"
