"""The engines under contract. A new adapter joins the suite with one entry here."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.suite import CONTEXT, VOCABULARY, Subject
from s1kit.engines.base import Engine
from s1kit.engines.scripted import ScriptedEngine


def scripted(folder: Path) -> Subject:
    def make(slots: int) -> Engine:
        return ScriptedEngine.random(7, slots=slots, vocab_size=VOCABULARY, context_len=CONTEXT)

    return Subject(make, folder)


def hf(folder: Path) -> Subject:
    from s1kit.engines.hf import HFEngine

    return Subject(lambda slots: HFEngine(folder, slots=slots), folder)


@pytest.fixture(params=[scripted, hf], ids=["scripted", "hf"])
def subject(request: pytest.FixtureRequest, tiny_model: Path) -> Subject:
    """One engine, as a function of its slots."""
    made: Subject = request.param(tiny_model)
    return made
