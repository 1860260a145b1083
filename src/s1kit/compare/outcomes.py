"""From rows to points: what a setting of a method got right on every question, and what that cost.

Knows how each kind of method reads its rows: one thought, votes over stored samples, trees. Refuses to pad: a row that
is missing makes its question's accuracy NaN, and the point says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from s1kit.compare.point import MethodPoint, mean
from s1kit.compare.recipe import TreeMethod, VoteMethod
from s1kit.compare.rows import Graded, Rows
from s1kit.compare.settings import Setting
from s1kit.compare.votes import outcome_of, outcomes_of_draws
from s1kit.grading.pool import MathVerifyPool
from s1kit.policies import EarlyExit, Rejection, TreeSearch
from s1kit.search.leaf import reduced
from s1kit.search.pick import best_of_n
from s1kit.search.samples import Cost, Outcome, Sample, gather, scored, total_cost, undefined
from s1kit.search.vote import majority, mean_truth, weighted
from s1kit.store.scores import Score
from s1kit.types import Generation, Grade, Question

Scores = Mapping[tuple[str, str, int], Score]
"""A reward model's, by row."""
CENSORED = frozenset({"cutoff", "context", "unmet", "unsure", "error"})
"""Thinking that did not end of its own accord."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a setting made of one question."""

    accuracy: float
    by_draw: tuple[float, ...]
    thinking: float
    cost: Cost
    note: str | None = None


def point_of(
    setting: Setting, rows: Rows, questions: Sequence[Question], scores: Scores, pool: MathVerifyPool
) -> MethodPoint:
    """The point of one setting. ``scores`` are those of its scorer, {} where it reads none."""
    seen = [_seen(setting, rows, question, scores, pool) for question in questions]
    used = [pair for question in questions for pair in _used(setting, rows, question.id)]
    count = len(used) or 1
    counted = [pair for pair in used if pair[0].n_steps]
    draws = 0 if any(map(math.isnan, (d for one in seen for d in one.by_draw))) else min(len(o.by_draw) for o in seen)
    return MethodPoint(
        method=setting.name,
        label=setting.label,
        asked=setting.asked,
        minimum=setting.minimum,
        maximum=setting.maximum,
        draws=max(1, draws),
        by_draw=tuple(mean([one.by_draw[i] for one in seen]) for i in range(draws)),
        accuracy=tuple(one.accuracy for one in seen),
        thinking=tuple(one.thinking for one in seen),
        cost=tuple(one.cost for one in seen),
        censored=sum(g.ended in CENSORED or grade.verdict == "no_answer" for g, grade in used) / count,
        no_answer=sum(grade.verdict == "no_answer" for _, grade in used) / count,
        tries=sum(g.tries for g, _ in used) / count if isinstance(setting.wanted.policy, Rejection) else None,
        unmet=sum(g.ended == "unmet" for g, _ in used) / count
        if isinstance(setting.wanted.policy, Rejection)
        else None,
        steps=_per(sum(g.n_steps or 0 for g, _ in counted), len(counted)),
        tokens_per_step=_per(sum(g.n_step_tokens or 0 for g, _ in counted), sum(g.n_steps or 0 for g, _ in counted)),
        note=next((one.note for one in seen if one.note and math.isnan(one.accuracy)), None),
    )


def _per(whole: float, parts: float) -> float | None:
    return whole / parts if parts else None


def thinking_mean(rows: Rows, questions: Sequence[Question]) -> float:
    """Mean thinking tokens of a policy, questions weighing alike."""
    return mean([mean([g.n_thinking for g, _ in rows.of(question.id)]) for question in questions])


def _used(setting: Setting, rows: Rows, question: str) -> list[Graded]:
    return rows.of(question, 0, _stored(setting))


def _stored(setting: Setting) -> int:
    """Rows per question that a setting reads."""
    policy, samples = setting.wanted.policy, setting.wanted.samples or 1
    return samples * (policy.width if isinstance(policy, TreeSearch) else 1)


def _seen(setting: Setting, rows: Rows, question: Question, scores: Scores, pool: MathVerifyPool) -> Seen:
    used = _used(setting, rows, question.id)
    if isinstance(setting.method, TreeMethod):
        return _trees(setting.method, setting, rows, question, scores, pool)
    if not used:
        return Seen(math.nan, (), math.nan, Cost(), "there are no rows")
    if isinstance(setting.method, VoteMethod):
        return _vote(setting.method, setting.k or 1, used, rows.pace, question, scores, pool)
    return _single(setting, used, rows.pace)


def _single(setting: Setting, used: Sequence[Graded], pace: float) -> Seen:
    """One thought: the mean over its draws."""
    verdicts = [mean_truth([_truth(grade)]) for _, grade in used]
    probes = isinstance(setting.wanted.policy, EarlyExit)
    costs = [_priced(spent(g, probes), pace) for g, _ in used]
    note = "a row is ungraded" if any(map(math.isnan, verdicts)) else None
    missing = _stored(setting) - len(used)
    if missing:
        note = f"{missing} of {_stored(setting)} samples are missing"
    return Seen(
        accuracy=math.nan if missing else mean(verdicts),
        by_draw=tuple(verdicts),
        thinking=mean([g.n_thinking for g in _kept([g for g, _ in used])]),
        cost=total_cost(costs).scaled(1 / len(costs)),
        note=note,
    )


