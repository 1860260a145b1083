"""A training row as text: the layout of s1, and its token- and step-conditional variants.

Knows what the user says and how the assistant's reply is put together, in every think format. Refuses to know ids:
``rows`` encodes, ``export`` writes the text for other trainers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from s1kit.conditions import bucket, count_down, instruct, marker_of, split_steps
from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat
from s1kit.types import Question, Trace

Condition = Literal["token", "step"]
"""``token``: "Think for up to N tokens."; ``step``: "Think for up to N steps." and a countdown in the trace."""


class RowError(UserError, ValueError):
    """A row that would train on something else than what it says."""


@dataclass(frozen=True, slots=True)
class Written:
    """One row as text. The reply is ``opening + thinking + close + answer``, without the end of the turn."""

    user: str
    opening: str
    """The format's opening delimiter; empty where a countdown takes its place, and in a format without thinking."""
    thinking: str
    """With the newline that is due before ``close``."""
    close: str
    answer: str

    @property
    def reply(self) -> str:
        """All that the assistant says, in one piece."""
        return self.opening + self.thinking + self.close + self.answer


def write(question: Question, trace: Trace, form: ResolvedFormat, condition: Condition | None = None) -> Written:
    """The row of a question and its trace (paper, section 3).

    Outer white space of trace and answer is dropped, and the answer starts with "Answer: " unless it says "Answer:"
    itself, both as in the reference. A format without thinking takes the answer alone. Raises RowError for a failed
    trace, one of another question or without an answer, delimiters or half surrogates in its text, and a condition
    that has nothing to count.
    """
    _refuse(question, trace, form)
    answer = trace.answer.strip()
    answer = answer if "Answer:" in answer else f"Answer: {answer}"
    user, thinking, spec = question.prompt(), trace.thinking.strip(), form.spec
    if condition is not None and (spec.plain or not thinking):
        what = f"format {spec.name} has no thinking" if spec.plain else "the trace has no thinking"
        raise RowError(f"question {question.id}: {what}, so there is nothing that a condition could count")
    if spec.plain:
        return Written(user, "", "", "", answer)
    newline = "\n" if spec.newline_before_close and thinking else ""
    if condition == "token":
        user = instruct(user, bucket(len(form.tokenizer.encode(thinking))), "tokens")
    if condition != "step":
        return Written(user, spec.open, thinking + newline, spec.close, answer)
    steps = split_steps(thinking)
    limit, marker = bucket(len(steps)), marker_of(spec.open, spec.think_stops)
    counted = count_down(steps, limit, marker)
    opening = "" if marker else spec.open
    return Written(
        instruct(user, limit, "steps"), opening, counted if newline else counted.rstrip("\n"), spec.close, answer
    )


def _refuse(question: Question, trace: Trace, form: ResolvedFormat) -> None:
    if question.id != trace.question_id:
        raise RowError(f"trace of {trace.question_id} put beside question {question.id}")
    where = f"question {question.id}: "
    if trace.error is not None:
        raise RowError(f"{where}there is no trace ({trace.error})")
    if not trace.answer.strip():
        raise RowError(f"{where}the trace has no answer")
    for name, text in (("thinking", trace.thinking), ("answer", trace.answer)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise RowError(f"{where}the {name} holds half a surrogate pair at {error.start}") from error
        found = [form.tokenizer.decode([i]) for i in form.tokenizer.added_ids.intersection(form.tokenizer.encode(text))]
        found += [stop for stop in form.spec.think_stops if stop in text and stop not in found]
        if found:
            raise RowError(
                f"{where}the {name} contains a control token ({', '.join(sorted(found))}), "
                "which would end a phase inside it"
            )
