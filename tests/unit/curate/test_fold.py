"""Folding: what looks the same is the same, what means something else is not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.fold import folded, folded_words, shown

TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("a ²½ﬁ４\u200b\u00ad\u202e\ufeff\u0301\x1b\n\u2028")), max_size=40
)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("４２　ａ", "42 a"),
        ("a\u200bb\u200dc\ufeff\u00ad", "abc"),
        ("\u202eabc\u202c", "abc"),
        (" a\t\r\n\u00a0 b\u2028c ", "a b c"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("ﬁnd", "find"),
        ("10²", "10^2"),
        ("a₁", "a_1"),
        ("3½", "3 1\u20442"),
        ("N n", "N n"),
        ("\x1b[0m\x00", "\x1b[0m\x00"),
        ("\ud800 x", "\ud800 x"),
        ("\u200b \ufeff", ""),
        ("", ""),
    ],
)
def test_examples(text: str, result: str) -> None:
    assert folded(text) == result


@given(TEXTS)
def test_folding_twice_is_folding_once_and_no_format_character_is_left(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert not [sign for sign in once if unicodedata.category(sign) == "Cf"]
    assert once == " ".join(once.split())


@given(TEXTS)
def test_ascii_and_other_texts_take_the_same_way(text: str) -> None:
    plain = text.encode("ascii", "ignore").decode()
    assert folded("é " + plain) == ("é " + folded(plain)).strip()


def test_words_are_case_folded() -> None:
    assert folded_words("  Straße\u200b ＡＢ\n3 apples. ") == ["strasse", "ab", "3", "apples."]
    assert folded_words("\u200b") == []


def test_shown_is_one_printable_line_around_the_place() -> None:
    text = "a" * 50 + "\u202e\x1b[31mBAD\n\tpart" + "b" * 50
    start = text.index("BAD")
    assert shown(text, start, start + 3, around=6) == "… \ufffd[31mBAD part …"
    assert shown("whole", 0, 5) == "whole"
    assert shown("x" * 100, 0, 100, most=10) == "x" * 10 + " …"


@given(TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_shown_never_breaks_a_line(text: str, start: int, length: int) -> None:
    line = shown(text, start, start + length)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
