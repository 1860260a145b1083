"""The hf engine on CUDA, under the same contract as on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.suite import Subject


@pytest.fixture
def subject(tiny_model: Path) -> Subject:
    """The hf engine on the first CUDA device; skipped without one."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from s1kit.engines.hf import HFEngine

    return Subject(lambda slots: HFEngine(tiny_model, slots=slots, device="cuda"), tiny_model)
