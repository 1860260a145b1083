"""The rows of a query as CSV or as a Parquet file.

Knows columns and plain values. Refuses two columns of one name, which a file would lose one of.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from s1kit.store.errors import StoreError
from s1kit.store.files import replacing, write_atomic


def refuse_twins(columns: Sequence[str]) -> None:
    """Raise StoreError where two columns have one name."""
    twins = [name for name, n in Counter(columns).items() if n > 1]
    if twins:
        raise StoreError(f"the answer has two columns named {twins[0]!r}", f"name one of them: ... AS other_{twins[0]}")


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with a header: nothing for NULL, JSON for lists and structures. Raises StoreError as `refuse_twins` does."""
    refuse_twins(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return out.getvalue()


def _plain(value: Any) -> Any:
    nested = isinstance(value, (dict, list, tuple))
    return json.dumps(value, ensure_ascii=False, default=str) if nested else value


def write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write ``FILE.csv`` or ``FILE.parquet``, whole or not at all. Raises StoreError for any other name."""
    if path.suffix == ".csv":
        write_atomic(path, csv_text(columns, rows))
        return
    if path.suffix != ".parquet":
        raise StoreError(f"`{path}` is neither .csv nor .parquet", "the name says which of them is written")
    refuse_twins(columns)
    values = zip(*rows, strict=True) if rows else ((),) * len(columns)
    try:
        table = pa.table({name: pa.array(list(column)) for name, column in zip(columns, values, strict=True)})
    except pa.ArrowException as problem:
        raise StoreError(f"the answer is no table of columns: {problem}", "cast the column in the query") from problem
    with replacing(path) as temp:
        pq.write_table(table, temp, compression="zstd")
