"""Filing: columns kept as they are, replies read tolerantly and never believed, other where nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.domains import ASKED, by_column, by_lexical, by_model, classifier_messages, parse_model
from s1kit.curate.msc import classes
from s1kit.types import Question


def question(text: str = "How many primes divide 30?", **rest: Any) -> Question:
    return Question.make(text=text, answer="3", answer_kind="integer", **rest)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("11", "11"),
        ("It asks for primes.\n\n11\n", "11"),
        ("**51**", "51"),
        ("Code: 05.", "05"),
        ("11-XX", "11"),
        ("11A41 (Primes)", "11"),
        ("51 - Geometry", "51"),
        ("51-Geometry", "51"),
        ("$\\boxed{60}$", "60"),
        ("The class is 92, biology (MSC 2020).", "92"),
        ("I am 90% sure it is 68.", "68"),
        ("\uff11\uff11", "11"),
        ("1\u200b1", "11"),
        ("```\n81\n```", "81"),
        ("11 or so, 11", "11"),
        ("", None),
        ("   \n ", None),
        ("Number theory", None),
        ("21", None),
        ("99", None),
        ("5", None),
        ("2020", None),
        ("3.14", None),
        ("1,11", None),
        ("11 or 51", None),
        ("11\nNo, I cannot say.", None),
        ("\u0661\u0661", None),
    ],
)
def test_a_reply_names_one_known_class_on_its_last_line_or_none(said: str, code: str | None) -> None:
    assert parse_model(said) == code


@given(st.sampled_from(sorted(classes())), st.text(max_size=40))
def test_whatever_was_said_before_the_last_line_decides(code: str, before: str) -> None:
    assert parse_model(f"{before}\n{code}") == code
    assert parse_model(before) in {None, *classes()}


def test_no_known_class_is_other_and_the_words_are_kept() -> None:
    for code, said in ((None, "I would say 21"), ("21", "21")):
        filed = by_model(question(), code, said)
        assert (filed.code, filed.how, filed.said) == ("other", "unknown", said)
    filed = by_model(question(), "11", "x" * 5000 + " 11")
    assert (filed.code, filed.how) == ("11", "model")
    assert filed.said is not None
    assert filed.said.endswith(" 11")
    assert len(filed.said) <= 200


@pytest.mark.parametrize(
    ("value", "code", "how"),
    [
        ("11", "11", "column"),
        ("5", "05", "column"),
        (5, "05", "column"),
        (" number THEORY ", "11", "column"),
        ("Algebra", "Algebra", "column"),
        ("crossword", "crossword", "column"),
        ("21", "21", "column"),
        ("a\u202eb\nc", "ab c", "column"),
        ("", "other", "unknown"),
        ("  ", "other", "unknown"),
        (None, "other", "unknown"),
        (["11"], "other", "unknown"),
        (True, "other", "unknown"),
        (1.5, "other", "unknown"),
    ],
)
def test_a_column_is_kept_as_it_is(value: Any, code: str, how: str) -> None:
    filed = by_column(question(meta={"subject": value}), "subject")
    assert (filed.code, filed.how) == (code, how)
    if isinstance(value, str):
        assert by_column(question(domain=value)) == by_column(question(meta={"domain2": value}), "domain2")


def test_missing_columns_are_other_and_long_words_are_cut() -> None:
    assert by_column(question(), "subject").how == "unknown"
    assert by_column(question()).code == "other"
    assert len(by_column(question(domain="x" * 10_000_000)).code) < 300


def test_by_words_reads_the_choices_too() -> None:
    asked = Question.make(text="Which?", answer="A", answer_kind="choice", choices=("an enzyme", "a chromosome"))
    filed = by_lexical(asked)
    assert (filed.code, filed.how, filed.question_id) == ("92", "lexical", asked.id)
    assert filed.score is not None
    nothing = by_lexical(question("zzz"))
    assert (nothing.code, nothing.how, nothing.score) == ("other", "unknown", 0.0)


def test_the_model_is_shown_every_class_and_a_bounded_question() -> None:
    system, user = classifier_messages(question("y" * 10_000_000))
    assert [system["role"], user["role"]] == ["system", "user"]
    for code, entry in classes().items():
        assert f"\n{code} {entry['title']}\n" in system["content"] + "\n"
    assert ASKED < len(user["content"]) < ASKED + 200
    assert classifier_messages(question())[0] == system
    assert question().text in classifier_messages(question())[1]["content"]
