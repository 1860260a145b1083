"""Where a thought announces how many steps it has left, in ids.

Knows the countdown that step-conditional models are trained to write (`s1kit.conditions`). Refuses to end anything:
``countdown`` does. An announcement is found by the ids of " steps left" as spelled alone, which is also what an engine
is told to stop at, so that the two never disagree; text that a model spells over other ids is no announcement.
"""

from __future__ import annotations

from typing import NamedTuple

from s1kit.forcing.plan import Plan
from s1kit.formats import ResolvedFormat
from s1kit.policies import Ask, BudgetForcing

Ids = tuple[int, ...]
LONGEST_NUMBER = 9
"""Digits that a number of steps has at most, as in ``s1kit.conditions.countdowns``."""


class Announcement(NamedTuple):
    """``[start, end)`` of an announcement among the thinking tokens, marker included, and the number that it says."""

    start: int
    end: int
    left: int


def words(fmt: ResolvedFormat) -> Ids:
    """The ids that follow the number of an announcement."""
    return fmt.tokenizer.encode(" steps left")


def marker(fmt: ResolvedFormat) -> int | None:
    """The control token that opens an announcement: the format's opening begins with it, and so does an end of
    thinking (``<|im_start|>`` for s1); None where an announcement is a line of ordinary text."""
    first = fmt.open[:1]
    ends = {*fmt.think_stop_ids, *(seq[0] for seq in fmt.think_stop_seqs)}
    return first[0] if first and first[0] in ends and fmt.tokenizer.added_ids.issuperset(first) else None


def announcement(fmt: ResolvedFormat, tokens: Ids, at: int) -> Announcement | None:
    """The announcement whose words begin at ``at``; None where they belong to a sentence.

    A whole number stands before the words, and before the number the marker or the beginning of a line: the paper's
    models write the marker, and a format may train its countdown as plain lines.
    """
    decode = fmt.tokenizer.decode
    start = at
    while start and at - start < LONGEST_NUMBER and _digits(decode([tokens[start - 1]])):
        start -= 1
    number, opener = decode(tokens[start:at]), marker(fmt)
    if not _digits(number) or len(number) > LONGEST_NUMBER:
        return None
    if start and tokens[start - 1] == opener:
        start -= 1
    elif start and not fmt.tokenizer.ends_line(tokens[start - 1]):
        return None
    return Announcement(start, at + len(words(fmt)), int(number))


def announcements(fmt: ResolvedFormat, tokens: Ids) -> list[Announcement]:
    """Every announcement of a thought, in order."""
    said = words(fmt)
    places = (at for at in range(len(tokens)) if tokens[at : at + len(said)] == said)
    return [found for at in places if (found := announcement(fmt, tokens, at))]


def count_steps(fmt: ResolvedFormat, tokens: Ids) -> tuple[int | None, int | None]:
    """``(steps, tokens inside them)`` of a thought; ``(None, None)`` where it announces none.

    An announcement of 0 opens no step. What comes before the first announcement is in no step, and neither are the
    announcements themselves: marker, number, words and the line break behind them.
    """
    found = announcements(fmt, tokens)
    if not found:
        return None, None
    inside = 0
    for this, following in zip(found, [*found[1:], None], strict=True):
        end = len(tokens) if following is None else following.start
        begins = this.end
        if tokens[begins : begins + 1] and not fmt.tokenizer.decode(tokens[begins : begins + 1]).strip("\r\n"):
            begins += 1
        inside += end - begins if this.left else 0
    return sum(a.left > 0 for a in found), inside


def steps_used(plan: Plan, thought: list[int]) -> tuple[int | None, int | None]:
    """``count_steps`` of a row whose prompt or policy speaks of steps; ``(None, None)`` for every other."""
    ask = plan.policy.ask
    counted = isinstance(plan.policy, BudgetForcing) and plan.policy.max_steps is not None
    if not counted and not (isinstance(ask, Ask) and ask.unit == "steps"):
        return None, None
    return count_steps(plan.format, tuple(thought))


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
