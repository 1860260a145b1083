"""Training rows: token ids with the loss on trace and answer only, built once and checked before anything is trained.

Knows how a row's text becomes ids: segment by segment as at inference, so the delimiters are the ids that budget
forcing uses. Refuses to shorten: a row that does not fit is an error that names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from s1kit.curate.conditions import Condition, RowError, Written, write
from s1kit.formats import FormatError, ResolvedFormat
from s1kit.types import Question, Trace, TrainRow, sha256_hex

IGNORED = -100
"""The label on which no loss is taken."""


def build_rows(
    pairs: Iterable[tuple[Question, Trace]],
    form: ResolvedFormat,
    *,
    condition: Condition | None = None,
    max_tokens: int | None = None,
) -> list[TrainRow]:
    """One row per trace. Raises RowError naming the question whose row is too long or cannot be built."""
    return [build_row(question, trace, form, condition=condition, max_tokens=max_tokens) for question, trace in pairs]


def build_row(
    question: Question,
    trace: Trace,
    form: ResolvedFormat,
    *,
    condition: Condition | None = None,
    max_tokens: int | None = None,
) -> TrainRow:
    """The row of one trace: prompt by the chat template without loss, then thinking, answer and turn end.

    Raises RowError for whatever ``conditions.write`` refuses, control tokens in the question, and a row of more than
    ``max_tokens`` tokens.
    """
    row = encode_row(write(question, trace, form, condition), question, trace, form, condition)
    if max_tokens is not None and row.n_tokens > max_tokens:
        raise RowError(
            f"question {question.id}: the row has {row.n_tokens} tokens, max_tokens is {max_tokens}; nothing is "
            "truncated\nhint: raise max_tokens, or leave this row out of the training set"
        )
    return row


def encode_row(
    written: Written, question: Question, trace: Trace, form: ResolvedFormat, condition: Condition | None = None
) -> TrainRow:
    """``written`` in the ids of the format's tokenizer, checked. Raises RowError."""
    try:
        prompt, opening = form.render([{"role": "user", "content": written.user}])
    except FormatError as error:
        raise RowError(f"question {question.id}: {error}") from error
    encode = form.tokenizer.encode
    reply = (
        *(opening if written.opening else ()),
        *encode(written.thinking),
        *form.close,
        *encode(written.answer),
        *form.turn_end_ids[:1],
    )
    ids = (*prompt, *reply)
    # a row of another condition is another row; without one the id is that of question and trace alone
    parts = (question.id, trace.thinking, trace.answer, *([condition] if condition else []))
    row = TrainRow(
        id=sha256_hex("\n".join(parts))[:16],
        question_id=question.id,
        format=form.spec.name,
        input_ids=ids,
        labels=(*([IGNORED] * len(prompt)), *reply),
        n_tokens=len(ids),
    )
    check_row(row, form)
    return row


def check_row(row: TrainRow, form: ResolvedFormat) -> None:
    """The answer delimiter and the turn end are learned, and every label is its own token. Raises RowError."""
    if len(row.input_ids) != len(row.labels):
        raise RowError(f"row {row.id}: {len(row.input_ids)} ids but {len(row.labels)} labels")
    if any(label not in (IGNORED, token) for token, label in zip(row.input_ids, row.labels, strict=True)):
        raise RowError(f"row {row.id}: a label differs from its token")
    learned = [label for label in row.labels if label != IGNORED]
    if not learned or learned[-1] not in form.turn_end_ids:
        raise RowError(f"row {row.id}: the turn end is not in the labels, so the model would never learn to stop")
    if answer_start(row, form.close) is None:
        raise RowError(f"row {row.id}: the answer delimiter {form.spec.close!r} is not in the labels")


def answer_start(row: TrainRow, close: tuple[int, ...]) -> int | None:
    """Position of the first token behind ``close`` in the learned part of a row; None where it is not there.

    In a format without thinking ``close`` is empty, and the answer is all that is learned.
    """
    first = next((i for i, label in enumerate(row.labels) if label != IGNORED), len(row.labels))
    width = len(close)
    starts = range(first, len(row.labels) - width + 1)
    return next((i + width for i in starts if row.labels[i : i + width] == close), None)
