"""Fixtures for every test: nothing here may need a network, an accelerator or data outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side: as many threads each as cores would fight for them
    os.environ.setdefault("OMP_NUM_THREADS", "1")
pytest.register_assert_rewrite("contract.suite")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random Qwen2 checkpoint with its tokenizer: 256 positions, built once per session."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # matrices this small only lose by threads, and tests run in parallel
    from tiny_model import build

    return build(tmp_path_factory.mktemp("models") / "tiny")
