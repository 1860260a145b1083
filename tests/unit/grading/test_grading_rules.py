"""Properties of the default grader: it never raises, and what it calls correct it has read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.grading import choice, integer, math
from s1kit.grading.extract import Candidate
from s1kit.grading.grader import GRADER_VERSION, GraderName, default_rule, grade, grade_all
from s1kit.grading.ruling import Comparison, Ruling
from s1kit.grading.s1_compat import rule as s1_rule
from s1kit.types import AnswerKind, Generation, Question

PIECES = (
    ["\\boxed{", "}", "{", "\\boxed ", "\\fbox{", "Answer:", "Final Answer:", "answer is", "$", "\\[", "25", "²", "B)"],
    ["%", "\n", " ", ".", "<|im_start|>answer\n", "\\text{", "12:00", "_8", "-", "Monday", "\\", "{,}", ",", "!"],
)
MESSY = st.text() | st.lists(st.sampled_from(PIECES[0] + PIECES[1])).map("".join)
KINDS: dict[AnswerKind, str] = {"integer": "25", "math": "\\frac{1}{2}", "choice": "B", "text": "Monday"}


def row(kind: AnswerKind, gold: str | None, output: str, **rest: Any) -> tuple[Question, Generation]:
    choices = ("Paris", "Rome", "Berlin") if kind == "choice" else ()
    question = Question.make(text="q", answer=gold, answer_kind=kind, choices=choices)
    fields = {"policy_id": "p", "ended": "model", "answer_text": output} | rest
    return question, Generation(question_id=question.id, **fields)


@given(st.sampled_from(sorted(KINDS)), MESSY)
@settings(max_examples=400, deadline=None)
def test_no_text_makes_a_rule_raise_and_correct_means_extracted(kind: AnswerKind, output: str) -> None:
    question, generation = row(kind, KINDS[kind], output)
    for ruling in (default_rule(question, generation), s1_rule(question, generation)):
        if isinstance(ruling, Ruling):
            assert ruling.verdict not in ("correct", "incorrect") or ruling.extracted is not None
            assert ruling.rule
        else:
            assert ruling.answer


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_reference_makes_a_rule_raise(gold: str, output: str) -> None:
    for kind in KINDS:
        default_rule(*row(kind, gold, f"Answer: {output}"))


DRESSES = st.sampled_from(["{}", "${}$", " {} ", "{}.", "**{}**", "{}.0", "\\text{{{}}}"])


@given(st.integers(), st.integers(0, 3), DRESSES)
def test_writing_an_integer_differently_changes_nothing(value: int, zeros: int, dress: str) -> None:
    sign, digits = ("-" if value < 0 else ""), str(abs(value))
    grouped = f"{value:,}"
    spellings = [sign + "0" * zeros + digits, grouped, grouped.replace(",", "{,}"), grouped.replace(",", r"\,")]
    for spelling in spellings:
        assert integer.integer_literal(dress.format(spelling)) == str(value)


@given(st.integers(), st.integers())
def test_two_integers_are_equal_only_if_they_are(left: int, right: int) -> None:
    ruling = integer.rule(Candidate(f"{left:,}", "box"), str(right))
    assert ruling == Ruling("correct" if left == right else "incorrect", "box/integer", str(left))


def test_a_number_of_ten_thousand_digits_is_compared_without_conversion() -> None:
    assert integer.rule(Candidate("7" * 10_000, "box"), "7" * 10_000).rule == "box/integer"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["25 or 26", "2^5", "1,23", "25a", "", "-", "²", "٣", "2 5"])
def test_what_is_no_integer_literal(text: str) -> None:
    assert integer.integer_literal(text) is None


@pytest.mark.parametrize("text", ["A and B", "B or C", "AB", "A car", "A-", "Be", "", "5", "E", "neither"])
def test_what_names_no_choice(text: str) -> None:
    assert choice.choice_letter(text, ("Paris", "Rome", "Berlin", "Madrid")) is None


def test_maths_leaves_undecided_pairs_to_the_pool() -> None:
    assert math.rule(Candidate("x(x+2)", "box"), "x^2+2x") == Comparison("x^2+2x", "x(x+2)", "box")


def test_only_s1_compat_sees_the_thinking() -> None:
    question, generation = row("integer", "25", "", thinking_text=r"so \boxed{25} wait")
    assert grade(question, generation).verdict == "no_answer"
    assert grade(question, generation, "s1_compat").verdict == "correct"


def test_a_grade_carries_key_grader_version_and_reference() -> None:
    question, generation = row("integer", "25", "Final Answer: 25", policy_id="wait-2", sample=3, ended="cutoff")
    graders: tuple[GraderName, ...] = ("default", "s1_compat")
    for grader in graders:
        graded = grade(question, generation, grader)
        assert graded.key == generation.key
        assert (graded.grader, graded.version, graded.reference) == (grader, GRADER_VERSION[grader], "25")
        assert graded.extracted is not None
        assert graded.extracted.strip() == "25"


def test_a_batch_keeps_the_order_of_the_generations() -> None:
    rows = [row("math", "1", f"\\boxed{{{value}}}", sample=value) for value in (2, 1, 1, 3, 1)]
    symbolic = row("math", "1", r"\boxed{\sin^2 x+\cos^2 x}", sample=9)
    questions = [question for question, _ in rows]
    generations = [generation for _, generation in rows]
    grades = grade_all(questions, [*generations[:2], symbolic[1], *generations[2:]])
    assert [g.sample for g in grades] == [2, 1, 9, 1, 3, 1]
    assert [g.verdict == "correct" for g in grades] == [False, True, True, True, False, True]


def test_refusals_say_what_is_wrong() -> None:
    question, generation = row("integer", "25", "25")
    with pytest.raises(ValueError, match="unknown grader 'gpt'"):
        grade(question, generation, "gpt")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=generation.question_id):
        grade_all([], [generation])


def test_errors_of_the_engine_are_nobodys_answer() -> None:
    broken: tuple[dict[str, Any], ...] = ({"ended": "error"}, {"answer_ended": "error"})
    for fields in broken:
        assert grade(*row("integer", "25", "Final Answer: 25", **fields)).rule == "generation_error"
    assert grade(*row("integer", " ", "25")).rule == "no_reference"
