"""From what was found to the parts of a run: questions, policies, generations, and the verdicts that came with them.

Knows how rows become samples of one question under one policy. Refuses to lose a row without a word: what is left out
is counted with its reason, and so is what was decided between two rows that do not agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.imports.docs import make
from s1kit.imports.errors import ImportRefused
from s1kit.imports.found import Found, Reading, Said
from s1kit.imports.points import Point, describe, point_of
from s1kit.imports.rows import Counted, counts_of, generation, parts_of
from s1kit.imports.split import Parts as Split
from s1kit.imports.split import marks
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation, Grade, Question, question_id


@dataclass(slots=True)
class Parts:
    """Everything that a run of kind import is written from. ``formats`` counts rows by the format they were in."""

    questions: list[Question] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    grades: dict[str, list[Grade]] = field(default_factory=dict)
    """Grader -> one grade per generation; ``ungraded`` where the file has no verdict of that name."""
    formats: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def assemble(
    reading: Reading,
    *,
    format_name: str = "auto",
    tokenizer: Tokenizer | None = None,
    benchmark: Sequence[Question] | None = None,
) -> Parts:
    """The parts of a run. ``benchmark``: only its questions, with its references; rows of others are left out.

    Samples are numbered in the order in which they stand in the files, by the sample's number where one is stated.
    Raises ImportRefused where nothing is left.
    """
    parts, questions = Parts(), _Questions(benchmark)
    points: dict[str, Point] = {}
    counted: dict[str, set[Counted]] = {}
    samples: dict[tuple[str, str], int] = {}
    said: list[dict[str, Said]] = []
    rows = sorted(reading.rows, key=lambda row: row.sample or 0)
    split_rows = [parts_of(found, format_name) for found in rows]
    spelled = marks(_usual(split_rows))
    files: dict[tuple[str, str], str] = {}
    shared: set[str] = set()
    for found, phases in zip(rows, split_rows, strict=True):
        question = questions.of(found, reading)
        if question is None:
            continue
        point = point_of(found, spelled)
        points.setdefault(point.id, point)
        counts = counts_of(found, phases, tokenizer)
        number = samples.get((question.id, point.id), 0)
        samples[question.id, point.id] = number + 1
        if files.setdefault((question.id, point.id), found.file) != found.file:
            shared.add(point.id)
        if found.error is None:
            counted.setdefault(point.id, set()).add(counts.source)
            parts.formats[phases.format] = parts.formats.get(phases.format, 0) + 1
        parts.generations.append(generation(found, phases, counts, question.id, point.id, number))
        said.append(found.said)
    if not parts.generations:
        reasons = "; ".join(f"{n} rows: {why}" for why, n in reading.left_out.items()) or "the files hold no rows"
        raise ImportRefused(f"nothing to import: {reasons}", "rows need a question and a generated text")
    parts.questions = questions.asked()
    most: dict[str, int] = {}
    for (_, name), n in samples.items():
        most[name] = max(n, most.get(name, 0))
    parts.policies = describe(list(points.values()), most, {name: _source(counted.get(name)) for name in points})
    parts.grades = _grades(parts, said)
    together = [
        f"{parts.policies[name]['label']}: several files answer the same questions with the same settings, so their "
        "rows are samples of one policy (--label NAME=FILE keeps files apart)"
        for name in parts.policies
        if name in shared
    ]
    parts.notes = [*questions.notes(), *together, *_ragged(parts)]
    return parts


def _usual(rows: Sequence[Split]) -> str:
    """The format that most rows with marked thinking are in; plain where none is."""
    names = Counter(row.format for row in rows if row.format != "plain")
    return names.most_common(1)[0][0] if names else "plain"


def _source(sources: set[Counted] | None) -> Counted:
    """Where a policy's counts are from: a single row without any makes its mean untrue."""
    if not sources or "not counted" in sources:
        return "not counted"
    return "counted" if "counted" in sources else "stated"


def _grades(parts: Parts, said: Sequence[Mapping[str, Said]]) -> dict[str, list[Grade]]:
    references = {question.id: question.answer for question in parts.questions}
    nothing = Said("ungraded", "not stated")
    graders = dict.fromkeys(name for each in said for name in each)
    return {
        name: [
            Grade(
                question_id=row.question_id,
                policy_id=row.policy_id,
                sample=row.sample,
                grader=name,
                version=1,
                verdict=each.get(name, nothing).verdict,
                rule=each.get(name, nothing).rule,
                extracted=each.get(name, nothing).extracted,
                reference=references[row.question_id],
            )
            for row, each in zip(parts.generations, said, strict=True)
        ]
        for name in graders
    }


def _ragged(parts: Parts) -> list[str]:
    """Policies that do not answer every question equally often: a run made here always does."""
    notes = []
    rows = Counter(row.policy_id for row in parts.generations)
    for name, entry in parts.policies.items():
        have = rows[name]
        full = len(parts.questions) * int(entry["samples"])
        if have < full:
            notes.append(f"{entry['label']}: {have} rows, {full} would be {entry['samples']} for every question")
    return notes


class _Questions:
    """Questions by their content, or those of a benchmark by their text."""

    def __init__(self, benchmark: Sequence[Question] | None) -> None:
        self._known: dict[str, Question] = {}
        self._fixed = None if benchmark is None else {question_id(q.text): q for q in benchmark}
        self._other: set[str] = set()

    def of(self, found: Found, reading: Reading) -> Question | None:
        """The question of a row; None where it has none that can be known, which is then counted."""
        if found.question.startswith(LEFT_OUT):
            reading.leave_out(found.where, "the question's text was left out when this was exported")
            return None
        if self._fixed is None:
            made = make(found.question, found.reference, found.choices, found.source, found.answer_kind)
        else:
            fixed = self._fixed.get(question_id(found.question))
            if fixed is None:
                reading.leave_out(found.where, "not a question of the benchmark")
                return None
            if found.choices and fixed.choices and found.choices != fixed.choices:
                reading.leave_out(found.where, "the choices stand in another order than the benchmark's")
                return None
            made = fixed
        known = self._known.setdefault(made.id, made)
        if known.answer != made.answer:
            self._other.add(made.id)
        return known

    def asked(self) -> list[Question]:
        """The questions that some row answers: in the benchmark's order, else in the files'."""
        if self._fixed is None:
            return list(self._known.values())
        return [question for question in self._fixed.values() if question.id in self._known]

    def notes(self) -> list[str]:
        """What was decided between rows that do not agree, and what is missing."""
        notes = []
        if self._other:
            notes.append(f"{len(self._other)} questions have several reference answers; the first of each is kept")
        if unknown := sum(question.answer is None for question in self._known.values()):
            notes.append(f"{unknown} questions have no reference answer: their rows will be ungraded")
        return notes
