"""``s1``: the verbs, and how errors leave the program.

Knows which verbs there are. Refuses to know what they do: each verb is one file, and what is heavy is imported inside
its functions, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
import traceback

import typer

from s1kit.cli import (
    ask,
    benchmarks,
    compare,
    curate,
    doctor,
    env,
    evaluate,
    grade,
    metrics,
    nano,
    query,
    report,
    reproduce,
    runs,
    serve,
    sweep,
    train,
    view,
    vote,
)
from s1kit.cli.console import INTERRUPTED, fail

app = typer.Typer(
    name="s1",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Control exactly how long a model thinks, and measure what that buys.",
    epilog="Exit codes: 0 done, 1 the run or a check failed, 2 the input was refused, 130 interrupted (resumable).",
)
app.command("ask")(ask.ask)
app.command("eval")(evaluate.evaluate)
app.command("sweep")(sweep.sweep)
app.command("compare")(compare.compare)
app.command("vote")(vote.vote)
app.command("grade")(grade.grade)
app.command("metrics")(metrics.metrics)
app.command("report")(report.report)
app.command("view")(view.view)
app.add_typer(runs.app, name="runs")
app.command("query")(query.query)
app.add_typer(benchmarks.app, name="benchmarks")
app.add_typer(curate.app, name="curate")
app.command("train")(train.train)
app.add_typer(reproduce.app, name="reproduce")
app.command("serve")(serve.serve)
app.add_typer(nano.app, name="nano")
app.command("doctor")(doctor.doctor)
app.command("env")(env.env)


def main() -> None:
    """Run the command line; every error that the user can put right becomes a message instead of a traceback."""
    from s1kit.errors import UserError

    if not sys.stderr.isatty():  # a log wants lines, not the redrawn bars of the libraries below
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        app()
    except UserError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader of stdout has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except MemoryError:
        traceback.print_exc()
        fail("out of memory\nhint: fewer --slots need less", 1)


if __name__ == "__main__":
    main()
