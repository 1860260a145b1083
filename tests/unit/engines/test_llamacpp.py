"""Engine completions against llama.cpp: its own server, and the one of its Python package (``make llama-cpp``).

The model is nano, written as GGUF in float32. The server is run so that a row depends on nothing but itself: keys and
values in float32, no flash attention, a part of the cache for each slot.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.suite import one, run
from s1kit.benchmarks.registry import load
from s1kit.engines.base import Engine, EngineError, Request
from s1kit.engines.open import open_engine
from s1kit.engines.probe import Finding, probe, quick, refusal
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed
from s1kit.types import Generation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NANO = resolve_model("nano")
SLOTS, CONTEXT = 4, 2048
BUILT = Path(sys.prefix) / "llama.cpp"
"""Where ``make llama-cpp`` puts both."""
SERVER = Path(os.environ.get("S1KIT_LLAMA_SERVER") or BUILT / "build/bin/llama-server")
PYTHON = Path(os.environ.get("S1KIT_LLAMA_PYTHON") or BUILT / "bin/python")
EXACT = ["--flash-attn", "off", "--cache-type-k", "f32", "--cache-type-v", "f32", "--no-kv-unified"]
POLICIES = [
    BudgetForcing(max_thinking=60, max_answer=40),
    BudgetForcing(extensions=2, max_answer=40),
    Unforced(max_tokens=200),
]
PROMPT = "<|im_start|>user\nHow many r in raspberry?<|im_end|>\n<|im_start|>assistant\n<|im_start|>think\n"


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nano for llama.cpp."""
    pytest.importorskip("gguf", reason="the package gguf is not installed: make llama-cpp")
    from gguf_model import write

    return write(Path(NANO), tmp_path_factory.mktemp("gguf") / "nano.gguf")


