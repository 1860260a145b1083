"""Characters that hide or reorder text are named, and long text loses its middle within its weight."""

from __future__ import annotations

import pytest

from s1kit.report.text import chance, number, one_line, percent, shares, shorten, signed, visible, weight


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \nwith\ttabs, ü and 数", "plain, \nwith\ttabs, ü and 数"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\x00b\x7f\r", "a␀b␡␍"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("lone \ud800 surrogate", "lone ⟨U+D800⟩ surrogate"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("tag \U000e0041", "tag ⟨U+E0041⟩"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_hidden_characters_are_named(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


@pytest.mark.parametrize("text", ["x" * 5000, "<&>" * 2000, "\x1b" * 3000, "ü\u202e" * 1500, "short", ""])
@pytest.mark.parametrize("limit", [0, 20, 300, 4000])
def test_shortened_text_keeps_to_its_weight(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert weight(short) <= max(limit, 16 * 13) + 60
    if weight(text) <= limit:
        assert short == text
    elif len(text) > 16:
        assert "characters left out…]" in short


def test_shortening_keeps_both_ends_and_counts_the_rest() -> None:
    text = "begin " + "m" * 1000 + " end"
    short = shorten(text, 300)
    assert short.startswith("begin ")
    assert short.endswith(" end")
    assert "[…710 characters left out…]" in short


def test_shares_give_light_texts_all_and_heavy_ones_the_rest() -> None:
    assert shares([10, 500, 500], 210) == [10, 100, 100]
    assert shares([10, 20], 210) == [10, 20]
    assert sum(shares([7, 100, 3, 100], 50)) <= 50
    assert shares([], 5) == []


def test_numbers_are_written_for_readers() -> None:
    assert (percent(0.1234), percent(None), number(12345.6), signed(-1.26)) == ("12.3%", "–", "12,346", "−1.3")
    assert (signed(0.04), signed(-0.04), signed(None), chance(0.0001)) == ("0.0", "0.0", "–", "< 0.001")
    assert one_line("a\n b" + "c" * 50, 10) == "a bcccccc…"
