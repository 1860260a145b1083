"""Rows come back as they were written, a broken one is named and harms no other, and memory does not grow."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.benchmarks import reading
from s1kit.benchmarks.reading import ReadingError, read_rows

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
ROWS = st.lists(st.fixed_dictionaries({"question": TEXT, "answer": TEXT}), min_size=1, max_size=8)


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif file.suffix == ".csv":
        with file.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif file.suffix == ".json":
        file.write_text(json.dumps(rows), encoding="utf-8")
    else:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        file.write_bytes(gzip.compress(lines) if file.suffix == ".gz" else lines)
    return file


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet"])
@given(rows=ROWS)
@settings(max_examples=40, deadline=None)
def test_rows_come_back_as_written(name: str, rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = list(read_rows(write(Path(folder) / name, rows)))
    assert [line.row for line in lines] == rows
    assert len({line.where for line in lines}) == len(rows)
    assert all(line.where.startswith(name) and not line.broken for line in lines)


GOOD = b'{"question": "one"}'


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b'{"question": ', "not JSON"),
        (b'{"question": "\xff"}', "not UTF-8"),
        (b'["question"]', "this is list"),
        (b'{"question": "\\ud800"}', "half a surrogate pair"),
        (b'{"deep": {"list": ["x", {"\\uDFFF": 1}]}}', "half a surrogate pair"),
        (b'{"score": NaN}', "NaN is no JSON value"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"n": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"null", "this is NoneType"),
    ],
)
def test_a_broken_line_is_named_and_the_others_go_on(tmp_path: Path, bad: bytes, said: str) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n\n" + bad + b"\n" + GOOD)
    first, broken, last = read_rows(file)
    assert (first.where, first.row) == ("pool.jsonl:1", {"question": "one"})
    assert (broken.where, broken.row) == ("pool.jsonl:3", None)
    assert said in broken.broken
    assert (last.where, last.row) == ("pool.jsonl:4", {"question": "one"})


def test_a_surrogate_pair_and_a_control_sign_are_text(tmp_path: Path) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_bytes(b'{"question": "\\ud83d\\ude00 \\u0000\\u200b\\u202e"}\n')
    (line,) = read_rows(file)
    assert line.row == {"question": "\U0001f600 \x00\u200b\u202e"}


def test_broken_csv_rows(tmp_path: Path) -> None:
    file = tmp_path / "pool.csv"
    file.write_bytes(b'question,answer\n"two\nlines",1\nshort\nbytes,\xff\n\nlong,1,2\nlast,2\n"open,3\nnever closed')
    lines = list(read_rows(file))
    assert [(line.where, line.row) for line in lines if line.row] == [
        ("pool.csv:2", {"question": "two\nlines", "answer": "1"}),
        ("pool.csv:8", {"question": "last", "answer": "2"}),
    ]
    assert [(line.where, line.broken.split(":")[0]) for line in lines if not line.row] == [
        ("pool.csv:4", "1 fields, the header names 2"),
        ("pool.csv:5", "not UTF-8"),
        ("pool.csv:7", "3 fields, the header names 2"),
        ("pool.csv:9", "not CSV"),
    ]


def test_a_parquet_text_that_is_no_text_breaks_its_row_only(tmp_path: Path) -> None:
    texts = pa.array([b"one", b"\xff", b"three"]).view(pa.string())
    pq.write_table(pa.table({"question": texts}), tmp_path / "pool.parquet")
    lines = list(read_rows(tmp_path / "pool.parquet"))
    assert [line.row for line in lines] == [{"question": "one"}, None, {"question": "three"}]
    assert lines[1].where == "pool.parquet row 2"
    assert "not UTF-8" in lines[1].broken


def test_lines_under_the_name_json(tmp_path: Path) -> None:
    file = tmp_path / "pool.json"
    file.write_bytes(GOOD + b"\n" + GOOD + b"\n")
    assert [(line.where, line.row) for line in read_rows(file)] == [
        ("pool.json:1", {"question": "one"}),
        ("pool.json:2", {"question": "one"}),
    ]


def test_an_element_that_is_no_object(tmp_path: Path) -> None:
    file = tmp_path / "pool.json"
    file.write_text('[{"a": 1}, 2]', encoding="utf-8")
    one, two = read_rows(file)
    assert one.row == {"a": 1}
    assert (two.where, two.broken) == ("pool.json row 2", "a row has to be an object, this is int")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "no file"),
        ("pool.txt", b"x", "accepted are .jsonl"),
        ("pool.json", b"[1,", "is not JSON"),
        ("pool.json", b"3", "not an array"),
        ("pool.parquet", b"x" * 50, "no readable Parquet"),
        ("pool.jsonl.gz", gzip.compress(GOOD * 5000, mtime=0)[:60], "cannot be read"),
        ("pool.jsonl.gz", b"no gzip", "cannot be read"),
        ("pool.csv", b"a,a\n1,2\n", "column 'a' is there twice"),
    ],
)
def test_what_is_no_container_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadingError, match=said) as caught:
        list(read_rows(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("name", ["pool.jsonl", "pool.csv", "pool.parquet", "pool.json"])
def test_ten_megabytes_in_one_question(tmp_path: Path, name: str) -> None:
    rows = [{"question": "x" * 10_000_000}, {"question": "next"}]
    assert [line.row for line in read_rows(write(tmp_path / name, rows))] == rows


def test_a_row_beyond_the_limit_is_broken_and_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_ROW", 1 << 20)
    for name in ("pool.jsonl", "pool.csv"):
        rows = [{"question": "a"}, {"question": "x" * 3_000_000}, {"question": "b"}]
        first, long, last = read_rows(write(tmp_path / name, rows))
        assert (first.row, long.row, last.row) == (rows[0], None, rows[2])
        assert long.where == f"{name}:{2 if name.endswith('jsonl') else 3}"


@pytest.mark.parametrize("name", ["pool.jsonl", "pool.csv", "pool.parquet", "pool.jsonl.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, [{"question": f"{i} " + "x" * 1000, "answer": "1"} for i in range(20_000)])
    tracemalloc.start()
    count = sum(1 for _ in read_rows(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 4 << 20, "the file holds 20 MB"
