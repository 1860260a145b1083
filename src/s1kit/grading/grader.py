"""The front of grading: a question and a generation in, a `Grade` out.

Knows which rule is asked for which kind of answer, and which rows are not graded at all. Refuses to fold four
different things into "wrong": an answer that is not there (``no_answer``), a row that could not be judged
(``ungraded``: the engine failed, there is no reference, Math-Verify ran out of time), and a cut-off thought, which is
a property of the generation and is graded on the answer it gave.

Only ``Generation.answer_text`` is read: nothing before the answer phase, and by that field's contract nothing after
a re-opened thought. ``s1_compat`` alone reads the thinking too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Literal

from s1kit.grading import choice, integer, math, s1_compat, text
from s1kit.grading.extract import Missing, extract
from s1kit.grading.pool import MathVerifyPool, Outcome
from s1kit.grading.ruling import Comparison, Ruling
from s1kit.types import Generation, Grade, Question, Verdict

GraderName = Literal["default", "s1_compat"]
GRADER_VERSION: dict[GraderName, int] = {"default": 1, "s1_compat": 1}
"""Moves whenever some answer would be graded differently; stored in every `Grade`."""

_OUTCOME: dict[Outcome, tuple[Verdict, str]] = {
    "equal": ("correct", "{source}/math_verify"),
    "unequal": ("incorrect", "{source}/math_verify"),
    "unparsed": ("incorrect", "{source}/unparsed"),
    "uncomparable": ("incorrect", "{source}/uncomparable"),
    "gold_unparsed": ("ungraded", "gold_unparsed"),
    "memory": ("ungraded", "memory"),
    "recursion": ("ungraded", "recursion"),
    "timeout": ("ungraded", "timeout"),
    "died": ("ungraded", "worker_died"),
}


def default_rule(question: Question, generation: Generation) -> Ruling | Comparison:
    """The default grader: extract one candidate from the answer phase, ask the rule of the question's kind."""
    answer, reference = generation.answer_text, str(question.answer)
    candidate = extract(answer)
    if isinstance(candidate, Missing):
        return Ruling("no_answer", candidate.rule)
    match question.answer_kind:
        case "integer":
            return integer.rule(candidate, reference)
        case "choice":
            return choice.rule(candidate, reference, question.choices)
        case "text":
            return text.rule(candidate, reference)
        case "math":
            if candidate.source == "bare" and not math.is_word(reference) and not math.bare_is_answer(answer):
                return Ruling("no_answer", "none")
            return math.rule(candidate, reference)


GRADERS: dict[GraderName, Callable[[Question, Generation], Ruling | Comparison]] = {
    "default": default_rule,
    "s1_compat": s1_compat.rule,
}


def grade(question: Question, generation: Generation, grader: GraderName = "default") -> Grade:
    """Grade one generation. Starts a Math-Verify process only where no cheaper rule decides.

    Raises ValueError for an unknown grader, or where the generation answers another question.
    """
    return grade_all([question], [generation], grader, workers=1)[0]


def grade_all(
    questions: Sequence[Question],
    generations: Sequence[Generation],
    grader: GraderName = "default",
    *,
    workers: int = 2,
    pool: MathVerifyPool | None = None,
) -> list[Grade]:
    """One `Grade` per generation, in the order of ``generations``; never raises for what a model wrote.

    ``questions`` are looked up by id, so they may come in any order and may include more than were asked. Undecided
    pairs go to ``workers`` killable processes; the same pair is compared once. ``pool``: processes that the caller
    keeps for several calls, instead of new ones for this one.

    Raises ValueError for an unknown grader or a generation whose question is missing.
    """
    if grader not in GRADERS:
        raise ValueError(f"unknown grader {grader!r}: expected one of {', '.join(sorted(GRADERS))}")
    by_id = {question.id: question for question in questions}
    missing = sorted({row.question_id for row in generations} - by_id.keys())
    if missing:
        raise ValueError(f"{len(missing)} generations answer questions that are not given, the first is {missing[0]}")
    first = [_first_look(by_id[row.question_id], row, grader) for row in generations]
    settled = _settle([ruling for ruling in first if isinstance(ruling, Comparison)], workers, pool)
    rulings = [settled[ruling] if isinstance(ruling, Comparison) else ruling for ruling in first]
    return [
        _as_grade(by_id[row.question_id], row, grader, ruling) for row, ruling in zip(generations, rulings, strict=True)
    ]


def _first_look(question: Question, generation: Generation, grader: GraderName) -> Ruling | Comparison:
    """What can be said without Math-Verify; rows that nobody can grade are said to be so here."""
    if generation.ended == "error" or generation.answer_ended == "error":
        return Ruling("ungraded", "generation_error")
    if question.answer is None or not question.answer.strip():
        return Ruling("ungraded", "no_reference")
    return GRADERS[grader](question, generation)


def _settle(pairs: Sequence[Comparison], workers: int, kept: MathVerifyPool | None) -> dict[Comparison, Ruling]:
    """Math-Verify's ruling on each distinct pair."""
    distinct = list(dict.fromkeys(pairs))
    if not distinct:
        return {}
    with MathVerifyPool(workers) if kept is None else nullcontext(kept) as pool:
        outcomes = pool.compare(distinct)
    settled = {}
    for pair, outcome in zip(distinct, outcomes, strict=True):
        verdict, name = _OUTCOME[outcome]
        settled[pair] = Ruling(verdict, name.format(source=pair.source), pair.answer)
    return settled


def _as_grade(question: Question, generation: Generation, grader: GraderName, ruling: Ruling) -> Grade:
    return Grade(
        question_id=generation.question_id,
        policy_id=generation.policy_id,
        sample=generation.sample,
        grader=grader,
        version=GRADER_VERSION[grader],
        verdict=ruling.verdict,
        rule=ruling.rule,
        extracted=ruling.extracted,
        reference=question.answer,
    )
