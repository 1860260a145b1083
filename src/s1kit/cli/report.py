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
    """Write one HTML page, of a run (curve, metrics, traces) or a curation (funnel, domains, pairs); print its path."""
    from s1kit.cli.running import decoder_of
    from s1kit.report.build import build_report
    from s1kit.report.curation import build_curation_report
    from s1kit.store.manifest import read_manifest
    from s1kit.store.run import RunDir

    if read_manifest(run).kind == "curate":
        print(build_curation_report(run, out))
        return
    opened = RunDir.open(run)
    print(build_report(opened, out, decode=decoder_of(opened)))
