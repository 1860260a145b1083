"""What a reward model is to a search: a question and steps in, one score in [0, 1] per step out.

Knows the interface, what a scorer says of itself, what it has cost, and which scores are refused. Refuses to know any
model, and how a search folds the scores of a path into one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from s1kit.errors import UserError

Item = tuple[str, Sequence[str]]
"""A question as the model was asked it (``Question.prompt()``), and the steps of one, perhaps unfinished, solution."""


class RewardError(UserError, ValueError):
    """A reward model that cannot be loaded, a solution that it cannot read, or a score that is none."""


@dataclass(frozen=True, slots=True)
class RewardInfo:
    """What a scorer is."""

    name: str
    kind: Literal["process", "control"]
    reads: str
    """The number that a score is made of, before it became one in [0, 1]: for people and manifests."""
    max_tokens: int | None = None
    """Longest input of one pass. Longer solutions are read through windows; None: no limit."""
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a scorer has cost so far. Tokens are those a model read, padding left out; a control reads none."""

    solutions: int = 0
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    windowed: int = 0
    """Solutions too long for one pass: their later steps were scored without the earliest ones in sight."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.solutions + other.solutions,
            self.steps + other.steps,
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.windowed + other.windowed,
        )

    def __sub__(self, before: Spent) -> Spent:
        """What came since ``before``: a search charges itself this."""
        return self + Spent(-before.solutions, -before.steps, -before.tokens, -before.seconds, -before.windowed)


class Scorer(Protocol):
    """Scores steps. The score of a step speaks of the solution up to and with that step, never of what follows."""

    @property
    def info(self) -> RewardInfo:
        """What it is."""
        ...

    @property
    def spent(self) -> Spent:
        """What it has cost since it was made."""
        ...

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        """One score in [0, 1] per step. Raises RewardError."""
        ...

    def score_batch(self, items: Sequence[Item]) -> list[list[float]]:
        """The scores of each item, in the order given; equal to `score` of each alone. Raises RewardError."""
        ...


def score_outcomes(scorer: Scorer, items: Sequence[Item], joiner: str = "\n\n") -> list[float]:
    """One score per solution: all its steps joined and read as a single one, as an outcome reward model is used.

    The same layouts serve both: an outcome model is one that was trained on whole solutions. Raises RewardError, also
    for a solution without steps.
    """
    for question, steps in items:
        if not steps:
            raise RewardError(f"a solution without steps has no outcome (question {shortened(question)})")
    found = scorer.score_batch([(question, [joiner.join(steps)]) for question, steps in items])
    return [scores[0] for scores in found]


def checked(name: str, item: Item, scores: Sequence[float]) -> list[float]:
    """The scores, if there is one per step and each is a number in [0, 1].

    Raises RewardError naming question and step: a NaN compares false with everything, so that a search would go on
    with whatever its sort happens to do.
    """
    question, steps = item
    if len(scores) != len(steps):
        raise RewardError(f"{name}: {len(scores)} scores for {len(steps)} steps of question {shortened(question)}")
    for number, (score, step) in enumerate(zip(scores, steps, strict=True), start=1):
        if not (math.isfinite(score) and 0.0 <= score <= 1.0):
            hint = (
                'the model overflows in half precision: load it with dtype="float32"'
                if not math.isfinite(score)
                else "a scorer maps its range to [0, 1] itself"
            )
            raise RewardError(
                f"{name}: score {score} at step {number} of {len(steps)} ({shortened(step)}) "
                f"of question {shortened(question)}\nhint: {hint}"
            )
    return [float(score) for score in scores]


def shortened(text: str, most: int = 60) -> str:
    """The beginning of a text, quoted, on one line: enough to find it in a message."""
    return repr(text if len(text) <= most else text[: most - 3] + "...")
