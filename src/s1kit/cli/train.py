"""``s1 train``: supervised fine-tuning from a recipe.

Knows its flags. Rows, training, plan and launch files are ``s1kit.train``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli import options as o


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML), for example recipes/nano-sft.yaml.")],
    sets: o.Sets = None,
    explain: o.Explain = False,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would need; loads no model.")] = False,
    card: Annotated[str, typer.Option(help="Of --plan: the accelerator.")] = "H100",
    devices: Annotated[int, typer.Option(min=1, help="Of --plan: how many.")] = 1,
    context_parallel: Annotated[int, typer.Option(min=1, help="Devices that share a row (--plan, --launch).")] = 1,
    mfu: Annotated[float, typer.Option(help="Of --plan: share of the peak that is reached.")] = 0.2,
    launch: Annotated[str | None, typer.Option(help="Only write launch files for NODESxGPUS, for example 2x8.")] = None,
    push: Annotated[str | None, typer.Option(help="Upload to this hub repository (private) when it is done.")] = None,
    metrics_from: Annotated[
        list[Path] | None, typer.Option(help="Only write the card again, with the metrics of this run (repeatable).")
    ] = None,
    as_json: o.Json = False,
) -> None:
    """Fine-tune on reasoning traces, with the loss on trace and answer only; the model's folder is printed."""
    from s1kit.cli.console import say
    from s1kit.cli.running import explain as show_settings
    from s1kit.config import load
    from s1kit.report.training import training_picture
    from s1kit.train.recipe import TrainConfig, run
    from s1kit.train.sft import first_process

    config, settings = load(TrainConfig, recipe, None, tuple(sets or ()))
    if explain:
        show_settings(settings)
        _explain_arguments(config)
    if plan:
        _plan(config, card, devices, context_parallel, mfu, as_json)
        return
    if launch is not None:
        _launch(config, recipe, launch, context_parallel)
        return
    if metrics_from:
        from s1kit.train.measured import publish_measured

        folder = publish_measured(Path(config.out), metrics_from).folder
        say(f"{folder / 'README.md'} has the metrics of {', '.join(map(str, metrics_from))}")
        _push(folder, push)
        print(folder)
        return
    done = run(config, lambda step, steps, loss: say(f"step {step} of {steps}  loss {loss:.4f}"))
    if not first_process():
        return
    again = f", from step {done.resumed_from} on" if done.resumed_from else ""
    say(f"{done.rows} rows, {done.tokens} tokens, {done.seconds:.0f} s{again}")
    if done.rows_cut:
        lost = f"{done.answers_lost} of them lost their whole answer"
        say(f"{done.rows_cut} rows were cut at {config.max_tokens} tokens, {lost}; manifest.json names them", "yellow")
    say(f"loss, gradient norm and learning rate: {training_picture(done.out)}")
    _push(done.out, push)
    print(done.out)


def _push(folder: Path, repo: str | None) -> None:
    from s1kit.cli.console import say
    from s1kit.train.publish import push as upload

    if repo is not None:
        say(f"uploaded to {upload(folder, repo)}")


def _explain_arguments(config: object) -> None:
    """Every value that TRL is given, beside TRL's own default, and where it comes from."""
    from rich.markup import escape
    from rich.table import Table

    from s1kit.cli.console import people
    from s1kit.train.arguments import explained
    from s1kit.train.recipe import TrainConfig
    from s1kit.train.sft import processes

    assert isinstance(config, TrainConfig)
    rows = explained(config.arguments(processes()))
    table = Table(box=None, padding=(0, 2))
    for name in ("given to TRL", "value", "TRL's default", "from"):
        table.add_column(name, overflow="fold", no_wrap=name == "given to TRL")
    for row in rows:
        default = "TRL is not installed" if row.differs is None else "the same" if not row.differs else repr(row.trl)
        style = "bold" if row.differs else None
        table.add_row(row.name, escape(repr(row.value)), escape(default), escape(row.source), style=style)
    people().print(table)


def _plan(config: object, card: str, devices: int, context_parallel: int, mfu: float, as_json: bool) -> None:
    from s1kit.cli.console import print_json
    from s1kit.train.plan_text import plan_lines
    from s1kit.train.planning import plan_of
    from s1kit.train.recipe import TrainConfig

    assert isinstance(config, TrainConfig)
    made = plan_of(config, card, devices, context_parallel, mfu)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    for line in plan_lines(made):
        print(line)


def _launch(config: object, recipe: Path, sizes: str, context_parallel: int) -> None:
    from s1kit.cli.console import fail
    from s1kit.train.launch import launch_files
    from s1kit.train.recipe import TrainConfig

    assert isinstance(config, TrainConfig)
    nodes, by, gpus = sizes.partition("x")
    if not (by and nodes.isdecimal() and gpus.isdecimal()):
        fail(f"--launch {sizes}: write NODESxGPUS, for example 2x8")
    config.check_context_parallel(context_parallel)
    base = Path(config.base)
    for path in launch_files(
        int(nodes),
        int(gpus),
        recipe=recipe,
        out=Path(config.out) / "launch",
        base=base if base.is_dir() else None,
        context_parallel=context_parallel,
        batch=config.batch_size,
        checkpointing=config.checkpointing,
    ):
        print(path)
