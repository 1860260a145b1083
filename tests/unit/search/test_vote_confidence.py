"""Confidence from log-probabilities, the filtered vote and the online rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.search.confidence import (
    Trace,
    bottom_confidence,
    confidence_vote,
    group_confidences,
    lowest_confidence,
    online,
    stop_after,
    tail_confidence,
    token_confidence,
)
from s1kit.search.samples import Cost, Sample
from s1kit.search.vote import majority, weighted
from unit.search.vote_samples import all_cost, first_sample, samples


def test_token_confidence_is_minus_the_mean_log_probability() -> None:
    peaked, flat = np.log([0.98, 0.01, 0.01]), np.log([1 / 3] * 3)
    got = token_confidence(np.stack([peaked, flat]))
    assert got[0] == pytest.approx(-np.log([0.98, 0.01, 0.01]).mean())
    assert got[1] == pytest.approx(math.log(3))
    assert got[0] > got[1]


def test_banned_and_padded_entries_are_left_out() -> None:
    assert token_confidence([[-1.0, -3.0, -math.inf, math.nan]]) == pytest.approx([2.0])
    with pytest.raises(ValueError, match="token 1 has no finite"):
        token_confidence([[-1.0], [-math.inf]])
    with pytest.raises(ValueError, match="tokens, top"):
        token_confidence([-1.0])


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=30), st.integers(1, 12))
def test_groups_against_plain_loops(values: list[float], window: int) -> None:
    width = min(window, len(values))
    plain = [sum(values[end - width : end]) / width for end in range(width, len(values) + 1)]
    assert group_confidences(values, window) == pytest.approx(plain)
    assert lowest_confidence(values, window) == pytest.approx(min(plain))
    assert tail_confidence(values, window) == pytest.approx(plain[-1])
    fewest = sorted(plain)[: max(1, len(plain) // 10)]
    assert bottom_confidence(values, window) == pytest.approx(sum(fewest) / len(fewest))
    assert lowest_confidence(values, window) <= bottom_confidence(values, window) + 1e-9


def test_measures_look_at_different_places() -> None:
    dip = [10.0] * 20 + [0.0] * 2 + [10.0] * 20
    assert lowest_confidence(dip, 2) == 0.0
    assert tail_confidence(dip, 2) == 10.0
    assert 0.0 < bottom_confidence(dip, 2) < 10.0
    for bad in ([], [math.nan], [[1.0]]):
        with pytest.raises(ValueError, match="finite confidences"):
            group_confidences(bad)


def test_the_filter_changes_the_vote() -> None:
    stored = samples("bbbbba", scores=[1.0, 1.0, 1.0, 1.0, 1.0, 4.0])
    assert weighted(stored).accuracy == 0.0
    assert confidence_vote(stored, keep=0.1).accuracy == 1.0
    assert confidence_vote(stored, keep=0.1).cost == all_cost(stored)
    assert confidence_vote(stored, keep=1.0).answers == weighted(stored).answers


def test_a_tie_at_the_bar_is_kept_whole() -> None:
    assert confidence_vote(samples("ab", scores=[1.0, 1.0]), keep=0.5).accuracy == 0.5


def trace(answer: str, *confidences: float) -> Trace:
    """Half of the tokens, rounded up, are thinking."""
    thinking = (len(confidences) + 1) // 2
    cost = Cost(thinking, len(confidences) - thinking, seconds=1.0)
    (sample,) = samples(answer)
    return Trace(Sample(sample.answer, sample.correct, cost), np.asarray(confidences))


def test_a_trace_is_stopped_at_the_end_of_its_first_low_group() -> None:
    assert stop_after([5, 5, 1, 1, 5], 2.0, window=2) == 4
    assert stop_after([5, 5, 1, 1, 5], 4.0, window=2) == 3
    assert stop_after([5, 5, 5], 4.0, window=2) is None
    assert stop_after([1, 1], 2.0, window=10) == 2, "shorter than the window: judged at its end"


def test_online_stops_unsure_traces_and_ends_at_a_consensus() -> None:
    warm = [trace("b", 3, 3, 3, 3), trace("a", 5, 5, 5, 5)]
    low, sure = trace("b", 1, 1, 9, 9, 9, 9), trace("a", 6, 6, 6, 6)
    # keep=1: the bar is the lowest of the warm-up (3); both vote, and 5 of 8 is no consensus.
    got = online([*warm, low, sure, sure, sure], warmup=2, window=2, keep=1.0, consensus=0.8)
    assert (got.accuracy, got.answers) == (1.0, (0,))
    assert got.samples == 5, "5 + 6 + 6 of 20 is 0.85; the last trace is not drawn"
    assert got.cost.tokens == 4 + 4 + 2 + 4 + 4, "the unsure trace is paid up to its stop"
    assert got.cost.thinking == 2 + 2 + 2 + 2 + 2
    assert math.isnan(got.cost.seconds)
    assert first_sample([warm[0].sample]).accuracy == 0.0


def test_online_lets_only_sure_warm_up_traces_vote() -> None:
    warm = [trace("b", 1, 1), trace("b", 1, 1), trace("b", 1, 1), trace("a", 2.5, 2.5)]
    assert majority([t.sample for t in warm]).accuracy == 0.0
    got = online(warm, warmup=4, window=2, keep=0.1)
    assert (got.accuracy, got.samples, got.cost.tokens) == (1.0, 4, 8)


def test_online_ends_after_the_warm_up_where_all_agree() -> None:
    got = online([trace("a", 5, 5)] * 20, warmup=3, window=2)
    assert (got.samples, got.accuracy) == (3, 1.0)


def test_online_needs_its_warm_up() -> None:
    got = online([trace("a", 5, 5)] * 3)
    assert math.isnan(got.accuracy)
    assert "needs 16 samples, 3 are stored" in str(got.note)
    with pytest.raises(ValueError, match="warmup >= 1"):
        online([], warmup=0)


def test_stopped_traces_do_not_vote_however_many() -> None:
    got = online([trace("a", 3, 3), *[trace("b", 2, 2)] * 3], warmup=1, window=2, consensus=1.1)
    assert (got.answers, got.samples) == ((0,), 4)
