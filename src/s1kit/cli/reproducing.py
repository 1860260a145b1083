"""One cell after another of ``s1 reproduce``: the commands that make it, each in a process of its own.

Knows verbs and recipes' files. Cells, comparisons and what is written of them are ``s1kit.reproduce``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s1kit.reproduce.cells import Cell, Model, Scale
    from s1kit.reproduce.paper import Versus


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be made, where, and what footnotes call the command."""

    planned: Sequence[Cell | Versus]
    scale: Scale
    out: Path
    command: str
    needs: Mapping[str, str] = field(default_factory=dict)
    """Part -> what keeps it from being made."""
    priced: bool = False
    """Whether lengths and cost are those of the paper's model."""


def nano_job(out: Path | None, sets: Sequence[str]) -> Job:
    """The paper in the nano world. Raises ConfigError for a setting that is none."""
    from s1kit.config import load
    from s1kit.reproduce.cells import Scale, cells
    from s1kit.reproduce.paper import comparisons

    scale, _ = load(Scale, None, None, tuple(sets))
    planned: list[Cell | Versus] = [*cells(scale), *comparisons()]
    return Job(planned, scale, out or Path("nano-runs/reproduce"), _command("nano", sets))


def recipe_job(recipe: str, out: Path | None, sets: Sequence[str]) -> Job:
    """The paper with a recipe's models. Raises ConfigError for a recipe that is none."""
    from s1kit.config import load
    from s1kit.nano.shipped import SHIPPED
    from s1kit.reproduce.cells import Scale
    from s1kit.reproduce.real import PaperConfig
    from s1kit.reproduce.real_plan import needs, planned

    config, _ = load(PaperConfig, recipe, None, tuple(sets))
    place = out or Path(config.out) / config.name
    named = recipe if not Path(recipe).is_absolute() else Path(recipe).name
    priced = config.models.s1 not in SHIPPED
    return Job(planned(config), Scale(), place, _command(named, sets), needs(config), priced=priced)


def _command(what: str, sets: Sequence[str]) -> str:
    """As it would be typed again."""
    import shlex

    return shlex.join(["s1", "reproduce", what, *(part for item in sets for part in ("--set", item))])


def tell(job: Job) -> dict[str, str]:
    """Write all that is known: results, tables, figures and the matrix. Part -> Markdown."""
    from s1kit.reproduce.figures import write_figures
    from s1kit.reproduce.matrix import write_matrix
    from s1kit.reproduce.results import write_results

    job.out.mkdir(parents=True, exist_ok=True)
    texts = write_results(job.scale, job.planned, job.out, job.command, job.needs)
    write_figures(job.out, job.scale, job.planned, job.command)
    write_matrix(job.out, job.scale, job.planned, job.command)  # it links what lies there, so it comes last
    return texts


def make(cell: Cell | Versus, job: Job) -> None:
    """Train the cell's model unless that is done, measure it, and write its page; or compare."""
    from s1kit.reproduce.beside import mark_done, recipe_of, unmark
    from s1kit.reproduce.cells import measuring, questions_of
    from s1kit.reproduce.paper import Versus
    from s1kit.reproduce.results import run_of
    from s1kit.store.files import write_atomic
    from s1kit.store.manifest import read_manifest

    scale, out = job.scale, job.out
    (out / "recipes").mkdir(parents=True, exist_ok=True)
    if isinstance(cell, Versus):  # compare goes on by itself with whatever its folder has
        unmark(cell, out)
        _call("compare", recipe_of(cell, scale, out), out / "recipes" / f"{cell.recipe}.yaml")
        mark_done(cell, scale, out)
        return
    if cell.model is not None and not (out / "models" / cell.model.name / "manifest.json").exists():
        _train(cell.model, scale, out)
    if (own := questions_of(cell, out)) is not None:
        write_atomic(*own)
    if run_of(cell, out) is None:
        verb, recipe = measuring(cell, scale, out)
        begun = any(
            read_manifest(p.parent).status != "finished" for p in (out / "runs" / cell.run).glob("*/manifest.json")
        )
        _call(verb, recipe, out / "recipes" / f"{cell.run}.yaml", *(["--resume"] if begun else []))
    run = run_of(cell, out)
    if run is not None and cell.part == "main":
        _call("report", None, run.path)


def _train(model: Model, scale: Scale, out: Path) -> None:
    from s1kit.reproduce.cells import training

    curated = _curate(scale, out) if model.condition == "none" else None
    _call("train", training(model, scale, curated, out), out / "recipes" / f"{model.name}.yaml")


def _curate(scale: Scale, out: Path) -> Path:
    """The shared curation, done or gone on with; its folder."""
    from s1kit.cli.curate import run_config
    from s1kit.config import load
    from s1kit.curate.recipe import CurateConfig
    from s1kit.reproduce.cells import curation

    config, _ = load(CurateConfig, None, {**curation(scale), "out": str(out)})
    return run_config(config, "build").path


def _call(verb: str, recipe: dict[str, Any] | None, path: Path, *flags: str) -> None:
    """A verb on ``path`` (where the recipe goes first, if there is one) in a process of its own, whose memory is given
    back; Ctrl-C reaches it too."""
    import subprocess
    import sys

    import yaml

    from s1kit.cli.console import FAILED, fail
    from s1kit.store.files import write_atomic

    if recipe is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, yaml.safe_dump(recipe, sort_keys=False))
    command = [sys.executable, "-m", "s1kit.cli.main", verb, str(path), *flags]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    if done.returncode:
        fail(
            f"s1 {verb} {path} ended with {done.returncode}\nhint: run it by itself to see why; then start again",
            FAILED,
        )
