"""What a step of a thought is: where the engine stops, in ids, and what a reward model reads of it.

Knows three ways to split: at a text such as a blank line, by the countdown of step-conditional models, by number of
tokens. Refuses to know trees and scores.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from s1kit.forcing.spelling import spellings
from s1kit.formats import ResolvedFormat
from s1kit.search.allocate import SearchError

Ids = tuple[int, ...]

MAX_STEP_TOKENS = 256
"""The reference's bound on one step (max_step_tokens)."""


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What ends one step. The boundary stays in the context, and counts as what it is: tokens that the model wrote."""

    max_tokens: int
    """A step that finds no end is cut here and goes on as the next one."""
    ids: Ids = ()
    seqs: tuple[Ids, ...] = ()
    last: bool = False
    """Reaching the boundary ends the thinking (a countdown's 0). It is then dropped, for the close takes its place."""

    def boundary(self, stop_id: int | None) -> Ids | None:
        """The ids that ended the step; None where thinking ended instead, which is also what a stop without a name
        means (a server hides the end of the turn)."""
        if stop_id is None:
            return None
        if stop_id in self.ids:
            return (stop_id,)
        return next((seq for seq in self.seqs if seq[0] == stop_id), None)


StepRule = Callable[[int], StepEnd | None]
"""Depth (0: the first step) -> what ends that step; None: there is no further step, thinking is closed by force."""


def by_tokens(size: int) -> StepRule:
    """Steps of ``size`` tokens each. Raises SearchError for less than 1."""
    end = StepEnd(_positive(size))
    return lambda depth: end


def by_text(fmt: ResolvedFormat, text: str = "\n\n", max_tokens: int = MAX_STEP_TOKENS) -> StepRule:
    r"""Steps that end with ``text``, a blank line unless said otherwise.

    Any single id whose text holds it counts (``.\n\n`` is one token to Qwen), and its spelling alone where that takes
    several ids. A boundary that the model spells over ids in yet another way is missed; ``max_tokens`` bounds that.
    Raises SearchError where the boundary cannot be told from an end of thinking.
    """
    if not text:
        raise SearchError("the text that ends a step is empty\nhint: use by_tokens for steps of a fixed size")
    ids, several = spellings(fmt.tokenizer, text)
    end = _distinct(fmt, StepEnd(_positive(max_tokens), ids, several))
    return lambda depth: end


def by_countdown(fmt: ResolvedFormat, total: int, max_tokens: int = MAX_STEP_TOKENS) -> StepRule:
    """Steps of a model that counts down from ``total`` (paper, section 5; step-conditional control).

    Step d ends where the model announces what is left behind it; announcing 0 ends the thinking, and so does having
    used ``total`` steps. The marker before the number (``<|im_start|>`` for s1) stays out of the stop, as in the
    reference, so that it cannot be taken for the end of thinking (format ``s1-steps``). Raises SearchError.
    """
    _positive(total)
    ends = [
        _distinct(
            fmt,
            StepEnd(
                _positive(max_tokens),
                seqs=(fmt.tokenizer.encode(f"{left} steps left"),),
                last=left == 0,
            ),
        )
        for left in range(total - 1, -1, -1)
    ]
    return lambda depth: ends[depth] if depth < total else None


def step_text(fmt: ResolvedFormat, ids: Ids) -> str:
    """What a reward model reads of a step: its text without countdown, marker and white space around it."""
    marker = fmt.tokenizer.decode(fmt.reopen_ids) if fmt.reopen_ids else ""
    text = fmt.tokenizer.decode(ids)
    text = text.replace(marker, "") if marker else text
    return re.sub(r"^\s*[0-9]{0,9} steps left$", "", text, flags=re.MULTILINE).strip()


def split_steps(fmt: ResolvedFormat, rule: StepRule, ids: Ids) -> tuple[str, ...]:
    """The steps of a finished thought, cut where a search by the same rule would have cut it; empty ones left out.

    What stands behind the last step (a countdown's 0) is no step.
    """
    found: list[str] = []
    start = depth = 0
    while start < len(ids) and (end := rule(depth)) is not None:
        stop, over = _end_of_step(ids, start, end)
        found.append(step_text(fmt, ids[start:stop]))
        if over:
            break
        start, depth = stop, depth + 1
    return tuple(step for step in found if step)


def _end_of_step(ids: Ids, start: int, end: StepEnd) -> tuple[int, bool]:
    """Where the step that begins at ``start`` ends, its boundary included, and whether the thinking ends with it."""
    most = min(len(ids), start + end.max_tokens)
    for at in range(start, most):
        if ids[at] in end.ids:
            return at + 1, end.last
        for seq in end.seqs:
            if ids[max(start, at + 1 - len(seq)) : at + 1] == seq:
                return at + 1, end.last
    return most, False


def _positive(size: int) -> int:
    if size < 1:
        raise SearchError(f"a step of {size}: at least 1 is needed")
    return size


def _distinct(fmt: ResolvedFormat, end: StepEnd) -> StepEnd:
    """The same, if a chunk's ``stop_id`` can tell this boundary from every end of thinking."""
    firsts = {*end.ids, *(seq[0] for seq in end.seqs)}
    taken = firsts & {*fmt.think_stop_ids, *(seq[0] for seq in fmt.think_stop_seqs)}
    if taken:
        spelled = ", ".join(repr(fmt.tokenizer.decode([i])) for i in sorted(taken))
        raise SearchError(
            f"format {fmt.spec.name!r}: a step would end with {spelled}, which also ends thinking\n"
            "hint: split steps by another text, by the countdown, or by a number of tokens"
        )
    return end
