"""``s1 reproduce``: the paper's data ablations in miniature, cell by cell.

Knows its flags and runs each cell's commands in processes of their own. Cells and tables are ``s1kit.reproduce``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from s1kit.cli import options as o

app = typer.Typer(no_args_is_help=True, help="The paper's tables in miniature, one command each; every cell resumes.")


@app.command("nano")
def nano(
    out: Annotated[Path, typer.Option(help="Where everything goes; the same folder goes on.")] = Path(
        "nano-runs/reproduce"
    ),
    only: Annotated[str | None, typer.Option(help="table2, table7, or the name of a cell.")] = None,
    cells: Annotated[int | None, typer.Option(min=1, help="At most so many cells that are not done yet.")] = None,
    sets: o.Sets = None,
    as_json: o.Json = False,
) -> None:
    """Curate once, then train and measure each cell; the tables are written after every cell."""
    from s1kit.cli.console import data_console, print_json, say
    from s1kit.config import load
    from s1kit.reproduce.cells import Scale
    from s1kit.reproduce.cells import cells as all_cells
    from s1kit.reproduce.tables import BASELINE, markdown, run_of

    scale, _ = load(Scale, None, None, tuple(sets or ()))
    wanted = [c for c in all_cells(scale) if only is None or only in (c.table, c.name)]
    missing = [cell for cell in wanted if run_of(cell, out) is None]
    todo = missing[:cells]
    say(f"{len(wanted)} cells, {len(wanted) - len(missing)} done, {len(todo)} to do")
    curated = _curate(scale, out) if todo else None
    for number, cell in enumerate(todo, start=1):
        assert curated is not None
        say(f"cell {number} of {len(todo)}: {cell.name}", style="bold")
        _measure(cell, scale, curated, out)
        _write(wanted, out)
    found = _write(wanted, out)
    if as_json:
        print_json({name: [row.model_dump(mode="json") for row in found.get(name, [])] for name in BASELINE})
        return
    for name, rows in found.items():
        data_console().print(f"{name}\n{markdown(rows)}", markup=False)


def _curate(scale: Any, out: Path) -> Path:
    """The shared curation, done or gone on with; its folder."""
    from s1kit.cli.curate import run_config
    from s1kit.config import load
    from s1kit.curate.recipe import CurateConfig
    from s1kit.reproduce.cells import curation

    config, _ = load(CurateConfig, None, {**curation(scale), "out": str(out)})
    return run_config(config, "build").path


def _measure(cell: Any, scale: Any, curated: Path, out: Path) -> None:
    from s1kit.reproduce.cells import measuring, training

    model = out / "models" / cell.name
    if not (model / "manifest.json").exists():
        _call("train", training(cell, scale, curated, out), out)
    _call("sweep", measuring(cell, scale, out), out)


def _call(verb: str, recipe: dict[str, Any], out: Path) -> None:
    """A verb in a process of its own, whose memory is given back; Ctrl-C reaches it too."""
    import subprocess
    import sys

    import yaml

    from s1kit.cli.console import FAILED, fail
    from s1kit.store.files import write_atomic

    path = out / f"{verb}.yaml"
    write_atomic(path, yaml.safe_dump(recipe, sort_keys=False))
    done = subprocess.run([sys.executable, "-m", "s1kit.cli.main", verb, str(path)], stdout=subprocess.DEVNULL)
    if done.returncode:
        fail(
            f"s1 {verb} {path} ended with {done.returncode}\nhint: run it by itself to see why; then start again",
            FAILED,
        )


def _write(wanted: Any, out: Path) -> dict[str, Any]:
    """``table2.md``, ``table2.json`` and so on, from the cells that are done."""
    import json

    from s1kit.reproduce.tables import BASELINE, markdown, run_of, scores, table
    from s1kit.store.files import write_atomic

    done = {cell: scores(run) for cell in wanted if (run := run_of(cell, out)) is not None}
    found = {name: rows for name in BASELINE if (rows := table(name, done))}
    for name, rows in found.items():
        content = [row.model_dump(mode="json") for row in rows]
        write_atomic(out / f"{name}.json", json.dumps(content, indent=1) + "\n")
        write_atomic(out / f"{name}.md", markdown(rows))
    return found
