"""Where a careful pass goes wrong, to the character: labels for every token, not for the end of a line alone.

Knows how a pass is written and compares it with the solver's own in every layout. Refuses to know tokens. One label
per line is little to learn copying and counting from. A search reads no score but the one at the end of a step.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from s1kit.nano.family import Problem

_LEAD = re.compile(r"Wait, [a-z ]+:")


@dataclass(frozen=True, slots=True)
class Checked:
    """A pass as far as it can be checked. Characters ``[start, fault)`` are sound; those from ``fault`` on are not.

    ``fault`` is the length of the checkable part where nothing departs: what concludes a pass is judged as a step.
    """

    start: int
    fault: int
    departs: bool


def check(problem: Problem, line: str) -> Checked | None:
    """The pass that a line writes; None if it is no pass.

    A line departs where it leaves the layout that it follows longest; a pass that only breaks off does not depart.
    """
    lead = _LEAD.match(line)
    if lead is None:
        return None
    body = line[lead.end() :]
    sound = best = 0
    for layout in range(problem.family.layouts):
        work = " " + problem.work(layout).lstrip() + "."
        same = _shared(work, body)
        if same >= best:
            best, sound = same, len(work)
    fault = lead.end() + best
    return Checked(lead.end(), fault, departs=best < min(sound, len(body)))


def token_classes(found: Checked, label: bool | None, pieces: Sequence[str]) -> list[bool | None]:
    """For each token of the line, given as its text: sound so far, not so, or None where nothing can be said.

    A line that departs and still ends right says nothing behind its fault: it may have recovered.
    """
    classes, end = list[bool | None](), 0
    for piece in pieces:
        start, end = end, end + len(piece)
        if start < found.start:
            classes.append(None)
        elif end <= found.fault:
            classes.append(True)
        else:
            classes.append(False if found.departs and not label else None)
    return classes


def _shared(one: str, other: str) -> int:
    """Characters that both begin with."""
    same = 0
    for mine, its in zip(one, other, strict=False):
        if mine != its:
            break
        same += 1
    return same
