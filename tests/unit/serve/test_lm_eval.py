"""EleutherAI's harness as a client: both kinds of endpoint, budgets through its own flags.

It runs in its own interpreter, named by S1_LM_EVAL or this one, as nothing of it belongs into the project's
environment. Its tasks are two small files beside this one, so nothing is fetched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s1kit.engines.open import open_engine
from s1kit.nano.shipped import resolve_model
from s1kit.serve.fields import Rules
from unit.serve.serving import Running, serving

TASKS = Path(__file__).parent / "lm_eval_tasks"
PYTHON = os.environ.get("S1_LM_EVAL", sys.executable)
THERE = subprocess.run([PYTHON, "-c", "import lm_eval"], capture_output=True).returncode == 0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not THERE, reason="lm_eval is not installed; make clients installs it and runs this"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    engine, tokenizer = open_engine("hf", resolve_model("nano"), slots=4)
    with serving(engine, rules=Rules(max_answer=48), tokenizer=tokenizer) as running:
        yield running
        running.idle()


def harness(server: Running, out: Path, kind: str, *flags: str, **more: str) -> subprocess.CompletedProcess[str]:
    path = "chat/completions" if "chat" in kind else "completions"
    facts = {"model": "test", "base_url": f"{server.url}/v1/{path}", "max_retries": "1", **more}
    command = [PYTHON, "-m", "lm_eval", "run", "--model", kind, "--include_path", str(TASKS), "--log_samples"]
    command += ["--model_args", ",".join(f"{k}={v}" for k, v in facts.items()), "--output_path", str(out), *flags]
    offline = {"HF_HOME": str(out / "home"), "HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "x"}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=TASKS, env={**os.environ, **offline}, timeout=250
    )


def samples(out: Path) -> list[dict[str, Any]]:
    [file] = out.rglob("samples_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.timeout(600)
def test_both_its_models_get_budgets_that_are_kept_and_the_same_answers(server: Running, tmp_path: Path) -> None:
    """One has its prompt rendered by the server, the other renders and tokenises it itself."""
    said = []
    for kind, more in (("local-chat-completions", {}), ("local-completions", {"tokenizer": resolve_model("nano")})):
        server.generations.clear()
        flags = ["--tasks", "s1_letters", "--apply_chat_template"]
        flags += ["--gen_kwargs", "thinking_token_budget=24,min_thinking_tokens=24"]
        done = harness(server, tmp_path / kind, kind, *flags, num_concurrent="2", **more)
        assert done.returncode == 0, done.stderr[-3000:]
        assert [g.n_thinking for g in server.generations] == [24] * 4
        said.append([sample["resps"][0][0] for sample in samples(tmp_path / kind)])
    assert len(said[0]) == 4
    assert all(text.startswith("Final Answer:") for text in said[0])
    assert said[0] == said[1]


def test_log_likelihoods_are_refused_with_the_reason(server: Running, tmp_path: Path) -> None:
    done = harness(server, tmp_path, "local-completions", "--tasks", "s1_choice", tokenizer=resolve_model("nano"))
    assert done.returncode != 0
    assert "is not supported" in done.stderr
    assert "ask the engine itself" in done.stderr
