"""Every rule says yes, no and that it cannot be told, on results that are planted to say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from s1kit.compare.point import MethodPoint
from s1kit.reproduce.judging import FEWEST, Rule
from s1kit.reproduce.rules import (
    best_of,
    better_at_cost,
    controlled,
    falls,
    inverse,
    keeps_steps,
    more,
    raises_control,
    scales,
    scales_better,
)
from unit.compare.points import made
from unit.reproduce.planted import comparison, first, method

RISING = [(16, 0.1), (32, 0.4), (64, 0.8)]
FALLING = [(16, 0.8), (32, 0.4), (64, 0.1)]
FLAT = [(16, 0.5), (32, 0.5), (64, 0.5)]
ONE = [(16, 0.5)]
KEPT, BROKEN = 1.0, 0.9
"""Bounds at and below what is used."""


def counted(name: str, rows: list[tuple[float, float | None, float]]) -> list[MethodPoint]:
    """Settings as (asked, steps or tries, tokens per step)."""
    return [
        made(name, f"{asked:g}", first(0.5), 50, asked=asked, steps=used, tries=used, tokens_per_step=each)
        for asked, used, each in rows
    ]


CASES: list[tuple[str, Rule, list[MethodPoint], list[MethodPoint], list[MethodPoint]]] = [
    (
        "controlled",
        controlled("A"),
        method("A", RISING, bound=KEPT),
        [*method("A", RISING, bound=KEPT)[:2], *method("A", RISING, bound=BROKEN)[2:]],
        method("A", RISING),
    ),
    (
        "raises-control",
        raises_control("A", "B"),
        method("A", RISING, bound=BROKEN) + method("B", RISING, bound=KEPT),
        method("A", RISING, bound=KEPT) + method("B", RISING, bound=BROKEN),
        method("A", RISING, bound=KEPT) + method("B", RISING, bound=KEPT),
    ),
    ("scales", scales("A"), method("A", RISING), method("A", FALLING), method("A", FLAT)),
    (
        "scales-few-questions",
        scales("A"),
        method("A", RISING, FEWEST),
        method("A", FALLING, FEWEST),
        method("A", RISING, FEWEST - 1),
    ),
    (
        "scales-better",
        scales_better("A", "B"),
        method("A", RISING) + method("B", FLAT),
        method("A", FLAT) + method("B", RISING),
        method("A", RISING) + method("B", RISING),
    ),
    (
        "scales-better-one-setting",
        scales_better("A", "B"),
        method("A", FLAT) + method("B", FALLING),
        method("A", FALLING) + method("B", FLAT),
        method("A", RISING) + method("B", ONE),
    ),
    (
        "more-accuracy",
        more("accuracy", ("A", 0), ("B", 0)),
        method("A", [(16, 0.6)]) + method("B", [(16, 0.4)]),
        method("A", [(16, 0.4)]) + method("B", [(16, 0.6)]),
        method("A", [(16, 0.584)]) + method("B", [(16, 0.5)]),  # 5 wins: the interval is above 0, p = 0.06
    ),
    (
        "more-thinking",
        more("thinking", ("A", -1), ("A", "A 0")),
        method("A", RISING),
        method("A", list(reversed(RISING))),
        method("A", ONE),
    ),
    (
        "more-missing",
        inverse(more("thinking", ("A", 0), ("B", 0))),
        method("A", ONE) + method("B", [(99, 0.5)]),
        method("A", [(99, 0.5)]) + method("B", ONE),
        method("A", ONE),
    ),
    (
        "best-of",
        best_of("A"),
        method("A", [(16, 0.9)]) + method("B", FLAT) + method("C", ONE),
        method("A", [(16, 0.5)]) + method("B", FLAT) + method("C", [(16, 0.9)]),
        method("A", [(16, 0.9)]) + method("B", FLAT) + method("C", [(16, 0.9)]),
    ),
    (
        "best-of-one",
        best_of("A", ["B"]),
        method("A", RISING) + method("B", ONE) + method("C", [(16, 1.0)]),
        method("A", ONE) + method("B", RISING) + method("C", [(16, 0.0)]),
        method("A", RISING) + method("C", ONE),
    ),
    (
        "better-at-cost",
        better_at_cost("A", "B"),
        method("A", [(16, 0.5), (64, 0.9)]) + method("B", [(16, 0.5), (64, 0.4)]),
        method("A", [(16, 0.5), (64, 0.4)]) + method("B", [(16, 0.5), (64, 0.9)]),
        method("A", [(16, 0.1), (64, 0.9)]) + method("B", [(16, 0.9), (64, 0.1)]),
    ),
    (
        "better-at-no-common-cost",
        better_at_cost("A", "B"),
        method("A", [(16, 0.9)]) + method("B", ONE),
        method("A", ONE) + method("B", [(16, 0.9)]),
        method("A", [(16, 0.9)]) + method("B", [(99, 0.1)]),
    ),
    (
        "falls",
        falls("A", "tries"),
        counted("A", [(8, 9, 1), (16, 3, 1), (32, 3, 1)]),
        counted("A", [(8, 1, 1), (16, 1, 1), (32, 9, 1)]),
        counted("A", [(8, 9, 1), (16, 1, 1), (32, 2, 1)]),
    ),
    (
        "falls-nowhere",
        falls("A", "tries"),
        counted("A", [(8, 3, 1), (16, 2, 1)]),
        counted("A", [(8, 2, 1), (16, 3, 1)]),
        counted("A", [(8, 2, 1), (16, 2, 1)]),
    ),
    (
        "falls-in-order-of-what-was-asked",
        falls("A", "tokens_per_step"),
        counted("A", [(32, 1, 1), (8, 1, 3)]),
        counted("A", [(32, 1, 3), (8, 1, 1)]),
        counted("A", [(32, 1, 1)]),
    ),
    (
        "keeps-steps",
        keeps_steps("A"),
        counted("A", [(1, 1, 9), (8, 3, 9)]),
        counted("A", [(1, 2, 9), (8, 3, 9)]),
        counted("A", [(1, 1, 9), (8, None, 9)]),
    ),
]


@pytest.mark.parametrize(("rule", "yes", "no", "neither"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_rule_can_say_all_three(
    rule: Rule, yes: list[MethodPoint], no: list[MethodPoint], neither: list[MethodPoint]
) -> None:
    told = [rule(comparison(points)) for points in (yes, no, neither)]
    assert [found.verdict for found in told] == ["holds", "does not hold", "cannot be told"]
    assert all(found.why for found in told)
    turned = [inverse(rule)(comparison(points)).verdict for points in (yes, no, neither)]
    assert turned == ["does not hold", "holds", "cannot be told"]


def test_pairs_are_read_whichever_side_the_comparison_put_first() -> None:
    points = method("B", [(16, 0.5), (64, 0.4)]) + method("A", [(16, 0.5), (64, 0.9)])
    assert better_at_cost("A", "B")(comparison(points)).verdict == "holds"
    assert best_of("A")(comparison(points)).verdict == "holds"


def test_tokens_of_a_reward_model_count_or_do_not() -> None:
    """Twice as good at equal cost, and 1,000 tokens more that a reward model read: dearer than the other can be."""
    tree = [
        point.model_copy(update={"cost": tuple(replace(cost, reward=1000.0) for cost in point.cost)})
        for point in method("A", [(16, 0.8), (64, 0.9)])
    ]
    found = comparison(tree + method("B", [(16, 0.3), (64, 0.4)]))
    assert better_at_cost("A", "B", reward=False)(found).verdict == "holds"
    assert better_at_cost("A", "B")(found).verdict == "cannot be told"
    assert better_at_cost("A", "C", reward=False)(found).verdict == "cannot be told"


def test_a_slope_says_on_how_many_questions_it_rests() -> None:
    why = scales("A")(comparison(method("A", RISING))).why
    assert why.startswith("+35.")
    assert why.endswith("points per doubling, n = 60")


def test_the_difference_of_slopes_is_paired() -> None:
    """Both methods break on the same questions, so their difference is sure where neither slope by itself is narrow."""
    gain = [(16, 0.3), (64, 0.5)]
    more_gain = [(16, 0.3), (64, 0.6)]
    found = comparison(method("A", more_gain) + method("B", gain))
    assert scales_better("A", "B")(found).verdict == "holds"
