"""Rules on rows that are no comparison: planted rows either way."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.metrics.intervals import Interval
from s1kit.reproduce.matrix_claims import (
    CELL_CLAIMS,
    judged_rows,
    lower,
    not_higher,
    rises,
    thinks_longer,
    variant_better,
)
from s1kit.reproduce.tables import Measured
from s1kit.reproduce.variants import Variant


def row(
    name: str, seeds: tuple[float, ...], spread: float = 1.0, base: float | None = 50.0, **more: Any
) -> dict[str, Any]:
    mean = sum(seeds) / len(seeds)
    gap = None if base is None else mean - base
    return Measured(
        row=name, role=more.get("role", "natural"), seeds=len(seeds), rows=10, trained_tokens=100.0, accuracy=mean,
        interval=Interval(low=mean - spread, high=mean + spread), by_seed=seeds, difference=gap,
        difference_interval=None if gap is None else Interval(low=gap - spread, high=gap + spread),
        thinking_tokens=more.get("thinking", 10.0),
    ).model_dump(mode="json")  # fmt: skip


BASE = row("s1K", (50.0, 50.0), base=None)


@pytest.mark.parametrize(
    ("seeds", "spread", "expected"),
    [
        ((40.0, 44.0), 1.0, "holds"),
        ((56.0, 60.0), 1.0, "does not hold"),
        ((40.0, 44.0), 20.0, "cannot be told"),
        ((20.0, 52.0), 1.0, "cannot be told"),  # one seed above the baseline, one below
    ],
)
def test_lower_wants_the_interval_and_every_seed(seeds: tuple[float, ...], spread: float, expected: str) -> None:
    rows = [BASE, row("random", seeds, spread)]
    assert lower("table2", "random")(rows).verdict == expected
    mirrored = not_higher("table2", "random")(rows).verdict
    assert mirrored == ("does not hold" if expected == "does not hold" else "holds")


def test_only_the_natural_end_counts_and_a_missing_row_is_not_judged() -> None:
    rows = [BASE, row("random", (40.0, 40.0), role="extension")]
    assert lower("table2", "random")(rows).verdict == "cannot be told"
    assert not_higher("table2", "full")(rows).verdict == "cannot be told"
    assert thinks_longer("cut", "whole")(rows).verdict == "cannot be told"


def test_cut_rows_are_found_whatever_their_length() -> None:
    rows = [row("whole", (50.0,), base=None, thinking=100.0), row("cut-at-64", (10.0,), thinking=300.0)]
    assert [one.verdict for one in judged_rows("table7", rows)] == ["holds", "holds"]
    rows = [row("whole", (50.0,), base=None, thinking=300.0), row("cut-at-64", (90.0,), thinking=100.0)]
    assert [one.verdict for one in judged_rows("table7", rows)] == ["does not hold", "does not hold"]


def variant(model: str, asked: str, low: float, high: float) -> dict[str, Any]:
    return Variant(
        model=model, asked=asked, accuracy=(low + high) / 2, interval=Interval(low=low, high=high), thinking_tokens=9.0
    ).model_dump(mode="json")


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(61, 70, "holds"), (30, 39, "does not hold"), (45, 61, "cannot be told")]
)
def test_intervals_that_touch_decide_nothing(low: float, high: float, expected: str) -> None:
    rows = [variant("base", "unforced 400", 40, 60), variant("fine-tuned", "natural", low, high)]
    rule = variant_better(("fine-tuned", "natural"), ("base", "unforced 400"))
    assert rule(rows).verdict == expected
    assert rule(rows[:1]).verdict == "cannot be told"
    curve: list[dict[str, Any]] = [
        {"thinking_tokens": 90.0, "accuracy": 1.0, "interval": [low, high]},
        {"thinking_tokens": 5.0, "accuracy": 1.0, "interval": [40, 60]},
        {"thinking_tokens": 500.0, "accuracy": None, "interval": [None, None]},
    ]
    assert rises(curve).verdict == expected


def test_every_rule_meets_rows_of_another_kind_without_a_verdict() -> None:
    for part in CELL_CLAIMS:
        assert {one.verdict for one in judged_rows(part, [])} == {"cannot be told"}
    assert judged_rows("no such part", [BASE]) == []
