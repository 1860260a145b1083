"""The checks of ``s1 doctor`` that need questions: rules, requests and vectors, with each planted fault found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from s1kit.doctor import POLICIES, determinism, rules_kept, vectors
from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.formats import ResolvedFormat, load_format
from s1kit.tokenizer import Tokenizer
from s1kit.types import Question

QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(6)]
FOLDER = Path(__file__).parents[2] / "conformance"


@pytest.fixture
def fmt(tiny_model: Path) -> ResolvedFormat:
    return load_format("s1").resolve(Tokenizer.load(tiny_model))


class Forgetful(ScriptedEngine):
    """Takes requests without some of their fields, and yet answers them."""

    forgets: tuple[str, ...] = ()

    def submit(self, request: Request) -> None:
        super().submit(replace(request, **dict.fromkeys(self.forgets, ())))


def engine_of(fmt: ResolvedFormat, *forgets: str) -> Forgetful:
    ends = {i: 0.05 for name in ("<|im_start|>", "<|im_end|>") if (i := fmt.tokenizer.id_of(name)) is not None}
    engine = Forgetful.random(4, stops=ends, vocab_size=fmt.tokenizer.vocab_size, context_len=500, slots=64)
    assert isinstance(engine, Forgetful)
    engine.forgets = forgets
    return engine


def test_an_engine_that_keeps_its_word_breaks_no_rule(fmt: ResolvedFormat) -> None:
    told: list[str] = []
    kept = rules_kept(engine_of(fmt), fmt, QUESTIONS, tell=told.append)
    assert [k.broken for k in kept] == [()] * len(POLICIES)
    assert all(k.requests >= k.rows == len(QUESTIONS) for k in kept)
    assert len(told) == len(POLICIES)


def test_stops_that_are_ignored_break_rules_by_name(fmt: ResolvedFormat) -> None:
    broken = [line for k in rules_kept(engine_of(fmt, "stop_ids"), fmt, QUESTIONS) for line in k.broken]
    assert any("is among the tokens" in line for line in broken)


def test_a_policy_that_cannot_run_is_refused_and_the_others_run(fmt: ResolvedFormat) -> None:
    engine = engine_of(fmt)
    less = engine.info.model_copy(update={"min_tokens": False, "banned_ids": False})
    refused = {k.policy: k.refused for k in rules_kept(engine, fmt, QUESTIONS, info=less) if k.refused}
    assert len(refused) == 2, "extensions and a minimum need what was taken back"


def test_the_vectors_are_run_and_a_difference_is_named(tmp_path: Path) -> None:
    every = vectors()
    assert every.total > 90
    assert every.broken == ()
    content = json.loads((FOLDER / "natural.json").read_text())
    content["vectors"][0]["expect"]["paid"] += 1
    (tmp_path / "natural.json").write_text(json.dumps(content))
    changed = vectors(tmp_path)
    assert [line.partition(":")[0] for line in changed.broken] == [content["vectors"][0]["name"]]
    assert vectors(tmp_path / "nothing").total == 0


class Drifting(ScriptedEngine):
    """Half precision in small: beside another request, the next token of a long context is another one."""

    def submit(self, request: Request) -> None:
        crowd = len(self._waiting) + len(self._active)
        super().submit(replace(request, banned_ids=(*request.banned_ids, *range(200))) if crowd else request)

    def collect(self) -> list[Chunk]:
        likely = ((5, -0.7), (6, -0.8))
        return [replace(chunk, logprobs=(likely,) * len(chunk.tokens)) for chunk in super().collect()]


def test_the_first_difference_is_shown_with_both_tokens_and_what_was_likely(fmt: ResolvedFormat) -> None:
    engine = Drifting.random(4, vocab_size=fmt.tokenizer.vocab_size, context_len=200, slots=64)
    engine.info = engine.info.model_copy(update={"logprobs": True})
    compared, spread = determinism(engine, fmt, QUESTIONS[:3])
    crowded = next(c for c in compared if c.setting == "8 at once")
    assert crowded.identical < 3
    assert crowded.alone is not None
    assert crowded.here is not None
    assert crowded.alone.token != crowded.here.token
    assert crowded.alone.likely == crowded.here.likely == ((5, -0.7), (6, -0.8))
    assert [s.setting for s in spread] == ["1 at once", *(c.setting for c in compared)]
