"""``s1 doctor`` as a user calls it: a real model, servers that are closed or not what they should be, exit codes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from cli.conftest import Run
from s1kit.engines.scripted import ScriptedEngine
from s1kit.tokenizer import Tokenizer
from unit.engines.model_server import Model, ModelServer
from unit.engines.test_probe_server import Mute, Talk


@pytest.mark.slow
def test_the_shipped_model_keeps_every_promise_and_the_json_says_so(s1: Run) -> None:
    told = s1("doctor", "nano", "--conformance", "--determinism", "--limit", "4", "--json")
    found = json.loads(told.stdout)
    assert {f["verdict"] for f in found["findings"]} == {"ok"}
    assert {"probe", "claimed", "found", "detail", "hint", "verdict"} <= set(found["findings"][0])
    assert found["engine"]["name"] == "hf"
    assert found["refused"] is None
    assert found["vectors"]["total"] > 90
    assert [k["broken"] for k in found["conformance"]] == [[]] * 6
    assert {c["identical"] for c in found["determinism"]} == {4}
    assert len(found["determinism"]) == 5, "8, 32, cut, without hints, without the prefix cache"
    assert len({s["accuracy"] for s in found["accuracy"]}) == 1


def test_the_table_names_what_was_tried(s1: Run, tiny_model: Path) -> None:
    told = s1("doctor", tiny_model, "--engine", "scripted")
    assert "stop ids" in told.stdout
    assert "absent" in told.stdout, "the scripted engine has no log-probabilities, and does not claim them"


def test_what_cannot_be_opened_is_refused_with_a_hint(s1: Run, tiny_model: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    for arguments, said in (
        ((url, "--tokenizer", tiny_model), "is it running"),
        ((url,), "--tokenizer"),
        (("nano", "--conformance", "--benchmark", "nosuch"), "built in"),
    ):
        told = s1("doctor", *arguments, check=2)
        assert told.stdout == ""
        assert "hint:" in told.stderr
        assert said in told.stderr


@pytest.mark.slow
def test_a_folder_without_a_model_is_refused_with_a_hint(s1: Run, tmp_path: Path) -> None:
    told = s1("doctor", tmp_path, check=2)
    assert "not a transformers model" in told.stderr
    assert "hint:" in told.stderr


def served(model: Model, s1: Run, folder: Path, profile: str, check: int) -> dict[str, dict[str, str]]:
    """What doctor says of a server, by probe; under ``refused`` the reason."""
    with ModelServer(model) as server:
        arguments = ("--profile", profile, "--tokenizer", folder, "--served", "served", "--json")
        told = s1("doctor", server.url, *arguments, check=check)
    found = json.loads(told.stdout)
    return {f["probe"]: f for f in found["findings"]} | {"refused": {"said": found["refused"] or ""}}


def test_a_server_of_the_model_passes(s1: Run, tiny_model: Path) -> None:
    talk = Talk(tiny_model)
    found = served(Model("vllm", talk.engine, talk.tokenizer, eos=talk.end), s1, tiny_model, "vllm", 0)
    assert not {name for name, f in found.items() if f.get("verdict") == "wrong"}
    assert found["tokenizer"]["verdict"] == "ok"
    assert found["native budget"]["verdict"] == "not tried"


def test_a_text_server_without_delimiters_is_refused_with_that_reason(s1: Run, tiny_model: Path) -> None:
    talk = Talk(tiny_model)
    found = served(Model("openai", talk.engine, Mute.load(tiny_model), eos=talk.end), s1, tiny_model, "openai", 1)
    assert found["end of thinking"]["verdict"] == "wrong"
    assert "special tokens" in found["refused"]["said"]


def test_a_server_of_a_larger_vocabulary_is_not_this_model(s1: Run, tiny_model: Path) -> None:
    def larger() -> ScriptedEngine:
        return ScriptedEngine(lambda context, request: 5000, vocab_size=6000, context_len=256, slots=1)

    found = served(Model("vllm", larger, Tokenizer.load(tiny_model)), s1, tiny_model, "vllm", 1)
    assert found["answers"]["verdict"] == "wrong"
    assert "5000" in found["answers"]["detail"]
    assert found["refused"]["said"]
