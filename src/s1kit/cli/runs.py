"""``s1 runs``: list, show, verify; import, compare two, export.

Knows its flags. The store is ``s1kit.store``; the last three have files of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from s1kit.cli import options as o
from s1kit.cli.runs_diff import diff
from s1kit.cli.runs_export import export
from s1kit.cli.runs_import import import_

app = typer.Typer(no_args_is_help=True, help="List, show and verify runs; import, diff and export them.")
app.command("import")(import_)
app.command("diff")(diff)
app.command("export")(export)


@app.command("ls")
def ls(root: o.Root = Path("runs"), as_json: o.Json = False) -> None:
    """Every run below a folder, oldest first."""
    from dataclasses import asdict

    from rich.table import Table

    from s1kit.cli.console import data_console, fail, print_json, say
    from s1kit.store.listing import list_runs

    if not root.is_dir():
        fail(f"no runs at {root}\nhint: name a folder of runs with --root")
    rows = list_runs(root)
    for r in rows:
        if r.problem and not as_json:
            say(f"{r.directory}: {r.problem}", style="yellow")
    if as_json:
        print_json([asdict(r) for r in rows])
        return
    table = Table(
        "run", "kind", "status", "model", "questions", "policies", "rows", "started", box=None, padding=(0, 2)
    )
    table.columns[0].overflow = "fold"  # names tell runs apart: never shortened
    for r in rows:
        model = None if r.model is None else Path(r.model).name
        shown = (
            r.id,
            r.kind,
            r.status,
            model,
            r.questions,
            r.policies,
            "" if r.rows is None else f"{r.rows} of {r.expected}",
            r.started,
        )
        table.add_row(*("" if v is None else str(v) for v in shown))
    data_console().print(table)


@app.command("show")
def show(run: o.RunPath) -> None:
    """A run's manifest, as JSON."""
    from s1kit.cli.console import print_json
    from s1kit.store.manifest import read_manifest

    print_json(read_manifest(run).model_dump(mode="json"))


@app.command("verify")
def verify(run: o.RunPath, as_json: o.Json = False) -> None:
    """Derive everything again: hashes, segments, budgets, metrics. Exit code 1 where something does not hold."""
    from dataclasses import asdict

    from s1kit.cli.console import FAILED, data_console, print_json, say
    from s1kit.cli.running import decoder_of
    from s1kit.evaluate import compute_metrics
    from s1kit.store.findings import passed
    from s1kit.store.manifest import read_manifest
    from s1kit.store.run import RunDir
    from s1kit.store.verify import verify as check

    def recompute(opened: RunDir) -> dict[str, Any]:
        named = (opened.metrics() or {}).get("grader", "default")
        return compute_metrics(opened, named).model_dump(mode="json")

    if read_manifest(run).kind == "curate":
        from s1kit.curate.verify import verify as check_curation

        findings = check_curation(run)
    else:
        opened = RunDir.open(run)
        findings = check(opened, decode=decoder_of(opened), recompute=recompute)
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        console = data_console()
        for f in findings:
            console.print(f"{f.level:12} {f.where}: {f.message}", markup=False)
    if not passed(findings):
        say("the run does not hold", style="bold red")
        raise SystemExit(FAILED)
