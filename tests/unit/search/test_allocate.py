"""Handing out children: invariants of the three roundings, the published example, and beams."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.search.allocate import Rebase, SearchError, largest_remainder, plain_round, sequential_ceil
from s1kit.search.beam import Beam
from unit.forcing.cases import CASES

EXAMPLE = (0.9, 0.7, 0.5, 0.2)
score = st.floats(0, 1, allow_nan=False) | st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0])
scores = st.lists(score, min_size=1, max_size=20)
temperature = st.sampled_from([1e-300, 0.01, 0.2, 1.0, 50.0])
exact = st.sampled_from([largest_remainder, sequential_ceil])


@pytest.mark.parametrize(
    ("rule", "widths"),
    [(largest_remainder, [11, 4, 1, 0]), (sequential_ceil, [11, 4, 1, 0]), (plain_round, [10, 4, 1, 0])],
)
def test_the_published_example(rule, widths) -> None:
    assert rule(EXAMPLE, 16, 0.2) == widths


def test_the_roundings_differ_where_they_are_known_to() -> None:
    equal = [0.5] * 5
    assert sequential_ceil(equal, 16, 0.2) == [4, 3, 3, 3, 3]  # exact arithmetic; float32 gives 17
    assert largest_remainder(equal, 16, 0.2) == [4, 3, 3, 3, 3]
    assert plain_round(equal, 16, 0.2) == [3] * 5
    three = [0.6, 0.5, 0.4]
    assert sequential_ceil(three, 5, 1.0) == [2, 2, 1]
    assert largest_remainder([0.9, 0.1, 0.1, 0.1], 4, 0.6) == [2, 1, 1, 0]
    assert sequential_ceil([0.9, 0.1, 0.1, 0.1], 4, 0.6) == [3, 1, 0, 0]  # the rich get richer


@CASES
@given(exact, scores, st.integers(0, 64), temperature)
def test_an_exact_rounding_spends_all_and_favours_the_better(rule, found, budget, balance) -> None:
    widths = rule(found, budget, balance)
    assert sum(widths) == budget
    assert min(widths) >= 0
    for a, wide in zip(found, widths, strict=True):
        for b, narrow in zip(found, widths, strict=True):
            assert a <= b or wide >= narrow


@CASES
@given(exact, scores, st.integers(0, 64), temperature, st.randoms())
def test_the_order_of_the_nodes_matters_to_ties_only(rule, found, budget, balance, random) -> None:
    order = list(range(len(found)))
    random.shuffle(order)
    before = sorted(zip(found, rule(found, budget, balance), strict=True))
    after = sorted(zip([found[i] for i in order], rule([found[i] for i in order], budget, balance), strict=True))
    assert before == after


@CASES
@given(exact, st.lists(st.integers(0, 1000), min_size=1, max_size=20, unique=True), st.integers(0, 64))
def test_the_temperature_s_two_ends(rule, thousandths, budget) -> None:
    found = [n / 1000 for n in thousandths]  # further apart than the coldest temperature can tell
    cold, hot = rule(found, budget, 1e-300), largest_remainder(found, budget, 1e9)
    assert cold[found.index(max(found))] == budget
    assert max(hot) - min(hot) <= 1


@CASES
@given(scores, st.integers(0, 64), temperature)
def test_largest_remainder_is_within_one_of_the_quota(found, budget, balance) -> None:
    parts = [math.exp((s - max(found)) / balance) for s in found]
    for width, part in zip(largest_remainder(found, budget, balance), parts, strict=True):
        assert abs(width - budget * part / math.fsum(parts)) < 1 + 1e-9


@CASES
@given(scores, st.integers(1, 64), st.integers(1, 8))
def test_a_beam_keeps_the_best_and_spends_all(found, budget, expand) -> None:
    widths = Beam(expand)(found, budget)
    kept = [s for s, width in zip(found, widths, strict=True) if width]
    dropped = [s for s, width in zip(found, widths, strict=True) if not width]
    assert sum(widths) == budget
    assert len(kept) == min(math.ceil(budget / expand), len(found))
    assert not dropped or min(kept) >= max(dropped)
    if len(found) >= budget:
        assert max(widths) <= expand


def test_ties_go_to_the_earlier_node() -> None:
    assert largest_remainder([0.5, 0.5, 0.5], 4, 0.2) == [2, 1, 1]
    assert Beam(2)([0.5, 0.5, 0.5, 0.5], 4) == [2, 2, 0, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="finite"):
        Rebase()([0.1, bad], 4)


@pytest.mark.parametrize("balance", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(balance) -> None:
    with pytest.raises(SearchError, match=r"hint: 0\.2"):
        Rebase(balance)


def test_other_numbers_that_make_no_allocation_are_refused() -> None:
    with pytest.raises(SearchError, match="largest_remainder, ceil, round"):
        Rebase(rounding="floor")  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="at least 1 child"):
        Beam(0)
    assert Rebase(rounding="round")(EXAMPLE, 16) == [10, 4, 1, 0]
    assert Rebase()([], 16) == []
