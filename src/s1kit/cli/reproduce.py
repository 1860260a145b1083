"""``s1 reproduce``: the paper in miniature, cell by cell.

Knows its flags and runs each cell's commands in processes of their own. Cells and tables are ``s1kit.reproduce``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.reproduce.cells import Cell, Model, Scale
    from s1kit.reproduce.paper import Versus

app = typer.Typer(no_args_is_help=True, help="The paper in miniature, from pool to report; every cell resumes.")


@app.command("nano")
def nano(
    out: Annotated[Path, typer.Option(help="Where everything goes; the same folder goes on.")] = Path(
        "nano-runs/reproduce"
    ),
    everything: Annotated[bool, typer.Option("--all", help="Every table, not only the main run: hours.")] = False,
    only: Annotated[str | None, typer.Option(help="main, a table, a figure, variants, or the name of a cell.")] = None,
    cells: Annotated[int | None, typer.Option(min=1, help="At most so many cells that are not done yet.")] = None,
    sets: o.Sets = None,
    as_json: o.Json = False,
) -> None:
    """Curate, train, sweep, measure, report: one selection with one seed, or with --all every table and figure.

    What is known is written after every cell: main.md, table2.md and so on, and results.json with all of it. Tables 3,
    4, 11 to 13 and Figures 4b, 6, 7 stand beside the paper's numbers, with a verdict on each of its claims.
    """
    import json

    from s1kit.cli.console import data_console, fail, print_json, say
    from s1kit.config import load
    from s1kit.reproduce.cells import Scale
    from s1kit.reproduce.cells import cells as all_cells
    from s1kit.reproduce.paper import comparisons
    from s1kit.reproduce.results import RESULTS, is_done, write_results

    scale, _ = load(Scale, None, None, tuple(sets or ()))
    planned: list[Cell | Versus] = [*all_cells(scale), *comparisons()]
    parts = list(dict.fromkeys(c.part for c in planned))
    if only is not None and only not in (*parts, *(c.name for c in planned)):
        fail(f"no part or cell {only!r}\nhint: {', '.join(parts)}, or a cell: {planned[0].name}, ...")
    chosen = only or (None if everything else "main")
    wanted = [c for c in planned if chosen is None or chosen in (c.part, c.name)]
    missing = [cell for cell in wanted if not is_done(cell, scale, out)]
    todo = missing[:cells]
    say(f"{len(wanted)} cells, {len(wanted) - len(missing)} done, {len(todo)} to do")
    for number, cell in enumerate(todo, start=1):
        say(f"cell {number} of {len(todo)}: {cell.name}", style="bold")
        _make(cell, scale, out)
        write_results(scale, planned, out)
    texts = write_results(scale, planned, out)
    shown = {part: text for part, text in texts.items() if any(c.part == part for c in wanted)}
    if as_json:
        print_json(json.loads((out / RESULTS).read_text()))
        return
    for part, text in shown.items():
        data_console().print(f"{part}\n{text}", markup=False, soft_wrap=True)
    print(out)


def _make(cell: Cell | Versus, scale: Scale, out: Path) -> None:
    """Train the cell's model unless that is done, measure it, and write its page; or compare."""
    from s1kit.reproduce.beside import mark_done, recipe_of, unmark
    from s1kit.reproduce.cells import measuring
    from s1kit.reproduce.paper import Versus
    from s1kit.reproduce.results import run_of
    from s1kit.store.manifest import read_manifest

    out.mkdir(parents=True, exist_ok=True)
    if isinstance(cell, Versus):  # compare goes on by itself with whatever its folder has
        unmark(cell, out)
        _call("compare", recipe_of(cell, scale, out), out / "recipes" / f"{cell.recipe}.yaml")
        mark_done(cell, scale, out)
        return
    if cell.model is not None and not (out / "models" / cell.model.name / "manifest.json").exists():
        _train(cell.model, scale, out)
    if run_of(cell, out) is None:  # another cell may have measured the same
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
