"""``s1 runs export``: a run's rows for other tools.

Knows its flags. The forms are ``s1kit.exports``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.exports.folder import To
    from s1kit.exports.source import Row


def export(
    run: o.RunPath,
    to: Annotated[str, typer.Option(help="inspect (logs), lm-eval (sample files) or hf (a dataset folder).")],
    out: Annotated[Path | None, typer.Option(help="A new folder; default: RUN/export/FORM.")] = None,
    grader: Annotated[str | None, typer.Option(help="Whose verdicts; default: default, where it has graded.")] = None,
    with_gated: Annotated[bool, typer.Option("--with-gated", help="Keep GPQA's texts; never publish them.")] = False,
    as_json: o.Json = False,
) -> None:
    """Write a run's rows as Inspect logs, lm-evaluation-harness samples or a Hugging Face dataset; print the folder."""
    from s1kit.cli.console import fail, print_json, say
    from s1kit.exports.folder import FORMS, export_run, suggested
    from s1kit.exports.source import Source
    from s1kit.store.run import RunDir

    if to not in FORMS:
        fail(f"--to {to}: no such form\nhint: there are {', '.join(FORMS)}")
    source = Source(RunDir.open(run), grader, with_gated=with_gated)
    folder = out or suggested(run, to)
    files, notes = export_run(source, cast("To", to), folder, _bar)
    for note in notes:
        say(note, style="yellow")
    if as_json:
        print_json({"folder": str(folder), "files": [str(f) for f in files], "rows": source.n_rows, "notes": notes})
        return
    say(f"{source.n_rows} rows in {len(files)} file{'s' * (len(files) != 1)}")
    print(folder)


def _bar(rows: Iterable[Row], total: int) -> Iterator[Row]:
    """The rows, with a bar on stderr where that is a terminal."""
    from rich.progress import track

    from s1kit.cli.console import people

    console = people()
    yield from track(rows, "exporting", total=total, console=console, transient=True, disable=not console.is_terminal)
