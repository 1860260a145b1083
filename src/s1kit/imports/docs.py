"""A data set's own row (lm-evaluation-harness calls it ``doc``) as a question.

Knows the column names of the sets that people evaluate on. Refuses to guess an answer that is not there.
"""

from __future__ import annotations

from typing import Any, cast

from s1kit.benchmarks.files import ANSWER_KEYS, TEXT_KEYS
from s1kit.imports.lines import first, text
from s1kit.types import AnswerKind, Question

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def question_of(doc: dict[str, Any]) -> str:
    """The question's text; empty where no column is known to hold it."""
    found = (text(doc.get(name)) for name in (*TEXT_KEYS, "Question", "Problem", "query", "input"))
    return next((one for one in found if one and one.strip()), "")


def reference_of(doc: dict[str, Any], target: Any) -> str | None:
    """The reference answer: the target, else the doc's own; behind ``####`` where that marks the end of a solution."""
    if target == "None" and "answer" in doc:
        target = doc["answer"]  # how a harness writes that there is none
    for value in (target, first(doc, *ANSWER_KEYS)):
        answer = text(value)
        if answer is not None and answer.strip():
            return answer.rpartition("####")[2].strip()
    return None


def choices_of(doc: dict[str, Any]) -> tuple[str, ...]:
    """The choices: ``choices`` or ``options``, a list or ``{"text": [...]}``, or ``choice1``, ``choice2``, ..."""
    stated = first(doc, "choices", "options")
    listed = stated.get("text") if isinstance(stated, dict) else stated
    if isinstance(listed, list) and listed:
        return tuple(text(one) or "" for one in listed)
    numbered = [doc.get(f"choice{number}") for number in range(1, 27)]
    return tuple(text(one) or "" for one in numbered if one is not None)


def make(
    question: str, reference: str | None, choices: tuple[str, ...], source: str, stated: str | None = None
) -> Question:
    """The question as a record. Choices that the reference names none of are left out: nothing could be right.

    ``stated`` is the kind of answer where the file names it. Choices that the text ends with are not said twice.
    """
    if choices:
        listed = Question.make(text="", answer=None, answer_kind="choice", choices=choices)
        question = question.removesuffix(listed.prompt())
    letter = reference.strip().strip("()").rstrip(".").upper() if reference is not None else ""
    named = len(letter) == 1 and letter in _LETTERS
    kind: AnswerKind = "math"
    if choices and (reference is None or reference in choices or (named and letter in _LETTERS[: len(choices)])):
        kind = "choice"
    elif choices and letter.isdecimal() and int(letter) < len(choices):
        kind, reference = "choice", _LETTERS[int(letter)]
    else:
        choices = ()
        if named and letter <= "J" and reference is not None and reference.strip("() .").isupper():
            kind = "choice"  # the question's own text lists the choices
        elif reference is not None and reference.strip().removeprefix("-").isdecimal():
            kind = "integer"
    if kind != "choice" and stated in ("integer", "math", "text"):
        kind = cast("AnswerKind", stated)
    return Question.make(text=question, answer=reference, answer_kind=kind, choices=choices, source=source)
