"""A run as every export reads it: rows in order, each with its question, its label and its grade.

Knows which rows lack a grade or tokens, and says so. Refuses to know any other tool's format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath, PureWindowsPath
from typing import Any

from s1kit.benchmarks.publishing import hide_generation, hide_grade, hide_question, is_gated
from s1kit.benchmarks.registry import title
from s1kit.store import layout
from s1kit.store.errors import StoreError
from s1kit.store.layout import Key
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question, RunManifest


@dataclass(frozen=True, slots=True)
class Row:
    """One generation with all that belongs to it. ``number`` is the question's place in the run, from 0."""

    number: int
    question: Question
    generation: Generation
    grade: Grade | None
    gated: bool


class Source:
    """A run opened for export. ``hidden`` counts the questions whose text is withheld."""

    def __init__(self, run: RunDir, grader: str | None = None, *, with_gated: bool = False) -> None:
        """``grader`` None: ``default`` where the run has it, else rows go without verdicts and ``notes`` says so.

        Raises StoreError where a grader that was named has no grades, and where the run has no rows.
        """
        self.run = run
        self.manifest: RunManifest = run.manifest
        self.benchmark = title(str(self.manifest.config.get("benchmark") or self.manifest.kind))
        self.grader, self.grades = _grades(run, grader)
        questions = list(run.questions())
        self.hidden = 0 if with_gated else sum(is_gated(q, self.manifest) for q in questions)
        self._with_gated = with_gated
        self.gated = {q.id for q in questions if is_gated(q, self.manifest)}
        kept = (q if with_gated or q.id not in self.gated else hide_question(q) for q in questions)
        self.questions: dict[str, Question] = {q.id: q for q in kept}
        self.n_rows = layout.count_generations(run.path)
        if not self.n_rows:
            raise StoreError(f"`{run.path}` has no rows to export", "resume the run first")

    @property
    def model(self) -> str:
        """The model's name without the folder it lay in: a path says who and where, and is published nowhere."""
        engine = self.manifest.engine
        name = str(self.manifest.config.get("model") or (engine.model if engine else "unknown"))
        return ", ".join(map(_model, name.split(", ")))  # an import may be of several

    def label(self, policy_id: str) -> str:
        """What people call a policy."""
        return str(self.manifest.policies.get(policy_id, {}).get("label", policy_id))

    def entry(self, policy_id: str) -> dict[str, Any]:
        """What the manifest says of a policy, models without the folders they lay in."""
        found: dict[str, Any] = _published(self.manifest.policies.get(policy_id, {}))
        return found

    def counted(self, policy_id: str) -> bool:
        """Whether the rows' numbers of tokens are known; an import may have none, and its rows say 0 then."""
        return self.manifest.policies.get(policy_id, {}).get("tokens") != "not counted"

    def rows(self) -> Iterator[Row]:
        """Every row by question, policy and sample: in the file's own order where the run is finished."""
        number = {question: i for i, question in enumerate(self.questions)}
        for row in self._ordered(number):
            grade = self.grades.get(row.key)
            hide = row.question_id in self.gated and not self._with_gated
            yield Row(
                number[row.question_id],
                self.questions[row.question_id],
                hide_generation(row) if hide else row,
                hide_grade(grade) if hide and grade is not None else grade,
                row.question_id in self.gated,
            )

    def _ordered(self, number: dict[str, int]) -> Iterable[Generation]:
        if layout.record_file(self.run.path).name == layout.GENERATIONS:
            return self.run.generations()
        place = {policy: i for i, policy in enumerate(self.manifest.policies)}

        def order(row: Generation) -> tuple[int, int, int]:
            return number[row.question_id], place.get(row.policy_id, -1), row.sample

        return sorted(self.run.generations(), key=order)

    def notes(self) -> Iterator[str]:
        """What a reader of the export has to know that the rows do not say by themselves."""
        if self.manifest.status != "finished":
            yield f"the run is {self.manifest.status}: {self.n_rows} rows so far"
        if self.grader is None:
            have = ", ".join(sorted(self.run.grade_files())) or "none"
            yield f"there are no grades by 'default' (there are: {have}): rows go without verdicts"
        if blind := [self.label(name) for name in self.manifest.policies if not self.counted(name)]:
            yield f"tokens were not counted for {', '.join(blind)}: their rows say 0 or nothing"
        if self.hidden:
            yield f"the texts of {self.hidden} GPQA questions and of their rows are left out (--with-gated keeps them)"


def _model(name: str) -> str:
    local = PurePath(name).is_absolute() or PureWindowsPath(name).is_absolute() or name.startswith((".", "~"))
    return PureWindowsPath(name).name if local else name


def _published(value: Any) -> Any:
    """The value with every ``model`` (and the series that is named after one) as it may be shown."""
    if not isinstance(value, dict):
        return value
    named = ("model", "series")
    return {k: _model(v) if k in named and isinstance(v, str) else _published(v) for k, v in value.items()}


def _grades(run: RunDir, grader: str | None) -> tuple[str | None, dict[Key, Grade]]:
    """``("name@version", grades)``; (None, {}) where no grader was named and the default has not graded."""
    wanted = grader or "default"
    if grader is None and not any(name.startswith("default@") for name in run.grade_files()):
        return None, {}
    grades = {grade.key: grade for grade in run.grades(wanted)}
    version = next(iter(grades.values())).version if grades else 0
    return wanted if "@" in wanted else f"{wanted}@{version}", grades


@dataclass(slots=True)
class Tally:
    """What an export counted on its way."""

    rows: int = 0
    ungraded: int = 0
    no_tokens: int = 0
    failed: int = 0

    def add(self, row: Row) -> None:
        """Count one row."""
        self.rows += 1
        self.ungraded += row.grade is None or row.grade.verdict == "ungraded"
        self.no_tokens += row.generation.token_ids is None and not row.gated
        self.failed += layout.failed(row.generation)

    def notes(self) -> Iterator[str]:
        """A sentence for every count that is not 0."""
        if self.ungraded:
            yield f"{self.ungraded} of {self.rows} rows have no verdict"
        if self.no_tokens:
            yield f"{self.no_tokens} of {self.rows} rows have no token ids: their texts are all there is"
        if self.failed:
            yield f"{self.failed} of {self.rows} rows ended in an error"


def transcript(row: Generation, entry: dict[str, object]) -> str:
    """What came after the prompt, as text: the thinking between the format's delimiters, then the answer.

    Built of the stored texts, so it needs no tokenizer; white space at the seams may differ from the tokens'.
    """
    fmt = entry.get("format")
    spelled = fmt if isinstance(fmt, dict) else {}
    thinks = bool(row.thinking_text) or any(s.phase == "think" for s in row.segments)
    answers = bool(row.answer_text) or any(s.phase == "answer" for s in row.segments)
    if not thinks:
        return row.answer_text
    text = f"{spelled.get('open', '')}{row.thinking_text}"
    if not answers:
        return text
    newline = "\n" if spelled.get("newline_before_close") and not text.endswith("\n") else ""
    return f"{text}{newline}{spelled.get('close', '')}{row.answer_text}"


def file_word(text: str) -> str:
    """``text`` as part of a file's name: letters, digits, '-' and '.', nothing else."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-.") or "x"
