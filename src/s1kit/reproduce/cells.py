"""The cells of the paper in miniature: which model is trained on which rows, and how it is measured.

Knows commands and folders: a cell is `s1 train` and one measuring verb with settings of its own, and done when its run
is finished. Refuses to know results. All cells of a folder share one curation, and cells that need the same weights or
the same measurements share those: the main run's model is a cell of Table 2, Table 7's whole rows are its longest ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat

from s1kit.conditions import Unit
from s1kit.engines.settings import Positive
from s1kit.types import Record

Part = Literal["main", "table2", "table7", "variants", "figure2", "figure3", "figure9"]
Measure = Literal["sweep", "ends", "base", "ask-tokens", "ask-steps", "raspberry"]
"""sweep: the whole curve. ends: natural and one "Wait". base: as it writes on its own. ask: prompts that ask for an
amount of thinking. raspberry: one question, natural and one "Wait"."""

RASPBERRY = {"question": "How many r in raspberry?", "answer": "3"}
"""The question of the paper's Figure 3."""

RULES: dict[str, str] = {"s1K": "paper", "random": "random", "diverse": "diverse", "longest": "longest", "full": "full"}
"""Table 2's rows, and the selection rule of each."""
ASKED: dict[Unit, tuple[int, ...]] = {"tokens": (8, 16, 32, 64, 128, 256, 512), "steps": (1, 2, 4, 8)}
"""Buckets of powers of two, as in training; over the range that the nano teacher's traces have."""
BASE = "nano-base"
MAX_ANSWER = 16


class Scale(Record):
    """How large the miniature is. The defaults keep the paper's shape: a few per cent of the pool are selected."""

    pool: Positive = 2400
    size: Positive = 200
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    questions: Positive = 500
    """Of the tables' cells, which have two points each."""
    curve: Positive = 200
    """Questions of the main run's curve of eleven points."""
    benchmark: str = "nano_mixed"
    epochs: PositiveFloat = 5
    learning_rate: PositiveFloat = 1e-3
    cut: Positive = 128
    """Tokens at which Table 7's other column cuts its rows."""
    traces: Positive = 1000
    """Rows of the token- and step-conditional models, which are trained on the nano teacher's traces."""
    compared: Positive | None = None
    """At most so many questions of each comparison; None: as many as its recipe says."""


class Model(Record):
    """A model of the miniature: its rows, its seed, and what was done to the rows."""

    data: str
    """Name of a selection of the curation; with a condition, the nano teacher's traces."""
    seed: int
    cut: int | None = None
    condition: Literal["none", "token", "step"] = "none"

    @property
    def name(self) -> str:
        """Folder of its weights: equal names are equal trainings."""
        cut = "" if self.cut is None else f"-cut{self.cut}"
        asked = "" if self.condition == "none" else f"-{self.condition}"
        return f"{self.data}{cut}{asked}-seed{self.seed}"


class Cell(Record):
    """One measured model, in its place in a table."""

    part: Part
    row: str
    seed: int
    model: Model | None
    """None: the base itself, or weights that ship."""
    measure: Measure
    weights: str = BASE
    """Where there is no ``model``."""
    given: str | None = None
    """Values of its recipe that are not the nano world's (format, engine ...), as JSON."""

    @property
    def name(self) -> str:
        """What `--only` calls it."""
        return f"{self.part}-{self.row}-seed{self.seed}"

    @property
    def run(self) -> str:
        """Folder of its run: cells that measure the same thing share it."""
        return f"{self.model.name if self.model else Path(self.weights).name}-{self.measure}"


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
    """Every cell: the main run first, then those of one seed together, so that a table has a first column early."""
    first = scale.seeds[0]
    yield Cell(part="main", row="s1K", seed=first, model=_trained("s1K", first, scale), measure="sweep")
    for seed in scale.seeds:
        for row in RULES:
            yield Cell(part="table2", row=row, seed=seed, model=_trained(row, seed, scale), measure="ends")
        for row, cut in ((f"cut-at-{scale.cut}", scale.cut), ("whole", None)):
            model = _trained("longest", seed, scale).model_copy(update={"cut": cut})
            yield Cell(part="table7", row=row, seed=seed, model=model, measure="ends")
    yield Cell(part="variants", row="base", seed=0, model=None, measure="base")
    yield Cell(part="variants", row="fine-tuned", seed=0, model=None, measure="ends", weights="nano")
    token = Model(data="nano_traces", seed=0, condition="token")
    yield Cell(part="variants", row="token-conditional", seed=0, model=token, measure="ask-tokens")
    step = Model(data="nano_steps", seed=0, condition="step")
    yield Cell(part="variants", row="step-conditional", seed=0, model=step, measure="ask-steps")
    yield from _figures(scale)


