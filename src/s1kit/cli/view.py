"""``s1 view``: the report, opened.

Knows when a report has to be made anew, and how a page is opened. What it shows is ``s1kit.report``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli.report import Runs, write


def view(
    runs: Runs,
    opened: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser; else only name it.")] = True,
    with_gated: Annotated[bool, typer.Option("--with-gated", help="Keep GPQA's texts; never publish them.")] = False,
) -> None:
    """Open the report in your browser; it is written first where it is missing or older than the run."""
    import webbrowser

    from s1kit.cli.console import hint
    from s1kit.report.target import built, kind_of

    page: Path | None = None
    if len(runs) == 1 and not with_gated:  # a report that is there may have its texts left out
        kind_of(runs[0])  # a report that is left of something that is gone is not shown for it
        page = built(runs[0])
    page = page or write(runs, None, with_gated=with_gated)
    print(page)
    if opened and not webbrowser.open(page.resolve().as_uri()):
        hint(f"no browser could be started here; open {page.resolve()}")
