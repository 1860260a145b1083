"""What a user should know of an engine before trusting it: what it honours, and whether its rows keep the rules.

Knows the probes, the comparison of ways of running, and the rules that stored rows are held to. Refuses to repair: it
says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s1kit.engines.base import Engine
from s1kit.evaluate import Job, describe, prepare, role_of, with_text
from s1kit.forcing.determinism import Compared, compare
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import PolicyError
from s1kit.forcing.replay import ReplayError, replay
from s1kit.formats import ResolvedFormat
from s1kit.grading.grader import grade_all
from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.types import Generation, Question, Record

POLICIES: tuple[BudgetForcing | Unforced, ...] = (
    BudgetForcing(max_thinking=0, max_answer=16),
    BudgetForcing(max_thinking=16, max_answer=16),
    BudgetForcing(max_answer=16),
    BudgetForcing(extensions=1, max_answer=16),
    BudgetForcing(min_thinking=48, max_thinking=96, max_answer=16),
    Unforced(max_tokens=128),
)
"""Both sides of budget forcing, the natural end, and no forcing at all."""


class Kept(Record):
    """Whether the rows of one policy keep the rules."""

    policy: str
    rows: int
    broken: tuple[str, ...]
    """What was wrong, at most ten; empty where every row keeps every rule."""
    refused: str | None = None
    """Why the policy cannot run on this engine at all."""


class Spread(Record):
    """Accuracy under one way of running: equal for all where the engine is deterministic."""

    setting: str
    accuracy: float
    """Per cent of the questions with a reference answer."""


def rules_kept(engine: Engine, fmt: ResolvedFormat, questions: Sequence[Question]) -> list[Kept]:
    """Six policies over ``questions``, greedy: every row against every rule, and made again from its own record."""
    kept = []
    for policy in POLICIES:
        try:
            job = prepare(questions, [(policy, role_of(policy), Sampling())], fmt, engine.info)
        except PolicyError as error:
            kept.append(Kept(policy=policy.slug(), rows=0, broken=(), refused=str(error).splitlines()[0]))
            continue
        [point] = job.points
        broken = [message for row in _rows(job, engine) for message in _wrong(job, row)]
        kept.append(Kept(policy=point.plan.label, rows=len(questions), broken=tuple(broken[:10])))
    return kept


def determinism(
    engine: Engine, fmt: ResolvedFormat, questions: Sequence[Question], *, tell: Callable[[str], None] = lambda _: None
) -> tuple[list[Compared], list[Spread]]:
    """Natural stopping over ``questions`` in every way of running, against one at a time, with the accuracy of each."""
    job = prepare(questions, [(BudgetForcing(max_answer=64), "natural", Sampling())], fmt, engine.info)
    [point] = job.points
    rows = [job.rows_of(point)[q.id, 0] for q in questions]
    compared, found = compare(engine, point.plan, rows, tell=tell)
    known = [q for q in questions if q.answer is not None]
    return compared, [Spread(setting=name, accuracy=_accuracy(known, made, fmt)) for name, made in found.items()]


def _rows(job: Job, engine: Engine) -> list[Generation]:
    [point] = job.points
    return list(drive((machine(point.plan, row) for row in job.rows_of(point).values()), engine))


def _wrong(job: Job, row: Generation) -> list[str]:
    """What is wrong with one row, in words that name its question."""
    if row.error is not None:
        return [f"{row.question_id}: {row.error}"]
    [point] = job.points
    terms = Terms.of(describe(job)[point.plan.policy_id])
    found = [f"{row.question_id}: {name}: {said}" for name, rule in ROW_RULES.items() for said in rule(row, terms)]
    if row.token_ids is None:
        return found
    try:
        replay(point.plan, job.rows_of(point)[row.question_id, row.sample], row)
    except ReplayError as error:
        found.append(f"{row.question_id}: {error}")
    return found


def _accuracy(questions: Sequence[Question], made: Sequence[Generation], fmt: ResolvedFormat) -> float:
    by_question = {g.question_id: with_text(g, fmt.tokenizer.decode) for g in made}
    grades = grade_all(list(questions), [by_question[q.id] for q in questions], workers=1)
    return 100 * sum(g.verdict == "correct" for g in grades) / max(1, len(questions))
