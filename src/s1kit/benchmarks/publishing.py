"""Whether a question's text may be written where others will read it, and what is shown where it may not.

Knows the marks that a gated question carries, and what of a row would give its text away. GPQA's authors ask that no
example be put where a crawler finds it, since a model trained on it can no longer be measured by it. Refuses to know
where something is published: a run directory is not (it keeps every question), a report folder and an export are.
"""

from __future__ import annotations

from typing import Any

from s1kit.types import Generation, Grade, Question, RunManifest

LEFT_OUT = "(left out: the authors of this data set ask that its text is not published)"

GATED = "gated"
"""The key in ``Question.meta`` that says so."""
_SOURCES = ("gpqa",)
"""Data sets whose authors ask that no example be published, wherever a question of theirs comes from."""
_TELLING = ("source", "source_type", "origin", "dataset")


def may_publish(question: Question) -> bool:
    """Whether the text, options and traces of a question may go into a report or an export.

    No, where the question is marked as gated, or where its source or the origin that its row names is a gated set.
    """
    named = (question.source, question.licence, *(question.meta.get(key) for key in _TELLING))
    gated_source = any(name in str(said).casefold() for said in named for name in _SOURCES)
    return not (question.meta.get(GATED) or gated_source)


def is_gated(question: Question, manifest: RunManifest) -> bool:
    """Whether the question, or the benchmark that its run asked, or a file that it was imported from, says so."""
    asked = " ".join((str(manifest.config.get("benchmark")), *manifest.inputs)).casefold()
    return not may_publish(question) or any(name in asked for name in _SOURCES)


def hide_question(question: Question) -> Question:
    """The question without text, choices and notes; its id stays, which is of the text and does not tell it."""
    gone: dict[str, Any] = {"text": LEFT_OUT, "choices": (), "meta": {}, "answer": _letter(question.answer)}
    return question.model_copy(update=gone)


def hide_generation(row: Generation) -> Generation:
    """The row without words: reasoning repeats the question, and token ids are words to whoever has the tokenizer."""
    segments = tuple(s.model_copy(update={"text": None}) for s in row.segments)
    gone: dict[str, Any] = {
        "token_ids": None,
        "segments": segments,
        "confidence": None,
        "error": row.error and LEFT_OUT,
    }
    return row.model_copy(update={**gone, "thinking_text": LEFT_OUT, "answer_text": LEFT_OUT})


def hide_grade(grade: Grade) -> Grade:
    """The grade with its verdict and rule; answers stay where they are a single letter.

    Behind a colon the rule of an imported verdict quotes what the file had in its place.
    """
    gone = {"extracted": _letter(grade.extracted), "reference": _letter(grade.reference)}
    return grade.model_copy(update={**gone, "rule": grade.rule.partition(":")[0]})


def _letter(answer: str | None) -> str | None:
    return answer if answer is None or len(answer.strip()) == 1 else LEFT_OUT
