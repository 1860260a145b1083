"""Every rule of a vote against the plain meaning of its words, over all subsets (or orders) of a few stored samples."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.compare.recipe import Rule, VoteMethod
from s1kit.compare.votes import outcome_of, outcomes_of_draws
from s1kit.grading.pool import MathVerifyPool
from s1kit.search.samples import Sample, gather, scored
from s1kit.types import Generation
from unit.compare.planted import QUESTION, several

ORDERED = ("adaptive", "online")
ANSWER = 4
"""Answer tokens of every planted row."""


@dataclass(frozen=True)
class Drawn:
    """A sample in plain numbers."""

    answer: str | None
    thinking: int
    score: float
    sure: tuple[float, ...]

    @property
    def right(self) -> float:
        return float(self.answer == "7")

    @property
    def tokens(self) -> float:
        return self.thinking + ANSWER


Said = tuple[float, float]
"""Accuracy and tokens."""


def heaviest(weights: dict[str, float]) -> float:
    """Share of right answers among the heaviest; nothing voted: wrong."""
    top = max(weights.values(), default=0.0)
    tied = [answer for answer, weight in weights.items() if math.isclose(weight, top, rel_tol=1e-9)]
    return sum(answer == "7" for answer in tied) / len(tied) if tied else 0.0


def voted(draw: list[Drawn], weight: Callable[[Drawn], float]) -> float:
    sums: dict[str, float] = {}
    for sample in draw:
        if sample.answer is not None:
            sums[sample.answer] = sums.get(sample.answer, 0.0) + weight(sample)
    return heaviest(sums)


def tokens(draw: list[Drawn]) -> float:
    return sum(sample.tokens for sample in draw)


def majority(draw: list[Drawn]) -> Said:
    return voted(draw, lambda _: 1.0), tokens(draw)


def weighted(draw: list[Drawn]) -> Said:
    return voted(draw, lambda sample: sample.score), tokens(draw)


def best_of_n(draw: list[Drawn]) -> Said:
    top = max(sample.score for sample in draw)
    best = [sample for sample in draw if sample.score == top]
    return sum(sample.right for sample in best) / len(best), tokens(draw)


def shortest_majority(draw: list[Drawn]) -> Said:
    lengths: dict[str, list[int]] = {}
    for sample in draw:
        if sample.answer is not None:
            lengths.setdefault(sample.answer, []).append(sample.thinking)
    return heaviest({a: len(of) / math.log(max(2.0, sum(of) / len(of))) for a, of in lengths.items()}), tokens(draw)


def short_2(draw: list[Drawn]) -> Said:
    """The clock runs one token at a time; when two have ended (or more, in the same step), those vote."""
    if len(draw) < 2:
        return math.nan, 0.0
    clock = next(t for t in itertools.count() if sum(sample.thinking <= t for sample in draw) >= 2)
    done = [sample for sample in draw if sample.thinking <= clock]
    counts: dict[str, list[int]] = {}
    for sample in done:
        if sample.answer is not None:
            counts.setdefault(sample.answer, []).append(sample.thinking)
    most = max((len(of) for of in counts.values()), default=0)
    tied = {answer: -min(of) for answer, of in counts.items() if len(of) == most}
    shortest = [answer for answer, length in tied.items() if length == max(tied.values())]
    right = sum(answer == "7" for answer in shortest) / len(shortest) if shortest else 0.0
    return right, sum(min(s.thinking, clock) for s in draw) + ANSWER * len(done)


def pass_at_k(draw: list[Drawn]) -> Said:
    return max(sample.right for sample in draw), tokens(draw)


def adaptive(draw: list[Drawn]) -> Said:
    """Threshold 0.8: P(p > 1/2) under Beta(first + 1, second + 1), by a sum over a fine grid."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    for used in range(1, len(draw) + 1):
        counts: dict[str, int] = {}
        for sample in draw[:used]:
            if sample.answer is not None:
                counts[sample.answer] = counts.get(sample.answer, 0) + 1
        first, second, *_ = [*sorted(counts.values(), reverse=True), 0, 0]
        density = grid**first * (1 - grid) ** second
        if counts and density[grid > 0.5].sum() / density.sum() > 0.8:
            return majority(draw[:used])
    return majority(draw)


def least_sure(sample: Drawn, window: int = 2) -> float:
    width = min(window, len(sample.sure))
    return min(sum(sample.sure[i : i + width]) / width for i in range(len(sample.sure) - width + 1))


def confidence(draw: list[Drawn]) -> Said:
    """The surest half, rounded up, with all that tie with its last."""
    bar = sorted(map(least_sure, draw), reverse=True)[math.ceil(len(draw) / 2) - 1]
    return voted([s for s in draw if least_sure(s) >= bar], least_sure), tokens(draw)


def online(draw: list[Drawn]) -> Said:
    """Two warm up; the bar is the median of their least sure groups; below it a later trace is stopped and silent."""
    if len(draw) < 2:
        return math.nan, 0.0
    bar = sum(map(least_sure, draw[:2])) / 2
    voters, spent = [s for s in draw[:2] if least_sure(s) >= bar], tokens(draw[:2])
    for sample in draw[2:]:
        weights: dict[str, float] = {}
        for voter in voters:
            if voter.answer is not None:
                weights[voter.answer] = weights.get(voter.answer, 0.0) + least_sure(voter)
        if weights and max(weights.values()) >= 0.95 * sum(weights.values()):
            break
        width = min(2, len(sample.sure))
        ends = range(width, len(sample.sure) + 1)
        stop = next((end for end in ends if sum(sample.sure[end - width : end]) / width < bar), None)
        spent += sample.tokens if stop is None else stop
        voters += [sample] if stop is None else []
    return voted(voters, least_sure), spent


