"""What the tests of the methods after budget forcing share: an engine that says how sure it is, runs, and the rules.

Rows are those of ``cases``: formats in ids, random "models".
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan
from s1kit.policies import Bounded, BudgetForcing, Sampling
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.types import Generation, sha256_hex
from unit.forcing.cases import CASES as MANY
from unit.forcing.cases import RESOLVED, STOPS, VOCAB, Case, cases

CASES = settings(MANY, max_examples=max(40, MANY.max_examples // 8))
"""Fewer than for budget forcing: every case here runs several policies, and every method has its own file."""
OFTEN = {5: 0.15, 6: 0.4}
"""Tokens that the "models" like: what a method looks for turns up, and trial answers agree."""
ROOMY = 300
"""A context in which no policy of these tests runs out of room."""


class SureEngine(ScriptedEngine):
    """A random "model" with log-probabilities: of each token, a fixed function of its context."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.info = self.info.model_copy(update={"logprobs": True})

    def collect(self) -> list[Chunk]:
        asked = {request.id: request for request in self.submitted}
        return [
            replace(c, logprobs=self.likely(asked[c.request_id].prompt_ids, c.tokens, asked[c.request_id].top_logprobs))
            if asked[c.request_id].top_logprobs
            else c
            for c in super().collect()
        ]

    @staticmethod
    def likely(
        context: tuple[int, ...], tokens: tuple[int, ...], top: int
    ) -> tuple[tuple[tuple[int, float], ...], ...]:
        """The drawn id first, then others; natural logs, falling."""
        rows = []
        for at, token in enumerate(tokens):
            source = random.Random(int(sha256_hex(str((*context, *tokens[: at + 1])))[:16], 16))
            logs = sorted((math.log(source.uniform(0.01, 1.0)) for _ in range(top)), reverse=True)
            rows.append(tuple(((token + i) % VOCAB, log) for i, log in enumerate(logs)))
        return tuple(rows)


def engine_of(case: Case, *, slots: int = 16, order: int = 0) -> SureEngine:
    """The case's "model", with log-probabilities."""
    made = SureEngine.random(
        case.model,
        stops={**STOPS[case.format], **OFTEN},
        slots=slots,
        vocab_size=VOCAB + case.padding,
        context_len=case.context_len,
    )
    assert isinstance(made, SureEngine)
    made._order.seed(order)
    return made


def run(case: Case, policy: Any, engine: Engine | None = None, rows: int = 1) -> list[Generation]:
    """The case's rows under a policy."""
    engine = engine or engine_of(case)
    plan = plan_of(case, policy, engine)
    done = drive((machine(plan, case.row(n)) for n in range(rows)), engine)
    return sorted(done, key=lambda g: g.question_id)


def plan_of(case: Case, policy: Any, engine: Engine | None = None) -> Plan:
    """The policy in ids."""
    return Plan.make(
        policy, RESOLVED[case.format], Sampling(temperature=case.temperature), (engine or engine_of(case)).info
    )


def plain(policy: Bounded, **changes: Any) -> BudgetForcing:
    """Budget forcing with the same bounds."""
    shared = {name: getattr(policy, name) for name in Bounded.model_fields}
    return BudgetForcing.model_validate({**shared, **changes})


def said(got: Generation, *left_out: str) -> dict[str, Any]:
    """What has to be equal between two policies."""
    return got.model_dump(exclude={"policy_id", "engine_ms", *left_out})


def why(got: Generation, *names: str) -> tuple[int, ...]:
    """The ids of segments of these kinds."""
    assert got.token_ids is not None
    return tuple(t for s in got.segments if s.why in names for t in got.token_ids[s.start : s.end])


def faults(plan: Plan, got: Generation) -> list[str]:
    """What verification says of a row."""
    terms = Terms.of(
        {
            "policy": plan.policy.model_dump(mode="json"),
            "think_stops": list(plan.format.think_stop_ids),
            "think_stop_seqs": [list(seq) for seq in plan.format.think_stop_seqs],
            "unsaid": list(plan.unsaid),
        }
    )
    return [f"{name}: {message}" for name, rule in ROW_RULES.items() for message in rule(got, terms)]


@st.composite
def roomy(draw: st.DrawFn, **fixed: Any) -> Case:
    """A case whose context holds every policy of these tests."""
    case: Case = draw(cases(extensions=0, min_thinking=0, **fixed))
    return replace(case, context_len=ROOMY)


def alone_and_together(case: Case, policy: Any, rows: int = 6) -> tuple[list[Any], list[Any]]:
    """The same rows in slots of one and of sixteen, in another order of work."""
    one = run(case, policy, engine_of(case, slots=1), rows)
    many = run(case, policy, engine_of(case, slots=16, order=case.model), rows)
    return [said(g) for g in one], [said(g) for g in many]
