"""What a question family is: facts drawn from a seed, a phrasing, an exact solver, and worked passes over the facts.

Knows the interface and the shared notion of a near miss. Refuses to know any single family, how a teacher uses the
passes, and everything about models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Literal, TypeVar

F = TypeVar("F")
Kind = Literal["integer", "choice", "text"]
MAX_LEVEL = 6


class Family(ABC, Generic[F]):
    """One kind of question. Every method is pure: the same arguments give the same text."""

    name: str
    subject: str
    layouts: int
    kind: Kind = "integer"

    @abstractmethod
    def draw(self, rng: Random, level: int) -> F:
        """Facts of one question; `level` (1 to MAX_LEVEL) sets how much work it takes."""

    @abstractmethod
    def ask(self, rng: Random, facts: F) -> str:
        """A natural phrasing of the facts."""

    @abstractmethod
    def solve(self, facts: F) -> str:
        """The exact answer."""

    @abstractmethod
    def work(self, facts: F, layout: int) -> str:
        """A careful pass: local steps, each copying one item and updating a small state, without the conclusion."""

    @abstractmethod
    def misread(self, rng: Random, facts: F) -> F:
        """The facts with one thing read wrongly: what a slip inside a careful pass works on."""

    def miss(self, rng: Random, answer: str) -> str:
        """A plausible wrong answer."""
        value = int(answer)
        reach = 3 if value < 10 else 6  # at least four values even around 0: a choice form needs three misses
        offsets = [d for d in range(-reach, reach + 1) if d and value + d >= 0]
        return str(value + rng.choice(offsets))


@dataclass(frozen=True)
class Problem:
    """A question with all that is needed to write about it. `options` holds the values of A to D of a choice form."""

    family: Family[Any]
    level: int
    facts: Any
    text: str
    value: str
    options: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return "choice" if self.options else self.family.kind

    @property
    def answer(self) -> str:
        return self.label(self.value)

    def label(self, value: str) -> str:
        """What one would answer believing in `value`: the letter in a choice form, A where it is not offered."""
        if not self.options:
            return value
        return "ABCD"[self.options.index(value)] if value in self.options else "A"

    def look_up(self, value: str) -> str:
        """The options read one by one until `value` is found, then its letter; empty where there are none.

        A model of this size copies and compares, but does not find a letter by its value in one step.
        """
        if not self.options:
            return ""
        upto = self.options.index(value) + 1 if value in self.options else len(self.options)
        pairs = zip("ABCD", self.options[:upto], strict=False)
        steps = "; ".join(f"{letter}){option} {'yes' if option == value else 'no'}" for letter, option in pairs)
        return f" {steps}. Option {self.label(value)}."

    def miss(self, rng: Random) -> str:
        """A plausible wrong value, one that is offered where options are."""
        others = [option for option in self.options if option != self.value]
        return rng.choice(others) if others else self.family.miss(rng, self.value)

    def work(self, layout: int) -> str:
        return self.family.work(self.facts, layout)

    def slipped(self, rng: Random, layout: int) -> tuple[str, str]:
        """A pass with one thing misread, and the value that it arrives at."""
        facts = self.family.misread(rng, self.facts)
        return self.family.work(facts, layout), self.family.solve(facts)


def make_problem(family: Family[Any], rng: Random, level: int) -> Problem:
    facts = family.draw(rng, level)
    return Problem(family, level, facts, family.ask(rng, facts), family.solve(facts))


def as_choice(problem: Problem, rng: Random) -> Problem:
    """The same question with four options behind it, exactly one of them right."""
    values = {problem.value}
    while len(values) < 4:
        values.add(problem.family.miss(rng, problem.value))
    options = sorted(values)
    rng.shuffle(options)
    shown = " ".join(f"{letter}){option}" for letter, option in zip("ABCD", options, strict=True))
    lead = rng.choice(("Choose:", "Options:", "Pick one:"))
    return Problem(
        problem.family, problem.level, problem.facts, f"{problem.text} {lead} {shown}", problem.value, tuple(options)
    )
