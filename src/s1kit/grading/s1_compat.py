r"""The grading rules of the reference tasks (the s1 fork of lm-eval: aime, openai_math, gpqa/openai), without any API.

Knows those rules to the letter, quirks included. Refuses to improve on them: use the default grader for that.
Source: notes/data-train-eval.md, section 3.1.

What is reproduced: the text is the whole output, so a box in an unfinished thought counts; the text behind the last
``<|im_start|>answer\n`` where the answer phase was opened; the last ``\boxed`` (``\boxed `` with a blank: up to the
next ``$``; unterminated: no box, and no earlier one either); else everything behind the *first* "Answer:"; else the
whole text; digits compared as integers, all else as exact strings; a choice that is not a single A to D becomes "A".

**Where the reference would have asked gpt-4o-mini** (every AIME and MATH answer when PROCESSOR is set, and every
GPQA answer that is not a letter), this grader asks nobody and compares the strings as they are. Scores are therefore
a lower bound of the reference's for AIME and MATH; the MATH task itself raises ValueError without that API.

Where the reference crashes, the verdict is ``ungraded`` and the rule names the crash: ``s1/crash_fbox``
(``\fbox{25}``: AssertionError), ``s1/crash_box`` (``\boxed25 {}``: AssertionError), ``s1/crash_int`` (a superscript
digit passes ``isdigit()`` and fails in ``int()``).
"""

from __future__ import annotations

import re

from s1kit.grading.ruling import Ruling, verdict_of
from s1kit.types import Generation, Question

_OPEN_ANSWER = "<|im_start|>answer\n"
_OPEN_ANY = "<|im_start|>"


class ReferenceCrashError(Exception):
    """The reference code would have raised here; the message is the rule name."""


def rule(question: Question, generation: Generation) -> Ruling:
    """The reference's verdict on one generation. Reference answers are compared exactly as they are stored."""
    text = answer_part(whole_output(generation))
    if not text.strip() and question.answer_kind != "choice":
        return Ruling("no_answer", "s1/empty")
    try:
        extracted, name = extracted_answer(text)
        if question.answer_kind == "choice":
            return _choice(extracted, name, str(question.answer))
        return Ruling(verdict_of(_same(extracted, str(question.answer))), name, extracted)
    except ReferenceCrashError as crash:
        return Ruling("ungraded", str(crash))


def whole_output(generation: Generation) -> str:
    """The output as the reference sees it: s1's own delimiter between thinking and answer, if an answer was opened."""
    opened = any(segment.phase == "answer" for segment in generation.segments) or bool(generation.answer_text)
    return generation.thinking_text + ("\n" + _OPEN_ANSWER + generation.answer_text if opened else "")


def answer_part(text: str) -> str:
    """Behind the last answer delimiter; else behind the last other one, minus its first line; else everything."""
    if _OPEN_ANSWER in text:
        return text.split(_OPEN_ANSWER)[-1]
    if _OPEN_ANY in text:
        text = text.split(_OPEN_ANY)[-1]
        return text.split("\n", 1)[1] if "\n" in text else text
    return text


def extracted_answer(text: str) -> tuple[str, str]:
    """The reference's answer string and the rule that found it. Raises `ReferenceCrashError` where it would raise."""
    if "\\boxed " in text:
        return text.split("\\boxed ")[-1].split("$")[0], "s1/box"
    begin = text.rfind("\\boxed")
    box = "boxed" if begin >= 0 else "fbox"
    begin = begin if begin >= 0 else text.rfind("\\fbox")
    if begin >= 0 and (end := _closing_brace(text, begin)) is not None:
        if box == "fbox":
            raise ReferenceCrashError("s1/crash_fbox")
        if not text.startswith("\\boxed{", begin):
            raise ReferenceCrashError("s1/crash_box")
        return text[begin + len("\\boxed{") : end], "s1/box"
    if match := re.search(r"Answer\s*:\s*(.*)", text, re.DOTALL | re.IGNORECASE):
        return match[1], "s1/answer"
    return text, "s1/whole"


def _closing_brace(text: str, begin: int) -> int | None:
    """Where the brace count, taken from ``begin``, comes back to zero; escapes are not noticed."""
    depth = 0
    for position in range(begin, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0 and text[position] == "}":
            return position
    return None


def _same(given: str, gold: str) -> bool:
    """Integers where both are digits, else equal strings."""
    if given.isdigit() and gold.isdigit():
        try:
            return int(given) == int(gold)
        except ValueError as error:
            raise ReferenceCrashError("s1/crash_int") from error
    return given == gold


def _choice(extracted: str, name: str, gold: str) -> Ruling:
    """GPQA: a lone letter, and "A" for anything else."""
    letter = extracted.upper() if extracted in list("abcd") else extracted
    if letter not in list("ABCD"):
        letter, name = "A", "s1/default_A"
    return Ruling(verdict_of(letter == gold), name, letter)
