"""The cells of the data ablations (paper, Tables 2 and 7): which rows are trained on, with which seed, cut or not.

Knows commands and folders: a cell is `s1 train` and `s1 sweep` with settings of its own, and done when its run is
finished. Refuses to know results. All cells of a folder share one curation.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from s1kit.types import Record

Row = Literal["s1K", "random", "diverse", "longest", "full"]
RULES: dict[Row, str] = {"s1K": "paper", "random": "random", "diverse": "diverse", "longest": "longest", "full": "full"}


class Scale(Record):
    """How large the miniature is. The defaults keep the paper's shape: a few per cent of the pool are selected."""

    pool: int = 2400
    size: int = 200
    seeds: tuple[int, ...] = (0, 1, 2)
    questions: int = 200
    benchmark: str = "nano_mixed"
    epochs: float = 5
    learning_rate: float = 1e-3
    cut: int = 128
    """Tokens at which Table 7's other column cuts its rows."""


class Cell(Record):
    """One trained and measured model."""

    table: Literal["table2", "table7"]
    row: str
    seed: int
    selection: str
    """Name of the selection in the curation."""
    max_tokens: int | None = None

    @property
    def name(self) -> str:
        """Folder of its weights, and of its run."""
        return f"{self.table}-{self.row}-seed{self.seed}"


def curation(scale: Scale) -> dict[str, Any]:
    """The recipe of the shared curation: the demo's, larger, with every selection of every cell."""
    from s1kit.nano.demo import CURATION

    selections = [_selection(row, seed, scale) for row in RULES for seed in scale.seeds if row != "full" or seed == 0]
    return {
        **CURATION,
        "name": "reproduce",
        "sources": [{"source": "nano_pool", "limit": scale.pool}],
        "select": selections[0],
        "comparisons": selections[1:],
        "train": {**CURATION["train"], "comparisons": True, "max_tokens": None},
    }


def cells(scale: Scale) -> Iterator[Cell]:
    """Every cell, those of one seed together, so that a table has a first column before it has a second."""
    for seed in scale.seeds:
        for row in RULES:
            label = str(_selection(row, 0 if row == "full" else seed, scale)["name"])
            yield Cell(table="table2", row=row, seed=seed, selection=label)
        label = str(_selection("longest", seed, scale)["name"])
        for named, limit in ((f"cut-at-{scale.cut}", scale.cut), ("whole", None)):
            yield Cell(table="table7", row=named, seed=seed, selection=label, max_tokens=limit)


def training(cell: Cell, scale: Scale, curated: Path, out: Path) -> dict[str, Any]:
    """The recipe of `s1 train`."""
    return {
        "base": "nano-base",
        "data": str(curated / "trainsets" / f"{cell.selection}-s1"),
        "out": str(out / "models" / cell.name),
        "epochs": scale.epochs,
        "learning_rate": scale.learning_rate,
        "seed": cell.seed,
        "max_tokens": cell.max_tokens,
        "on_overflow": "cut" if cell.max_tokens else "refuse",
    }


def measuring(cell: Cell, scale: Scale, out: Path) -> dict[str, Any]:
    """The recipe of `s1 sweep`: the natural end, and one "Wait"."""
    return {
        "benchmark": scale.benchmark,
        "limit": scale.questions,
        "model": str(out / "models" / cell.name),
        "format": "s1",
        "extensions": [1],
        "max_answer": 16,
        "out": str(out / "runs" / cell.name),
    }


def _selection(row: str, seed: int, scale: Scale) -> dict[str, Any]:
    return {"rule": RULES[row], "size": scale.size, "seed": seed, "name": f"{row}-seed{seed}"}  # type: ignore[index]
