"""The four evaluation sets of the nano world, written from seeds: hard, mixed, choice, and the one to tune on.

Knows which questions belong to whom: the sets are disjoint by question id, and `held_out` is what pretraining and
fine-tuning data must leave out. Teacher and difficulty may be tuned on nano_dev only. In a choice question the options
stand in the text already, so `Question.choices` is empty (it would print them twice); `meta` has their values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from s1kit.nano.family import Problem
from s1kit.nano.world import FAMILIES, draw
from s1kit.types import Question, question_id


@dataclass(frozen=True)
class SetPlan:
    size: int
    levels: tuple[int, ...]
    choice: float
    integer_only: bool = False


PLANS: dict[str, SetPlan] = {
    "nano_hard": SetPlan(200, (4, 5), 0.0, integer_only=True),
    "nano_mixed": SetPlan(500, (2, 3, 4, 5), 0.12),
    "nano_choice": SetPlan(200, (2, 3, 4, 5), 1.0),
    "nano_dev": SetPlan(200, (2, 3, 4, 5), 0.12),
}


def problem_id(problem: Problem) -> str:
    return question_id(problem.text)


def to_question(problem: Problem, source: str) -> Question:
    """The record of a problem."""
    return Question.make(
        text=problem.text,
        answer=problem.answer,
        answer_kind=problem.kind,
        source=source,
        domain=problem.family.subject,
        licence="Apache-2.0",
        meta={"family": problem.family.name, "level": problem.level, "options": list(problem.options)},
    )


@cache
def problems(name: str) -> tuple[Problem, ...]:
    """The problems behind a set; families take turns so that each has its share."""
    if name not in PLANS:
        raise KeyError(f"no nano set {name!r}: there are {', '.join(PLANS)}")
    plan = PLANS[name]
    earlier = {problem_id(p) for other in list(PLANS)[: list(PLANS).index(name)] for p in problems(other)}
    families = [f.name for f in FAMILIES.values() if not plan.integer_only or f.kind == "integer"]
    rng = Random(f"s1kit {name} 1")
    chosen: dict[str, Problem] = {}
    while len(chosen) < plan.size:
        family = families[len(chosen) % len(families)]
        problem = draw(rng, rng.choice(plan.levels), family, plan.choice)
        key = problem_id(problem)
        if key not in earlier:
            chosen.setdefault(key, problem)
    return tuple(chosen.values())


def load(name: str) -> list[Question]:
    """The questions of a set, always the same."""
    return [to_question(problem, name) for problem in problems(name)]


@cache
def held_out() -> frozenset[str]:
    """Ids of every evaluation question."""
    return frozenset(problem_id(problem) for name in PLANS for problem in problems(name))
