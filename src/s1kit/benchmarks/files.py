"""Questions from a JSONL file, s1kit's own records or plain rows.

Knows the column names people use and names the line that is wrong. Refuses to guess answers: a row without one is
kept and can only be ungraded.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pydantic import ValidationError

from s1kit.errors import UserError
from s1kit.types import AnswerKind, Question

TEXT_KEYS = ("text", "question", "problem", "prompt")
ANSWER_KEYS = ("answer", "expected_answer", "solution_answer", "target")
BOM = b"\xef\xbb\xbf"
KEPT_KEYS = ("source", "domain", "licence")


class BenchmarkError(UserError, ValueError):
    """A question set that is unknown or malformed; names file and line."""


def read_questions(path: str | Path) -> list[Question]:
    """Every row of a JSONL file as a Question, in order.

    A row is a Question record, or has one of ``text/question/problem/prompt``, an ``answer``, optionally ``choices``
    and ``answer_kind`` (else: choice where there are choices, integer where the answer is one, math otherwise). Raises
    BenchmarkError with file and line for a broken row, a row without text, and a question that is there twice.
    """
    file = Path(path)
    if not file.is_file():
        raise BenchmarkError(f"no benchmark file {file}")
    questions: list[Question] = []
    lines: dict[str, int] = {}
    for number, raw in enumerate(file.read_bytes().removeprefix(BOM).split(b"\n"), start=1):
        if not raw.strip():
            continue
        question = _question(raw, f"{file}:{number}", file.stem)
        if question.id in lines:
            raise BenchmarkError(f"{file}:{number}: the same question as line {lines[question.id]}")
        lines[question.id] = number
        questions.append(question)
    if not questions:
        raise BenchmarkError(f"{file} has no questions")
    return questions


def _question(line: bytes, where: str, stem: str) -> Question:
    try:
        row: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BenchmarkError(f"{where}: not UTF-8: {error}\nhint: convert the file to UTF-8") from error
    except ValueError as error:
        raise BenchmarkError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BenchmarkError(f"{where}: a row has to be an object, this is {type(row).__name__}")
    try:
        if {"id", "text", "answer_kind"} <= row.keys():
            question = Question.model_validate(row)
        else:
            question = _mapped(row, where, stem)
        _check_reference(question, where)
        return question
    except UnicodeEncodeError as error:
        raise BenchmarkError(f"{where}: half a surrogate pair, which is no text: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(p) for p in first["loc"])
        raise BenchmarkError(f"{where}: {key + ': ' if key else ''}{first['msg']}") from error


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
    if answer is not None and answer.removeprefix("-").isdecimal():
        return "integer"
    return "math"
