"""Benchmark files as people have them: kinds, marks, separators, damage; every complaint names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from s1kit.benchmarks.files import BenchmarkError, read_questions
from unit.benchmarks.rows import KINDS, write_rows


def write(folder: Path, content: bytes) -> Path:
    file = folder / "q.jsonl"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b'\xef\xbb\xbf{"question": "a"}\n{"question": "b"}\n', ["a", "b"]),
        (b'{"question": "a"}\r\n\r\n{"question": "b"}', ["a", "b"]),
        ('{"question": "one\u2028line"}\n{"question": "next\u0085line"}'.encode(), ["one\u2028line", "next\u0085line"]),
        ('{"question": "π ≈ 3"}'.encode(), ["π ≈ 3"]),
    ],
    ids=["a byte-order mark", "Windows lines", "separators inside a string", "letters"],
)
def test_is_read_as_it_stands(tmp_path: Path, content: bytes, texts: list[str]) -> None:
    assert [q.text for q in read_questions(write(tmp_path, content))] == texts


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"question": "caf\xe9"}', "not UTF-8"),
        (b'{"question": "\\ud800"}', "half a surrogate pair"),
        (b'{"question": "half', "not JSON"),
        (b"[1]", "a row has to be an object, this is list"),
        (b'{"answer": "4"}', "no question text"),
        (b'{"question": "ok"}', "the same question as q.jsonl:1$"),
        (b'{"question": "x", "choices": ["1", "2"], "answer": "E"}', "names none of the 2 choices"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: bytes, message: str) -> None:
    file = write(tmp_path, b'{"question": "ok"}\n\n' + row + b"\n")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_questions(file)
    assert str(caught.value).startswith(f"{file}:3: ")


@pytest.mark.parametrize("answer", ["B", "b", "(B)", "2"])
def test_a_choice_is_named_by_letter_or_in_full(tmp_path: Path, answer: str) -> None:
    row = f'{{"question": "x", "choices": ["1", "2"], "answer": "{answer}"}}'
    [question] = read_questions(write(tmp_path, row.encode()))
    assert question.answer_kind == "choice"


def test_no_questions(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="has no questions"):
        read_questions(write(tmp_path, b"\n\n"))


def test_the_kind_of_file_makes_no_difference(tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(3)]
    kinds = {kind: write_rows(tmp_path / f"sums.{kind}", rows) for kind in KINDS}
    wanted = read_questions(kinds["jsonl"])
    assert [q.answer for q in wanted] == ["1", "2", "3"]
    assert {kind: read_questions(file) for kind, file in kinds.items()} == dict.fromkeys(KINDS, wanted)


def test_a_file_of_another_name_is_read_as_lines(tmp_path: Path) -> None:
    file = tmp_path / "test.txt"
    file.write_text('{"question": "a"}\n')
    assert [q.text for q in read_questions(file)] == ["a"]


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="is a folder, not a benchmark file"):
        read_questions(tmp_path)