@contextmanager
def listening(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[str]:
    """The address of a server that says on which port it listens, once it answers; it ends with the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, **environment})
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            assert process.poll() is None, log.read_text()
            if found := re.search(r"http://127\.0\.0\.1:[1-9]\d*", log.read_text()):
                with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=30) as client:
                    if client.get(found.group() + "/v1/models").status_code == 200:  # 503 while the model loads
                        break
            time.sleep(0.05)
        else:
            raise AssertionError(f"it never listened: {log.read_text()}")
        yield found.group()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def own_server(gguf_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's own server, on the nano model."""
    if not SERVER.is_file():
        pytest.skip("no llama-server: make llama-cpp, or name one in S1KIT_LLAMA_SERVER")
    room = ["--parallel", str(SLOTS), "--ctx-size", str(SLOTS * CONTEXT), "--cache-ram", "0", "--threads", "1"]
    command = [SERVER, "--model", gguf_file, "--host", "127.0.0.1", "--port", "0", *room, *EXACT]
    with listening([*command, "--no-warmup", "--no-ui"], tmp_path_factory.mktemp("own") / "log") as url:
        yield url


@pytest.fixture(scope="module")
def python_server(gguf_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of llama.cpp's Python package: text in, text out."""
    if not PYTHON.is_file() or subprocess.run([PYTHON, "-c", "import llama_cpp.server"], check=False).returncode:
        pytest.skip("no llama_cpp.server: make llama-cpp, or name its interpreter in S1KIT_LLAMA_PYTHON")
    command = [PYTHON, "-m", "llama_cpp.server", "--model", gguf_file, "--model_alias", "nano", "--n_threads", "1"]
    command += ["--host", "127.0.0.1", "--port", "0", "--n_ctx", str(CONTEXT), "--type_k", "0", "--type_v", "0"]
    with listening(command, tmp_path_factory.mktemp("python") / "log") as url:
        yield url


def opened(url: str, profile: str, **options: Any) -> Engine:
    return open_engine("completions", NANO, url=url, profile=profile, served="nano", slots=SLOTS, **options)[0]


@pytest.fixture
def engine(own_server: str) -> Iterator[Engine]:
    """The completions engine in front of llama.cpp's own server."""
    made = opened(own_server, "llamacpp")
    yield made
    made.close()


def tried(engine: Engine, trying: Callable[..., list[Finding]]) -> tuple[dict[str, Finding], str | None]:
    """What is found out at the beginning of a thought, by name, and why no policy could run, if so."""
    fmt = load_format("s1").resolve(engine.tokenizer)
    ids, opening = fmt.render([{"role": "user", "content": "How many r in raspberry?"}], None)
    findings = trying(engine, ids + opening, [(stop,) for stop in fmt.think_stop_ids])
    return {finding.probe: finding for finding in findings}, refusal(findings)


def generations(engine: Engine) -> list[Generation]:
    """Eight questions under every policy, in order."""
    fmt = load_format("s1").resolve(engine.tokenizer)
    plans = [Plan.make(policy, fmt, Sampling(), engine.info) for policy in POLICIES]
    rows = []
    for question in load("nano_mixed", 8):
        ids, opening = fmt.render([{"role": "user", "content": question.prompt()}], None)
        rows.append(Row(question.id, ids, opening, seed=row_seed(0, question.id, 0)))
    done = {g.key: g for g in drive((machine(plan, row) for plan in plans for row in rows), engine)}
    return [done[row.question_id, plan.policy_id, 0] for plan in plans for row in rows]


# -- llama.cpp's own server


def test_doctor_finds_all_that_the_profile_claims(engine: Engine) -> None:
    found, refused = tried(engine, probe)
    wrong = {name: finding.detail for name, finding in found.items() if finding.verdict == "wrong"}
    assert wrong == {}
    assert refused is None
    verdicts = {name: found[name].verdict for name in ("exact", "stop ids", "banned_ids", "cut and continued", "seed")}
    assert set(verdicts.values()) == {"ok"}, verdicts
    assert {found["min_tokens"].verdict, found["logprobs"].verdict} == {"absent"}
    assert found["prefix reuse"].found  # the slot of the request before holds the context


def test_greedy_generations_are_those_of_transformers(engine: Engine) -> None:
    """Token for token in float32, over the maximum, the minimum and no forcing at all."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from s1kit.engines.hf import HFEngine

    reference = HFEngine(NANO, slots=8)
    expected = generations(reference)
    reference.close()
    got = generations(engine)
    assert [g.error for g in got] == [None] * 24
    assert [(g.policy_id, g.token_ids) for g in got] == [(g.policy_id, g.token_ids) for g in expected]
    assert [g.exact for g in got] == [True] * 24
    assert max(len(g.token_ids or ()) for g in got) > 100  # long enough to part, had they numerics of their own


def test_a_special_token_is_seen_as_a_stop_and_as_a_token(engine: Engine) -> None:
    """The end of thinking comes back as its id, whether it was asked for or not."""
    prompt = engine.tokenizer.encode(PROMPT)
    mark = engine.tokenizer.id_of("<|im_start|>")
    assert mark is not None
    stopped = one(engine, Request("stopped", prompt, 200, stop_ids=(mark,)))
    free = one(engine, Request("free", prompt, 200))
    assert (stopped.finish, stopped.stop_id) == ("stop", mark)
    assert free.tokens[: len(stopped.tokens) + 1] == (*stopped.tokens, mark)
    held = one(engine, Request("held", prompt, len(stopped.tokens) + 8, banned_ids=(mark,)))
    assert mark not in held.tokens
    assert held.tokens[: len(stopped.tokens)] == stopped.tokens


def test_a_stop_is_its_ids_not_its_text(engine: Engine) -> None:
    """The server looks for stops in the text, where "1" is also the beginning of "15"."""
    ids = engine.tokenizer.encode("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,")
    free = one(engine, Request("free", ids, 24)).tokens
    words = [engine.tokenizer.decode([i]) for i in free]
    inside = next(
        i
        for i in range(engine.info.vocab_size - 3)
        if i not in free and (word := engine.tokenizer.decode([i])).isalnum() and any(word in w for w in words[:-1])
    )
    assert one(engine, Request("stopped", ids, 24, stop_ids=(inside,))).tokens == free


def test_a_frequency_penalty_counts_the_whole_context_as_with_transformers(engine: Engine) -> None:
    pytest.importorskip("torch").set_num_threads(1)
    from s1kit.engines.hf import HFEngine

    ends = tuple(i for name in ("<|endoftext|>", "<|im_end|>") if (i := engine.tokenizer.id_of(name)) is not None)
    prompt, sampling = engine.tokenizer.encode(PROMPT), Sampling(frequency_penalty=0.7)
    request = Request("whole", prompt, 200, sampling=sampling, banned_ids=ends)  # it cannot be told to go on at them
    reference = HFEngine(NANO, slots=1)
    expected = one(reference, request).tokens
    reference.close()
    assert len(expected) == 200  # beyond the 64 tokens that the server would look back by itself
    assert one(engine, request).tokens == expected


def test_the_nucleus_is_cut_after_the_temperature(engine: Engine) -> None:
    """Many first tokens at temperature 2: of those that only the warm nucleus holds, some must come."""
    torch = pytest.importorskip("torch")
    from s1kit.engines.hf import HFEngine

    ids = (37, 411, 902, 88, 7, 640)
    reference = HFEngine(NANO, slots=1)
    [chosen] = one(reference, Request("likely", ids, 1, top_logprobs=20)).logprobs or ()
    reference.close()
    logs = torch.tensor([log for _, log in chosen])
    cold = {token for (token, _), p in zip(chosen, logs.exp().cumsum(0) - logs.exp(), strict=True) if p < 0.5}
    asked = [Request(f"{i}", ids, 1, sampling=Sampling(temperature=2.0, top_p=0.5, seed=i)) for i in range(100)]
    came = {token for chunk in run(engine, asked).values() for token in chunk.tokens}
    assert len(cold) < 20
    assert came - cold


# -- the server of the Python package


def test_the_python_package_s_server_is_not_taken_for_llama_cpp_s_own(python_server: str) -> None:
    with pytest.raises(EngineError, match="no /props"):
        opened(python_server, "llamacpp")


def test_doctor_refuses_a_server_that_leaves_special_tokens_out_of_its_text(python_server: str) -> None:
    """It takes no ids, returns none, and nobody sees where a thought ends: no policy could force anything."""
    engine = opened(python_server, "openai")
    try:
        found, refused = tried(engine, quick)  # the server takes one request at a time
    finally:
        engine.close()
    assert found["exact"].verdict == "absent"
    assert found["end of thinking"].verdict == "wrong"
    assert "leaves special tokens out of its text" in found["end of thinking"].hint
    assert refused is not None
    assert refused.startswith("no budget can be kept")
