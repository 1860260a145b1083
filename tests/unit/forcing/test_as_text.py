"""The whole way with a genuine byte-level tokenizer: what a row reads like."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import BUILT_IN
from s1kit.policies import BudgetForcing, Sampling
from s1kit.types import Generation
from unit.byte_level import HARMONY, QWEN, THINK, tokenizer

USER = [{"role": "user", "content": "1+2?"}]


def row(name: str, special: tuple[str, ...], says: str, **policy: Any) -> tuple[str, Generation]:
    """``(text behind the prompt, generation)`` of a model that says this, delimiters and all."""
    made = tokenizer(special)
    fmt = BUILT_IN[name].resolve(made)
    script = iter(made.encode(says))
    engine = ScriptedEngine(lambda context, request: next(script), vocab_size=made.vocab_size, context_len=500)
    plan = Plan.make(BudgetForcing(max_answer=20, **policy), fmt, Sampling(), engine.info)
    prompt, open_ids = fmt.render(USER)
    (got,) = drive([machine(plan, Row("q", prompt, open_ids))], engine)
    return made.decode(got.token_ids or ()), got


@pytest.mark.parametrize(
    ("name", "special", "says", "reads"),
    [
        (
            "s1",
            QWEN,
            "two<|im_start|>, no<|im_end|>3<|im_end|>",
            "<|im_start|>think\ntwoWait, no\n<|im_start|>answer\n3",
        ),
        (
            "qwen3",
            (*QWEN, *THINK),
            "two\n</think>, no\n\n</think>3<|im_end|>",
            "<think>\ntwo\nWait, no\n\n</think>\n\n3",
        ),
        (
            "harmony",
            HARMONY,
            "two<|end|>, no<|return|>3<|return|>",
            "<|channel|>analysis<|message|>twoWait, no<|end|><|start|>assistant<|channel|>final<|message|>3",
        ),
    ],
)
def test_one_wait_reads_as_it_should(name: str, special: tuple[str, ...], says: str, reads: str) -> None:
    text, got = row(name, special, says, extensions=1)
    assert text == reads
    assert (got.ended, got.answer_ended, got.extensions) == ("model", "turn_end", 1)


def test_a_cut_asks_for_the_final_answer() -> None:
    text, got = row("s1", QWEN, "abc3<|im_end|>", max_thinking=3)
    assert text == "<|im_start|>think\nabc\n<|im_start|>answer\nFinal Answer:3"
    assert got.ended == "cutoff"


def test_a_cut_inside_a_character_still_gets_its_newline_and_keeps_the_bytes() -> None:
    made = tokenizer()
    first = made.encode("é")[0]
    text, got = row("s1", QWEN, "é<|im_end|>", max_thinking=1)
    assert got.token_ids is not None
    assert first in got.token_ids
    assert "\ufffd\n<|im_start|>answer\nFinal Answer:" in text
