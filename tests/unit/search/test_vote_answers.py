"""From stored rows to samples: equal answers by the grader's rules, costs apart."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.grading.grader import GraderName, grade_all
from s1kit.grading.pool import MathVerifyPool
from s1kit.search.answers import equal_answers
from s1kit.search.samples import Cost, gather
from s1kit.search.vote import majority
from s1kit.types import AnswerKind, Generation, Grade, Question


def stored(
    kind: AnswerKind,
    reference: str,
    texts: list[str],
    choices: tuple[str, ...] = (),
    grader: GraderName = "default",
    pool: MathVerifyPool | None = None,
) -> tuple[Question, list[Generation], list[Grade]]:
    """Graded rows with these answer texts."""
    question = Question.make(text="Which?", answer=reference, answer_kind=kind, choices=choices)
    rows = [
        Generation(
            question_id=question.id, policy_id="p", sample=n, ended="model", answer_ended="turn_end", answer_text=text,
            n_thinking_model=10 + n, n_thinking_forced=2, n_answer=3, engine_ms=500.0,
        )
        for n, text in enumerate(texts)
    ]  # fmt: skip
    return question, rows, grade_all([question], rows, grader, pool=pool)


@pytest.mark.parametrize(
    ("kind", "reference", "texts", "expected"),
    [
        ("integer", "25", ["Answer: 025", r"\boxed{25}", "Answer: 1,000", "Answer: 1000", "dunno"], [0, 0, 1, 1, None]),
        ("text", "Monday", ["Answer: tuesday.", "Answer: Tuesday", r"\boxed{\text{Monday}}", "monday"], [0, 0, 1, 1]),
        ("math", "7", [r"\boxed{0.50}", r"\boxed{.5}", r"\boxed{10\%}", r"\boxed{10}", r"\boxed{11}"], [0, 0, 1, 1, 2]),
    ],
    ids=["integer", "text", "math"],
)
def test_equal_by_the_rules_of_the_kind(
    kind: AnswerKind, reference: str, texts: list[str], expected: list[int | None]
) -> None:
    assert equal_answers(*stored(kind, reference, texts)) == expected


def test_a_letter_and_its_text_are_one_choice() -> None:
    texts = ["Answer: B", r"\boxed{Paris}", "Answer: (a)", r"\boxed{none of these}"]
    assert equal_answers(*stored("choice", "A", texts, ("Rome", "Paris"))) == [0, 0, 1, 2]


def test_the_reference_does_not_unite_answers() -> None:
    # Both are right for a reference of 10%, but nobody who votes knows that.
    question, rows, grades = stored("math", r"10\%", [r"\boxed{10}", r"\boxed{0.1}"])
    assert [grade.verdict for grade in grades] == ["correct", "correct"]
    assert equal_answers(question, rows, grades) == [0, 1]


def test_a_chain_of_equal_answers_is_one_class() -> None:
    texts = [r"\boxed{10}", r"\boxed{0.1}", r"\boxed{10\%}"]
    assert equal_answers(*stored("math", "7", texts)) == [0, 0, 0]


def test_the_reference_harness_compares_strings() -> None:
    texts = [r"\boxed{025}", r"\boxed{25}", r"\boxed{x}", r"\boxed{ x}"]
    assert equal_answers(*stored("math", "25", texts, grader="s1_compat")) == [0, 0, 1, 2]


@settings(deadline=None)
@given(st.permutations(["1/2", "0.5", "x", r"10\%", "10", "0.1", "Y"]))
def test_classes_do_not_depend_on_the_order(order: list[str]) -> None:
    # Text answers only need words, so no process is started: 1/2 and 0.5 differ there.
    question, rows, grades = stored("text", "z", [rf"\boxed{{{text}}}" for text in order])
    classes = equal_answers(question, rows, grades)
    shuffled = list(zip(rows, grades, strict=True))
    random.Random(0).shuffle(shuffled)
    again = equal_answers(question, [row for row, _ in shuffled], [grade for _, grade in shuffled])
    as_sets = [
        {frozenset(g.extracted for g, c in zip(of, cs, strict=True) if c == n) for n in cs}
        for of, cs in ((grades, classes), ([grade for _, grade in shuffled], again))
    ]
    assert as_sets[0] == as_sets[1]


def test_math_verify_decides_where_reading_does_not() -> None:
    with MathVerifyPool(1) as pool:
        texts = [r"\boxed{\frac{1}{2}}", r"\boxed{0.5}", r"\boxed{x^2+2x}", r"\boxed{x(x+2)}", r"\boxed{5^2}"]
        rows = stored("math", "7", texts, pool=pool)
        assert equal_answers(*rows, pool=pool) == [0, 0, 1, 1, 2]
        # An expression is no reference for an integer question, a number is one for the expression.
        assert equal_answers(*stored("integer", "7", [r"\boxed{5^2}", "Answer: 25"], pool=pool), pool=pool) == [0, 0]


def test_gathered_samples_vote_and_cost() -> None:
    question, rows, grades = stored("integer", "25", ["Answer: 7", "Answer: 25", "Answer: 025", "no idea"])
    got = gather(question, rows[::-1], grades)
    assert [sample.answer for sample in got] == [0, 1, 1, None]
    assert [sample.correct for sample in got] == [False, True, True, False]
    assert got[1].cost == Cost(thinking=11, answer=3, forced=2, seconds=0.5)
    assert got[1].thinking == 13
    assert majority(got).accuracy == 1.0
    assert majority(got).cost == Cost(thinking=46, answer=12, forced=8, seconds=2.0)


def test_ungraded_rows_are_unknown() -> None:
    question, rows, grades = stored("integer", "25", ["Answer: 25", "Answer: 25"])
    broken = [rows[0].model_copy(update={"ended": "error"}), rows[1]]
    got = gather(question, broken, grade_all([question], broken))
    assert [(sample.answer, sample.correct) for sample in got] == [(None, None), (0, True)]
    assert got[1].text == grades[1].extracted == "25"


def test_refusals() -> None:
    question, rows, grades = stored("integer", "25", ["Answer: 25", "Answer: 7"])
    other = Question.make(text="Another", answer="1", answer_kind="integer")
    with pytest.raises(ValueError, match="of question"):
        gather(other, rows, grades)
    with pytest.raises(ValueError, match="lack a grade"):
        gather(question, rows, grades[:1])
    mixed = [grades[0], grades[1].model_copy(update={"grader": "s1_compat"})]
    with pytest.raises(ValueError, match="one known grader"):
        gather(question, rows, mixed)
    assert gather(question, [], []) == []
