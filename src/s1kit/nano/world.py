"""The twelve question families of the nano world, by name, and drawing one problem from all of them.

Knows which families there are. Refuses to know who asks: pretraining, teacher and evaluation sets draw from here.
"""

from __future__ import annotations

from random import Random
from typing import Any

from s1kit.nano.daily import Clock, Letters, Weekday
from s1kit.nano.family import MAX_LEVEL, Family, Problem, as_choice, make_problem
from s1kit.nano.lists import Bus, Over, Polygon, Rises, Second, Total
from s1kit.nano.numbers import Gcd, Remainder, Terms

__all__ = ["FAMILIES", "MAX_LEVEL", "Problem", "draw"]

_ALL: tuple[Family[Any], ...] = (
    Letters(),
    Over(),
    Second(),
    Rises(),
    Total(),
    Polygon(),
    Bus(),
    Remainder(),
    Gcd(),
    Terms(),
    Weekday(),
    Clock(),
)
FAMILIES: dict[str, Family[Any]] = {family.name: family for family in _ALL}


def draw(rng: Random, level: int, family: str | None = None, choice: float = 0.0) -> Problem:
    """One problem of `family` (any of them when None), put in choice form with probability `choice`."""
    if not 1 <= level <= MAX_LEVEL:
        raise ValueError(f"level {level}: must lie between 1 and {MAX_LEVEL}")
    problem = make_problem(FAMILIES[family or rng.choice(list(FAMILIES))], rng, level)
    return as_choice(problem, rng) if rng.random() < choice else problem
