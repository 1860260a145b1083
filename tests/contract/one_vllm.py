"""The vLLM engine that is open in this process, kept while tests ask for the same one: starting it costs seconds.

Two cannot live in one process, so asking for another closes the one before. What is kept is idle: a test that left
requests in flight gets a new one next time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

MARKS = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # vLLM's own
    pytest.mark.xdist_group("vllm"),  # one worker: two would start every engine twice and share the cores
]


class OneVLLM:
    """Opens vLLM engines, one at a time."""

    def __init__(self) -> None:
        self.engine: Any = None
        self.starts = 0
        self._asked: tuple[str, dict[str, Any]] | None = None

    def __call__(self, model: str | Path, **options: Any) -> Any:
        """An idle engine for ``model`` with these options of VLLMEngine: the open one where it is that."""
        from s1kit.engines.vllm import VLLMEngine

        asked = (str(model), options)
        if self.engine is not None and (self._asked != asked or self._busy()):
            self.close()
        if self.engine is None:
            self.engine = VLLMEngine(model, **options)
            self._asked, self.starts = asked, self.starts + 1
        return self.engine

    def close(self) -> None:
        """End what is open."""
        if self.engine is not None:
            self.engine.close()
        self.engine = None

    def _busy(self) -> bool:
        """Closed by the test itself, or not at rest."""
        return bool(self.engine._closed or self.engine._live)
