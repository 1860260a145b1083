"""The noisy teacher: s1-style traces: a quick look, then it sometimes stops, and sometimes goes on with "Wait".

Knows how often it errs and when it stops. Whether it stops depends on how much work a question LOOKS to be, which is
its length and not its difficulty: an overconfident teacher, as long and as short thoughts are right in s1K. Refuses to
know the tokenizer, the evaluation sets and the model that learns from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from s1kit.nano.family import Problem
from s1kit.nano.text import guess_value, pass_line

LOOKS = ("At first sight it looks like {v}.", "Quick look: {v}.", "It looks like {v}.", "My first guess is {v}.")
RECHECKS = (
    "Wait, let me count:",
    "Wait, step by step:",
    "Wait, let me check:",
    "Wait, one by one:",
    "Wait, in order:",
)
AGAIN = (
    "Wait, check again:",
    "Wait, once more:",
    "Wait, another way:",
    "Wait, to be sure:",
    "Wait, let me count again:",
)


@dataclass(frozen=True)
class Teacher:
    """Its habits. Tuned on nano_dev only."""

    easy_right: float = 0.75
    hard_right: float = 0.35
    slip: float = 0.06
    looks_long: float = 48.0
    looks_noise: float = 8.0
    carry_on: float = 0.45
    most_passes: int = 4
    choice: float = 0.2
    levels: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 4, 5, 5, 5)

    def guess_right(self, level: int) -> float:
        """Probability that the quick look is right: falls from easy to hard evenly over levels 1 to 5."""
        share = min(1.0, (level - 1) / 4)
        return self.easy_right + share * (self.hard_right - self.easy_right)

    def stops(self, problem: Problem) -> float:
        """Probability of stopping after the quick look."""
        length = len(problem.text.split(" Options:")[0].split(" Choose:")[0].split(" Pick one:")[0])
        return 1 / (1 + math.exp((length - self.looks_long) / self.looks_noise))


@dataclass(frozen=True)
class Written:
    """A trace: the thinking, what it answers, whether that is right, and how many careful passes it took.

    ``values`` has the value that each line of the thinking ends with: the line is right if it is the problem's own.
    """

    problem: Problem
    thinking: str
    answer: str
    right: bool
    passes: int
    values: tuple[str, ...]


def write_trace(rng: Random, problem: Problem, teacher: Teacher) -> Written:
    """The trace of one question, each thought on its own line."""
    value = guess_value(rng, problem, teacher.guess_right(problem.level))
    lines, values = [rng.choice(LOOKS).format(v=value) + "\n"], [value]
    passes = 0
    if rng.random() >= teacher.stops(problem):
        passes = 1
        while passes < teacher.most_passes and rng.random() < teacher.carry_on:
            passes += 1
    layouts = rng.sample(range(problem.family.layouts), problem.family.layouts)
    for index in range(passes):
        layout = layouts[index % len(layouts)]
        lead = rng.choice(AGAIN if index else RECHECKS)
        value, work = problem.value, problem.work(layout)
        if rng.random() < teacher.slip:
            work, value = problem.slipped(rng, layout)
        lines.append(pass_line(rng, problem, value, work, lead))
        values.append(value)
    answer = problem.label(value)
    return Written(problem, "".join(lines), answer, answer == problem.answer, passes, tuple(values))