PLAIN: dict[str, Callable[[list[Drawn]], Said]] = {
    "majority": majority,
    "weighted": weighted,
    "best_of_n": best_of_n,
    "shortest_majority": shortest_majority,
    "short_m": short_2,
    "pass_at_k": pass_at_k,
    "adaptive": adaptive,
    "confidence": confidence,
    "online": online,
}


def method_of(rule: str, k: int) -> VoteMethod:
    more: dict[str, Any] = {"scorer": "oracle"} if rule in ("weighted", "best_of_n") else {}
    return VoteMethod.model_validate(
        {"method": "vote", "rule": rule, "k": [k], "m": 2, "warm_up": 2, "window": 2, "threshold": 0.8, **more}
    )


@pytest.fixture(scope="module")
def pool() -> Iterator[MathVerifyPool]:
    with MathVerifyPool(1) as made:
        yield made


def stored(drawn: list[Drawn], pool: MathVerifyPool) -> tuple[list[Sample], list[Generation]]:
    graded = several([d.answer for d in drawn], [d.thinking for d in drawn])
    rows = [g.model_copy(update={"confidence": d.sure}) for (g, _), d in zip(graded, drawn, strict=True)]
    samples = gather(QUESTION, rows, [grade for _, grade in graded], pool=pool)
    return scored(samples, [d.score for d in drawn]), rows


@st.composite
def samples_of(draw: st.DrawFn) -> list[Drawn]:
    """Few answers, few lengths, few scores: ties of every kind."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        thinking = draw(st.sampled_from([1, 2, 5, 9]))
        levels = st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=thinking + ANSWER, max_size=thinking + ANSWER)
        answer = draw(st.sampled_from(["7", "7", "5", "9", None]))
        found.append(Drawn(answer, thinking, draw(st.sampled_from([0.0, 0.25, 1.0])), tuple(draw(levels))))
    return found


def test_every_rule_has_a_plain_meaning_here() -> None:
    assert set(PLAIN) == set(get_args(Rule))


@pytest.mark.parametrize("rule", PLAIN)
def test_a_rule_is_its_mean_over_all_draws_of_k(rule: str, pool: MathVerifyPool) -> None:
    @settings(max_examples=40, deadline=None)
    @given(drawn=samples_of(), data=st.data())
    def check(drawn: list[Drawn], data: st.DataObject) -> None:
        k = data.draw(st.integers(1, len(drawn)))
        ways = itertools.permutations(drawn, k) if rule in ORDERED else itertools.combinations(drawn, k)
        plain = [PLAIN[rule](list(way)) for way in ways]
        found = outcome_of(method_of(rule, k), k, *stored(drawn, pool))
        wanted = [math.fsum(part) / len(plain) for part in zip(*plain, strict=True)]
        assert [found.accuracy, found.cost.tokens] == pytest.approx(wanted, nan_ok=True)

    check()


@pytest.mark.parametrize("rule", PLAIN)
def test_draws_are_the_rule_on_each_whole_group_in_order(rule: str, pool: MathVerifyPool) -> None:
    @settings(max_examples=20, deadline=None)
    @given(drawn=samples_of(), k=st.integers(1, 4))
    def check(drawn: list[Drawn], k: int) -> None:
        groups = [drawn[i * k : (i + 1) * k] for i in range(len(drawn) // k)]
        found = outcomes_of_draws(method_of(rule, k), k, *stored(drawn, pool))
        plain = [PLAIN[rule](group) for group in groups]
        assert [o.accuracy for o in found] == pytest.approx([accuracy for accuracy, _ in plain], nan_ok=True)
        assert [o.cost.tokens for o in found] == pytest.approx([spent for _, spent in plain])

    check()


@pytest.mark.parametrize("rule", PLAIN)
def test_more_than_is_stored_is_undefined_and_says_how_many_there_are(rule: str, pool: MathVerifyPool) -> None:
    drawn = [Drawn("7", 5, 1.0, (1.0,) * 9)] * 3
    found = outcome_of(method_of(rule, 4), 4, *stored(drawn, pool))
    assert math.isnan(found.accuracy)
    assert found.note == "4 samples asked for, 3 are stored"
    assert outcomes_of_draws(method_of(rule, 4), 4, *stored(drawn, pool)) == []


@pytest.mark.parametrize("rule", ["confidence", "online"])
def test_samples_without_confidences_are_undefined(rule: str, pool: MathVerifyPool) -> None:
    samples, rows = stored([Drawn("7", 5, 1.0, (1.0,) * 9)] * 3, pool)
    found = outcome_of(method_of(rule, 2), 2, samples, [*rows[:2], rows[2].model_copy(update={"confidence": None})])
    assert math.isnan(found.accuracy)
    assert found.note is not None
    assert "without stored confidences" in found.note


def test_where_there_are_too_many_draws_a_hundred_seeded_ones_come_close(pool: MathVerifyPool) -> None:
    drawn = [Drawn(a, t, 1.0, (1.0,) * (t + ANSWER)) for a, t in zip("7757597", (1, 9, 5, 2, 2, 5, 9), strict=True)] * 2
    exact = [shortest_majority(list(way))[0] for way in itertools.combinations(drawn, 4)]
    first, again = (outcome_of(method_of("shortest_majority", 4), 4, *stored(drawn, pool)) for _ in range(2))
    assert first == again
    assert first.note is not None
    assert "100 seeded" in first.note
    assert first.accuracy == pytest.approx(sum(exact) / len(exact), abs=0.2)
