"""``s1 query``: SQL over runs.

Knows its flags. The views and their columns are documented in ``s1kit.store.query``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli import options as o


def query(
    sql: Annotated[str, typer.Argument(help="For example: select label, accuracy from points order by thinking_mean")],
    root: o.Root = Path("runs"),
    as_json: o.Json = False,
) -> None:
    """Ask DuckDB about runs; views: runs, generations, grades, points."""
    from rich.table import Table

    from s1kit.cli.console import data_console, escape, print_json, say
    from s1kit.store.query import StoreWarning
    from s1kit.store.query import query as ask

    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always", StoreWarning)
        columns, rows = ask(sql, root)
    for warning in left_out:
        say(str(warning.message), style="yellow")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    table = Table(*columns, box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*(escape("" if v is None else str(v)) for v in row))
    data_console().print(table)
