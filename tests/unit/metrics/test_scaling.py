"""Control, scaling and performance: the paper's published values, from its own points.

Points and values: paper.md section 6; two decimals from notes/data-train-eval.md section 4.1.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.metrics.scaling import bootstrap_scaling, control, pair_slopes, performance, scaling

LIMITS = [1024, 2048, 4096, 8192, 16384]
STEPS = [1600, 3200, 6400, 12800, 25600]
# name: tokens, thirtieths, lower bounds, upper bounds, control, scaling per doubling, performance
PAPER: dict[str, tuple[list[int], list[int], list[Any], list[Any], float, float, float]] = {
    "TCC": ([7939, 7158, 8263, 7108, 7500], [8, 9, 10, 10, 12], [None] * 5, LIMITS, 2 / 5, -23.77, 40.0),
    "TCC+BF": ([1024, 2048, 4031, 5664, 6330], [1, 9, 10, 10, 12], [None] * 5, LIMITS, 1.0, 13.16, 40.0),
    "SCC": ([7252, 6277, 5396, 5552, 7551], [10, 7, 10, 11, 10], [None] * 5, STEPS, 3 / 5, 2.93, 36.7),
    "SCC+BF": ([1517, 2963, 4636, 5409, 7551], [7, 7, 10, 11, 10], [None] * 5, STEPS, 1.0, 6.41, 36.7),
    "CCC": ([8033, 9651], [9, 11], [None, 6109], [6109, None], 1 / 2, 25.18, 36.7),
}
PER_1K = {"TCC": -4.8, "TCC+BF": 6.7, "SCC": 0.6, "SCC+BF": 2.5, "CCC": 4.1}
TABLE_3 = {"TCC": -24, "TCC+BF": 13, "SCC": 3, "SCC+BF": 6, "CCC": 25}


@pytest.mark.parametrize("method", PAPER)
def test_published_values(method: str) -> None:
    tokens, thirtieths, low, high, expected_control, expected_scaling, best = PAPER[method]
    accuracy = [k / 30 for k in thirtieths]
    got = scaling(tokens, accuracy)
    assert got.value is not None
    assert round(got.value, 2) == expected_scaling
    assert round(got.value) == TABLE_3[method]
    printed = scaling(tokens, accuracy, per="1k_tokens")
    assert printed.value is not None
    assert round(printed.value, 1) == PER_1K[method]
    assert control([str(t) for t in tokens], tokens, low, high).value == expected_control
    assert round(100 * performance(accuracy), 1) == best


def test_the_limit_itself_counts_as_within() -> None:
    assert control(["a", "b", "c"], [1024, 1024.1, 1023], [None] * 3, [1024] * 3).value == 2 / 3
    assert control(["a", "b"], [1024, 1023.9], [1024] * 2, [None] * 2).value == 1 / 2


def test_unbounded_runs_leave_the_denominator_unless_nothing_is_bounded() -> None:
    got = control(["max", "free"], [2000, 5], [None, None], [1000, None])
    assert (got.value, got.n_bounded, got.n_unbounded) == (0.0, 1, 1)
    assert [run.unbounded for run in got.runs] == [False, True]
    free = control(["free"], [5], [None], [None])
    assert (free.value, free.n_bounded) == (None, 0)


def test_equal_token_pairs_are_skipped_and_counted() -> None:
    got = scaling([100, 100, 200], [0.1, 0.5, 0.4])
    assert got.value == pytest.approx((30 - 10) / 2)
    assert (got.n_pairs, got.n_equal, got.n_zero) == (2, 1, 0)


def test_a_budget_of_zero_has_no_doubling_but_has_a_slope_per_token() -> None:
    doubling, per_token = (scaling([0, 100, 200], [0.0, 0.1, 0.2], per=per) for per in ("doubling", "1k_tokens"))  # type: ignore[arg-type]
    assert (doubling.value, doubling.n_pairs, doubling.n_zero) == (pytest.approx(10.0), 1, 2)
    assert (per_token.value, per_token.n_pairs, per_token.n_zero) == (pytest.approx(100.0), 3, 0)
    assert scaling([0, 0], [0.0, 0.1]).n_zero == 0


@pytest.mark.parametrize("tokens", [[], [100.0], [100.0, 100.0]])
def test_no_pair_no_scaling(tokens: list[float]) -> None:
    got = scaling(tokens, [0.5] * len(tokens))
    assert got.value is None
    assert got.theil_sen is None
    json.loads(got.model_dump_json())


def test_theil_sen_resists_the_one_pair_that_carries_the_mean() -> None:
    tokens, thirtieths = PAPER["TCC"][:2]
    got = scaling(tokens, [k / 30 for k in thirtieths])
    slopes = pair_slopes(np.array(tokens, float), np.array(thirtieths) / 30)
    assert slopes.min() < -300
    assert got.theil_sen is not None
    assert abs(got.theil_sen - np.median(slopes)) < 1e-12
    assert got.theil_sen > got.value  # type: ignore[operator]


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1)), min_size=2, max_size=6), st.randoms())
def test_order_of_runs_and_unit_of_tokens_do_not_matter(runs: list[tuple[int, float]], random: Any) -> None:
    shuffled = random.sample(runs, len(runs))
    plain, mixed = (scaling([2.0 * t for t, _ in rows], [a for _, a in rows]).value for rows in (runs, shuffled))
    halved = scaling([float(t) for t, _ in runs], [a for _, a in runs]).value
    for other in (mixed, halved):
        assert (plain is None) == (other is None)
        assert plain is None or math.isclose(plain, other, rel_tol=1e-6, abs_tol=1e-6)  # type: ignore[arg-type]


@given(st.floats(-20, 20), st.lists(st.integers(1, 2**16), min_size=2, max_size=6, unique=True))
def test_a_straight_line_has_its_own_slope(slope: float, tokens: list[int]) -> None:
    got = scaling(tokens, [slope / 100 * math.log2(t) for t in tokens])
    assert got.value == pytest.approx(slope, abs=1e-6)
    assert got.theil_sen == pytest.approx(slope, abs=1e-6)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="2 token means but 1"):
        scaling([1, 2], [0.5])
    with pytest.raises(ValueError, match="at least one run"):
        control([], [], [], [])
    with pytest.raises(ValueError, match="at least one run"):
        performance([])


def test_bootstrap_resamples_questions_jointly() -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(200) < 0.5
    # Doubling the tokens repairs every hard question: each resample has 100 points * its share of hard ones.
    tokens = np.stack([np.full(200, 100.0), np.full(200, 200.0)], axis=1)
    accuracy = np.stack([(~hard).astype(float), np.ones(200)], axis=1)
    interval = bootstrap_scaling(tokens, accuracy, resamples=2000)
    assert interval is not None
    assert interval.low < 100 * hard.mean() < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 100 * math.sqrt(0.25 / 200), rel=0.1)
    same = np.stack([accuracy[:, 0], accuracy[:, 0] * 0 + 0.25], axis=1)
    constant = bootstrap_scaling(tokens, np.stack([same[:, 1], same[:, 1] + 0.1], axis=1), resamples=200)
    assert constant is not None
    assert constant.low == pytest.approx(10)
    assert constant.high == pytest.approx(10)


def test_bootstrap_without_any_slope_is_none() -> None:
    tokens = np.full((10, 2), 100.0)
    assert bootstrap_scaling(tokens, np.zeros((10, 2)), resamples=50) is None
