"""A small curation of the nano world: its recipe, run in this process, and its files as records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from s1kit.config import load
from s1kit.curate.calls.answering import Tally
from s1kit.curate.folder import Folder
from s1kit.curate.pipeline import run
from s1kit.curate.recipe import CurateConfig
from s1kit.types import Decision

EVALUATIONS = {name: name for name in ("nano_mixed", "nano_hard", "nano_choice")}
RULE = {"mode": "coverage", "least_coverage": 0.6, "boilerplate": 3, "near": 0.8}
STEPS = ("quality", "duplicates", "decontaminate", "trace", "domain")


def recipe(limit: int = 60, **changes: Any) -> dict[str, Any]:
    """Settings of a curation of ``limit`` nano rows without solvers; ``changes`` replace whole groups."""
    base: dict[str, Any] = {
        "name": "tiny",
        "sources": [{"source": "nano_pool", "limit": limit}],
        "steps": list(STEPS),
        "decontaminate": {"evaluations": EVALUATIONS, **RULE},
        "trace": {"teacher": {"kind": "nano_teacher", "fails": 0.05}},
        "domain": {"by": "column"},
        "select": {"rule": "paper", "size": 12},
    }
    return {**base, **changes}


def config(**changes: Any) -> CurateConfig:
    """The recipe as the command line would read it."""
    return load(CurateConfig, None, recipe(**changes))[0]


def curate(out: Path, until: str = "build", said: list[str] | None = None, **changes: Any) -> Folder:
    """The curation run below ``out``; ``said`` takes what was told."""
    say: Callable[[str], None] = (said if said is not None else []).append
    return run(config(out=str(out), **changes), bar=no_bar, say=say, until=until)


@contextmanager
def no_bar(title: str, total: int) -> Iterator[Callable[[Tally], None]]:
    """Nobody looks."""
    yield lambda tally: None


def decisions(folder: Folder) -> dict[str, dict[int, Decision]]:
    """Step -> row -> what was said of it."""
    return {step: {d.row: d for d in folder.decisions(step)} for step in folder.steps()}


def kept(folder: Folder) -> set[int]:
    """Rows that no step dropped."""
    return set(folder.alive(folder.steps()).nonzero()[0].tolist())
