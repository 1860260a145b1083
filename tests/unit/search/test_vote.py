"""Votes and picks over the samples of one question."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.metrics.samples import maj_at_k
from s1kit.search.adaptive import adaptive
from s1kit.search.confidence import confidence_vote
from s1kit.search.pick import best_of_n, short_m
from s1kit.search.samples import Cost, Outcome, Sample, scored
from s1kit.search.vote import majority, shortest_majority, vote, weighted
from unit.search.vote_samples import all_cost, any_samples, first_sample, mean_accuracy, same, samples

ORDER_FREE = {
    "majority": majority,
    "weighted": weighted,
    "shortest_majority": shortest_majority,
    "best_of_n": best_of_n,
    "short_1": functools.partial(short_m, m=1),
    "confidence_vote": functools.partial(confidence_vote, keep=0.5),
    "confidence_vote_all": functools.partial(confidence_vote, keep=1.0),
}
Method = Callable[[Sequence[Sample]], Outcome]
methods = pytest.mark.parametrize("method", ORDER_FREE.values(), ids=ORDER_FREE)


@methods
@settings(deadline=None)
@given(given_samples=any_samples(ungraded=True), seed=st.integers(0, 99))
def test_the_order_of_the_samples_does_not_show(method: Method, given_samples: list[Sample], seed: int) -> None:
    shuffled = random.Random(seed).sample(given_samples, len(given_samples))
    assert same(method(given_samples), method(shuffled))


@methods
@settings(deadline=None)
@given(given_samples=any_samples())
def test_one_sample_is_plain_sampling(method: Method, given_samples: list[Sample]) -> None:
    alone = [method([sample]) for sample in given_samples]
    assert sum(outcome.accuracy for outcome in alone) / len(alone) == pytest.approx(mean_accuracy(given_samples))
    assert [outcome.cost for outcome in alone] == [sample.cost for sample in given_samples]


@methods
def test_equal_answers_win_whatever_else(method: Method) -> None:
    equal = samples("aaaa", thinking=[5, 1, 9, 9], scores=[0.0, 0.5, 0.5, 1.0])
    assert (method(equal).accuracy, method(equal).answers) == (1.0, (0,))


@methods
def test_nothing_stored_is_undefined(method: Method) -> None:
    got = method([])
    assert math.isnan(got.accuracy)
    assert got.note
    assert (got.cost, got.samples) == (Cost(), 0)


# The first sample is wrong in each, and a method that took it, or the plain majority where it is another method,
# would be wrong too.
BEATS_FIRST = {
    "majority": (majority, samples("baac")),
    "weighted": (weighted, samples("bba", scores=[0.1, 0.2, 0.9])),
    "shortest_majority": (shortest_majority, samples("bab", thinking=[4000, 10, 4000])),
    "best_of_n": (best_of_n, samples("bba", scores=[0.1, 0.2, 0.9])),
    "short_1": (ORDER_FREE["short_1"], samples("bba", thinking=[50, 60, 10])),
    "short_3": (functools.partial(short_m, m=3), samples("bbbaca", thinking=[90, 80, 70, 10, 20, 30])),
    "confidence_vote": (functools.partial(confidence_vote, keep=0.1), samples("bbba", scores=[1, 1, 1, 2])),
    "adaptive": (adaptive, samples("baaaaaaaab")),
}


@pytest.mark.parametrize(("method", "stored"), BEATS_FIRST.values(), ids=BEATS_FIRST)
def test_no_method_is_plain_sampling(method: Method, stored: list[Sample]) -> None:
    assert first_sample(stored).accuracy == 0.0
    assert method(stored).accuracy == 1.0
    if method not in (majority, adaptive):
        assert majority(stored).accuracy < 1.0


@settings(deadline=None)
@given(any_samples(), st.integers(1, 7))
def test_majority_is_the_metric(given_samples: list[Sample], k: int) -> None:
    # The metric takes a class's mean over the votes, as the vote does: two roads to one number.
    texts = [None if sample.answer is None else str(sample.answer) for sample in given_samples]
    wanted = maj_at_k(texts, [bool(sample.correct) for sample in given_samples])
    assert majority(given_samples).accuracy == pytest.approx(wanted)


def test_ties_are_the_mean_and_named() -> None:
    got = majority(samples("abba"))
    assert (got.accuracy, got.answers) == (0.5, (0, 1))
    assert majority(samples("abc")).accuracy == pytest.approx(1 / 3)
    assert weighted(samples("ab", scores=[0.0, 0.0])).accuracy == 0.5
    assert best_of_n(samples("abb", scores=[0.7, 0.7, 0.1])).accuracy == 0.5


def test_sums_that_differ_in_the_last_bit_are_tied() -> None:
    assert 0.1 + 0.2 != 0.3
    assert weighted(samples("aab", scores=[0.1, 0.2, 0.3])).answers == (0, 1)


@pytest.mark.parametrize("word", ["ba", "ab"])
def test_a_heavier_singleton_wins_in_both_orders(word: str) -> None:
    # Answers A (0.1) and B (0.9): the reference returns whichever comes first.
    weights = {"b": 0.1, "a": 0.9}
    assert vote(samples(word), [weights[letter] for letter in word]).answers == (0,)


@settings(deadline=None)
@given(any_samples(), st.integers(0, 6), st.floats(0.0, 5.0))
def test_more_weight_never_hurts_its_answer(given_samples: list[Sample], place: int, more: float) -> None:
    sample = given_samples[place % len(given_samples)]
    raised = [replace(s, score=s.score + more) if s is sample else s for s in given_samples]
    before, after = weighted(given_samples), weighted(raised)
    if sample.answer in before.answers:
        assert sample.answer in after.answers
        assert len(after.answers) <= len(before.answers)


@settings(deadline=None)
@given(any_samples(), st.floats(0.01, 100.0))
def test_only_the_ratio_of_weights_counts(given_samples: list[Sample], factor: float) -> None:
    scaled = scored(given_samples, [sample.score * factor for sample in given_samples])
    assert weighted(scaled).answers == weighted(given_samples).answers


def test_no_answer_has_no_vote_but_costs() -> None:
    got = majority(samples("---a"))
    assert (got.accuracy, got.cost.tokens, got.samples) == (1.0, 440.0, 4)
    assert majority(samples("--")).accuracy == 0.0
    assert weighted(samples("-a", scores=[math.nan, 0.1])).accuracy == 1.0


def test_an_ungraded_winner_is_unknown_not_wrong() -> None:
    assert math.isnan(majority(samples("BBa")).accuracy)
    assert "ungraded" in str(majority(samples("BBa")).note)
    assert majority(samples("Baa")).accuracy == 1.0
    assert majority(samples("Aab")).accuracy == 1.0, "the class is known by its graded sample"
    assert math.isnan(best_of_n(samples("Ab", scores=[1.0, 0.0])).accuracy)


def test_scores_that_are_no_numbers_are_said() -> None:
    for method in (weighted, best_of_n, confidence_vote):
        got = method(samples("aab", scores=[0.1, math.nan, 0.2]))
        assert math.isnan(got.accuracy)
        assert "1 of 3" in str(got.note)
        assert got.cost == all_cost(samples("aab"))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        vote(samples("ab"), [0.1, -0.1])
    with pytest.raises(ValueError, match="m must be"):
        short_m(samples("ab"), 0)
    with pytest.raises(ValueError, match="keep is a share"):
        confidence_vote(samples("ab"), keep=0.0)


def test_rewards_are_counted_apart() -> None:
    got = best_of_n(scored(samples("ab"), [0.1, 0.9], [Cost(reward=40.0, seconds=0.5)] * 2))
    assert got.cost == Cost(thinking=200.0, answer=20.0, reward=80.0, seconds=3.0)
    assert got.cost.tokens == 300.0


def test_shortest_majority_weighs_count_against_length() -> None:
    # Two of 100 tokens: 2 / ln 100 = 0.434. Three of 1000: 3 / ln 1000 = 0.434, the same. One token more decides.
    tie = samples("aabbb", thinking=[100, 100, 1000, 1000, 1000])
    assert shortest_majority(tie).answers == (0, 1)
    assert shortest_majority(samples("aabbb", thinking=[100, 100, 1000, 1000, 1003])).answers == (0,)
    assert shortest_majority(samples("aabbb", thinking=[100, 103, 1000, 1000, 1000])).answers == (1,)
    assert shortest_majority(samples("abb", thinking=[0, 1, 0])).answers == (1,)


def test_short_m_pays_until_the_mth_has_finished() -> None:
    stored = samples("abbc", thinking=[10, 40, 20, 400])
    got = short_m(stored, 2)
    assert got.cost.thinking == 10 + 20 + 20 + 20
    assert got.cost.answer == 2 * 10.0
    assert math.isnan(got.cost.seconds)
    assert got.answers == (0,), "1 to 1: the shorter thought decides"
    assert short_m(stored, 3).answers == (1,)
    assert short_m(stored, 4).cost == all_cost(stored)


def test_short_m_counts_all_that_finish_in_the_same_step() -> None:
    stored = samples("abb", thinking=[20, 20, 20])
    assert short_m(stored, 1).answers == (1,)
    assert short_m(samples("ab", thinking=[20, 20]), 1).accuracy == 0.5


def test_short_m_of_fewer_samples_is_undefined() -> None:
    got = short_m(samples("aa"), 3)
    assert math.isnan(got.accuracy)
    assert "needs 3 samples, 2 are stored" in str(got.note)


def test_short_m_shares_out_the_nudges_of_a_stopped_thought() -> None:
    stored = [Sample(0, True, Cost(10.0, 5.0)), Sample(1, False, Cost(30.0, 5.0, forced=10.0))]
    assert short_m(stored, 1).cost.forced == 2.5
    assert short_m(stored, 1).cost.thinking == 10 + 7.5
