"""Which samples gave the same answer: the grader's own equality, not equality of texts.

Knows that two answers are equal where the grader would call one correct, were the other the reference, in either
direction. Refuses to look at the real reference: two answers are not equal because both are right, or a vote would
know what it is to find out. Where equality is not transitive (10%, 10 and 0.1), a chain of equal pairs is one class:
only so do the classes not depend on the order of the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import cast

from s1kit.grading.grader import GRADERS, GraderName, grade_all
from s1kit.grading.pool import MathVerifyPool
from s1kit.types import Generation, Grade, Question


def equal_answers(
    question: Question,
    generations: Sequence[Generation],
    grades: Sequence[Grade],
    *,
    pool: MathVerifyPool | None = None,
) -> list[int | None]:
    """The class of each sample's answer, numbered by first appearance; None where a sample has no answer.

    ``generations`` and ``grades`` are aligned. Pairs that no cheap rule decides go to Math-Verify; a pair that it
    cannot decide is unequal. Raises ValueError for two graders or an unknown one.
    """
    graders = {grade.grader for grade in grades}
    if len(graders) > 1 or not graders <= GRADERS.keys():
        raise ValueError(f"answers are compared under one known grader, not under {sorted(graders)}")
    speakers: dict[str, Generation] = {}
    for row, grade in zip(generations, grades, strict=True):
        if grade.extracted is not None:
            speakers.setdefault(grade.extracted, row)
    root = {text: text for text in speakers}
    if len(root) > 1:
        with MathVerifyPool(1) if pool is None else nullcontext(pool) as kept:
            for text in speakers:
                open_pairs = {o: row for o, row in speakers.items() if _find(root, o) != _find(root, text)}
                for other in _equal_to(text, question, open_pairs, cast(GraderName, grades[0].grader), kept):
                    _unite(root, text, other)
    numbers: dict[str, int] = {}
    return [
        None if grade.extracted is None else numbers.setdefault(_find(root, grade.extracted), len(numbers))
        for grade in grades
    ]


def _equal_to(
    text: str, question: Question, others: dict[str, Generation], grader: GraderName, pool: MathVerifyPool
) -> list[str]:
    """The other answers that the grader accepts with ``text`` as the reference."""
    posed = question.model_copy(update={"answer": text})
    verdicts = grade_all([posed], list(others.values()), grader, pool=pool)
    return [other for other, grade in zip(others, verdicts, strict=True) if grade.verdict == "correct"]


def _find(root: dict[str, str], text: str) -> str:
    while root[text] != text:
        text = root[text]
    return text


def _unite(root: dict[str, str], one: str, other: str) -> None:
    root[_find(root, other)] = _find(root, one)
