"""``s1 compare`` in this process, so that what it opens can be watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from s1kit.cli.compare import compare
from s1kit.engines import open as opening
from s1kit.engines.base import Engine
from s1kit.store.run import RunDir
from s1kit.types import Generation

Compare = Callable[..., dict[str, Any]]
SUMS = "".join(f'{{"question": "What is {i} + {i}?", "answer": "{2 * i}"}}\n' for i in range(6))


def sums(folder: Path, text: str = SUMS) -> Path:
    """A benchmark of six sums."""
    file = folder / "sums.jsonl"
    file.write_text(text)
    return file


def comparer(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Calls ``s1 compare`` with methods and settings, and gives what it printed as JSON."""

    def call(*methods: dict[str, Any], **settings: Any) -> dict[str, Any]:
        shared = {
            "benchmark": str(folder / "sums.jsonl"),
            "limit": 3,
            "max_answer": 6,
            "seeds": 2,
            "out": str(folder / "runs"),
            "engine": {"kind": "scripted", "slots": 4, "context_len": 300},
        }
        file = folder / "recipe.yaml"
        file.write_text(yaml.safe_dump({**shared, "methods": list(methods), **settings}))
        capsys.readouterr()
        compare(file, as_json=True)
        found: dict[str, Any] = json.loads(capsys.readouterr().out, parse_constant=_refuse)
        return found

    return call


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


class Watched:
    """Engines that were opened, and rows that were stored."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engines: list[Engine] = []
        self.rows: list[Generation] = []
        self.dies: tuple[int, int] | None = None
        """The engine (counted from 1) and the batch of its rows at which the power goes."""
        real_open, real_append = opening.open_engine, RunDir.append_many
        batches = [0, 0, 0, 0]

        def spying(*arguments: Any, **options: Any) -> Any:
            made = real_open(*arguments, **options)
            self.engines.append(made[0])
            return made

        def append_many(run: RunDir, rows: Sequence[Generation]) -> None:
            batches[len(self.engines)] += 1
            if self.dies == (len(self.engines), batches[len(self.engines)]):
                raise RuntimeError("no power")
            self.rows += rows
            real_append(run, rows)

        monkeypatch.setattr(opening, "open_engine", spying)
        monkeypatch.setattr(RunDir, "append_many", append_many)

    def policies(self) -> set[str]:
        """Readable halves of the names of the policies that were generated."""
        return {row.policy_id.rpartition("-")[0] for row in self.rows}

    def forget(self) -> None:
        """Begin again."""
        self.engines.clear()
        self.rows.clear()