def _kept(rows: Sequence[Generation]) -> Sequence[Generation]:
    """The rows that have a thought of their own: the last try of a limit that none met is none, where another was."""
    return [row for row in rows if row.ended != "unmet"] or rows


def spent(row: Generation, probes: bool = False) -> Cost:
    """What a row would have cost alone. Thrown-away tokens are thinking (tries) or, with ``probes``, trial answers."""
    lost = row.n_discarded
    return Cost(
        row.n_thinking_model + (0 if probes else lost), row.n_answer + (lost if probes else 0), row.n_thinking_forced
    )


def _priced(cost: Cost, pace: float) -> Cost:
    """With seconds: what was generated at the run's pace, and what a reward model took (already in ``seconds``)."""
    own = 0.0 if math.isnan(cost.seconds) else cost.seconds
    return replace(cost, seconds=own + pace * (cost.thinking + cost.answer))


def _truth(grade: Grade) -> bool | None:
    return None if grade.verdict == "ungraded" else grade.verdict == "correct"


def _vote(
    method: VoteMethod,
    k: int,
    used: Sequence[Graded],
    pace: float,
    question: Question,
    scores: Scores,
    pool: MathVerifyPool,
) -> Seen:
    """Votes over the stored samples: expected over subsets, and each disjoint group of k as a draw."""
    generations, grades = [g for g, _ in used], [grade for _, grade in used]
    found = zip(gather(question, generations, grades, pool=pool), generations, strict=True)
    samples = [replace(sample, cost=spent(row)) for sample, row in found]  # rejected tries and trial answers included
    if method.unforced is not None:
        samples = [_all_thought(s) for s in samples]
    if method.scorer is not None:
        samples = _weighed(samples, generations, scores, lambda steps: reduced(steps, method.reduction))
        if any(math.isnan(s.score) for s in samples):
            length = mean([s.thinking for s in samples])
            return Seen(math.nan, (), length, Cost(), f"samples without a score by {method.scorer}")
    outcome = outcome_of(method, k, samples, generations)
    return Seen(
        outcome.accuracy,
        tuple(one.accuracy for one in outcomes_of_draws(method, k, samples, generations)),
        mean([s.thinking for s in samples]),
        _priced(outcome.cost, pace),
        outcome.note,
    )


def _all_thought(sample: Sample) -> Sample:
    """A sample whose model marks no thinking (a base model): what it wrote is its thought, the answer within it."""
    cost = sample.cost
    return sample if cost.thinking else replace(sample, cost=replace(cost, thinking=cost.answer, answer=0.0))


def _weighed(
    samples: Sequence[Sample], rows: Sequence[Generation], scores: Scores, fold: Callable[[Sequence[float]], float]
) -> list[Sample]:
    """The samples with their rows' scores; NaN where a row has none."""
    found = [scores.get(row.key) for row in rows]
    return scored(
        samples,
        [math.nan if score is None else fold(score.steps) for score in found],
        [Cost() if score is None else Cost(reward=score.tokens, seconds=score.ms / 1000) for score in found],
    )


def _trees(
    method: TreeMethod, setting: Setting, rows: Rows, question: Question, scores: Scores, pool: MathVerifyPool
) -> Seen:
    """Each tree is a draw: its leaves' vote, and what the whole tree cost."""
    policy = setting.wanted.policy
    assert isinstance(policy, TreeSearch)
    outcomes, lengths = [], []
    for tree in range(setting.wanted.samples or 1):
        leaves = rows.of(question.id, tree * policy.width, (tree + 1) * policy.width)
        outcomes.append(_tree(method, question, leaves, scores, rows.pace, pool))
        lengths += [g.n_thinking for g, _ in leaves]
    note = next((o.note for o in outcomes if math.isnan(o.accuracy)), None)
    return Seen(
        mean([o.accuracy for o in outcomes]),
        tuple(o.accuracy for o in outcomes),
        mean(lengths) if lengths else math.nan,
        total_cost([o.cost for o in outcomes]).scaled(1 / len(outcomes)),
        note,
    )


def _tree(
    method: TreeMethod,
    question: Question,
    leaves: Sequence[Graded],
    scores: Scores,
    pace: float,
    pool: MathVerifyPool,
) -> Outcome:
    if not leaves:
        return undefined("the tree has no leaf")
    rows = [g for g, _ in leaves]
    samples = _weighed(
        gather(question, rows, [grade for _, grade in leaves], pool=pool),
        rows,
        scores,
        lambda steps: reduced(steps, method.reduction),
    )
    rule = {"majority": majority, "weighted": weighted, "best": best_of_n}[method.aggregate]
    paid = [Cost(g.n_paid_thinking, g.n_paid - g.n_paid_thinking) for g in rows]
    read = [Cost(reward=s.tokens, seconds=s.ms / 1000) for g in rows if (s := scores.get(g.key)) is not None]
    return replace(rule(samples), cost=_priced(total_cost([*paid, *read]), pace))
