"""What `s1 reproduce` would do, before it does: cells, rows, tokens, and hours on the paper's hardware.

Knows lengths that the paper prints, and what shares a prefix. Refuses to measure: hours are those of ``matrix_cost``,
whose assumptions it states.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from s1kit.benchmarks.registry import load as load_questions
from s1kit.compare.recipe import CompareConfig
from s1kit.compare.settings import policies, settings
from s1kit.evaluate import Wanted
from s1kit.nano.demo import DEMO
from s1kit.policies import Bounded, BudgetForcing, Rejection, Unforced
from s1kit.reproduce.beside import recipe_of
from s1kit.reproduce.cells import ASKED, Cell, Scale
from s1kit.reproduce.matrix_cost import Load, cost_of
from s1kit.reproduce.matrix_needs import BASE_TOKENS, QUESTIONS, TRIES
from s1kit.reproduce.paper import Versus
from s1kit.types import Record

NATURAL, SHORTER = 7000, {"math500": 3300, "gpqa_diamond": 3600}
"""Thinking tokens where nothing bounds them: as on AIME24, and of the two sets with shorter thoughts (Table 7)."""
_KNOWN = {"aime24": QUESTIONS["AIME24"], "math500": QUESTIONS["MATH500"], "gpqa_diamond": QUESTIONS["GPQA Diamond"]}
_CURVE = len(DEMO["budgets"]) + 1 + len(DEMO["extensions"]) * (2 + len(DEMO["placebos"]))
"""Points of the main curve: budgets, natural, and every "Wait" with its placebos and its fresh sample."""
ASSUMED = (
    f'Assumed: {NATURAL:,} thinking tokens where nothing bounds them, twice that with two "Wait" and three times with '
    f"six, {BASE_TOKENS:,} in all of the base, the paper's tries of rejection sampling, answers as long as they may "
    "be; budgets share one thought."
)


class Would(Record):
    """One cell or comparison before it is made. Tokens and hours are None where lengths are not the paper's."""

    name: str
    part: str
    done: bool
    questions: int
    rows: int
    tokens: float | None = None
    card_hours: float | None = None


def would(one: Versus, scale: Scale, out: Path, *, done: bool, priced: bool) -> Would:
    """What a comparison generates. ``priced``: for a model of the paper's size."""
    config = CompareConfig.model_validate(recipe_of(one, scale, out))
    count = _count(config.benchmark, config.limit)
    needed = policies(settings(config))
    loads = [load for own in needed.values() for load in _loads(own, count, SHORTER.get(config.benchmark, NATURAL))]
    rows = sum(count * _rows(wanted) for own in needed.values() for wanted in own)
    facts = Would(name=one.name, part=one.part, done=done, questions=count, rows=rows)
    if not priced:
        return facts
    cost = cost_of((), loads)
    return facts.model_copy(update={"tokens": cost.tokens, "card_hours": cost.generation_hours})


def would_measure(one: Cell, scale: Scale, *, done: bool) -> Would:
    """What a cell measures; its training comes on top."""
    count = 1 if one.measure == "raspberry" else scale.curve if one.measure == "sweep" else scale.questions
    asked = {"ask-tokens": len(ASKED["tokens"]), "ask-steps": len(ASKED["steps"]), "base": 1, "sweep": _CURVE}
    points = asked.get(one.measure, 2)
    return Would(name=one.name, part=one.part, done=done, questions=count, rows=count * points)


def _count(benchmark: str, limit: int | None) -> int:
    """Questions of a set; of the paper's, which may not be on this machine yet, as many as it has."""
    if benchmark in _KNOWN:
        return min(_KNOWN[benchmark], limit or _KNOWN[benchmark])
    return len(load_questions(benchmark, limit))


def _rows(wanted: Wanted) -> int:
    return (wanted.samples or 1) * int(getattr(wanted.policy, "width", 1))


def _loads(own: Sequence[Wanted], count: int, usual: float) -> list[Load]:
    """Sequences to generate. One greedy thought is cut at every budget and made longer at every "Wait"."""
    longest: dict[str, Load] = {}
    for place, wanted in enumerate(own):
        policy = wanted.policy
        tokens = _thinking(policy, usual) + getattr(policy, "max_answer", 0)
        greedy = isinstance(policy, BudgetForcing) and policy.ask is None and wanted.sampling.temperature == 0
        nudges = policy.nudges if isinstance(policy, BudgetForcing) and policy.extensions else None
        name = f"one thought {nudges}" if greedy else str(place)
        sequences = count * _rows(wanted) * _tries(policy)
        load = Load(name=f"{id(own)} {name}", sequences=sequences, tokens=tokens)
        longest[name] = max(load, longest.get(name, load), key=lambda one: one.tokens)
    return list(longest.values())


def _thinking(policy: object, usual: float) -> float:
    if isinstance(policy, Unforced):
        return min(BASE_TOKENS, policy.max_tokens or BASE_TOKENS)
    most = policy.most_thinking() if isinstance(policy, Bounded) else None
    waits = int(getattr(policy, "extensions", 0))
    natural = usual * (1 + min(waits, 2) / 2 + max(waits - 2, 0) / 4)
    return natural if most is None else min(natural, most)


def _tries(policy: object) -> float:
    if not isinstance(policy, Rejection):
        return 1.0
    return min(policy.tries, dict(TRIES).get(policy.max_thinking, policy.tries))
