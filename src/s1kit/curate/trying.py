"""The solvers: what any of them can solve is too easy (paper, section 2.2: difficulty).

Knows attempts and their verdicts. Refuses to read "nobody could judge it" as either solved or unsolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from s1kit.curate.recipe import ModelConfig
from s1kit.curate.row import Row, batches
from s1kit.curate.teaching import GRADED_AT_ONCE, ask_for, judge_rest
from s1kit.curate.verdicts import WORKERS, Answered, by_rule
from s1kit.curate.work import Work, replies
from s1kit.grading.pool import MathVerifyPool
from s1kit.types import Attempt, Decision

Outcome = tuple[bool, str, str]
"""Kept, reason, evidence."""


def attempts(work: Work) -> Iterator[Attempt]:
    """One attempt of every solver at every question that is left, solver by solver, graded."""
    with MathVerifyPool(WORKERS) as pool:
        for name, config in work.config.difficulty.solvers.items():
            yield from _attempts(work, name, config, pool)


def _attempts(work: Work, name: str, config: ModelConfig, pool: MathVerifyPool) -> Iterator[Attempt]:
    """Those of one solver."""
    role = f"solver {name}"
    answered = replies(work, role, config, lambda: map(ask_for, work.questions()), work.size())
    for batch in batches(zip(work.questions(), answered, strict=True), GRADED_AT_ONCE):
        answers = [Answered(question, reply.text, reply.error) for question, (_, reply) in batch]
        rulings = judge_rest(work, answers, by_rule(answers, pool))
        for (question, (_, reply)), ruled in zip(batch, rulings, strict=True):
            yield Attempt(
                question_id=question.id,
                solver=name,
                answer=reply.text,
                finish=reply.finish,
                error=reply.error,
                verdict=ruled.verdict,
                rule=ruled.rule,
                judged=ruled.judged,
            )


def decide(
    rows: Iterable[Row], tried: Iterable[Attempt], step: str, undecided: Literal["drop", "keep"]
) -> Iterator[Decision]:
    """Drop what any solver solved; of the rest, what nobody could judge is dropped or kept, with that as the reason."""
    outcomes: dict[str, dict[str, Attempt]] = {}
    for attempt in tried:
        outcomes.setdefault(attempt.question_id, {})[attempt.solver] = attempt.model_copy(update={"answer": ""})
    for row in rows:
        yield row.decide(step, *_outcome(outcomes.get(row.question.id, {}), undecided))


def _outcome(tried: dict[str, Attempt], undecided: Literal["drop", "keep"]) -> Outcome:
    verdicts = ", ".join(f"{name}: {a.verdict} ({a.rule})" for name, a in tried.items())
    if any(a.verdict == "correct" for a in tried.values()):
        return False, "solved", verdicts
    if not tried or any(a.verdict == "undecided" for a in tried.values()):
        return undecided == "keep", "undecided", verdicts or "no attempt"
    return True, "", verdicts
