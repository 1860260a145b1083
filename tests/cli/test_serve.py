"""`s1 serve` as a user starts it: a process that listens, answers, and ends in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.conftest import Run
from s1kit.engines.scripted import ScriptedEngine
from s1kit.tokenizer import Tokenizer
from unit.engines.model_server import Fault, Model, ModelServer

HELLO = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def started(tiny_model: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "s1kit.cli.main", "serve", "--engine", "scripted", "--model", str(tiny_model)]
    command += ["--port", "0", "--name", "tiny", "--effort", "low=7", "--max-answer", "16", "--context-len", "512"]
    command += ["--allow-host", "box.example"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", "TINY_KEY": "sesame"}
    with subprocess.Popen(
        [*command, "--api-key-env", "TINY_KEY"], stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        assert process.stderr is not None
        url = None
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                url = found.group()
                break
        assert url is not None
        transport = httpx.HTTPTransport(retries=8)  # the line comes just before the first connection is taken
        with httpx.Client(transport=transport) as client:
            assert client.get(url + "/health", timeout=20).json() == {"status": "ok"}
        try:
            yield process, url
        finally:
            process.kill()


def test_it_serves_and_ends_on_sigterm(started: tuple[subprocess.Popen[str], str]) -> None:
    process, url = started
    assert httpx.post(url + "/v1/chat/completions", json=HELLO).status_code == 401
    headers = {"Authorization": "Bearer sesame"}
    for host, status in (("box.example", 200), ("evil.example", 403)):
        assert httpx.get(url + "/health", headers={"Host": host}).status_code == status
    models = httpx.get(url + "/v1/models", headers=headers).json()
    assert {found["verdict"] for found in models["data"][0]["findings"]} == {"ok"}  # it was tried out
    assert models["data"][0]["id"] == "tiny"
    assert models["data"][0]["reasoning_efforts"]["low"] == 7
    body = {**HELLO, "reasoning_effort": "low", "min_thinking_tokens": 7}
    reply = httpx.post(url + "/v1/chat/completions", json=body, headers=headers, timeout=30).json()
    assert reply["budget"]["max"] == 7
    replies: list[httpx.Response] = []
    late = threading.Thread(
        target=lambda: replies.append(
            httpx.post(
                url + "/v1/chat/completions",
                json={**HELLO, "min_thinking_tokens": 300, "max_tokens": 400},
                headers=headers,
                timeout=60,
            )
        )
    )
    late.start()
    for _ in range(200):
        if "s1_rows_running 1" in httpx.get(url + "/metrics", headers=headers).text or replies:
            break
    process.send_signal(signal.SIGTERM)
    late.join(60)
    assert replies[0].status_code == 200  # what ran was finished
    assert process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/health")
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--host", "0.0.0.0"], "--api-key-env"),
        (["--api-key-env", "S1_NO_SUCH_KEY"], "S1_NO_SUCH_KEY"),
        (["--effort", "low"], "name=tokens"),
        (["--effort", "low=-2"], "name=tokens"),
        (["--format", "nope"], "known formats"),
        (["--host", "203.0.113.7", "--public"], "cannot listen"),
    ],
)
def test_it_refuses_to_start_and_says_why(s1: Run, flags: list[str], words: str) -> None:
    assert words in s1("serve", "--port", "0", *flags, check=2).stderr


@pytest.mark.parametrize("kind", ["no ids", "bos"])
def test_it_stands_in_front_of_no_server_that_cannot_continue_ids(s1: Run, tiny_model: Path, kind: str) -> None:
    tokenizer = Tokenizer.load(tiny_model)

    def make() -> ScriptedEngine:
        return ScriptedEngine.random(3, stops={}, vocab_size=tokenizer.vocab_size, context_len=2000)

    with ModelServer(Model("vllm", make, tokenizer, context_len=2000, fault=lambda seen: Fault(kind))) as stub:
        flags = ["--url", stub.url, "--model", tiny_model, "--served", "served", "--port", "0"]
        said = s1("serve", *flags, check=2).stderr
    assert "no budget can be kept" in said
    assert "hint:" in said
