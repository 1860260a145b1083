"""``s1 report``: a static folder that shows what was found.

Knows its flags. The pages are ``s1kit.report``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from s1kit.report.build import Tell

Runs = Annotated[list[Path], typer.Argument(help="Runs; or one folder of s1 compare, s1 reproduce or s1 curate.")]


def report(
    runs: Runs,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder, or an .html file. Default: RUN/report; of several runs: report/ right here."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="The trace browser beside the overview.")] = True,
    with_gated: Annotated[bool, typer.Option("--with-gated", help="Keep GPQA's texts; never publish them.")] = False,
) -> None:
    """Write the overview (what more thinking bought, was it controlled, what each "Wait" changed, what it cost) and
    the browser of every trace, as a folder that opens without a server; print the overview's path."""
    print(write(runs, out, browser, with_gated))


def write(runs: list[Path], out: Path | None, browser: bool = True, with_gated: bool = False) -> Path:
    """The report of what is named, with progress on stderr; its first page."""
    from s1kit.cli.running import decoder_of
    from s1kit.report.target import build

    with _counting() as said:
        return build(runs, out, decoder_of, browser=browser, with_gated=with_gated, said=said)


@contextmanager
def _counting() -> Iterator[Tell]:
    """A bar over what the report is made of, on stderr; silent where stderr is no terminal."""
    from rich.progress import Progress

    from s1kit.cli.console import people

    console = people()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("report", total=None)

        def said(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of)

        yield said
