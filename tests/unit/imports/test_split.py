"""Thinking and answer come out of a text as they went in, whatever they say; nothing unmarked becomes thinking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.imports.split import marks, split

FORMATS = ("s1", "think", "harmony")
words = st.text(st.characters(codec="utf-8", exclude_characters="<|>")).map(str.strip)


@given(st.sampled_from(FORMATS), words, words, st.booleans(), st.sampled_from(["", "\n", " \n\n"]))
def test_what_is_joined_by_delimiters_is_split_by_them(
    name: str, words: str, answer: str, opened: bool, end: str
) -> None:
    """White space at a thought's end is the model's, as it is in the tokens of a run made here."""
    spelled, thinking = marks(name), words + (end if words else "")
    text = f"{spelled['open'] if opened else ''}{thinking}{spelled['close']}{answer}"
    for asked in ("auto", name):
        found = split(text, asked)
        assert (found.thinking, found.answer, found.format, found.closed) == (thinking, answer, name, True)


@given(words)
def test_a_text_without_delimiters_is_all_answer_and_unchanged(text: str) -> None:
    padded = f"  {text}\n"
    assert split(padded).answer == padded
    assert split(padded).thinking == ""


@pytest.mark.parametrize("name", FORMATS)
def test_a_thought_that_never_ends_has_no_answer(name: str) -> None:
    found = split(marks(name)["open"] + "and so on", name)
    assert (found.thinking, found.answer, found.closed) == ("and so on", "", False)


def test_a_turn_end_behind_the_answer_is_no_part_of_it() -> None:
    assert split("<think>a</think>b<|im_end|>\n<|endoftext|>").answer == "b"


def test_the_first_delimiter_names_the_format_not_one_that_is_talked_about() -> None:
    found = split("<|im_start|>think\nSome models write </think> here.<|im_start|>answer\n7")
    assert (found.format, found.answer) == ("s1", "7")
    assert "</think>" in found.thinking
