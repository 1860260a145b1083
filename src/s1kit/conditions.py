"""Instructions that ask a model for an amount of thinking, and the countdown of steps: the text of it, both ways.

Knows the wording and the layout that the paper's token- and step-conditional models were trained with, so that
training rows and evaluation share one definition. Refuses to know tokenizers, formats and engines: text and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Unit = Literal["tokens", "steps"]
AMOUNTS: dict[Literal["short", "long"], str] = {
    "short": "Answer after a short amount of thinking. Do not spend excessive time double-checking your work.",
    "long": (
        "Answer after a long amount of thinking. If you feel like you are finished early, spend the extra time trying "
        "to double-check your work until you are absolutely sure that you have the correct answer."
    ),
}
"""The paper's own wording of class-conditional control (section 5)."""


def bucket(count: int) -> int:
    """The smallest power of two that holds ``count`` (paper, section 5: lengths are rounded up). 0 and 1 give 1.

    Raises ValueError for a negative count.
    """
    if count < 0:
        raise ValueError(f"a count of {count}: counts are not negative")
    return 1 << max(0, count - 1).bit_length()


def instruct(text: str, limit: int, unit: Unit) -> str:
    """The user turn that asks for at most ``limit`` tokens or steps. The plural stays for 1, as in the reference."""
    return f"{text}\n\nThink for up to {limit} {unit}."


def split_steps(text: str) -> list[str]:
    """The steps of a trace: its runs of lines between blank lines, in order, none empty.

    A blank line holds nothing but white space. Lines are separated by newlines alone, so a vertical tab or U+2028
    inside a line is part of the line.
    """
    steps: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            steps[-1].append(line.rstrip("\r"))
        elif steps[-1]:
            steps.append([])
    return ["\n".join(lines) for lines in steps if lines]


def marker_of(opening: str, stops: Iterable[str]) -> str:
    """The control token that opens sections of a thought: a stop with which the opening delimiter itself begins.

    s1 opens its thinking with ``<|im_start|>think``, so its steps open with ``<|im_start|>63 steps left``; empty for
    formats where only the end of thinking is marked.
    """
    return next((stop for stop in stops if opening.startswith(stop)), "")


def countdown(left: int, marker: str = "") -> str:
    """What opens a step when ``left`` steps remain, this one included."""
    return f"{marker}{left} steps left\n"


def count_down(steps: Iterable[str], limit: int, marker: str = "") -> str:
    """A trace whose steps count down from ``limit``, ready for the delimiter that closes it; ends with a newline.

    The first step opens with ``limit`` steps left: models forced to stop at 0 used exactly as many steps as they were
    given (paper, table 12: 16 of 16, 32 of 32). Without a marker a blank line stays between steps.
    Raises ValueError where there are more steps than ``limit``.
    """
    parts = list(steps)
    if len(parts) > limit:
        raise ValueError(f"{len(parts)} steps do not fit a countdown from {limit}")
    between = "\n" if marker else "\n\n"
    return between.join(countdown(limit - i, marker) + part for i, part in enumerate(parts)) + "\n"


def countdowns(text: str, marker: str = "") -> list[int]:
    """The numbers that a countdown announced, in order: their count is the steps used, a 0 is the end of thinking.

    Only whole lines count where there is no marker to tell a countdown from a sentence.
    """
    start = re.escape(marker) if marker else "^"
    return [int(found) for found in re.findall(rf"{start}([0-9]{{1,9}}) steps left$", text, flags=re.MULTILINE)]
