"""``s1 report``: a run's page.

Knows its flags. The page is ``s1kit.report``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli import options as o


def report(
    run: o.RunPath, out: Annotated[Path | None, typer.Option(help="Folder for the page; default: RUN/report.")] = None
) -> None:
    """Write one HTML page with the curve, the metrics and the traces; its path is printed."""
    from s1kit.cli.running import decoder_of
    from s1kit.report.build import build_report
    from s1kit.store.run import RunDir

    opened = RunDir.open(run)
    print(build_report(opened, out, decode=decoder_of(opened)))
