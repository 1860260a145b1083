"""``s1 reproduce``: the paper's tables and figures, in miniature or on a model of one's own.

Knows its flags. Cells, comparisons and tables are ``s1kit.reproduce``; each is run by ``reproducing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.cli.reproducing import Job
    from s1kit.reproduce.cells import Cell
    from s1kit.reproduce.dry import Would
    from s1kit.reproduce.paper import Versus

app = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=True,
    subcommand_metavar="",
    context_settings={"allow_interspersed_args": True},
)


@app.callback()
def reproduce(
    what: Annotated[str, typer.Argument(metavar="nano|RECIPE", help="The nano world, or a recipe: models of yours.")],
    out: Annotated[
        Path | None, typer.Option(help="Where everything goes; the same folder goes on.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Of nano: every part, not only the main run: hours.")
    ] = False,
    only: Annotated[str | None, typer.Option(help="Parts or cells, comma separated: table3,fig4a,main.")] = None,
    cells: Annotated[int | None, typer.Option(min=1, help="At most so many cells that are not done yet.")] = None,
    sets: o.Sets = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made and its cost; make nothing.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Make the paper's tables and figures: curate, train, sweep, compare, with the published values beside them.

    [bold]s1 reproduce nano[/] does it in miniature with the models that ship: one selection with one seed, or with
    --all or --only everything. [bold]s1 reproduce recipes/paper/s1-32b.yaml[/] does it with the models that a recipe
    names. After every cell what is known is written: results.json, a page per part, and artefacts/ with each table as
    .md, .tex and .csv and each figure as .svg, .png and .pdf.
    """
    import json

    from s1kit.cli.console import data_console, print_json, say
    from s1kit.cli.reproducing import make, nano_job, recipe_job, tell
    from s1kit.reproduce.artefact_files import artefact_text
    from s1kit.reproduce.results import RESULTS, is_done, refuse_another_scale

    job = nano_job(out, sets or ()) if what == "nano" else recipe_job(what, out, sets or ())
    refuse_another_scale(job.out, job.scale)
    wanted, parts = _wanted(job, only, everything or what != "nano")
    missing = [cell for cell in wanted if not is_done(cell, job.scale, job.out)]
    todo = missing[:cells]
    if dry_run:
        _tell_dry(job, wanted, {part: why for part, why in job.needs.items() if part in parts}, as_json)
        return
    say(f"{len(wanted)} cells, {len(wanted) - len(missing)} done, {len(todo)} to do")
    for number, cell in enumerate(todo, start=1):
        say(f"cell {number} of {len(todo)}: {cell.name}", style="bold")
        if not is_done(cell, job.scale, job.out):  # another cell may have made the same
            make(cell, job)
            tell(job)
    texts = tell(job)
    if as_json:
        print_json(json.loads((job.out / RESULTS).read_text()))
        return
    for part in parts:
        if part in job.needs and part not in texts:
            say(f"{part}: {job.needs[part]}")
        elif text := texts.get(part) or artefact_text(part, job.out):
            data_console().print(f"{part}\n{text}", markup=False, soft_wrap=True)
    print(job.out)


def _wanted(job: Job, only: str | None, everything: bool) -> tuple[list[Cell | Versus], list[str]]:
    """The cells that are asked for, each once, and their parts (or those that want a model), in the order asked for."""
    from s1kit.reproduce.only import chosen

    own = list(dict.fromkeys(cell.part for cell in job.planned))
    names = list(dict.fromkeys(cell.name for cell in job.planned))
    if only is not None:
        asked = chosen(only, [*own, *job.needs], names)
    else:
        asked = tuple([*own, *job.needs] if everything else ["main"])
    found = {cell.name: cell for name in asked for cell in job.planned if name in (cell.part, cell.name)}
    parts = [part for name in asked for part in ([name] if name in (*own, *job.needs) else [])]
    parts += [cell.part for cell in found.values()]
    return list(found.values()), list(dict.fromkeys(parts))


def _tell_dry(job: Job, wanted: Sequence[Cell | Versus], needs: dict[str, str], as_json: bool) -> None:
    from s1kit.cli.console import print_json, say
    from s1kit.reproduce.dry import ASSUMED, would, would_measure
    from s1kit.reproduce.matrix_cost import ASSUMPTIONS
    from s1kit.reproduce.paper import Versus
    from s1kit.reproduce.results import is_done

    facts = []
    for one in wanted:
        done = is_done(one, job.scale, job.out)
        if isinstance(one, Versus):
            facts.append(would(one, job.scale, job.out, done=done, priced=job.priced))
        else:
            facts.append(would_measure(one, job.scale, done=done))
    if as_json:
        print_json({"cells": [fact.model_dump(mode="json") for fact in facts], "needs": needs})
        return
    for fact in facts:
        print(_fact(fact))
    hours = sum(fact.card_hours or 0.0 for fact in facts if not fact.done)
    for part, why in needs.items():
        print(f"{part}: {why}")
    if job.priced:
        print(f"together {hours:,.1f} H100 hours for a model of 32B")
        for line in (ASSUMED, ASSUMPTIONS[1]):
            say(line)


def _fact(fact: Would) -> str:
    cost = ""
    if fact.tokens is not None:
        cost = f", about {fact.tokens / 1e6:,.1f}M tokens, {fact.card_hours:,.1f} H100 hours"
    return f"{fact.name}: {fact.rows:,} rows on {fact.questions:,} questions{cost}{'; done' if fact.done else ''}"
