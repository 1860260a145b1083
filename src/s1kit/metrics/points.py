"""One policy on one set of questions, as a point of a curve.

Knows how to join generations with their grades and to count. Refuses to fold verdicts: unanswered and cut-off rows
count as not correct and are shown beside the accuracy; an ungraded row makes the accuracy None, with the bounds that
it could lie between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s1kit.metrics.intervals import Array, Interval, bootstrap_ratio
from s1kit.types import Generation, Grade, Record


class Point(Record):
    """What one policy cost and what it bought. Shares and accuracies are in 0..1, tokens are means per generation."""

    policy_id: str
    label: str
    n: int
    """Generations; ``n_questions`` times the samples where every question has as many."""
    n_questions: int
    accuracy: float | None
    """correct / all rows; None where a row is ungraded."""
    accuracy_low: float
    """Every ungraded row wrong; equal to ``accuracy`` where none is."""
    accuracy_high: float
    """Every ungraded row right."""
    interval: Interval | None
    """Bootstrap over questions (a cluster bootstrap where a question has several samples); None with the accuracy."""
    n_correct: int
    n_ungraded: int
    thinking_mean: float
    """Thinking tokens as a budget counts them: the model's own and nudges."""
    thinking_p50: float
    thinking_p95: float
    answer_mean: float
    """Tokens of answers."""
    total_mean: float
    """Thinking and answer tokens; prompts are not counted."""
    extensions_mean: float
    """Suppressed ends."""
    share_no_answer: float
    share_cutoff: float
    """Rows whose budget ran out; the shares below are of the other ends (``Generation.ended``)."""
    share_context: float
    share_no_room: float
    share_stuck: float
    share_looped: float
    """Rows whose thinking repeats itself at its end."""
    share_error: float
    """Rows on which the engine failed."""
    max_thinking: int | None
    """The budget that was asked for; None: no maximum."""
    min_thinking: int | None
    """The minimum that was asked for; None: none."""
    share_within: float | None
    """Generations whose own thinking lies in [min_thinking, max_thinking]; None where neither was asked."""
    paid_tokens: int
    """Tokens this run generated for these rows, thinking and answers: fewer than their cost alone in a sweep."""
    paid_thinking: int


@dataclass(frozen=True, slots=True)
class GradedRows:
    """The generations of one policy with their grades, aligned, sorted by question and sample."""

    generations: tuple[Generation, ...]
    grades: tuple[Grade, ...]

    @property
    def question_ids(self) -> tuple[str, ...]:
        """Distinct question ids, sorted."""
        return tuple(sorted({row.question_id for row in self.generations}))

    def sums(self, of: Callable[[Generation, Grade], float], question_ids: Sequence[str]) -> Array:
        """Sum of ``of`` over the samples of each question: [len(question_ids)]; 0 where a question has no row."""
        place = {question: index for index, question in enumerate(question_ids)}
        totals = np.zeros(len(question_ids))
        for generation, grade in zip(self.generations, self.grades, strict=True):
            if generation.question_id in place:
                totals[place[generation.question_id]] += of(generation, grade)
        return totals

    def means(self, of: Callable[[Generation, Grade], float], question_ids: Sequence[str]) -> Array:
        """Mean of ``of`` over the samples of each question: [len(question_ids)]. ValueError where one has none."""
        counts = self.sums(lambda _generation, _grade: 1.0, question_ids)
        if not counts.all():
            raise ValueError(f"{int((counts == 0).sum())} of {len(question_ids)} questions have no generation")
        return self.sums(of, question_ids) / counts


def is_correct(_generation: Generation, grade: Grade) -> float:
    """1.0 for a correct row, 0.0 for any other."""
    return float(grade.verdict == "correct")


def thinking_tokens(generation: Generation, _grade: Grade) -> float:
    """Thinking tokens of a row, as a budget counts them."""
    return float(generation.n_thinking)


