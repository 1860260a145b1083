"""Conditions: buckets, steps and countdowns are the inverse of each other, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.conditions import bucket, count_down, countdown, countdowns, instruct, marker_of, split_steps
from s1kit.formats import BUILT_IN

TEXTS = st.text(st.sampled_from("ab \n\r\t\x0b\u2028"), max_size=40)


@given(st.integers(1, 10**9))
def test_a_bucket_is_the_next_power_of_two(count: int) -> None:
    power = bucket(count)
    assert power.bit_count() == 1
    assert power // 2 < count <= power


def test_buckets_at_the_edges() -> None:
    assert [bucket(n) for n in (0, 1, 2, 3, 4, 5, 1024, 1025, 6109)] == [1, 1, 2, 4, 4, 8, 1024, 2048, 8192]
    with pytest.raises(ValueError, match="not negative"):
        bucket(-1)


@given(TEXTS)
def test_steps_hold_every_line_once_and_no_blank_one(text: str) -> None:
    steps = split_steps(text)
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    assert [line for step in steps for line in step.split("\n")] == lines
    assert split_steps("\n\n".join(steps)) == steps
    assert "".join("".join(steps).split()) == "".join(text.split())


def test_a_blank_line_may_hold_white_space() -> None:
    assert split_steps("one\n still one\n \t\n\n\ntwo\r\n\r\nthree\n") == ["one\n still one", "two", "three"]


@given(st.lists(st.text(st.sampled_from("ab 1"), min_size=1, max_size=5), min_size=1, max_size=9), st.booleans())
def test_a_countdown_says_how_many_steps_there_were(steps: list[str], marked: bool) -> None:
    marker = "<|im_start|>" if marked else ""
    limit = bucket(len(steps))
    text = count_down(steps, limit, marker)
    assert countdowns(text, marker) == list(range(limit, limit - len(steps), -1))
    assert countdowns(text, marker)[-1] >= 1, "0 steps left is where thinking ends, so no step opens with it"
    left = text
    for number, step in zip(countdowns(text, marker), steps, strict=True):
        opened = countdown(number, marker) + step
        assert left.startswith(opened)
        left = left[len(opened) :].lstrip("\n")
    assert left == ""


def test_a_sentence_is_no_countdown() -> None:
    assert countdowns("We have 3 steps left\n4 steps left of it\n5 steps left\n") == [5]
    assert countdowns("<|im_start|>5 steps left\nWe have 3 steps left\n", "<|im_start|>") == [5]
    assert countdowns("9" * 5000 + " steps left\n") == []


def test_more_steps_than_the_limit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 steps do not fit a countdown from 2"):
        count_down(["a", "b", "c"], 2)


def test_the_wording_is_the_papers() -> None:
    assert instruct("Why?", 2048, "tokens") == "Why?\n\nThink for up to 2048 tokens."
    assert instruct("Why?", 64, "steps") == "Why?\n\nThink for up to 64 steps."
    assert countdown(63, "<|im_start|>") == "<|im_start|>63 steps left\n"


def test_only_s1_marks_sections_with_its_stop() -> None:
    markers = {name: marker_of(form.open, form.think_stops) for name, form in BUILT_IN.items()}
    assert markers == dict.fromkeys(BUILT_IN, "") | {"s1": "<|im_start|>"}
