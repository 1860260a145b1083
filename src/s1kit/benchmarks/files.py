"""Questions from a file as people have it: s1kit's own records, plain rows, or the rows of a named benchmark.

Knows the column names people use and names the line that is wrong. Refuses to guess answers: a row without one is
kept and can only be ungraded. Refuses to take a part, or another set, for a named benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pydantic import ValidationError

from s1kit.benchmarks.reading import ReadingError, read_rows
from s1kit.benchmarks.rows import RECORD, check_whole, is_integer, to_question
from s1kit.benchmarks.spec import Benchmark, BenchmarkError
from s1kit.types import AnswerKind, Question

TEXT_KEYS = ("text", "question", "problem", "prompt")
ANSWER_KEYS = ("answer", "expected_answer", "solution_answer", "target")
KEPT_KEYS = ("source", "domain", "licence")

__all__ = ["ANSWER_KEYS", "TEXT_KEYS", "BenchmarkError", "distinct", "read_benchmark", "read_questions"]


def read_questions(path: str | Path) -> list[Question]:
    """Every row of a JSONL, JSON, CSV or Parquet file (any other name: JSONL) as a Question, in order.

    A row is a Question record, or has one of ``text/question/problem/prompt``, an ``answer``, optionally ``choices``
    and ``answer_kind`` (else: choice where there are choices, integer where the answer is one, math otherwise). Raises
    BenchmarkError with file and line for a broken row, a row without text, and a question that is there twice.
    """
    file = Path(path)
    return _read(file, lambda row, where: _question(row, where, file.name.partition(".")[0]))


def read_benchmark(spec: Benchmark, path: str | Path) -> list[Question]:
    """The whole of a named benchmark from a local file, in the columns of the hub or of the usual copies.

    Raises BenchmarkError as `read_questions` does, and where the file is not the whole set.
    """
    questions = _read(Path(path), lambda row, where: to_question(spec, row, where))
    check_whole(spec, questions, str(path))
    return questions


def distinct(questions: Iterable[tuple[str, Question]]) -> list[Question]:
    """The questions behind ``(where it stands, question)``. Raises BenchmarkError where one is there twice."""
    seen: dict[str, str] = {}
    found = []
    for where, question in questions:
        if question.id in seen:
            raise BenchmarkError(f"{where}: the same question as {Path(seen[question.id]).name}")
        seen[question.id] = where
        found.append(question)
    return found


def _read(file: Path, convert: Callable[[dict[str, Any], str], Question]) -> list[Question]:
    if not file.is_file():
        raise BenchmarkError(
            f"{file} is a folder, not a benchmark file" if file.is_dir() else f"no benchmark file {file}"
        )
    pairs = []
    try:
        for line in read_rows(file, otherwise="jsonl"):
            where = str(file.parent / line.where)
            if line.row is None:
                fix = "\nhint: convert the file to UTF-8" if line.broken.startswith("not UTF-8") else ""
                raise BenchmarkError(f"{where}: {line.broken}{fix}")
            pairs.append((where, convert(line.row, where)))
    except ReadingError as error:
        raise BenchmarkError(str(error)) from error
    if not pairs:
        raise BenchmarkError(f"{file} has no questions")
    return distinct(pairs)


def _question(row: dict[str, Any], where: str, stem: str) -> Question:
    try:
        question = Question.model_validate(row) if row.keys() >= RECORD else _mapped(row, where, stem)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        raise BenchmarkError(f"{where}: {key + ': ' if key else ''}{first['msg']}") from error
    _check_reference(question, where)
    return question


def _mapped(row: dict[str, Any], where: str, stem: str) -> Question:
    text = next((row[k] for k in TEXT_KEYS if isinstance(row.get(k), str) and row[k].strip()), None)
    if text is None:
        raise BenchmarkError(
            f"{where}: no question text\n"
            f"hint: a row needs one of {', '.join(TEXT_KEYS)}; this has {', '.join(row) or 'nothing'}"
        )
    answer = next((str(row[k]).strip() for k in ANSWER_KEYS if row.get(k) is not None), None)
    choices = tuple(str(c) for c in row.get("choices") or ())
    kept = {k: row[k] for k in KEPT_KEYS if row.get(k) is not None}
    return Question.make(
        text=text,
        answer=answer,
        answer_kind=row.get("answer_kind") or _kind(answer, choices),
        choices=choices,
        **{"source": stem, **kept},
    )


def _check_reference(question: Question, where: str) -> None:
    """A choice answer has to name one of the choices, or every row of the question would count as wrong."""
    letters = ascii_uppercase[: len(question.choices)]
    if question.answer_kind == "choice" and question.choices and question.answer is not None:
        named = question.answer.strip().strip("()").upper()
        if named not in letters and question.answer not in question.choices:
            raise BenchmarkError(
                f"{where}: the answer {question.answer!r} names none of the {len(question.choices)} choices\n"
                f"hint: one of {', '.join(letters)}, or a choice in full"
            )


def _kind(answer: str | None, choices: tuple[str, ...]) -> AnswerKind:
    if choices:
        return "choice"
    return "integer" if is_integer(answer) else "math"
