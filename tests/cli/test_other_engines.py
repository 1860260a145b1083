"""Servers behind ``--url`` and ``--engine chat``: the same rows as in this process, refusals before any question."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from cli.conftest import Run
from s1kit.engines.scripted import ScriptedEngine
from s1kit.store.run import RunDir
from s1kit.tokenizer import Tokenizer
from unit.curate.calls.fake_server import FakeServer, Seen, whole
from unit.engines import model_server
from unit.engines.model_server import Fault, Model, ModelServer


@contextmanager
def serving(
    folder: Path,
    dialect: str = "vllm",
    fault: Callable[[model_server.Seen], Fault | None] = lambda seen: None,
) -> Iterator[tuple[list[str], Model]]:
    """The model of ``--engine scripted``, behind an address; the flags that lead there."""
    tokenizer = Tokenizer.load(folder)
    ends = {i: 0.05 for name in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(name)) is not None}

    def make() -> ScriptedEngine:
        return ScriptedEngine.random(0, stops=ends, vocab_size=tokenizer.vocab_size, context_len=4096, slots=1)

    model = Model(dialect, make, tokenizer, context_len=4096, fault=fault)
    with ModelServer(model) as server:
        flags = ["--url", server.url, "--model", str(folder), "--set", "engine.served=served"]
        yield [*flags, "--set", f"engine.profile={dialect}"], model


def run_of(folder: Path, done: CompletedProcess[str]) -> RunDir:
    return RunDir.open(folder / json.loads(done.stdout)["run"])


def rows_of(run: RunDir) -> dict[Any, Any]:
    plain = {"engine_ms": 0.0, "n_paid": 0, "n_paid_thinking": 0}
    return {(g.question_id, g.policy_id): g.model_copy(update=plain) for g in run.generations()}


@pytest.mark.parametrize("dialect", ["vllm", "sglang"])
def test_a_sweep_through_a_server_has_the_rows_of_one_in_this_process(
    s1: Run, tiny_model: Path, questions: Path, tmp_path: Path, dialect: str
) -> None:
    points = ["--benchmark", questions, "--limit", "4", "--budgets", "8,40", "--extensions", "1", "--max-answer", "8"]
    with serving(tiny_model, dialect) as (flags, _):
        there = s1("sweep", *points, *flags, "--json")
    here = s1("sweep", *points, "--engine", "scripted", "--model", tiny_model, "--json")
    assert rows_of(run_of(tmp_path, there)) == rows_of(run_of(tmp_path, here))
    found = run_of(tmp_path, there).manifest.findings
    assert {f["probe"] for f in found} >= {"exact", "max_tokens", "stop ids", "banned_ids"}
    assert {f["verdict"] for f in found} == {"ok"}


def test_a_server_that_returns_no_ids_is_refused_before_the_first_question(
    s1: Run, tiny_model: Path, questions: Path, tmp_path: Path
) -> None:
    with serving(tiny_model, fault=lambda seen: Fault("no ids")) as (flags, model):
        said = s1("eval", "--benchmark", questions, "--wait", "1", "--max-answer", "8", *flags, check=2).stderr
    assert "token ids" in said
    assert "hint:" in said
    assert not list(tmp_path.glob("runs/*"))
    assert len(model.seen) < 12  # the checks, not the questions


def test_what_a_server_does_not_keep_is_taken_back_and_done_without(
    s1: Run, tiny_model: Path, questions: Path, tmp_path: Path
) -> None:
    """min_tokens does not hold stops back: the token after a nudge is then protected by bans, with the same rows."""
    flags = ["--benchmark", questions, "--limit", "4", "--wait", "1", "--max-answer", "8", "--json"]
    with serving(tiny_model, fault=lambda seen: Fault("ignores stops")) as (there, _):
        run = run_of(tmp_path, s1("eval", *flags, *there))
    assert run.manifest.engine is not None
    assert not run.manifest.engine.min_tokens
    assert {f["probe"] for f in run.manifest.findings if f["verdict"] == "wrong"} == {"min_tokens"}
    here = run_of(tmp_path, s1("eval", *flags, "--engine", "scripted", "--model", tiny_model))
    tokens = [{(g.question_id, g.policy_id): g.token_ids for g in each.generations()} for each in (run, here)]
    assert tokens[0] == tokens[1]


def test_a_server_without_bans_may_cut_but_not_extend(s1: Run, tiny_model: Path, questions: Path) -> None:
    with serving(tiny_model, "openai") as (flags, _):
        said = s1("eval", "--benchmark", questions, "--wait", "1", "--max-answer", "8", *flags, check=2).stderr
    assert "banned ids" in said
    assert "completions in front of vLLM" in said


def test_ask_through_a_server_is_ask_in_this_process(s1: Run, tiny_model: Path) -> None:
    asked = ["ask", "How many?", "--wait", "1", "--max-answer", "8", "--json"]
    here = json.loads(s1(*asked, "--engine", "scripted", "--model", tiny_model).stdout)
    with serving(tiny_model) as (flags, _):
        there = json.loads(s1(*asked, *flags).stdout)
    assert there["token_ids"] == here["token_ids"]
    assert s1("ask", "How many?", "--url", "http://127.0.0.1:9/v1", "--model", tiny_model, check=2).stderr.count("hint")


def test_a_chat_endpoint_is_evaluated_with_its_own_budgets_and_nothing_is_forced(
    s1: Run, questions: Path, tiny_model: Path
) -> None:
    def answer(seen: Seen) -> Any:
        effort = seen.body.get("reasoning_effort", "none")
        return whole(content="The answer is 2.", reasoning_content={"high": "a long thought"}.get(effort, ""))

    with FakeServer(answer) as server:
        flags = ["--engine", "chat", "--model", "m", "--url", server.url, "--benchmark", questions, "--limit", "2"]
        done = s1("eval", *flags, "--native", "reasoning_effort=high", "--json")
        assert {seen.body["reasoning_effort"] for seen in server.script.seen} == {"high"}
        asked = server.requests
        assert "place tokens" in s1("eval", *flags, "--wait", "1", check=2).stderr
        assert "place tokens" in s1("sweep", *flags, "--budgets", "8", check=2).stderr
        assert "s1 eval only" in s1("ask", "hi", "--engine", "chat", "--url", server.url, check=2).stderr
        assert server.requests == asked
    metrics = json.loads(done.stdout)["metrics"]
    assert [(p["label"], p["n"], p["n_correct"]) for p in metrics["points"]] == [("reasoning_effort high", 2, 1)]
    s1("runs", "verify", json.loads(done.stdout)["run"])
    native = ["eval", "--native", "a=1", "--engine", "scripted", "--model", tiny_model]
    assert "engine chat" in s1(*native, check=2).stderr
    assert "different policies" in s1("eval", "--native", "a=1", "--wait", "1", check=2).stderr
