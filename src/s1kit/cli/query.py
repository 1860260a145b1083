"""``s1 query``: SQL over runs, as a table, as JSON, as CSV or into a file.

Knows its flags. The views and their columns are documented in ``s1kit.store.query``, the examples in
``s1kit.store.query_examples``.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from s1kit.cli import options as o


def query(
    sql: Annotated[
        str | None, typer.Argument(help="For example: select label, accuracy from points order by thinking_mean")
    ] = None,
    root: o.Root = Path("runs"),
    example: Annotated[str | None, typer.Option(help="Run one of the examples, by name.")] = None,
    examples: Annotated[bool, typer.Option("--examples", help="Print the examples, and run nothing.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV on stdout instead of a table.")] = False,
    as_json: o.Json = False,
    out: Annotated[Path | None, typer.Option(help="Write the rows to FILE.csv or FILE.parquet.")] = None,
) -> None:
    """Ask DuckDB about runs (or one run); views: runs, questions, generations, grades, points."""
    from s1kit.cli.console import print_json, say
    from s1kit.store.query import StoreWarning
    from s1kit.store.query import query as ask
    from s1kit.store.table_file import csv_text, refuse_twins, write_table

    if examples:
        _print_examples(as_json)
        return
    statement = _statement(sql, example)
    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always", StoreWarning)
        columns, rows = ask(statement, root)
    for warning in left_out:
        say(str(warning.message), style="yellow")
    if out is not None:
        write_table(out, columns, rows)
        say(f"{len(rows)} rows")
        print(out)
    elif as_json:
        refuse_twins(columns)
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif as_csv:
        typer.echo(csv_text(columns, rows), nl=False)
    else:
        _print_table(columns, rows)


def _statement(sql: str | None, example: str | None) -> str:
    from s1kit.cli.console import fail
    from s1kit.store.query_examples import EXAMPLES

    if (sql is None) == (example is None):
        fail("give one statement, or --example NAME\nhint: `s1 query --examples` prints statements to start from")
    if example is None:
        return str(sql)
    if example not in EXAMPLES:
        fail(f"no example {example!r}\nhint: there are {', '.join(EXAMPLES)}")
    return EXAMPLES[example].sql


def _print_examples(as_json: bool) -> None:
    from dataclasses import asdict

    from s1kit.cli.console import print_json
    from s1kit.store.query_examples import EXAMPLES

    if as_json:
        print_json([asdict(e) for e in EXAMPLES.values()])
        return
    for e in EXAMPLES.values():
        print(f"-- {e.name}: {e.asks}\n{e.sql};\n-- {e.says}\n")


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.table import Table

    from s1kit.cli.console import data_console, escape

    table = Table(*map(escape, columns), box=None, padding=(0, 2))
    for column in table.columns:
        column.overflow = "fold"  # an id that lost its end names nothing
    for row in rows:
        table.add_row(*(escape("" if v is None else str(v)) for v in row))
    data_console().print(table)
