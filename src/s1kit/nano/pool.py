"""A pool of nano questions with planted faults, as a curation would find them in the wild.

Knows which fault stands where, so that a test can hold every filter to it. Refuses to filter: it leaves out only what
belongs to an evaluation set, and plants copies of those on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

from s1kit.nano.family import Problem
from s1kit.nano.sets import held_out, problem_id, problems, to_question
from s1kit.nano.teacher import Teacher
from s1kit.nano.world import FAMILIES, draw
from s1kit.types import Question, question_id

Fault = Literal["exact", "near", "contaminated", "missing_image", "ascii_art", "numbering", "asymptote", "empty"]
SOURCE = "nano_pool"
SHARES: dict[Fault, float] = {
    "exact": 0.03,
    "near": 0.03,
    "contaminated": 0.03,
    "missing_image": 0.015,
    "ascii_art": 0.015,
    "numbering": 0.01,
    "asymptote": 0.01,
    "empty": 0.005,
}
"""How many rows of the pool have which fault."""
_ART = "\n\n+-----+     +-----+\n|  A  |-----|  B  |\n+-----+     +-----+\n"


@dataclass(frozen=True, slots=True)
class Planted:
    """A row as it lies in the pool: its text, the problem behind it, and what is wrong with it."""

    text: str
    problem: Problem
    fault: Fault | None


@lru_cache(maxsize=4)
def planted(size: int, seed: int = 0) -> tuple[Planted, ...]:
    """``size`` rows: sound ones on distinct questions of all families, and faulty ones strewn among them."""
    rng = Random(f"s1kit nano pool {seed}")
    counts = {fault: max(1, round(share * size)) for fault, share in SHARES.items()}
    sound = _distinct(rng, size - sum(counts.values()))
    rows = [Planted(p.text, p, None) for p in sound]
    contaminated = list(problems("nano_mixed"))
    for fault, count in counts.items():
        for _ in range(count):
            problem = rng.choice(contaminated) if fault == "contaminated" else rng.choice(sound)
            rows.append(Planted(_spoil(rng, problem, fault), problem, fault))
    head, tail = rows[: len(sound) // 2], rows[len(sound) // 2 :]
    rng.shuffle(tail)  # copies stand behind what they copy as often as before it
    return tuple(head + tail)


def read(size: int, seed: int = 0) -> list[tuple[Question | None, str]]:
    """The pool's rows as questions, each with where it stands; None for a row without any text."""
    rows: list[tuple[Question | None, str]] = []
    for number, row in enumerate(planted(size, seed)):
        question = None
        if row.text:
            plain = to_question(row.problem, SOURCE)
            values = plain.model_dump() | {"id": question_id(row.text), "text": row.text}
            question = Question.model_validate(values)
        rows.append((question, f"{SOURCE} row {number}"))
    return rows


def by_text(size: int, seed: int = 0) -> dict[str, Problem]:
    """Text of a row -> the problem behind it: what the nano teacher answers from."""
    return {row.text: row.problem for row in planted(size, seed) if row.text}


def _distinct(rng: Random, count: int) -> list[Problem]:
    names, levels = list(FAMILIES), Teacher().levels
    chosen: dict[str, Problem] = {}
    while len(chosen) < count:
        problem = draw(rng, rng.choice(levels), names[len(chosen) % len(names)], Teacher().choice)
        if problem_id(problem) not in held_out():
            chosen.setdefault(problem_id(problem), problem)
    return list(chosen.values())


def _spoil(rng: Random, problem: Problem, fault: Fault) -> str:
    text = problem.text
    match fault:
        case "exact":  # invisible or white space: another string, the same question
            return rng.choice((text.replace(" ", "  ", 1), text + "\u200b", "\ufeff" + text, text + "\n"))
        case "near":
            return text + rng.choice((" Please.", " Thanks!", " Hint: careful."))
        case "contaminated":
            return rng.choice(("", "Warm-up: ", "From last week: ")) + text
        case "missing_image":
            return f"![Image](figure-{rng.randrange(1, 9)}.png)\n{text}"
        case "ascii_art":
            return text + _ART
        case "numbering":
            return f"p1. {text}\n\np2. {draw(rng, 1).text}"
        case "asymptote":
            return text + "\n[asy] draw((0,0)--(4,0)--(4,3)--cycle); [/asy]"
        case "empty":
            return ""
