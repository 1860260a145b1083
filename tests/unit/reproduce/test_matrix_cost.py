"""Costs at the paper's scale: the planner's hours, a throughput worked out by hand, nothing counted twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.reproduce.matrix_cost import (
    BANDWIDTH,
    MODEL,
    REACHED,
    Load,
    Training,
    cost_of,
    generation_hours,
    tokens_per_second,
    training_hours,
)
from s1kit.reproduce.matrix_needs import NEEDS, QUESTIONS, TRIES
from s1kit.train.plan import plan
from s1kit.train.shapes import read_shape


def test_training_is_what_the_planner_says_and_near_what_the_paper_says() -> None:
    assert training_hours(Training(name="s1-32B")) == plan(MODEL).work.device_hours
    assert training_hours(Training(name="s1-32B")) == pytest.approx(16 * 26 / 60, rel=0.06)


def test_one_short_sequence_is_bounded_by_reading_the_weights() -> None:
    """Both cards read 65.5 GB for every token."""
    seconds = 2 * read_shape(MODEL).params / (BANDWIDTH * REACHED)
    assert tokens_per_second(Load(name="one", sequences=1, tokens=1)) == pytest.approx(1 / seconds, rel=1e-4)
    assert seconds == pytest.approx(0.0391, rel=0.01)


SIZES = st.floats(1, 1e5)


@given(SIZES, SIZES, st.floats(1.01, 10))
def test_more_work_costs_more_and_a_batch_is_cheaper_per_token(sequences: float, tokens: float, times: float) -> None:
    one, wide, long = (
        Load(name="l", sequences=s, tokens=t)
        for s, t in ((sequences, tokens), (sequences * times, tokens), (sequences, tokens * times))
    )
    assert generation_hours(one) < generation_hours(wide) * (1 + 1e-9)
    assert generation_hours(one) < generation_hours(long)
    assert tokens_per_second(wide) >= tokens_per_second(one) * (1 - 1e-9)
    assert generation_hours(Load(name="none", sequences=0, tokens=tokens)) == 0


def test_what_two_tables_share_is_counted_once() -> None:
    together = cost_of((t for n in NEEDS.values() for t in n.trainings), (x for n in NEEDS.values() for x in n.loads))
    alone = [cost_of(needs.trainings, needs.loads) for needs in NEEDS.values()]
    assert max(cost.hours for cost in alone) <= together.hours < sum(cost.hours for cost in alone)
    first = NEEDS["table11"]
    assert cost_of(first.trainings * 2, first.loads * 2) == cost_of(first.trainings, first.loads)
    loads = [load for needs in NEEDS.values() for load in needs.loads]
    assert len({load.name for load in loads}) == len(set(loads)), "one name, two loads"


def test_tables_that_print_their_tokens_cost_these() -> None:
    """Table 12: free and forced runs of 30 questions, thinking and answer as printed."""
    free, forced = (7252, 6277, 5396, 5552, 7551), (1517, 2963, 4636, 5409, 7551)
    answers = (665, 653, 735, 777, 754, 1111, 788, 799, 794, 754)
    loads = NEEDS["table12"].loads
    assert sum(load.sequences * load.tokens for load in loads) == 30 * (sum(free) + sum(forced) + sum(answers))
    tries = [load.sequences for load in NEEDS["figure6"].loads]
    assert tries == [QUESTIONS["AIME24"] * number for _, number in TRIES]
