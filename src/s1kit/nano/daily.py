"""Families of daily life: letters in words, weekdays, minutes between two times.

Knows words, the calendar's week and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from s1kit.nano.family import Family
from s1kit.nano.words import COUNTED, WEEKDAYS


@dataclass(frozen=True)
class Spelling:
    letter: str
    words: tuple[str, ...]


class Letters(Family[Spelling]):
    name, subject, layouts = "letters", "68R words", 3
    asks = (
        "How many {c} in {w}?",
        "How many times does the letter {c} occur in {w}?",
        "Count the letter {c} in {w}.",
        "{w}: how many letters {c} is that?",
    )

    def draw(self, rng: Random, level: int) -> Spelling:
        words = tuple(rng.sample(COUNTED, min(4, 1 + level // 2 + (level > 2 and rng.random() < 0.4))))
        return Spelling(rng.choice("".join(words)), words)

    def ask(self, rng: Random, facts: Spelling) -> str:
        return rng.choice(self.asks).format(c=facts.letter, w=" ".join(facts.words)).replace("?:", ":")

    def solve(self, facts: Spelling) -> str:
        return str(sum(word.count(facts.letter) for word in facts.words))

    def work(self, facts: Spelling, layout: int) -> str:
        count, parts = 0, list[str]()
        for word in facts.words:
            steps = list[str]()
            for letter in word:
                count += letter == facts.letter
                hit = letter == facts.letter
                if layout == 0:
                    steps.append(f" {letter}{count if hit else ''}")
                elif layout == 1:
                    steps.append(f" {letter}{count}")
                else:
                    steps.append(f" {letter}{'*' if hit else ''}")
            mark = f" ={count}" if layout == 2 else ""
            parts.append(f" {word}:{''.join(steps)}{mark}")
        return ";".join(parts)

    def misread(self, rng: Random, facts: Spelling) -> Spelling:
        index = rng.randrange(len(facts.words))
        place = rng.randrange(len(facts.words[index]))
        word = facts.words[index]
        flipped = "e" if word[place] == facts.letter else facts.letter
        words = list(facts.words)
        words[index] = word[:place] + flipped + word[place + 1 :]
        return replace(facts, words=tuple(words))


@dataclass(frozen=True)
class Stay:
    """Some days from one weekday, forwards."""

    start: int
    days: int


class Weekday(Family[Stay]):
    name, subject, layouts, kind = "weekday", "20K cyclic groups", 3, "text"
    asks = (
        "Today is {d}. What day is it in {n} days?",
        "It is {d}. Which weekday comes {n} days later?",
        "A trip starts on {d} and ends after {n} days. On which weekday does it end?",
    )

    def draw(self, rng: Random, level: int) -> Stay:
        return Stay(rng.randrange(7), rng.randint(2 if level == 1 else 7 * level - 6, 10 * level + 5))

    def ask(self, rng: Random, facts: Stay) -> str:
        return rng.choice(self.asks).format(d=WEEKDAYS[facts.start], n=facts.days)

    def solve(self, facts: Stay) -> str:
        return WEEKDAYS[(facts.start + facts.days) % 7]

    def work(self, facts: Stay, layout: int) -> str:
        left = list(range(facts.days, -1, -7))
        names = [WEEKDAYS[(facts.start + step) % 7] for step in range(left[-1] + 1)]
        counted = " ".join(f"{name}" for name in names)
        if layout == 0:
            return f"{','.join(str(n) for n in left)}; {counted}"
        if layout == 1:
            weeks = ",".join(str(facts.days - n) for n in left)
            return f"{weeks};{facts.days}-{facts.days - left[-1]}={left[-1]}; {counted}"
        return f"{'>'.join(str(n) for n in left)}; " + " ".join(f"{name}{i}" for i, name in enumerate(names))

    def misread(self, rng: Random, facts: Stay) -> Stay:
        return replace(facts, days=facts.days + rng.choice((1, 2, 3)))

    def miss(self, rng: Random, answer: str) -> str:
        return rng.choice([name for name in WEEKDAYS if name != answer])


@dataclass(frozen=True)
class Span:
    """Minutes after midnight."""

    start: int
    end: int


class Clock(Family[Span]):
    name, subject, layouts = "clock", "97M units", 3
    asks = (
        "How many minutes are there from {a} to {b}?",
        "A film runs from {a} to {b}. How many minutes is that?",
        "School starts at {a} and ends at {b}. How long is that in minutes?",
    )

    def draw(self, rng: Random, level: int) -> Span:
        hour, hours = rng.randint(6, 12), rng.randint(max(1, level - 1), 1 + level)
        return Span(60 * hour + 5 * rng.randrange(12), 60 * (hour + hours) + 5 * rng.randrange(12))

    def ask(self, rng: Random, facts: Span) -> str:
        return rng.choice(self.asks).format(a=_time(facts.start), b=_time(facts.end))

    def solve(self, facts: Span) -> str:
        return str(facts.end - facts.start)

    def work(self, facts: Span, layout: int) -> str:
        if layout == 1:
            marks = [*range(facts.start, facts.end + 1, 60)]
            last = facts.end - marks[-1]
        else:
            marks = [facts.start, *range((facts.start // 60 + 1) * 60, facts.end + 1, 60)]
            last = facts.end % 60
        if layout == 2:
            gaps = [b - a for a, b in pairwise(marks)] + [last]
            sums = [str(sum(gaps[: i + 1])) for i in range(len(gaps))]
            return ";".join(f"{_time(mark)}+{gap}={total}" for mark, gap, total in zip(marks, gaps, sums, strict=True))
        steps = ";".join(f"{_time(mark)}={mark - facts.start}" for mark in marks)
        return f"{steps};{_time(facts.end)}={marks[-1] - facts.start}+{last}={facts.end - facts.start}"

    def misread(self, rng: Random, facts: Span) -> Span:
        return replace(facts, end=facts.end + rng.choice((5, 10, 60, 15)))

    def miss(self, rng: Random, answer: str) -> str:
        value = int(answer)
        return str(value + rng.choice([d for d in (-60, -20, -10, -5, 5, 10, 20, 60) if value + d > 0]))


def _time(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"
