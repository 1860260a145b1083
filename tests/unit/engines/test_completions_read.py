"""Whatever JSON a server answers, a row gets tokens within its limit or a failure with a reason, nothing else.

What is raised on the loop ends the whole run, not one row.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.engines.base import Request
from s1kit.engines.completions_profile import PROFILES, read
from s1kit.engines.completions_tape import Tape, TextTape
from s1kit.tokenizer import Tokenizer
from s1kit.wire.failed import Failed

VOCABULARY = 300
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, VOCABULARY + 3),
    st.sampled_from([10**400, 1e400, float("nan"), -1, "", "stop", "length", "abort", "content_filter", "\ud83d"]),
    st.text(st.characters(), max_size=5),
)
LISTS = st.lists(st.one_of(st.integers(0, VOCABULARY - 1), ODD), max_size=4)
NUMBERS = st.fixed_dictionaries({}, optional={"prompt_tokens": ODD, "prompt_tokens_details": st.one_of(
    ODD, st.fixed_dictionaries({}, optional={"cached_tokens": ODD}))})  # fmt: skip
TOP = st.lists(st.one_of(ODD, st.dictionaries(st.sampled_from(["token_id:3", "token_id:", "x"]), ODD)), max_size=4)
CHOICE = st.fixed_dictionaries(
    {},
    optional={
        "text": ODD,
        "token_ids": st.one_of(ODD, LISTS),
        "prompt_token_ids": st.one_of(ODD, LISTS, st.just([1, 2, 3])),
        "finish_reason": ODD,
        "stop_reason": ODD,
        "matched_stop": st.one_of(ODD, LISTS),
        "logprobs": st.one_of(ODD, st.fixed_dictionaries({"top_logprobs": st.one_of(ODD, TOP)})),
    },
)
PAYLOAD = st.fixed_dictionaries(
    {},
    optional={
        "model": ODD,
        "choices": st.one_of(ODD, st.lists(st.one_of(CHOICE, ODD), max_size=2)),
        "usage": st.one_of(ODD, NUMBERS),
        "content": ODD,
        "tokens": st.one_of(ODD, LISTS),
        "stop": ODD,
        "stop_type": ODD,
        "truncated": ODD,
        "timings": st.one_of(ODD, st.fixed_dictionaries({"prompt_n": ODD})),
    },
)


@cache
def loaded(folder: Path) -> Tokenizer:
    return Tokenizer.load(folder)


@pytest.mark.parametrize("dialect", PROFILES)
@given(payloads=st.lists(PAYLOAD, max_size=4), top=st.integers(0, 1), least=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_an_answer_of_any_shape_is_tokens_or_a_failure(
    tiny_model: Path, dialect: str, payloads: list[dict[str, Any]], top: int, least: int
) -> None:
    profile, tokenizer = PROFILES[dialect], loaded(tiny_model)
    request = Request("a", (1, 2, 3), 6, stop_ids=(7,), stop_seqs=((8, 9),), min_tokens=least, top_logprobs=top)
    tape = (
        Tape(request, profile, 50, VOCABULARY, frozenset({5}))
        if profile.exact
        else TextTape(request, profile, 50, tokenizer.encode, tokenizer.decode)
    )
    asked = tape.ask()
    with suppress(Failed):
        for payload in payloads:
            piece = read(profile, json.loads(json.dumps(payload)))  # as it would have come over the wire
            assert piece.prefilled is None or 0 <= piece.prefilled < 2**53
            tape.take(piece, asked)
            json.dumps(tape.prompt(asked), ensure_ascii=False).encode()
    assert len(tape.tokens) <= 6
    assert all(0 <= token < max(VOCABULARY, tokenizer.vocab_size) for token in tape.tokens)
    if tape.ended is not None and top and profile.logprobs:
        assert len(tape.logprobs) == len(tape.tokens)


@pytest.mark.parametrize("value", [10**400, None, [], "x", {}], ids=["huge", "null", "list", "word", "object"])
def test_a_log_probability_that_is_none_is_a_failure(value: Any) -> None:
    top = {"token_id:3": value}
    with pytest.raises(Failed, match="do not name token ids"):
        read(PROFILES["vllm"], {"choices": [{"token_ids": [3], "logprobs": {"top_logprobs": [top]}}]})


def test_a_character_that_comes_in_two_halves_is_one(tiny_model: Path) -> None:
    tokenizer = Tokenizer.load(tiny_model)
    request = Request("a", (1, 2, 3), 20)
    for halves, text in [(("\ud83d", "\ude00"), "\U0001f600"), (("a\ud83d", "b"), "a\ufffdb")]:
        tape = TextTape(request, PROFILES["openai"], 50, tokenizer.encode, tokenizer.decode)
        for half, finish in zip(halves, (None, "stop"), strict=True):
            payload = {"choices": [{"text": half, "finish_reason": finish}]}
            tape.take(read(PROFILES["openai"], payload), tape.request)
        assert tokenizer.decode(tape.tokens) == text


def test_a_filter_that_ends_an_answer_is_not_asked_again() -> None:
    for dialect in ("vllm", "sglang"):
        profile = PROFILES[dialect]
        for word, again in (("content_filter", False), ("abort", True)):
            tape = Tape(Request("a", (1, 2, 3), 6), profile, 50, VOCABULARY, frozenset())
            with pytest.raises(Failed) as caught:
                tape.take(read(profile, {"choices": [{"finish_reason": word}]}), tape.ask())
            assert caught.value.again == again
