"""Solutions that a nano model draws at temperature 1: what its reward model will have to judge.

Knows how to ask for them: every fourth thought is cut at a random place and answered by force, as a budget does.
Refuses to judge them: ``prm_rows.read`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from s1kit.nano.family import Problem
from s1kit.nano.prm_rows import Labelled, problems, read
from s1kit.nano.sets import problem_id
from s1kit.nano.shipped import resolve_model

MAX_THINKING = 256
MAX_ANSWER = 16


def drawn(size: int, seed: int, model: str = "nano", *, cut: float = 0.25) -> list[Labelled]:
    """One solution by ``model`` to each of ``size`` questions of no evaluation set."""
    return draw_for(problems(size, seed, "drawn"), seed, model, cut=cut)


def draw_for(
    asked: Sequence[Problem], seed: int, model: str = "nano", *, samples: int = 1, cut: float = 0.0
) -> list[Labelled]:
    """``samples`` solutions to each of the problems, in their order. ``cut``: the share that is cut short."""
    from s1kit.engines.open import open_engine
    from s1kit.forcing.drive import drive
    from s1kit.forcing.machine import machine
    from s1kit.forcing.plan import Plan, Row
    from s1kit.formats import load_format
    from s1kit.policies import BudgetForcing, Sampling
    from s1kit.store.rules import split_tokens

    engine, tokenizer = open_engine("hf", resolve_model(model))
    form = load_format("s1").resolve(tokenizer)
    policy = BudgetForcing(max_thinking=MAX_THINKING, max_answer=MAX_ANSWER)
    plan = Plan.make(policy, form, Sampling(temperature=1.0), engine.info)
    rng = Random(f"s1kit nano prm cuts {seed}")
    rows = list[Row]()
    for problem in asked:
        prompt, opening = form.render([{"role": "user", "content": problem.text}])
        for sample in range(samples):
            row = Row(problem_id(problem), prompt, opening, sample, rng.getrandbits(63))
            rows.append(row.capped(rng.randint(4, 128)) if rng.random() < cut else row)
    by_id = {problem_id(problem): problem for problem in asked}
    found = dict[tuple[str, int], Labelled]()
    try:
        for written in drive((machine(plan, row) for row in rows), engine):
            thinking, answer = (tokenizer.decode(ids) for ids in split_tokens(written))
            found[written.question_id, written.sample] = read(by_id[written.question_id], thinking, answer)
    finally:
        engine.close()
    return [found[row.question_id, row.sample] for row in rows]
