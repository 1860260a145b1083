"""What the nano process reward model reads: a question, the lines of a solution, and for each whether it is right.

Knows three writers: the noisy teacher, a corrupter that plants every kind of mistake, and traces that a model drew. A
line is right if the value that it ends with is the solver's, so labels are exact. Refuses to know tokens and training,
and leaves every evaluation question out. The answer is the last line, as a search scores it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from s1kit.nano.family import Problem
from s1kit.nano.sets import held_out, problem_id
from s1kit.nano.teacher import AGAIN, LOOKS, RECHECKS, Teacher, write_trace
from s1kit.nano.text import LEADS, guess_value, pass_line
from s1kit.nano.world import FAMILIES, draw

_VALUE = re.compile(
    r"(?:looks? like|look:|guess is|[Ss]o|gives|It is|Result|answer is) ([^\s.]+)\."
    r"(?: A\)[^.]*\. Option ([A-D])\.)?$"
)
_ANSWER = re.compile(r"Answer: *([^\s.]+)\.?$")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One solution. ``labels[i]`` says of ``steps[i]``; None where the line ends with no value: nothing is learnt."""

    problem: Problem
    steps: tuple[str, ...]
    labels: tuple[bool | None, ...]


@dataclass(frozen=True)
class Faults:
    """How a corrupted solution goes wrong: every mistake that the reward model has to see, often enough."""

    look_right: float = 0.5
    most_passes: int = 4
    slip: float = 0.25
    """A careful pass with one thing misread."""
    conclude: float = 0.15
    """A sound pass with another value behind it."""
    answer: float = 0.25
    """An answer that the last line does not lead to."""


UNFINISHED = 0.2
"""Share of written solutions whose last thought breaks off, as a budget cuts it."""
PIECES = 0.1
"""Share that is read in pieces of equal length and not in lines, as a search by number of tokens does."""


def problems(size: int, seed: int, kind: str) -> list[Problem]:
    """``size`` distinct questions of no evaluation set, families in turn, as hard as the teacher's."""
    rng = Random(f"s1kit nano prm {kind} {seed}")
    habits, names = Teacher(), list(FAMILIES)
    chosen: dict[str, Problem] = {}
    while len(chosen) < size:
        problem = draw(rng, rng.choice(habits.levels), names[len(chosen) % len(names)], habits.choice)
        if problem_id(problem) not in held_out():
            chosen.setdefault(problem_id(problem), problem)
    return list(chosen.values())


def taught(size: int, seed: int) -> list[Labelled]:
    """Solutions of the noisy teacher, labelled by what it meant."""
    rng = Random(f"s1kit nano prm teacher {seed}")
    return [teach(rng, problem) for problem in problems(size, seed, "taught")]


def corrupted(size: int, seed: int) -> list[Labelled]:
    """Solutions with planted mistakes, about as many wrong lines as right ones."""
    rng = Random(f"s1kit nano prm corrupted {seed}")
    return [corrupt(rng, problem) for problem in problems(size, seed, "corrupted")]


def teach(rng: Random, problem: Problem) -> Labelled:
    """One solution of the noisy teacher."""
    trace = write_trace(rng, problem, Teacher())
    return _closed(rng, problem, trace.thinking.splitlines(), trace.values, trace.answer)


def corrupt(rng: Random, problem: Problem, faults: Faults | None = None) -> Labelled:
    """One solution with planted mistakes."""
    faults = faults or Faults()
    value = guess_value(rng, problem, faults.look_right)
    lines, values = [rng.choice(LOOKS).format(v=value)], [value]
    layouts = rng.sample(range(problem.family.layouts), problem.family.layouts)
    for index in range(rng.randint(0, faults.most_passes)):
        layout = layouts[index % len(layouts)]
        value, work = problem.value, problem.work(layout)
        kind = rng.random()
        if kind < faults.slip:
            work, value = problem.slipped(rng, layout)
        elif kind < faults.slip + faults.conclude:
            value = problem.miss(rng)
        lead = rng.choice(AGAIN if index else RECHECKS)
        lines.append(pass_line(rng, problem, value, work, lead).rstrip("\n"))
        values.append(value)
    if rng.random() < faults.answer:
        value = guess_value(rng, problem, 0.5)
    return _closed(rng, problem, lines, values, problem.label(value))


def read(problem: Problem, thinking: str, answer: str) -> Labelled:
    """A solution that a model wrote, labelled by what each line says. An empty answer is no step."""
    lines = [line.strip() for line in thinking.splitlines() if line.strip()]
    said = answer.strip()
    steps = (*lines, *([said] if said else []))
    labels = [line_right(problem, line) for line in lines] + ([answer_right(problem, said)] if said else [])
    return Labelled(problem, steps, tuple(labels))


def line_right(problem: Problem, line: str) -> bool | None:
    """Whether the value that a line of thinking ends with is the solver's; None if it ends with none.

    Where a line of a choice question names an option too, that has to be the right one as well.
    """
    found = _VALUE.search(line)
    if found is None:
        return None
    value, option = found.groups()
    return value == problem.value and (option is None or option == problem.answer)


def answer_right(problem: Problem, said: str) -> bool | None:
    """Whether ``Answer: 7`` or ``Final Answer: 7`` is right; None if it says no answer."""
    found = _ANSWER.search(said)
    return None if found is None else found[1] == problem.answer


def _closed(rng: Random, problem: Problem, lines: Sequence[str], values: Sequence[str], answer: str) -> Labelled:
    """The lines with their answer behind them, as a model closes them by itself or by force."""
    steps, labels = list(lines), [value == problem.value for value in values]
    if rng.random() < UNFINISHED:
        kept = rng.randint(1, len(steps))
        steps, labels = steps[:kept], labels[:kept]
        steps[-1] = steps[-1][: rng.randint(4, len(steps[-1]))].rstrip()
        answer = problem.label(guess_value(rng, problem, 0.5))
    if rng.random() < PIECES:
        steps, labels = _pieces(steps, labels, rng.randint(20, 100))
    return Labelled(problem, (*steps, rng.choice(LEADS) + answer), (*labels, answer == problem.answer))


def _pieces(lines: Sequence[str], labels: Sequence[bool], size: int) -> tuple[list[str], list[bool]]:
    """The lines in pieces of ``size`` characters; a piece is right if the line that it ends in comes out right."""
    text = "\n".join(lines)
    owner = [label for line, label in zip(lines, labels, strict=True) for _ in range(len(line) + 1)]
    cuts = [(start, min(start + size, len(text))) for start in range(0, len(text), size)]
    said = [(text[start:end].strip(), owner[end - 1]) for start, end in cuts]
    return [piece for piece, _ in said if piece], [label for piece, label in said if piece]
