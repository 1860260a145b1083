"""Rows of a named benchmark as questions, and whether they are the whole set.

Knows how a declaration is applied to a row, from the hub or from a file. Refuses to guess: a row without text, answer
or options is named, and so is a set of the wrong size or with other answers than it is known for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from s1kit.benchmarks.gpqa_diamond import in_order
from s1kit.benchmarks.publishing import GATED
from s1kit.benchmarks.spec import Benchmark, BenchmarkError
from s1kit.grading.integer import integer_literal
from s1kit.types import Question, sha256_hex

RECORD = frozenset({"id", "text", "answer_kind"})
"""Keys of a Question as s1kit writes it."""


def to_question(spec: Benchmark, row: dict[str, Any], where: str) -> Question:
    """One row of a benchmark. Raises BenchmarkError that says ``where`` and what is missing or wrong."""
    if row.keys() >= RECORD:
        return _own(spec, row, where)
    text = _needed(row, spec.text, where)
    right = _needed(row, spec.answer, where)
    if spec.wrong:
        options = (right, *(_needed(row, (name,), where) for name in spec.wrong))
        choices, answer = in_order(text, options)
    else:
        choices, answer = (), right.strip()
    kind = spec.kinds[-1]
    if "integer" in spec.kinds:
        literal = integer_literal(answer)
        if kind == "integer":
            if literal is None:
                raise BenchmarkError(f"{where}: the answer {answer[:80]!r} is no integer")
            answer = literal
        elif is_integer(answer):
            kind = "integer"
    return Question.make(
        text=text,
        answer=answer,
        answer_kind=kind,
        choices=choices,
        source=spec.name,
        domain=next((str(row[name]) for name in spec.domain if row.get(name)), None),
        licence=spec.licence,
        meta={**{k: row[k] for k in spec.kept if row.get(k) is not None}, **({GATED: True} if spec.gated else {})},
    )


def is_integer(answer: str | None) -> bool:
    """Whether a reference of unknown kind is read as an integer: decimal digits, with a minus or without."""
    return answer is not None and answer.removeprefix("-").isdecimal()


def check_whole(spec: Benchmark, questions: Sequence[Question], where: str) -> None:
    """Raises BenchmarkError where these are not all questions of the set, or questions of another one."""
    if len(questions) != spec.count:
        raise BenchmarkError(
            f"{spec.name} has {spec.count} questions, {where} has {len(questions)}\n"
            f"hint: a part of it, or another set, goes by its file alone, without {spec.name}="
        )
    if spec.answers is not None and fingerprint([q.answer or "" for q in questions]) != spec.answers:
        raise BenchmarkError(
            f"{where}: {spec.count} questions, but their answers are not those of {spec.name}\n"
            f"hint: another set goes by its file alone, without {spec.name}="
        )


def fingerprint(answers: Sequence[str]) -> str:
    """16 hex digits over integer references in any order and spelling."""
    return sha256_hex(",".join(sorted(integer_literal(a) or a for a in answers)))[:16]


def _own(spec: Benchmark, row: dict[str, Any], where: str) -> Question:
    """A record that s1kit wrote: kept, with the benchmark's marks."""
    try:
        question = Question.model_validate(row)
    except ValidationError as error:
        raise BenchmarkError(f"{where}: {error.errors()[0]['msg']}") from error
    if question.answer_kind not in spec.kinds:
        raise BenchmarkError(f"{where}: a {question.answer_kind} question; {spec.name} has {', '.join(spec.kinds)}")
    marks = {GATED: True} if spec.gated else {}
    return question.model_copy(
        update={"source": spec.name, "licence": spec.licence, "meta": {**question.meta, **marks}}
    )


def _needed(row: dict[str, Any], names: tuple[str, ...], where: str) -> str:
    value = next((row[name] for name in names if row.get(name) is not None), None)
    if value is None or not str(value).strip():
        raise BenchmarkError(
            f"{where}: no {' or '.join(map(repr, names))}\nhint: the row has {', '.join(map(str, row)) or 'nothing'}"
        )
    return str(value)
