"""A query's rows in files: what goes in comes out, and a name or a column that would lose something is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from s1kit.store.errors import StoreError
from s1kit.store.table_file import csv_text, write_table

COLUMNS = ["name", "n", "ids"]
ROWS = [('a,\n"b"', 1, [1, 2]), (None, 2, None), ("ü", None, [])]


def test_parquet_and_csv_hold_the_rows(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", COLUMNS, ROWS)
    assert [tuple(r.values()) for r in pq.read_table(tmp_path / "t.parquet").to_pylist()] == ROWS
    write_table(tmp_path / "t.csv", COLUMNS, ROWS)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [COLUMNS, ['a,\n"b"', "1", "[1, 2]"], ["", "2", ""], ["ü", "", "[]"]]


def test_no_rows_are_a_file_with_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", COLUMNS, [])
    assert pq.read_table(tmp_path / "t.parquet").column_names == COLUMNS
    assert csv_text(COLUMNS, []) == "name,n,ids\n"


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.csv.gz"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"neither \.csv nor \.parquet"):
        write_table(tmp_path / name, COLUMNS, ROWS)
    assert not list(tmp_path.iterdir())


def test_twin_columns_are_refused(tmp_path: Path) -> None:
    for write in (lambda: csv_text(["a", "a"], [(1, 2)]), lambda: write_table(tmp_path / "t.parquet", ["a", "a"], [])):
        with pytest.raises(StoreError, match="two columns named 'a'"):
            write()
