"""``s1 curate``: from a pool of questions to a training set, with the reason for every row.

Knows its flags and what to print. Steps, models and files are ``s1kit.curate``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from s1kit.cli import options as o
from s1kit.cli.console import data_console, fail, hint, people, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from s1kit.curate.calls.answering import Tally
    from s1kit.curate.folder import Folder
    from s1kit.curate.recipe import CurateConfig, ModelConfig

RUN = "run"


class RecipeFirst(TyperGroup):
    """``s1 curate RECIPE`` is ``s1 curate run RECIPE``: a word that is no step is a recipe."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``run`` in front of anything that is neither a step nor a call for help."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=RecipeFirst,
    no_args_is_help=True,
    help="From a pool of questions to a training set: s1 curate RECIPE does it all; each step alone too.",
)

Recipe = Annotated[Path, typer.Argument(help="Recipe (YAML), for example recipes/nano-curate.yaml.")]
Out = Annotated[str | None, typer.Option(help="Where curations go.")]
Data = Annotated[str | None, typer.Option(help="Folder that the recipe's relative paths start from.")]
Given = dict[str, Any]
"""Flags as config values; None: not given."""
Settings = Annotated[bool, typer.Option("--settings", help="Print every setting and where it came from.")]


@app.command(RUN)
def run(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), or the folder of a curation with --explain.")],
    explain: Annotated[
        str | None, typer.Option(help="Tell one question's whole life: its id or the start of it.")
    ] = None,
    sets: o.Sets = None,
    out: Out = None,
    data: Data = None,
    settings: Settings = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only the steps that call no model, and how many calls would follow.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Forget calls that failed, so that they are made again.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """All of it: pool, filters, selection, training set, report. Started again, it goes on where it stopped."""
    if explain is not None:
        _explain(recipe, explain, sets, {"out": out, "data": data}, as_json)
        return
    config = _load(recipe, sets, {"out": out, "data": data}, settings)
    if retry_failed:
        _forget_failed(config)
    folder = run_config(config, "free" if dry_run else "build")
    if dry_run:
        _tell_calls(config, folder, as_json)
        return
    from s1kit.report.curation import build_curation_report

    page = build_curation_report(folder.path)
    show_funnel(folder.path, as_json)
    say(f"the page: {page}")
    if not as_json:
        print(folder.path)


@app.command("pool")
def pool(
    recipe: Annotated[Path | None, typer.Argument(help="Recipe (YAML).", show_default=False)] = None,
    check: Annotated[str | None, typer.Option(help="Hold a source's declaration against the hub.")] = None,
    sets: o.Sets = None,
    out: Out = None,
    data: Data = None,
    as_json: o.Json = False,
) -> None:
    """Read the sources into one pool; or, with --check, verify ids, columns and counts of a source on the hub."""
    if check is not None:
        _check(check, as_json)
        return
    if recipe is None:
        fail("which recipe?\nhint: s1 curate pool RECIPE, or s1 curate pool --check SOURCE")
    _step(recipe, "pool", sets, {"out": out, "data": data}, as_json)


@app.command("filter")
def filter_(recipe: Recipe, sets: o.Sets = None, out: Out = None, data: Data = None, as_json: o.Json = False) -> None:
    """Everything before the selection: quality, duplicates, decontamination, traces, domains, difficulty."""
    _step(recipe, "filter", sets, {"out": out, "data": data}, as_json)


@app.command("select")
def select(
    recipe: Recipe,
    rule: Annotated[str | None, typer.Option(help="paper, notebook, random, diverse, longest or full.")] = None,
    size: Annotated[int | None, typer.Option(help="How many rows.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the draw.")] = None,
    sets: o.Sets = None,
    out: Out = None,
    data: Data = None,
    as_json: o.Json = False,
) -> None:
    """Draw the selection (another rule, size or seed makes another one beside it)."""
    wanted = {"select.rule": rule, "select.size": size, "select.seed": seed}
    _step(recipe, "select", sets, {"out": out, "data": data, **wanted}, as_json)


