"""What an engine owes a request: nothing is said of an answer that keeps to it, and each breach has its sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.owed import owed

INFO = ScriptedEngine.random(0, vocab_size=100, context_len=40).info
REQUEST = Request("r", (1, 2, 3), 6, stop_ids=(9,), stop_seqs=((7, 8),), min_tokens=2, banned_ids=(50,))
KEPT = (
    Chunk("r", (4, 5, 6, 4, 5, 6), "length"),
    Chunk("r", (4, 5), "stop", stop_id=9),
    Chunk("r", (4, 5, 6), "stop", stop_id=7),
    Chunk("r", (), "cancelled"),
    Chunk("r", (), "error", error="no"),
)
BROKEN = {
    "too long": (Chunk("r", (4,) * 7, "length"), "7 tokens, asked for 6"),
    "too short": (Chunk("r", (4,), "length"), "ended by length"),
    "a ban": (Chunk("r", (4, 50), "stop", stop_id=9), "id 50 was banned"),
    "a stop inside": (Chunk("r", (4, 9, 4), "stop", stop_id=9), "stop id 9 is among"),
    "no stop of it": (Chunk("r", (4, 5), "stop", stop_id=8), "no stop of the request"),
    "before the minimum": (Chunk("r", (4,), "stop", stop_id=9), "at least 2"),
    "no id of it": (Chunk("r", (4, 100), "stop", stop_id=9), "outside the vocabulary"),
}


@pytest.mark.parametrize("chunk", KEPT, ids=range(len(KEPT)))
def test_what_keeps_to_it_is_not_accused(chunk: Chunk) -> None:
    assert list(owed(REQUEST, chunk, INFO)) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_breach_is_named(name: str) -> None:
    chunk, said = BROKEN[name]
    assert [line for line in owed(REQUEST, chunk, INFO) if said in line]


def test_a_full_context_may_end_before_the_limit() -> None:
    request = replace(REQUEST, prompt_ids=(1,) * 38)
    assert list(owed(request, Chunk("r", (4, 5), "length"), INFO)) == []


def test_text_is_held_to_the_limit_only() -> None:
    assert list(owed(REQUEST, Chunk("r", (50,), "length", exact=False), INFO)) == []
    assert list(owed(REQUEST, Chunk("r", (4,) * 7, "length", exact=False), INFO))
