"""Extraction finds the answer where it stands, and says why where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.grading.extract import Candidate, Missing, balanced, extract
from s1kit.grading.literal import latex_literal, number, tidy, words

PLAIN = st.text(alphabet="abcxyz 0123456789+-=^_", max_size=20)


@given(st.text())
def test_extraction_never_raises_and_never_hands_back_an_empty_candidate(text: str) -> None:
    found = extract(text)
    assert isinstance(found, Missing) or found.text.strip()


@given(PLAIN, PLAIN.filter(lambda inner: tidy(inner) != ""), PLAIN)
def test_a_last_box_wins_over_everything_before_it(before: str, inner: str, after: str) -> None:
    text = f"Answer: 1 \\boxed{{0}} {before} \\boxed{{{inner}}} {after}"
    assert extract(text) == Candidate(tidy(inner), "box")


@given(PLAIN)
def test_text_behind_an_opened_box_cannot_bring_an_answer_back(inner: str) -> None:
    assert extract(f"\\boxed{{42}} Answer: 42 \\boxed{{{inner}") == Missing("box/unterminated")


def test_escaped_braces_do_not_close_a_box() -> None:
    assert balanced(r"{\{1,2\}} rest", 0) == r"\{1,2\}"
    assert balanced(r"{\{1,2\}", 0) is None


DRESSED = ["**25**", "$25$", "$$25$$", r"\(25\)", r"\[25\]", " 25. ", "`25`", "$**25**$.", "25$"]


@pytest.mark.parametrize("text", DRESSED)
def test_tidy_undresses(text: str) -> None:
    assert tidy(text) == "25"


@pytest.mark.parametrize(("text", "kept"), [("5!", "5!"), ("-5", "-5"), ("$x$ and $y$", "$x$ and $y$"), ("$5", "$5")])
def test_tidy_keeps_what_means_something(text: str, kept: str) -> None:
    assert tidy(text) == kept


@given(st.text())
def test_tidy_is_idempotent(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


def test_literal_form_keeps_a_mixed_number_apart_from_a_fraction() -> None:
    assert latex_literal("1 1/2") != latex_literal("11/2")
    assert latex_literal(r"\left(3,\, \dfrac{\pi}{2}\right)") == latex_literal(r"(3,\frac{\pi}{2})")


def test_literal_form_keeps_matrix_rows() -> None:
    assert "\\\\" in latex_literal(r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}")


def test_words_keep_signs_points_and_bare_punctuation() -> None:
    assert words("3.5") != words("3 5")
    assert words("-3") != words("3")
    assert words("([])") != words("([)]")
    assert words("New  York!") == words("new york")


def test_number_reads_plain_numbers_only() -> None:
    assert number("-0.50") == number("-.5")
    assert number("1/2") is None
    assert number("9" * 5000) is None


@pytest.mark.parametrize("source", ["\\boxed{%s}", "Answer: %s", "the answer is %s", "%s"])
def test_a_stretch_too_long_for_an_answer_is_none(source: str) -> None:
    assert isinstance(extract(source % ("12 " * 333)), Candidate)
    found = extract(source % ("12 " * 334))
    assert isinstance(found, Missing)
    assert found.rule in ("box/too_long", "marker/too_long", "phrase/too_long", "none")
