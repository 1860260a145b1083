"""Families over a short list of numbers: how many are over k, the second largest, rises, sums, perimeters, a bus.

Knows lists of readings, most of them named, because a small model copies an item by its name far more reliably than
by its place. Refuses to know anything but lists.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from random import Random

from s1kit.nano.family import Family
from s1kit.nano.words import PEOPLE, STOPS


@dataclass(frozen=True)
class Readings:
    """Values in order; `names` is empty for a bare list, `bound` the k of "over k"."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    bound: int = 0

    def shown(self, sign: bool = False) -> str:
        """The list as a question prints it."""
        if not self.names:
            return ",".join(str(value) for value in self.values)
        pairs = zip(self.names, self.values, strict=True)
        return ", ".join(f"{name}{value:+d}" if sign else f"{name}={value}" for name, value in pairs)

    def tags(self) -> list[str]:
        """What stands for each item at the front of a step: its name, or nothing in a bare list."""
        return [f" {name}" for name in self.names] or [""] * len(self.values)


class ListFamily(Family[Readings]):
    """What the list families share: misreading one value."""

    layouts = 3
    asks: tuple[str, ...]

    def ask(self, rng: Random, facts: Readings) -> str:
        return rng.choice(self.asks).format(items=facts.shown(), bound=facts.bound)

    def misread(self, rng: Random, facts: Readings) -> Readings:
        values = list(facts.values)
        index = rng.randrange(len(values))
        values[index] = max(1, values[index] + rng.choice((-10, -3, -2, -1, 1, 2, 3, 10)))
        return replace(facts, values=tuple(values))

    @abstractmethod
    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        """For each item what is read of it and the state after it."""

    def work(self, facts: Readings, layout: int) -> str:
        tags, steps = facts.tags(), self.steps(facts)
        rows = list(zip(tags, steps, strict=True))
        if layout == 0:
            return ";".join(f"{tag}{':' if tag else ''}{read}>{state}" for tag, (read, state) in rows)
        if layout == 1:
            return ",".join(f"{tag}{'=' if tag else ''}{read}({state})" for tag, (read, state) in rows)
        return ";".join(f"{tag} {state}" if tag else f"{read}:{state}" for tag, (read, state) in rows)


def _named(rng: Random, values: tuple[int, ...], bound: int = 0, bare: float = 0.3) -> Readings:
    names = () if rng.random() < bare else tuple(rng.sample(PEOPLE, len(values)))
    return Readings(names, values, bound)


class Over(ListFamily):
    name, subject = "over", "06A order"
    asks = (
        "How many of these are over {bound}? {items}",
        "Count the numbers greater than {bound}: {items}",
        "{items}. How many numbers are more than {bound}?",
        "Scores: {items}. How many are above {bound}?",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        values = tuple(rng.sample(range(10, 100), rng.randint(1 + level, 3 + level)))
        return _named(rng, values, rng.randrange(20, 90))

    def solve(self, facts: Readings) -> str:
        return str(sum(value > facts.bound for value in facts.values))

    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = []
        count = 0
        for value in facts.values:
            count += value > facts.bound
            rows.append((str(value), str(count)))
        return rows


class Second(ListFamily):
    name, subject = "second", "62G order statistics"
    asks = (
        "What is the second largest? {items}",
        "Scores: {items}. What is the second highest score?",
        "Find the second largest number: {items}",
        "{items}. Which number comes second from the top?",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        return _named(rng, tuple(rng.sample(range(10, 100), rng.randint(max(2, level), 1 + level))))

    def solve(self, facts: Readings) -> str:
        return str(sorted(facts.values)[-2])

    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = []
        for place, value in enumerate(facts.values, 1):
            top = sorted(facts.values[:place])[-2:]
            rows.append((str(value), "/".join(str(number) for number in reversed(top))))
        return rows


class Rises(ListFamily):
    name, subject = "rises", "05A permutations"
    asks = (
        "How many times does the reading rise? {items}",
        "Readings: {items}. How often is one higher than the one before?",
        "Count the rises: {items}",
        "{items}. How many are larger than the one just before?",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        return _named(rng, tuple(rng.sample(range(10, 100), rng.randint(1 + level, 3 + level))))

    def solve(self, facts: Readings) -> str:
        return str(sum(b > a for a, b in zip(facts.values, facts.values[1:], strict=False)))

    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = []
        count, before = 0, 100
        for value in facts.values:
            count += value > before
            before = value
            rows.append((str(value), str(count)))
        return rows


class Total(ListFamily):
    name, subject = "total", "97F arithmetic"
    asks: tuple[str, ...] = (
        "What is the total? {items}",
        "{items}. How many coins is that in all?",
        "Add up: {items}",
        "Find the sum: {items}",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        values = tuple(rng.sample(range(2, 20), rng.randint(1 + level, 2 + level)))
        return _named(rng, values)

    def solve(self, facts: Readings) -> str:
        return str(sum(facts.values))

    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        return [(f"+{value}", str(sum(facts.values[:place]))) for place, value in enumerate(facts.values, 1)]


class Polygon(Total):
    name, subject = "polygon", "51M geometry"
    asks = (
        "A polygon has sides {items}. What is its perimeter?",
        "Sides: {items}. Find the perimeter.",
        "How long is the way around a shape with sides {items}?",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        count = min(7, max(3, rng.randint(1 + level, 2 + level)))
        corners = "ABCDEFG"[:count]
        names = tuple(corners[i] + corners[(i + 1) % count] for i in range(count))
        return Readings(names, tuple(rng.randint(2, 19) for _ in range(count)))


class Bus(ListFamily):
    name, subject = "bus", "40A partial sums"
    asks = (
        "An empty bus stops: {items} (+ on, - off). What is the most people aboard at once?",
        "A bus starts empty. On and off: {items}. What is the largest number aboard?",
        "Riders on(+) and off(-): {items}. The bus was empty. What is the highest count?",
    )

    def draw(self, rng: Random, level: int) -> Readings:
        aboard, values = 0, list[int]()
        for _ in range(rng.randint(1 + level, 2 + level)):
            change = rng.randint(1, 9)
            if aboard >= change and rng.random() < 0.45:
                change = -change
            aboard += change
            values.append(change)
        return Readings(tuple(rng.sample(STOPS, len(values))), tuple(values))

    def ask(self, rng: Random, facts: Readings) -> str:
        return rng.choice(self.asks).format(items=facts.shown(sign=True))

    def misread(self, rng: Random, facts: Readings) -> Readings:
        values = list(facts.values)
        index = rng.randrange(len(values))
        values[index] += 2 if values[index] != -2 else 3
        return replace(facts, values=tuple(values))

    def solve(self, facts: Readings) -> str:
        return str(max(sum(facts.values[:place]) for place in range(1, len(facts.values) + 1)))

    def steps(self, facts: Readings) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = []
        aboard = most = 0
        for value in facts.values:
            aboard += value
            most = max(most, aboard)
            rows.append((f"{value:+d}", f"{aboard}/{most}"))
        return rows