def _figures(scale: Scale) -> Iterator[Cell]:
    """Figures whose data are cells. All but the raspberry are measured by other cells already."""
    first = scale.seeds[0]
    yield Cell(part="figure2", row="base", seed=0, model=None, measure="base")
    for row in ("s1K", "full"):
        yield Cell(part="figure2", row=row, seed=first, model=_trained(row, first, scale), measure="ends")
    yield Cell(part="figure3", row="raspberry", seed=0, model=None, measure="raspberry", weights="nano")
    yield Cell(part="figure9", row="s1K", seed=first, model=_trained("s1K", first, scale), measure="sweep")


def questions_of(cell: Cell, out: Path) -> tuple[Path, str] | None:
    """The file of a cell's own questions and its content (JSON lines); None where it has a benchmark's."""
    if cell.measure != "raspberry":
        return None
    return out / "recipes" / f"{cell.measure}.jsonl", json.dumps(RASPBERRY) + "\n"


def training(model: Model, scale: Scale, curated: Path | None, out: Path) -> dict[str, Any]:
    """The recipe of `s1 train`. ``curated``: the curation's folder, where the rows come from it."""
    shared = {
        "base": BASE,
        "out": str(out / "models" / model.name),
        "epochs": scale.epochs,
        "learning_rate": scale.learning_rate,
        "seed": model.seed,
        "log_every": 1,
    }
    if model.condition != "none":
        return {
            **shared,
            "data": model.data,
            "size": scale.traces,
            "condition": model.condition,
            "format": _format(model),
        }
    return {
        **shared,
        "data": str(curated / "trainsets" / f"{model.data}-s1") if curated else model.data,
        "max_tokens": model.cut,
        "on_overflow": "refuse" if model.cut is None else "cut",
    }


def measuring(cell: Cell, scale: Scale, out: Path) -> tuple[str, dict[str, Any]]:
    """The verb that measures a cell, and its recipe."""
    from s1kit.nano.demo import DEMO

    shared = {
        "benchmark": scale.benchmark,
        "limit": scale.questions,
        "model": str(out / "models" / cell.model.name) if cell.model else cell.weights,
        "format": _format(cell.model),
        "out": str(out / "runs" / cell.run),
    }
    if cell.measure == "sweep":
        curve = {key: DEMO[key] for key in ("budgets", "extensions", "max_answer")}
        return "sweep", {**shared, **curve, "limit": scale.curve}
    if (own := questions_of(cell, out)) is not None:
        more = json.loads(cell.given) if cell.given else {}
        asked = {"benchmark": str(own[0]), "limit": None, "extensions": [1], "max_answer": MAX_ANSWER}
        return "sweep", {**shared, **asked, **more}
    if cell.measure == "ends":
        return "sweep", {**shared, "extensions": [1], "max_answer": MAX_ANSWER}
    if cell.measure == "base":
        return "eval", {**shared, "format": "plain", "policies": [{"kind": "unforced", "max_tokens": 400}]}
    unit: Unit = "tokens" if cell.measure == "ask-tokens" else "steps"
    asks = [{"unit": unit, "limit": limit} for limit in ASKED[unit]]
    policies = [{"kind": "budget_forcing", "max_answer": MAX_ANSWER, "ask": ask} for ask in asks]
    return "eval", {**shared, "policies": policies}


def _format(model: Model | None) -> str:
    return "s1-steps" if model is not None and model.condition == "step" else "s1"


def _trained(row: str, seed: int, scale: Scale) -> Model:
    drawn = 0 if row == "full" else seed
    return Model(data=str(_selection(row, drawn, scale)["name"]), seed=seed)


def _selection(row: str, seed: int, scale: Scale) -> dict[str, Any]:
    return {"rule": RULES[row], "size": scale.size, "seed": seed, "name": f"{row}-seed{seed}"}
