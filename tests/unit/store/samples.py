"""Rows made by the real machines over a scripted engine: what the store has to take, keep and accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import BUILT_IN, ResolvedFormat
from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.store.run import RunDir
from s1kit.types import Generation, Question

EOS, STOP, NEWLINE, OPEN, CLOSE = 0, 1, 3, (2, 4), (1, 5, 3)

CONFIG: dict[str, Any] = {"samples": 1, "engine": {"name": "scripted", "slots": 4}, "out": "runs", "seed": 7}
NON_OUTPUT = ("engine.slots", "out", "progress")


@dataclass(frozen=True)
class Letters:
    """A tokenizer with one token per character, above the special ids."""

    name: str = "letters"
    vocab_size: int = 256
    added_ids: frozenset[int] = frozenset({0, 1, 2})

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(10 + ord(c) % 200 for c in text)

    def ends_line(self, token: int) -> bool:
        return token == NEWLINE


FORMAT = ResolvedFormat(
    spec=BUILT_IN["s1"],
    tokenizer=cast(Any, Letters()),
    open=OPEN,
    close=CLOSE,
    cutoff_suffix=Letters().encode("Final Answer:"),
    newline=(NEWLINE,),
    think_stop_ids=(STOP, EOS),
    think_stop_seqs=(),
    turn_end_ids=(EOS,),
)


def decode(ids: Sequence[int]) -> str:
    """Any fixed function of ids will do as a tokenizer."""
    return " ".join(map(str, ids))


def questions(n: int) -> list[Question]:
    return [
        Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer", meta={"i": [i, None]})
        for i in range(n)
    ]


POLICIES: tuple[Unforced | BudgetForcing, ...] = (
    Unforced(),
    Unforced(max_tokens=12),
    BudgetForcing(max_answer=8),
    BudgetForcing(max_thinking=0, max_answer=8),
    BudgetForcing(max_thinking=5, max_answer=8),
    BudgetForcing(max_thinking=40, max_answer=8, extensions=2),
    BudgetForcing(max_thinking=90, max_answer=8, min_thinking=30, extensions=1),
    BudgetForcing(max_thinking=60, max_answer=8, extensions=2, nudges=("", "Hm")),
    BudgetForcing(max_thinking=400, max_answer=8, on_overflow="clamp", extensions=1),
    BudgetForcing(max_thinking=20, max_answer=8, extensions=1, compat="s1"),
)


def plans(engine: ScriptedEngine, policies: Sequence[Unforced | BudgetForcing] = POLICIES) -> list[Plan]:
    return [Plan.make(policy, FORMAT, Sampling(), engine.info) for policy in policies]


def entry(plan: Plan, samples: int = 1) -> dict[str, Any]:
    """A policy's entry in the manifest, as evaluate writes it."""
    return {
        "label": plan.label,
        "policy": plan.policy.model_dump(mode="json"),
        "sampling": plan.sampling.model_dump(mode="json", exclude={"seed"}),
        "format": plan.format.spec.model_dump(mode="json"),
        "think_stops": list(plan.format.think_stop_ids),
        "samples": samples,
    }


def scripted(seed: int = 1, stop: float = 0.08, context_len: int = 200) -> ScriptedEngine:
    return ScriptedEngine.random(seed, stops={STOP: stop, EOS: stop / 2}, context_len=context_len)


def real_rows(asked: Sequence[Question], engine: ScriptedEngine, the_plans: Sequence[Plan]) -> list[Generation]:
    """Every plan over every question, with both texts decoded."""
    machines = (machine(plan, Row(q.id, FORMAT.tokenizer.encode(q.text), OPEN)) for plan in the_plans for q in asked)
    return [with_texts(row) for row in drive(machines, engine)]


def with_texts(row: Generation) -> Generation:
    from s1kit.store.rules import split_tokens

    thinking, answer = split_tokens(row)
    return row.model_copy(update={"thinking_text": decode(thinking), "answer_text": decode(answer)})


def new_run(root: Path, asked: Sequence[Question], policies: dict[str, Any] | None = None, **more: Any) -> RunDir:
    arguments: dict[str, Any] = {"config_resolved": CONFIG, "non_output": NON_OUTPUT, **more}
    return RunDir.create(root, "eval", "test", questions=asked, policies=policies or {"p": {"label": "p"}}, **arguments)


def small_row(question: Question, n: int = 5, **more: Any) -> Generation:
    """A row by hand: thinking only."""
    from s1kit.types import Segment

    whole = Segment(phase="think", origin="model", why="think", start=0, end=n)
    row = Generation(
        question_id=question.id,
        policy_id="p",
        token_ids=tuple(range(20, 20 + n)),
        segments=(whole,),
        ended="model",
        n_thinking_model=n,
    )
    return row.model_copy(update=more)


def finished(root: Path, n: int = 6) -> tuple[RunDir, list[Generation]]:
    """A finished run of all policies over ``n`` questions; closed, reopened for reading."""
    engine = scripted()
    the_plans = plans(engine)
    asked = questions(n)
    rows = real_rows(asked, engine, the_plans)
    with new_run(root, asked, {plan.policy_id: entry(plan) for plan in the_plans}) as run:
        run.append_many(rows)
        run.finish()
    return RunDir.open(run.path), rows