def join(generations: Sequence[Generation], grades: Sequence[Grade]) -> dict[str, GradedRows]:
    """Generations and grades by policy id, in the order in which the policies first appear.

    Raises ValueError for a key that occurs twice on one side or lacks its partner on the other: a metric over rows
    that happen to be there is not the metric of the run.
    """
    by_key: dict[tuple[str, str, int], Grade] = {grade.key: grade for grade in grades}
    keys = {row.key for row in generations}
    if len(by_key) != len(grades) or len(keys) != len(generations):
        raise ValueError("a generation or a grade occurs twice: grade one run, with one grader, at a time")
    if keys != by_key.keys():
        lone = sorted(keys ^ by_key.keys())
        raise ValueError(f"{len(lone)} rows lack a grade or a generation, the first is {lone[0]}")
    by_policy: dict[str, list[Generation]] = {}
    for row in generations:
        by_policy.setdefault(row.policy_id, []).append(row)
    joined = {}
    for policy_id, rows in by_policy.items():
        ordered = sorted(rows, key=lambda row: row.key)
        joined[policy_id] = GradedRows(tuple(ordered), tuple(by_key[row.key] for row in ordered))
    return joined


def bounds(policy: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(min_thinking, max_thinking) that a policy asks for; None where it asks for none (a minimum of 0 is none).

    A prompt that asks for a number of tokens is a maximum (paper, section 5); one that asks for steps says no tokens.
    """
    minimum, maximum, ask = policy.get("min_thinking"), policy.get("max_thinking"), policy.get("ask") or {}
    if maximum is None and ask.get("unit") == "tokens":
        maximum = ask["limit"]
    if maximum is not None and policy.get("kind") == "soft_cutoff":
        maximum += policy["grace"]
    return (int(minimum) if minimum else None, None if maximum is None else int(maximum))


def within(tokens: float, minimum: float | None, maximum: float | None) -> bool:
    """minimum <= tokens <= maximum, inclusive; a missing bound bounds nothing."""
    return (minimum is None or tokens >= minimum) and (maximum is None or tokens <= maximum)


def point(rows: GradedRows, *, label: str, policy: Mapping[str, Any], seed: int = 0) -> Point:
    """The `Point` of one policy's rows. Raises ValueError for no rows."""
    generations, grades = rows.generations, rows.grades
    n = len(generations)
    if n == 0:
        raise ValueError("a point needs at least one generation")
    minimum, maximum = bounds(policy)
    verdicts = [grade.verdict for grade in grades]
    correct, ungraded = verdicts.count("correct"), verdicts.count("ungraded")
    thinking = np.array([row.n_thinking for row in generations], dtype=np.float64)
    answer = np.array([row.n_answer for row in generations], dtype=np.float64)
    ended = [row.ended for row in generations]
    asked = minimum is not None or maximum is not None
    inside = sum(within(tokens, minimum, maximum) for tokens in thinking) / n
    return Point(
        policy_id=generations[0].policy_id,
        label=label,
        n=n,
        n_questions=len(rows.question_ids),
        accuracy=None if ungraded else correct / n,
        accuracy_low=correct / n,
        accuracy_high=(correct + ungraded) / n,
        interval=None if ungraded else _accuracy_interval(rows, seed),
        n_correct=correct,
        n_ungraded=ungraded,
        thinking_mean=float(thinking.mean()),
        thinking_p50=float(np.percentile(thinking, 50)),
        thinking_p95=float(np.percentile(thinking, 95)),
        answer_mean=float(answer.mean()),
        total_mean=float((thinking + answer).mean()),
        extensions_mean=sum(row.extensions for row in generations) / n,
        share_no_answer=verdicts.count("no_answer") / n,
        share_cutoff=ended.count("cutoff") / n,
        share_context=ended.count("context") / n,
        share_no_room=ended.count("no_room") / n,
        share_stuck=ended.count("stuck") / n,
        share_looped=sum(row.looped for row in generations) / n,
        share_error=sum(row.ended == "error" or row.answer_ended == "error" for row in generations) / n,
        max_thinking=maximum,
        min_thinking=minimum,
        share_within=inside if asked else None,
        paid_tokens=sum(row.n_paid for row in generations),
        paid_thinking=sum(row.n_paid_thinking for row in generations),
    )


def _accuracy_interval(rows: GradedRows, seed: int) -> Interval:
    """Bootstrap of correct / all with questions as clusters."""
    questions = rows.question_ids
    counts = rows.sums(lambda _generation, _grade: 1.0, questions)
    return bootstrap_ratio(rows.sums(is_correct, questions), counts, seed=seed)
