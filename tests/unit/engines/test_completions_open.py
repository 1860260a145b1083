"""From an address to an engine: what is asked of the server, what has to be given, what is refused before any row."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from contract.suite import one, prompt
from s1kit.engines.base import EngineError, Request
from s1kit.engines.completions_open import model_folder, open_completions
from s1kit.engines.completions_profile import PROFILES
from s1kit.engines.open import KINDS, open_engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.engines.settings import EngineConfig
from s1kit.tokenizer import Tokenizer
from unit.engines.model_server import Model, ModelServer


def model(folder: Path, dialect: str = "vllm", **fields: Any) -> Model:
    return Model(dialect, lambda: ScriptedEngine.random(1, vocab_size=316), Tokenizer.load(folder), **fields)


def folder_without(source: Path, target: Path, *names: str) -> Path:
    shutil.copytree(source, target)
    for name in names:
        (target / name).unlink()
    return target


@pytest.mark.parametrize("dialect", PROFILES)
def test_what_a_server_says_of_itself_is_in_the_info(tiny_model: Path, dialect: str) -> None:
    with ModelServer(model(tiny_model, dialect, context_len=200)) as server:
        engine, tokenizer = open_engine(
            "completions", str(tiny_model), url=server.url, profile=dialect, served="served"
        )
        engine.close()
    info, profile = engine.info, PROFILES[dialect]
    assert (info.name, info.model, info.crn) == ("completions", "served", False)
    assert info.version == f"{dialect} {({'vllm': '9.9', 'llamacpp': 'b1'}).get(dialect, 'unknown')}"
    assert info.context_len == (256 if dialect == "openai" else 200)  # a plain server does not say: config.json does
    assert info.vocab_size == (316 if profile.exact else tokenizer.vocab_size)
    assert (info.exact, info.min_tokens, info.banned_ids) == (profile.exact, profile.min_tokens, profile.banned_ids)
    assert info.tokenizer_hash == Tokenizer.load(tiny_model).hash


def test_what_is_missing_or_wrong_is_said_before_the_first_request(tiny_model: Path, tmp_path: Path) -> None:
    bare = folder_without(tiny_model, tmp_path / "bare", "config.json")

    def refused(words: str, source: Path | str = tiny_model, **options: Any) -> None:
        with pytest.raises(EngineError, match=words):
            open_completions(source, **{"url": server.url, "served": "served", **options})

    with ModelServer(model(tiny_model)) as server:
        refused("needs engine.url", url=None)
        refused("no address of a server", url="localhost:8000")
        refused("unknown engine.profile 'tgi'\nhint: known profiles: vllm, sglang", profile="tgi")
        refused("slots=0", slots=0)
        refused("no model 'other'; it has: served\nhint: set engine.served", served="other")
        refused("context_len 999 is more than the server holds", context_len=999)
        refused("neither a folder nor a hub id\nhint: set engine.tokenizer", source="some-name")
        refused("no /props", profile="llamacpp")
    with ModelServer(model(tiny_model, "openai")) as server:
        refused("how long the context is\nhint: set engine.context_len", source=bare, profile="openai")
        engine, _ = open_completions(bare, url=server.url, served="served", profile="openai", context_len=77)
        engine.close()
        assert engine.info.context_len == 77
    with pytest.raises(EngineError, match="is it running"):
        open_completions(tiny_model, url=server.url, served="served")
    assert not model_folder(tiny_model).is_file()


def test_the_key_comes_from_the_environment(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = model(tiny_model, key="sk-right")
    with ModelServer(served) as server:
        with pytest.raises(EngineError, match=r"wrong key\nhint: set engine.api_key_env"):
            open_completions(tiny_model, url=server.url, served="served")
        monkeypatch.setenv("S1KIT_TEST_KEY", " sk-right\n")
        engine, _ = open_completions(tiny_model, url=server.url, served="served", api_key_env="S1KIT_TEST_KEY")
        assert one(engine, Request("a", prompt(1), 3)).finish == "length"
        served.key = "sk-another"
        chunk = one(engine, Request("b", prompt(1), 3))
        engine.close()
    assert "is the key in S1KIT_TEST_KEY right" in str(chunk.error)
    assert "sk-right" not in str(chunk.error)
    monkeypatch.setenv("S1KIT_TEST_KEY", "sk\nright")
    with pytest.raises(EngineError, match="signs that no header can carry"):
        open_completions(tiny_model, url=server.url, served="served", api_key_env="S1KIT_TEST_KEY")


def test_the_configuration_has_a_place_for_every_option() -> None:
    options = EngineConfig(kind="completions").model_dump(exclude={"kind"})
    with pytest.raises(EngineError, match=r"needs engine\.url"):
        open_engine("completions", "m", **options)
    assert "completions" in KINDS
