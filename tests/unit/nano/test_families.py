"""Every family's solver against a brute-force reading of its own question text."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.nano.family import MAX_LEVEL
from s1kit.nano.words import WEEKDAYS
from s1kit.nano.world import FAMILIES, draw

DAYS = list(WEEKDAYS)


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def items(text: str) -> list[int]:
    named = re.findall(r"[A-Z][A-Za-z]*=(\d+)", text)
    if named:
        return [int(n) for n in named]
    bare = max(re.findall(r"\d+(?:,\d+)+", text), key=len)
    return [int(n) for n in bare.split(",")]


def letters(text: str) -> str:
    found = re.search(r"letters? ([a-z])\b|many ([a-z]) in", text)
    assert found
    letter = found.group(1) or found.group(2)
    words = text.split(":")[0] if ":" in text else text.split(" in ")[1]
    return str(sum(c == letter for c in words))


def over(text: str) -> str:
    found = re.search(r"(?:over|than|above) (\d+)", text)
    assert found
    return str(len([v for v in items(text) if v > int(found.group(1))]))


def second(text: str) -> str:
    values = items(text)
    values.remove(max(values))
    return str(max(values))


def rises(text: str) -> str:
    values = items(text)
    return str(sum(values[i] < values[i + 1] for i in range(len(values) - 1)))


def total(text: str) -> str:
    return str(sum(items(text)))


def bus(text: str) -> str:
    aboard, seen = 0, [0]
    for sign, n in re.findall(r"[a-z]([+-])(\d+)", text):
        aboard += int(n) if sign == "+" else -int(n)
        seen.append(aboard)
    return str(max(seen))


def remainder(text: str) -> str:
    n, m = numbers(text)
    while n >= m:
        n -= m * max(1, n // m // 2)
    return str(n)


def gcd(text: str) -> str:
    a, b = numbers(text)
    return str(max(d for d in range(1, 100) if a % d == 0 and b % d == 0))


def terms(text: str) -> str:
    n = numbers(text)
    if "sum of" in text:
        a, b, place = n
        for _ in range(place - 1):
            a, b = b, a + b
        return str(a)
    if text.startswith("Term 1"):
        n = n[1:]
    return str(n[0] + n[1] * (n[2] - 1))


def weekday(text: str) -> str:
    start = next(d for d in DAYS if d in text)
    day = DAYS.index(start)
    for _ in range(numbers(text)[0]):
        day = 0 if day == 6 else day + 1
    return DAYS[day]


def clock(text: str) -> str:
    (h1, m1), (h2, m2) = [(int(h), int(m)) for h, m in re.findall(r"(\d+):(\d\d)", text)]
    count = 0
    while (h1, m1) != (h2, m2):
        h1, m1 = (h1 + 1, 0) if m1 == 59 else (h1, m1 + 1)
        count += 1
    return str(count)


BRUTE: dict[str, Callable[[str], str]] = {
    "letters": letters, "over": over, "second": second, "rises": rises, "total": total, "polygon": total, "bus": bus,
    "remainder": remainder, "gcd": gcd, "terms": terms, "weekday": weekday, "clock": clock,
}  # fmt: skip


def test_enough_families_over_enough_subjects() -> None:
    assert set(BRUTE) == set(FAMILIES)
    assert len(FAMILIES) >= 8
    assert len({family.subject for family in FAMILIES.values()}) >= 6


@pytest.mark.parametrize("name", list(BRUTE))
@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), level=st.integers(1, MAX_LEVEL))
def test_solver_agrees_with_the_text(name: str, seed: int, level: int) -> None:
    problem = draw(Random(seed), level, name)
    assert problem.answer == BRUTE[name](problem.text)


@pytest.mark.parametrize("name", list(BRUTE))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), level=st.integers(1, MAX_LEVEL))
def test_every_careful_pass_ends_at_the_answer(name: str, seed: int, level: int) -> None:
    problem = draw(Random(seed), level, name)
    for layout in range(problem.family.layouts):
        work = problem.work(layout)
        if name == "letters" and layout == 2:
            assert work.count("*") == int(problem.value)
        elif name == "weekday":
            assert work.rstrip("0123456789").endswith(problem.value)
        elif name == "second":
            assert work.rstrip(")").endswith("/" + problem.value)
        elif name == "gcd":
            assert re.search(rf"\b{problem.value}\b", work.rsplit(";" if layout == 0 else ",", 1)[-1])
        elif name == "terms":
            assert problem.value in numbers_of(work)[-2:]
        else:
            assert numbers_of(work)[-1] == problem.value or name == "letters"


def numbers_of(text: str) -> list[str]:
    return re.findall(r"\d+", text)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), level=st.integers(1, MAX_LEVEL))
def test_choice_form_offers_the_answer_once(seed: int, level: int) -> None:
    problem = draw(Random(seed), level, choice=1.0)
    assert problem.kind == "choice"
    assert len(set(problem.options)) == 4
    assert problem.options["ABCD".index(problem.answer)] == problem.value
    assert f"{problem.answer}){problem.value}" in problem.text


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), level=st.integers(1, MAX_LEVEL), choice=st.sampled_from([0.0, 1.0]))
def test_a_miss_is_wrong_and_a_slip_can_be_written(seed: int, level: int, choice: float) -> None:
    rng = Random(seed)
    problem = draw(rng, level, choice=choice)
    assert problem.miss(rng) != problem.value
    for layout in range(problem.family.layouts):
        work, value = problem.slipped(rng, layout)
        assert work
        assert problem.label(value)


def test_an_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        draw(Random(0), 7)