@app.command("build")
def build(recipe: Recipe, sets: o.Sets = None, out: Out = None, data: Data = None, as_json: o.Json = False) -> None:
    """The training set, its exports, length audit and card."""
    _step(recipe, "build", sets, {"out": out, "data": data}, as_json)


@app.command("trace")
def trace(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML); or a selection's folder, with --teacher.")],
    teacher: Annotated[
        str | None, typer.Option(help="Teach a fixed selection again: a model, or a YAML file with its settings.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="The teacher is this endpoint's model, not a local one.")] = None,
    judged: Annotated[bool, typer.Option("--judged", help="Ask the recipe's judge where no rule decides.")] = False,
    sets: o.Sets = None,
    out: Out = None,
    data: Data = None,
    as_json: o.Json = False,
) -> None:
    """The teacher's traces: of a recipe's pool, or, with --teacher, once more for a selection that is there."""
    if teacher is None:
        _step(recipe, "trace", sets, {"out": out, "data": data}, as_json)
        return
    from s1kit.curate.again import reteach

    curation, selection = _selection_of(recipe)
    taught = reteach(curation, selection, _teacher(teacher, base_url), judged=judged, bar=_bar, say=say)
    if as_json:
        print_json(taught.model_dump(mode="json"))
        return
    for name, counts in taught.shares.items():
        total = sum(counts.values())
        shares = ", ".join(f"{verdict} {n} ({n / total:.1%})" for verdict, n in sorted(counts.items()))
        print(f"{name}: {shares}")
    print(taught.path)


@app.command("sources")
def sources(as_json: o.Json = False) -> None:
    """The sources that are known, with the paper's counts, licences, and how far each was verified."""
    from dataclasses import asdict

    from rich.table import Table

    from s1kit.curate.source_table import PAPER_TOTAL, source_table

    lines = source_table()
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    table = Table("source", "title", "paper", "licence", "hub", "verified", "note", box=None, padding=(0, 2))
    for line in lines:
        count = "" if line.count is None else f"{line.count:,}"
        table.add_row(line.key, line.title, count, line.licence, line.hub, line.verified, line.note)
    table.add_row("", "all of the paper's", f"{PAPER_TOTAL:,}")
    data_console().print(table)
    say("AIME 2022 and later are kept out of every pool by rule: they are evaluation data (paper, section 2).")


@app.command("show")
def show(curation: Annotated[Path, typer.Argument(help="The folder of a curation.")], as_json: o.Json = False) -> None:
    """The funnel of a curation, its domains, verdicts and cost; and the page, written anew."""
    from s1kit.report.curation import build_curation_report

    show_funnel(curation, as_json)
    say(f"the page: {build_curation_report(curation)}")


def _load(recipe: Path, sets: list[str] | None, given: Given, settings: bool = False) -> CurateConfig:
    from s1kit.cli.running import explain as show_settings
    from s1kit.config import load
    from s1kit.curate.recipe import CurateConfig

    config, origins = load(CurateConfig, recipe, given, tuple(sets or ()))
    if settings:
        show_settings(origins)
    return config


def run_config(config: CurateConfig, until: str) -> Folder:
    """The pipeline up to ``until``, told on stderr; Ctrl-C leaves with 130."""
    import sys

    from s1kit.cli.console import INTERRUPTED
    from s1kit.curate.pipeline import run as run_pipeline
    from s1kit.curate.pipeline import where

    say(f"{where(config)}: {len(config.sources)} sources, steps {', '.join(config.steps)}")
    try:
        return run_pipeline(config, bar=_bar, say=say, until=until, header="s1 " + " ".join(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted; every answer that came is kept", style="yellow")
        hint("run the same command again to go on")
        raise SystemExit(INTERRUPTED) from None


def _step(recipe: Path, until: str, sets: list[str] | None, given: Given, as_json: bool) -> None:
    folder = run_config(_load(recipe, sets, given), until)
    if as_json:
        print_json({"path": str(folder.path), "steps": list(folder.steps())})
    else:
        print(folder.path)


def _explain(recipe: Path, question: str, sets: list[str] | None, given: Given, as_json: bool) -> None:
    from s1kit.curate.life import explain
    from s1kit.curate.pipeline import where
    from s1kit.report.curation_terminal import life_lines

    path = recipe if recipe.is_dir() else where(_load(recipe, sets, given))
    life = explain(path, question)
    if as_json:
        print_json(life.model_dump(mode="json"))
        return
    for line in life_lines(life):
        data_console().print(line)


def show_funnel(path: Path, as_json: bool) -> None:
    """The funnel on stdout."""
    from s1kit.curate.funnel import measure
    from s1kit.report.curation_terminal import funnel_table

    funnel = measure(path)
    if as_json:
        print_json({"path": str(path), "funnel": funnel.model_dump(mode="json")})
        return
    data_console().print(funnel_table(funnel))


def _check(key: str, as_json: bool) -> None:
    from dataclasses import asdict

    from s1kit.cli.console import FAILED
    from s1kit.curate import hub
    from s1kit.curate.sources import find
    from s1kit.nano.pool import SOURCE

    if key == SOURCE:
        fail(f"{SOURCE} is written by s1kit itself: there is nothing to check it against")
    findings = hub.check(find(key))
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        for finding in findings:
            word = {True: "ok", False: "differs", None: "unknown"}[finding.same]
            word = "no hub" if finding.what == "hub" else word
            print(f"{word:8} {finding.part} {finding.what}: declared {finding.declared}, found {finding.found}")
    if any(f.same is False for f in findings):
        raise SystemExit(FAILED)


def _tell_calls(config: CurateConfig, folder: Folder, as_json: bool) -> None:
    """How many calls the rest would make at most."""
    from s1kit.curate.plan import planned_calls

    calls = planned_calls(config, folder)
    if as_json:
        print_json({"path": str(folder.path), "at_most_calls": calls})
        return
    for role, count in calls.items():
        print(f"{role}: at most {count:,} calls")


def _forget_failed(config: CurateConfig) -> None:
    from s1kit.curate.again import forget_failed

    count, steps = forget_failed(config)
    say(f"{count} failed calls forgotten; made again: {', '.join(steps) or 'nothing that was done'}")


def _selection_of(path: Path) -> tuple[Path, str]:
    """A selection's folder as its curation and its name; a curation's own folder means its first selection."""
    if (path / "selection.json").exists():
        return path.parent.parent, path.name
    found = sorted(p.parent.name for p in path.glob("selections/*/selection.json"))
    if len(found) != 1:
        some = f"it has {', '.join(found)}" if found else "it has none"
        fail(f"{path} does not name one selection: {some}\nhint: CURATION/selections/NAME")
    return path, found[0]


def _teacher(named: str, base_url: str | None) -> ModelConfig:
    from pydantic import TypeAdapter

    from s1kit.config import read_recipe
    from s1kit.curate.recipe import ModelConfig

    content: dict[str, Any]
    if named.endswith((".yaml", ".yml")):
        content = read_recipe(named)
    elif base_url is not None:
        content = {"kind": "endpoint", "model": named, "base_url": base_url}
    elif named == "nano_teacher":
        content = {"kind": "nano_teacher", "seed": 1}
    else:
        content = {"kind": "local", "model": named}
    try:
        model: ModelConfig = TypeAdapter(ModelConfig).validate_python(content)
    except ValueError as error:
        fail(f"teacher {named}: {error}")
    return model


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[Tally], None]]:
    """A bar with calls per second, time left, cached and failed calls; without a terminal, one line at the end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = people()
    last: list[Tally] = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title[:40], total=total, told="")

        def tell(tally: Tally) -> None:
            last[:] = [tally]
            rate = "" if tally.rate is None else f"{tally.rate:.1f}/s"
            bar.update(task, completed=tally.done, told=f"{rate} {tally.cached} kept {tally.errors} failed")

        yield tell
    if last:
        t = last[0]
        say(f"  {title}: {t.done:,} calls, {t.cached:,} from the cache, {t.errors:,} failed", style="dim")
