"""The nearest subject by words: complete lists, obvious questions right, the same everywhere, any text survived."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.lexical import classify, tokens
from s1kit.curate.msc import OTHER, classes, codes_by_title, title

CASES = [
    ("05", "In how many ways can 8 people be seated at a round table so that two friends are adjacent?"),
    ("11", "Find the remainder when $7^{2024}$ is divided by the prime 13, that is $7^{2024} \\pmod{13}$."),
    ("12", "The roots of the monic cubic polynomial $x^3+ax+b$ are real. Find the sum of the squares of its roots."),
    ("15", "Find the eigenvalues and the determinant of the matrix $\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}$."),
    ("20", "How many subgroups does the cyclic group of order 12 have, and which are normal subgroups?"),
    ("30", "Use the residue theorem to integrate the meromorphic function along the contour."),
    ("34", "Solve the initial value problem $y''+y=0$, $y(0)=1$, a differential equation of second order."),
    ("51", "In triangle $ABC$, the altitude from $A$ meets the circumcircle at $D$. Find $\\angle ABD$."),
    ("60", "A fair coin is flipped ten times. What is the probability of exactly three heads?"),
    ("62", "Give a 95% confidence interval for the mean; the sample standard deviation is 3, the null hypothesis..."),
    ("68", "Describe an algorithm with time complexity $O(n\\log n)$ that sorts an integer array."),
    ("70", "A block of mass 2 kg slides down a frictionless inclined plane. Find its acceleration."),
    ("78", "A point charge sits in an electric field between the plates of a capacitor. Find the voltage."),
    ("80", "An ideal gas expands adiabatically. Find the change of its internal energy and enthalpy."),
    ("81", "Find the energy levels of the electron in the hydrogen atom, in terms of Planck's constant $\\hbar$."),
    ("83", "A spaceship moves at 0.8c. Use time dilation of special relativity to find the proper time."),
    ("91", "Find all Nash equilibria of the game with this payoff; then the consumer surplus in the market."),
    ("92", "Which enzyme in the cell unwinds DNA, and which reagent turns the ketone into an alcohol?"),
    ("94", "Find the channel capacity of a binary symmetric channel and a Huffman code for the source."),
]


def test_all_63_classes_are_there_with_words_of_their_own() -> None:
    assert len(classes()) == 63
    assert len(codes_by_title()) == 63
    for code, entry in classes().items():
        assert re.fullmatch(r"[0-9]{2}", code)
        assert set(entry) == {"title", "names", "hints"}
        terms = [term for kind in ("names", "hints") for term in entry[kind].split(",")]
        assert len(terms) >= 20, code
        assert all(len("".join(tokens(term))) > 1 for term in terms), (code, "a term of a letter or none")
        assert classify(f"{title(code)} {entry['names']}")[0] == code
    assert title("crossword") == "crossword"


@pytest.mark.parametrize(("code", "text"), CASES, ids=[code for code, _ in CASES])
def test_obvious_questions(code: str, text: str) -> None:
    found, score = classify(text)
    assert (found, 0 < score <= 1) == (code, True)


@pytest.mark.parametrize("text", ["", "?", "zzz qqq", "\u200b\u202e", "你好"])
def test_where_nothing_matches_it_says_other(text: str) -> None:
    assert classify(text) == (OTHER, 0.0)


@given(st.text(max_size=60))
def test_every_text_has_a_class_and_dress_changes_none(text: str) -> None:
    code, score = classify(text)
    assert code in classes() or (code, score) == (OTHER, 0.0)
    assert 0 <= score <= 1
    assert classify(f"\u200b{text.upper().lower()}\u200d") == classify(text.upper().lower())


def test_full_width_letters_and_joiners_are_read() -> None:
    assert classify("ｐｒｏｂａｂｉｌｉｔｙ of a fair c\u200doin")[0] == "60"


def test_a_drawing_is_no_text() -> None:
    assert tokens("Area? [asy] draw(circle); pair prime; [/asy] Find it") == ["area", "asy", "find", "it"]
    assert tokens("[asy] never closed") == ["asy"]


def test_ten_megabytes_cost_as_much_as_their_beginning() -> None:
    big = "triangle " * 1_200_000
    began = time.process_time()
    assert classify(big)[0] == "51"
    assert classify("[asy]" * 2_000_000)[0] == "51"
    assert time.process_time() - began < 5
