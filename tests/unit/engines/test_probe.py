"""Probes: an engine that keeps the contract passes all of them, and each broken promise is found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from contract.suite import run
from s1kit.engines.base import GREEDY, Chunk, Engine, Request
from s1kit.engines.hf import HFEngine
from s1kit.engines.probe import Finding, corrected, probe, quick, refusal
from s1kit.engines.scripted import ScriptedEngine
from s1kit.policies import Sampling
from s1kit.types import EngineInfo

PROMPT = tuple(range(40, 60))


class Broken:
    """The scripted engine with one promise broken, in what goes in or in what comes out."""

    def __init__(
        self,
        asked: Callable[[Request], Request] = lambda r: r,
        said: Callable[[Chunk], Chunk] = lambda c: c,
        **claims: bool,
    ) -> None:
        self.inner = ScriptedEngine.random(3, context_len=400)
        self.info: EngineInfo = self.inner.info.model_copy(update=claims)
        self._asked, self._said = asked, said

    def submit(self, request: Request) -> None:
        self.inner.submit(self._asked(request))

    def collect(self) -> list[Chunk]:
        return [self._said(chunk) for chunk in self.inner.collect()]

    def cancel(self, request_id: str) -> None:
        self.inner.cancel(request_id)

    def close(self) -> None:
        self.inner.close()


class Uncancelled(Broken):
    def cancel(self, request_id: str) -> None:
        pass


class Silent(Broken):
    def collect(self) -> list[Chunk]:
        return []


def wrong(engine: Engine) -> set[str]:
    return {finding.probe for finding in probe(engine, PROMPT) if finding.verdict == "wrong"}


def shorter(chunk: Chunk) -> Chunk:
    return replace(chunk, tokens=chunk.tokens[:-1]) if chunk.finish == "length" and len(chunk.tokens) > 20 else chunk


def stop_left_in(chunk: Chunk) -> Chunk:
    return replace(chunk, tokens=(*chunk.tokens, chunk.stop_id)) if chunk.stop_id is not None else chunk


numbers = count()
PLANTED: dict[str, tuple[Engine, set[str]]] = {
    "ids that are no ids of the model": (
        Broken(said=lambda c: replace(c, tokens=tuple(t + 999 for t in c.tokens))),
        {"exact"},
    ),
    "text instead of ids": (Broken(said=lambda c: replace(c, exact=False)), {"exact"}),
    "fewer tokens than asked": (Broken(said=shorter), {"max_tokens"}),
    "another continuation every time": (
        Broken(asked=lambda r: replace(r, prompt_ids=(*r.prompt_ids[:-1], next(numbers) % 256))),
        {"greedy repeats", "batch does not matter", "cut and continued"},
    ),
    "stops ignored": (Broken(asked=lambda r: replace(r, stop_ids=(), stop_seqs=())), {"stop ids", "stop_seqs"}),
    "the stop left in": (Broken(said=stop_left_in), {"stop ids"}),
    "the stop without its id": (Broken(said=lambda c: replace(c, stop_id=None)), {"stop ids"}),
    "stop sequences ignored": (Broken(asked=lambda r: replace(r, stop_seqs=())), {"stop_seqs"}),
    "min_tokens ignored": (Broken(asked=lambda r: replace(r, min_tokens=0)), {"min_tokens"}),
    "bans ignored": (Broken(asked=lambda r: replace(r, banned_ids=())), {"banned_ids"}),
    "seed ignored": (
        Broken(asked=lambda r: replace(r, sampling=r.sampling.model_copy(update={"seed": 1}))),
        {"seed"},
    ),
    "a new seed every time": (
        Broken(asked=lambda r: replace(r, sampling=r.sampling.model_copy(update={"seed": next(numbers)}))),
        {"seed", "crn"},
    ),
    "never in pieces": (Broken(asked=lambda r: replace(r, stream=False)), {"streams"}),
    "cancelling ignored": (Uncancelled(), {"cancel"}),
    "long prompts cut in silence": (Broken(asked=lambda r: replace(r, prompt_ids=r.prompt_ids[-300:])), {"context"}),
    "log-probabilities claimed": (Broken(said=lambda c: replace(c, logprobs=None), logprobs=True), {"logprobs"}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_broken_promise_is_found(name: str) -> None:
    engine, expected = PLANTED[name]
    assert expected <= wrong(engine)


SEEN_BY_QUICK = {"exact", "max_tokens", "stop ids", "stop_seqs", "min_tokens", "banned_ids", "crn"}


@pytest.mark.parametrize("name", PLANTED)
def test_the_quick_check_finds_what_policies_rest_on(name: str) -> None:
    engine, expected = PLANTED[name]
    found = {finding.probe for finding in quick(engine, PROMPT) if finding.verdict == "wrong"}
    if name == "fewer tokens than asked":  # by a limit that its short requests do not reach
        expected = set()
    assert expected & SEEN_BY_QUICK <= found


def test_the_quick_check_asks_for_little_and_only_for_what_is_claimed() -> None:
    engine = ScriptedEngine.random(3, context_len=400)
    assert all(finding.verdict == "ok" for finding in quick(engine, PROMPT))
    assert len(engine.submitted) == 7
    assert sum(request.max_tokens for request in engine.submitted) < 60
    less = ScriptedEngine.random(3, context_len=400, min_tokens=False, stop_seqs=False)
    less.info = less.info.model_copy(update={"crn": False})
    tried = {finding.probe for finding in quick(less, PROMPT)}
    assert tried == {"exact", "max_tokens", "stop ids", "banned_ids"}


def test_a_quick_check_that_comes_again_says_the_same_of_the_same_engine() -> None:
    engine = ScriptedEngine.random(3, context_len=400)
    assert quick(engine, PROMPT) == quick(engine, PROMPT)


NO_BUDGET = ("ids that are no ids of the model", "stops ignored", "the stop left in", "the stop without its id")


@pytest.mark.parametrize("name", PLANTED)
def test_what_every_engine_owes_is_a_reason_to_refuse_and_the_rest_is_not(name: str) -> None:
    engine, _ = PLANTED[name]
    reason = refusal(quick(engine, PROMPT))
    assert (reason is not None) == (name in NO_BUDGET or name == "another continuation every time")
    assert reason is None or "\nhint: " in reason


def test_an_engine_that_is_silent_is_refused() -> None:
    assert "nothing to say" in str(refusal(quick(Silent(), PROMPT)))


def test_an_engine_that_ends_by_itself_is_not_accused_of_a_limit() -> None:
    def ended(chunk: Chunk) -> Chunk:
        return replace(chunk, finish="stop") if chunk.finish == "length" else chunk

    [limit] = [f for f in quick(Broken(said=ended), PROMPT) if f.probe == "max_tokens"]
    assert limit.verdict == "not tried"
    assert "stops of its own" in limit.hint


def test_an_engine_that_keeps_the_contract_is_not_accused() -> None:
    assert wrong(ScriptedEngine.random(3, context_len=400)) == set()


def test_an_engine_that_does_not_answer_gives_one_finding() -> None:
    [finding] = probe(Silent(), PROMPT)
    assert (finding.probe, finding.verdict) == ("answers", "wrong")
    [failed] = probe(Broken(said=lambda c: replace(c, tokens=(), finish="error", error="no such model")), PROMPT)
    assert "no such model" in failed.detail


def test_what_was_claimed_and_not_found_is_taken_back() -> None:
    engine = Broken(asked=lambda r: replace(r, min_tokens=0, banned_ids=()))
    info = corrected(engine.info, probe(engine, PROMPT))
    assert (info.min_tokens, info.banned_ids) == (False, False)
    assert info.model_copy(update={"min_tokens": True, "banned_ids": True}) == engine.info


def test_what_is_absent_and_said_to_be_is_no_fault() -> None:
    engine = ScriptedEngine.random(3, context_len=400, min_tokens=False)
    [finding] = [f for f in probe(engine, PROMPT) if f.probe == "min_tokens"]
    assert finding.verdict == "absent"
    assert finding.hint


def test_verdicts() -> None:
    def verdict(claimed: bool | None, found: bool | None) -> str:
        return Finding(probe="x", claimed=claimed, found=found, detail="").verdict

    said = {(c, f): verdict(c, f) for c in (True, False, None) for f in (True, False, None)}
    assert said == {
        (True, True): "ok",
        (True, False): "wrong",
        (True, None): "not tried",
        (False, True): "more than claimed",
        (False, False): "absent",
        (False, None): "not tried",
        (None, True): "ok",
        (None, False): "wrong",
        (None, None): "not tried",
    }
    assert Finding(probe="x", claimed=False, found=False, detail="", accepted=True).verdict == "ignored"


def test_the_quick_check_changes_nothing_that_a_run_generates(tiny_model: Path) -> None:
    def rows(checked: bool) -> dict[str, Chunk]:
        engine = HFEngine(tiny_model, slots=4)
        try:
            if checked:
                assert refusal(quick(engine, PROMPT)) is None
            warm = Sampling(temperature=1.0, seed=3)
            asked = [Request(f"{i}", (*PROMPT[: 8 + i], i), 20, sampling=warm if i % 2 else GREEDY) for i in range(12)]
            return {name: replace(chunk, elapsed=0.0, prefilled=0) for name, chunk in run(engine, asked).items()}
        finally:
            engine.close()

    assert rows(checked=True) == rows(checked=False)
