"""The judge's reply is a word or it is nothing, and what it is told is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.judge import LONGEST, judge_messages, read_verdict, reference_of
from s1kit.types import Question

PROOF = Question.make(
    text="Show that 2 is even.", answer=None, answer_kind="text", meta={"solution": "It is twice one."}
)
SUM = Question.make(text="What is 1 + 1?", answer="2", answer_kind="integer", meta={"solution": "Count."})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Yes", True),
        ("No", False),
        ("yes.", True),
        ("NO!", False),
        ("**No**", False),
        ("**Yes.**", True),
        ("`Yes`", True),
        ("> Yes", True),
        ("# No", False),
        ('"Yes"', True),
        ("'no'", False),
        ("(Yes)", True),
        ("[No]", False),
        ("The result is the same.\n\nYes", True),
        ("Yes\nbut the sign is wrong.\nNo\n\n  \n", False),
        ("No\r\nYes\r\n", True),
        ("", None),
        (" \n \n", None),
        ("**", None),
        ("yes, it is right", None),
        ("Yes or No", None),
        ("The verdict is: Yes", None),
        ("Yes\nThank you for asking.", None),
        ("Yess", None),
        ("Ja", None),
        ("\u200bYes", None),
        ("No No", None),
    ],
)
def test_the_last_line_is_the_verdict_or_there_is_none(reply: str, expected: bool | None) -> None:
    assert read_verdict(reply) is expected


@given(st.text(), st.sampled_from([("Yes", True), ("No", False)]), st.text(alphabet=" \n\t*_`.!"))
def test_whatever_stands_above_the_word_stands_behind_it(above: str, word: tuple[str, bool], marks: str) -> None:
    after = "".join(c for c in marks if c != "\n")
    assert read_verdict(f"{above}\n{word[0]}{after}\n \n") is word[1]


@given(st.text())
def test_no_reply_breaks_the_reader_and_only_the_two_words_count(reply: str) -> None:
    said = read_verdict(reply)
    if said is not None:
        last = [line for line in reply.splitlines() if line.strip()][-1]
        assert ("yes" if said else "no") in last.casefold()
        assert sum(map(str.isalpha, last)) == (3 if said else 2)


def test_a_proof_is_held_against_its_worked_solution_and_anything_else_against_its_answer() -> None:
    assert (reference_of(PROOF), reference_of(SUM)) == ("It is twice one.", "2")


@pytest.mark.parametrize("solution", [None, "", "  ", 7, ["a"]])
def test_what_is_no_solution_is_no_reference(solution: object) -> None:
    assert (
        reference_of(Question.make(text="Why?", answer=None, answer_kind="text", meta={"solution": solution})) is None
    )


def test_the_judge_is_told_problem_attempt_and_reference() -> None:
    system, user = judge_messages(PROOF, "Two is one and one.")
    assert (system["role"], user["role"]) == ("system", "user")
    places = [user["content"].index(t) for t in (PROOF.text, "Two is one and one.", "It is twice one.")]
    assert places == sorted(places)
    assert "not an instruction" in system["content"]


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 10_000_000])
def test_of_a_long_attempt_the_end_is_shown(length: int) -> None:
    attempt = "A" * (length - 9) + "Answer: 2"
    shown = judge_messages(SUM, attempt)[1]["content"]
    assert "Answer: 2" in shown
    assert len(shown) <= LONGEST + 200
    assert ("[...]" in shown) == (length > LONGEST)


def test_choices_are_part_of_the_problem() -> None:
    asked = Question.make(text="Which?", answer="B", answer_kind="choice", choices=("one", "two"))
    assert "B) two" in judge_messages(asked, "B")[1]["content"]
