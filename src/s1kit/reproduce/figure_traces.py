"""Figures 3 and 5: what a model wrote, question by question, with the forced "Wait" lit.

Knows a run's rows and how its tokens are read. Refuses to choose by looks: the rule that picks a question is in the
caption, and the picture leaves out middles, never what was forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from s1kit.nano.shipped import resolve_model
from s1kit.report.pictures_text import Block, Run, excerpt, transcript
from s1kit.report.text import number
from s1kit.report.traces import Decode, Piece, pieces
from s1kit.reproduce.figure_files import Figure
from s1kit.reproduce.published_figures import SHOWS
from s1kit.store.run import RunDir
from s1kit.tokenizer import Tokenizer, TokenizerError
from s1kit.types import Generation, Grade, Question

_LETTERS, _LINES = 420, 900
"""Letters of a thought where three stand in one picture, and where it stands alone."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question, what was done with it, and the verdict."""

    question: Question
    generation: Generation
    grade: Grade
    pieces: tuple[Piece, ...]
    benchmark: str


def decode_of(run: RunDir) -> Decode | None:
    """Text of a run's tokens by its own tokenizer; None where that is gone or another one."""
    model = run.manifest.config.get("model")
    try:
        tokenizer = Tokenizer.load(resolve_model(model)) if isinstance(model, str) else None
    except TokenizerError:
        return None
    same = tokenizer is not None and tokenizer.hash == run.manifest.inputs.get("tokenizer")
    return tokenizer.decode if tokenizer is not None and same else None


def example(run: RunDir, role: str, *, right: bool = False) -> Example | None:
    """The question whose thinking is nearest to the median length under the policy of this role, the first of equals
    (with ``right``: of those that are answered correctly); None where there is none. Of several samples the first."""
    policies = {key for key, entry in run.manifest.policies.items() if entry.get("role") == role}
    grades = {grade.key: grade for grade in run.grades("default")}
    rows = {row.question_id: row for row in run.generations() if row.policy_id in policies and row.sample == 0}
    if not rows:
        return None
    usual = median(row.n_thinking for row in rows.values())
    fitting = [
        (question, rows[question.id])
        for question in run.questions()
        if question.id in rows
        and (grade := grades.get(rows[question.id].key)) is not None
        and (not right or grade.verdict == "correct")
    ]
    if not fitting:
        return None
    question, row = min(fitting, key=lambda pair: abs(pair[1].n_thinking - usual))
    told = tuple(pieces(row, decode_of(run)))
    return Example(question, row, grades[row.key], told, str(run.manifest.config.get("benchmark", "")))


def forced_figure(found: Example, alone: Example | None = None) -> Figure:
    """Figure 3: one question whose thinking was kept from ending. ``alone``: the same where it was not."""
    blocks = _blocks(found, _LINES)
    nudges = sum(piece.why == "nudge" for piece in found.pieces)
    spent = f"{number(found.generation.n_thinking)} thinking tokens"
    told = f"{spent}; the end of thinking was replaced {_often(nudges)} (lit); "
    told += f"answer {found.grade.extracted or 'none'}, {found.grade.verdict} (reference {found.grade.reference})."
    if alone is not None and alone.question.id == found.question.id:
        told += f" Left alone it answers {alone.grade.extracted or 'nothing'}, {alone.grade.verdict}."
    return Figure("figure3", blocks, partial(transcript, blocks, f"{SHOWS['figure3']}."), (told,))


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def examples_figure(found: Sequence[Example]) -> Figure | None:
    """Figure 5: one question of each set; None without one."""
    if not found:
        return None
    blocks = tuple(block for one in found for block in _blocks(one, _LETTERS, one.benchmark))
    told = "Of each set, among the questions that are answered correctly when the model ends by itself, the one whose "
    told += "thinking is nearest to the median length. […]: left out here."
    return Figure("figure5", blocks, partial(transcript, blocks, f"{SHOWS['figure5']}."), (told,))


def _blocks(found: Example, letters: int, name: str = "") -> tuple[Block, ...]:
    """Question, thinking and answer. Where nothing can be told apart the stored texts are shown."""
    thinking, answer = _parts(found)
    row, grade = found.generation, found.grade
    forced = f", {row.extensions} x end suppressed" if row.extensions else ""
    asked = f"question, {name}" if name else "question"
    said = grade.verdict.replace("_", " ")
    return (
        Block(asked, (Run(found.question.prompt()),)),
        Block("thinking", excerpt(thinking, letters), f"{number(row.n_thinking)} tokens{forced}"),
        Block("answer", excerpt(answer, letters), said),
    )


def _parts(found: Example) -> tuple[list[Run], list[Run]]:
    """Thinking and answer; delimiters are left out, nudges are kept."""
    segments = found.generation.segments
    if len(found.pieces) != len(segments):  # no tokenizer: texts as stored
        return [Run(found.generation.thinking_text)], [Run(found.generation.answer_text)]
    parts: dict[str, list[Run]] = {"think": [], "answer": []}
    for segment, piece in zip(segments, found.pieces, strict=True):
        if segment.origin == "forced" and segment.why not in ("nudge", "cutoff"):
            continue
        parts[segment.phase].append(Run(piece.text, "forced" if segment.origin == "forced" else "model"))
    return parts["think"], parts["answer"]
