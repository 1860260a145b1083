"""Families about whole numbers: remainders digit by digit, greatest common divisors by subtraction, sequences.

Knows their arithmetic and nothing of lists, words or clocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from s1kit.nano.family import Family


@dataclass(frozen=True)
class Division:
    number: int
    divisor: int


class Remainder(Family[Division]):
    name, subject, layouts = "remainder", "11A congruences", 3
    asks = (
        "What is the remainder when {n} is divided by {m}?",
        "Find {n} mod {m}.",
        "{n} eggs go into boxes of {m}. How many are left over?",
        "Divide {n} by {m}. What remains?",
    )

    def draw(self, rng: Random, level: int) -> Division:
        digits = 1 + level
        return Division(rng.randrange(10 ** (digits - 1), 10**digits), rng.choice((3, 4, 6, 7, 8, 9)))

    def ask(self, rng: Random, facts: Division) -> str:
        return rng.choice(self.asks).format(n=facts.number, m=facts.divisor)

    def solve(self, facts: Division) -> str:
        return str(facts.number % facts.divisor)

    def work(self, facts: Division, layout: int) -> str:
        rest, steps = 0, list[str]()
        digits = str(facts.number)
        for place, digit in enumerate(digits):
            seen = 10 * rest + int(digit)
            after = seen % facts.divisor
            if layout == 0:
                steps.append(f"{rest}{digit}>{after}")
            elif layout == 1:
                steps.append(f"{digit}:{rest}{digit}={seen // facts.divisor}*{facts.divisor}+{after}")
            else:
                steps.append(f"{digits[place:]}({after})")
            rest = after
        return ";".join(steps)

    def misread(self, rng: Random, facts: Division) -> Division:
        return replace(facts, number=facts.number + rng.choice((1, 2, 10, 20, 5)))

    def miss(self, rng: Random, answer: str) -> str:
        return str(rng.choice([value for value in range(9) if value != int(answer)]))


@dataclass(frozen=True)
class Pair:
    first: int
    second: int


class Gcd(Family[Pair]):
    name, subject, layouts = "gcd", "11A divisibility", 3
    asks = (
        "What is the greatest common divisor of {a} and {b}?",
        "Find gcd({a},{b}).",
        "What is the largest number that divides both {a} and {b}?",
        "Ropes of {a} and {b} feet are cut into equal pieces. How long can a piece be at most?",
    )

    def draw(self, rng: Random, level: int) -> Pair:
        while True:
            shared = rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 12, 15))
            a, b = (shared * rng.randint(1, 99 // shared) for _ in range(2))
            steps = len(_euclid(a, b))
            if a != b and max(a, b) <= 15 * (1 + level) and level <= steps <= 2 + level:
                return Pair(a, b)

    def ask(self, rng: Random, facts: Pair) -> str:
        return rng.choice(self.asks).format(a=facts.first, b=facts.second)

    def solve(self, facts: Pair) -> str:
        return str(math.gcd(facts.first, facts.second))

    def work(self, facts: Pair, layout: int) -> str:
        states = _euclid(facts.first, facts.second)
        if layout == 0:
            return ";".join(f"{a}-{b}={a - b}" for a, b in states)
        if layout == 1:
            return ">".join(f"({a},{b})" for a, b in states)
        return ",".join(f"{b}:{a}>{a - b}" for a, b in states)

    def misread(self, rng: Random, facts: Pair) -> Pair:
        return replace(facts, first=facts.first + rng.choice((1, 2, 3, 6)))

    def miss(self, rng: Random, answer: str) -> str:
        return str(rng.choice([value for value in (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15) if value != int(answer)]))


def _euclid(a: int, b: int) -> list[tuple[int, int]]:
    """Larger and smaller number of every subtraction step; the last has two equal numbers."""
    states = [(max(a, b), min(a, b))]
    while states[-1][0] != states[-1][1]:
        a, b = states[-1]
        states.append((max(a - b, b), min(a - b, b)))
    return states


@dataclass(frozen=True)
class Rule:
    """`gap` 0 means that each term is the sum of the two before it."""

    first: int
    second: int
    gap: int
    place: int


class Terms(Family[Rule]):
    name, subject, layouts = "terms", "11B sequences", 3
    linear = (
        "A sequence starts at {a} and adds {d} each time. What is term {n}?",
        "Start at {a} and keep adding {d}. What is number {n} in the list?",
        "Term 1 is {a} and each next term is {d} more. Find term {n}.",
    )
    twofold = (
        "A sequence starts {a},{b} and each next term is the sum of the two before. What is term {n}?",
        "Start with {a},{b}. Every new number is the sum of the last two. What is number {n}?",
    )

    def draw(self, rng: Random, level: int) -> Rule:
        a = rng.randint(1, 9)
        if rng.random() < 0.35:
            return Rule(a, rng.randint(1, 9), 0, rng.randint(2 + level, 3 + level))
        gap = rng.randint(2, 9)
        return Rule(a, a + gap, gap, rng.randint(2 + level, 5 + level))

    def ask(self, rng: Random, facts: Rule) -> str:
        asks = self.linear if facts.gap else self.twofold
        return rng.choice(asks).format(a=facts.first, b=facts.second, d=facts.gap, n=facts.place)

    def solve(self, facts: Rule) -> str:
        return str(_terms(facts)[-1])

    def work(self, facts: Rule, layout: int) -> str:
        terms = _terms(facts)
        if layout == 0:
            return ",".join(f"{place}:{term}" for place, term in enumerate(terms, 1))
        if layout == 1:
            return ";".join(f"{term}({place})" for place, term in enumerate(terms, 1))
        if facts.gap:
            return ";".join(f"{place}:{term - facts.gap}+{facts.gap}={term}" for place, term in enumerate(terms[1:], 2))
        return ";".join(f"{place}:{a}+{b}={a + b}" for place, (a, b) in enumerate(pairwise(terms[:-1]), 3))

    def misread(self, rng: Random, facts: Rule) -> Rule:
        if rng.random() < 0.5:
            return replace(facts, place=facts.place + 1)
        return replace(facts, first=facts.first + 1, second=facts.second + 1)


def _terms(facts: Rule) -> list[int]:
    terms = [facts.first, facts.second]
    while len(terms) < facts.place:
        terms.append(terms[-1] + facts.gap if facts.gap else terms[-1] + terms[-2])
    return terms[: facts.place]
