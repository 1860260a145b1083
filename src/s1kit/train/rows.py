"""Training rows: token ids with the loss on trace and answer only, built once and checked before anything is trained.

Knows the layout of s1's training text: prompt by the chat template, then thinking, then answer, closed by the turn end.
Refuses to shorten: a row that does not fit is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from s1kit.formats import ResolvedFormat
from s1kit.types import Question, Trace, TrainRow, sha256_hex

IGNORED = -100


class RowError(ValueError):
    """A row that would train on something else than what it says."""


def build_rows(
    pairs: Iterable[tuple[Question, Trace]], form: ResolvedFormat, *, max_tokens: int | None = None
) -> list[TrainRow]:
    """One row per trace. Raises RowError naming the question whose row is too long or lacks a delimiter."""
    return [build_row(question, trace, form, max_tokens=max_tokens) for question, trace in pairs]


def build_row(question: Question, trace: Trace, form: ResolvedFormat, *, max_tokens: int | None = None) -> TrainRow:
    if question.id != trace.question_id:
        raise RowError(f"trace of {trace.question_id} put beside question {question.id}")
    tokenizer = form.tokenizer
    prompt, opening = form.render([{"role": "user", "content": question.text}])
    thinking = tokenizer.encode(trace.thinking)
    newline = () if trace.thinking.endswith("\n") else form.newline
    answer = tokenizer.encode(f"Answer: {trace.answer}")
    end = form.turn_end_ids[:1]
    if tokenizer.added_ids.intersection((*thinking, *answer)):
        raise RowError(f"question {question.id}: the trace contains a control token, which would end a phase inside it")
    reply = (*opening, *thinking, *newline, *form.close, *answer, *end)
    ids = (*prompt, *reply)
    labels = (*([IGNORED] * len(prompt)), *reply)
    if max_tokens is not None and len(ids) > max_tokens:
        raise RowError(
            f"question {question.id}: the row has {len(ids)} tokens, max_tokens is {max_tokens}; nothing is truncated\n"
            "hint: raise max_tokens, or leave this row out of the training set"
        )
    key = sha256_hex(f"{question.id}\n{trace.thinking}\n{trace.answer}")[:16]
    row = TrainRow(
        id=key, question_id=question.id, format=form.spec.name, input_ids=ids, labels=labels, n_tokens=len(ids)
    )
    check_row(row, form)
    return row


def check_row(row: TrainRow, form: ResolvedFormat) -> None:
    """The answer delimiter and the turn end are learned, and every label is its own token."""
    if len(row.input_ids) != len(row.labels):
        raise RowError(f"row {row.id}: {len(row.input_ids)} ids but {len(row.labels)} labels")
    if any(label not in (IGNORED, token) for token, label in zip(row.input_ids, row.labels, strict=True)):
        raise RowError(f"row {row.id}: a label differs from its token")
    learned = [label for label in row.labels if label != IGNORED]
    if not learned or learned[-1] not in form.turn_end_ids:
        raise RowError(f"row {row.id}: the turn end is not in the labels, so the model would never learn to stop")
    width = len(form.close)
    if not any(tuple(learned[i : i + width]) == form.close for i in range(len(learned) - width + 1)):
        raise RowError(f"row {row.id}: the answer delimiter {form.spec.close!r} is not in the labels")
