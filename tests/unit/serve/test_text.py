"""Text while it comes: the same characters as decoding at the end, none of them split, no stop string shown."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.nano.shipped import resolve_model
from s1kit.serve.text import Detokeniser, StopStrings
from s1kit.tokenizer import Tokenizer
from unit.byte_level import tokenizer

TOKENIZER = tokenizer()
NANO = Tokenizer.load(resolve_model("nano"))


def pieces_of(made: Tokenizer, ids: list[int], before: int | None) -> list[str]:
    text = Detokeniser(made.decode, before)
    return [*(text.feed([i]) for i in ids), text.flush()]


@given(st.text(max_size=30), st.none() | st.integers(0, 255))
def test_characters_come_whole_and_as_soon_as_they_are(said: str, before: int | None) -> None:
    ids = TOKENIZER.encode(said)
    text = Detokeniser(TOKENIZER.decode, None)
    have = ""
    for at, i in enumerate(ids):
        have += text.feed([i])
        now = TOKENIZER.decode(ids[: at + 1])
        assert have == now.rstrip("\ufffd") or have == now or "\ufffd" in said
    assert have + text.flush() == said
    if before is not None and before < 128:
        assert "".join(pieces_of(TOKENIZER, list(ids), before)) == said


@given(st.lists(st.integers(0, TOKENIZER.vocab_size - 1), max_size=40))
def test_any_ids_give_the_text_of_decoding_them_at_once(ids: list[int]) -> None:
    assert "".join(pieces_of(TOKENIZER, ids, None)) == TOKENIZER.decode(ids)


@given(st.lists(st.integers(0, NANO.vocab_size - 1), max_size=40))
def test_so_do_those_of_the_shipped_tokenizer(ids: list[int]) -> None:
    assert "".join(pieces_of(NANO, ids, None)) == NANO.decode(ids)


def test_junk_is_held_back_no_longer_than_a_character_could_be() -> None:
    [junk] = [i for i in range(256) if TOKENIZER.decode([i, i]) == "\ufffd\ufffd"][:1]
    text = Detokeniser(TOKENIZER.decode)
    shown = "".join(text.feed([junk]) for _ in range(50))
    assert len(shown) >= 47
    assert shown + text.flush() == "\ufffd" * 50


@pytest.mark.parametrize("stops", [("ab",), ("b", "ab"), ("aab", "c"), ("abcabd",)])
@given(said=st.text("abcd", max_size=20), cuts=st.lists(st.integers(0, 20), max_size=6))
def test_stop_strings_are_found_however_the_text_is_cut(stops: tuple[str, ...], said: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(c, len(said)) for c in cuts), len(said)]
    search = StopStrings(stops)
    shown = ""
    for start, end in itertools.pairwise(edges):
        shown += search.feed(said[start:end])
        assert not any(stop in shown for stop in stops)
    shown += search.flush()
    # by definition: the text before the stop that is complete first; of several that end together, the longest
    ends = [(at + len(s), at) for s in stops for at in range(len(said)) if said.startswith(s, at)]
    assert search.hit == bool(ends)
    if not ends:
        assert shown == said
    else:
        assert said.startswith(shown)
        assert any(said.startswith(stop, len(shown)) for stop in stops)
        assert len(shown) <= min(ends)[1]
