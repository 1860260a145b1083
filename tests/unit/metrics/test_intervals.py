"""Bootstrap, McNemar, minimum detectable difference: published values and properties."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.metrics.intervals import (
    Interval,
    bootstrap_mean,
    bootstrap_ratio,
    compare,
    mcnemar_exact,
    minimum_detectable_difference,
    paired_bootstrap,
    paired_p,
    percentile_interval,
    resampled_means,
)


def outcomes(n: int, wins: int, losses: int) -> tuple[np.ndarray, np.ndarray]:
    """Two policies over n questions: the other wins ``wins`` and loses ``losses``, both are right elsewhere."""
    baseline, other = np.ones(n), np.ones(n)
    baseline[:wins] = 0
    other[wins : wins + losses] = 0
    return baseline, other


# Win and loss counts that fit a row of the paper's Table 2, with the published interval (notes 4.2: a consistency
# check, because per-question results are not public; "within one question" where the notes say so).
TABLE_2 = [
    ("1K-random MATH500", 500, 12, 24, (-4.8, 0.0)),
    ("1K-random AIME24", 30, 0, 4, (-26.7, -3.3)),
    ("1K-diverse AIME24", 30, 0, 7, (-40.0, -10.0)),
]


@pytest.mark.parametrize(("name", "n", "wins", "losses", "published"), TABLE_2, ids=[row[0] for row in TABLE_2])
def test_table_2_is_a_percentile_interval_over_questions(
    name: str, n: int, wins: int, losses: int, published: tuple[float, float]
) -> None:
    interval = compare(*outcomes(n, wins, losses)).interval
    assert (round(interval.low, 1), round(interval.high, 1)) == pytest.approx(published), name


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 4, 0.125), (0, 7, 0.015625), (0, 0, 1.0), (3, 3, 1.0), (1, 9, 22 / 1024)]
)
def test_exact_mcnemar(wins: int, losses: int, p: float) -> None:
    assert mcnemar_exact(wins, losses) == p
    assert mcnemar_exact(losses, wins) == p


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_a_probability_and_one_more_win_for_the_winner_never_raises_it(wins: int, losses: int) -> None:
    p = mcnemar_exact(wins, losses)
    assert 0 < p <= 1
    if wins >= losses:
        assert mcnemar_exact(wins + 1, losses) <= p


def test_compare_has_direction_counts_and_a_caution() -> None:
    got = compare(*outcomes(30, 1, 4))
    assert (got.n, got.wins, got.losses) == (30, 1, 4)
    assert got.difference == pytest.approx(-10)
    assert got.p == mcnemar_exact(1, 4)
    assert got.caution is not None
    assert compare(*outcomes(100, 1, 4)).caution is None


def test_swapping_the_sides_mirrors_the_comparison() -> None:
    baseline, other = outcomes(60, 12, 5)
    forth, back = compare(baseline, other), compare(other, baseline)
    assert (forth.wins, forth.losses, forth.p) == (back.losses, back.wins, back.p)
    assert forth.difference == -back.difference
    assert (forth.interval.low, forth.interval.high) == (-back.interval.high, -back.interval.low)


def test_several_samples_are_averaged_within_the_question_first() -> None:
    baseline, other = [0.5, 0.25, 1.0], [0.75, 0.25, 0.0]
    got = compare(baseline, other)
    assert (got.wins, got.losses) == (1, 1)
    assert got.difference == pytest.approx(-25)


def test_the_seed_decides_the_interval_and_nothing_else_does() -> None:
    values = np.arange(50) % 2.0
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(list(values), seed=3)
    assert resampled_means(values[:, None], resamples=50, seed=3).tolist() != (
        resampled_means(values[:, None], resamples=50, seed=4).tolist()
    )


def test_the_interval_of_a_mean_has_the_width_it_should() -> None:
    values = np.random.default_rng(1).normal(10, 2, size=400)
    interval = bootstrap_mean(values)
    assert interval.low < values.mean() < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(400), rel=0.05)


def test_pairing_is_tighter_than_not_pairing() -> None:
    generator = np.random.default_rng(2)
    baseline = (generator.random(200) < 0.5).astype(float)
    other = baseline.copy()
    other[:6] = 1 - other[:6]
    paired = paired_bootstrap(baseline, other)
    alone = [bootstrap_mean(100 * side) for side in (baseline, other)]
    assert paired.high - paired.low < min(i.high - i.low for i in alone) / 2


def test_clusters_widen_an_interval_that_rows_would_make_too_narrow() -> None:
    right = np.repeat([0.0, 1.0], 25)  # 50 questions, always or never right in all of 10 samples
    clustered = bootstrap_ratio(10 * right, np.full(50, 10.0))
    rows = bootstrap_mean(np.repeat(right, 10))
    assert clustered.high - clustered.low > 2.5 * (rows.high - rows.low)


def test_columns_share_their_resampled_questions() -> None:
    values = np.random.default_rng(0).random((40, 1))
    means = resampled_means(np.concatenate([values, values + 1], axis=1), resamples=100)
    assert np.allclose(means[:, 1] - means[:, 0], 1)


def test_blocks_change_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((40, 2))
    whole = resampled_means(values, resamples=97)
    monkeypatch.setattr("s1kit.metrics.intervals._CHUNK", 40 * 10)
    assert (resampled_means(values, resamples=97) == whole).all()


def test_undefined_resamples_are_left_out_and_all_undefined_is_refused() -> None:
    assert percentile_interval(np.array([math.nan, 1.0, 1.0])) == Interval(low=1, high=1, resamples=3)
    with pytest.raises(ValueError, match="undefined in every resample"):
        percentile_interval(np.array([math.nan]))


@pytest.mark.parametrize(("n", "discordance"), [(100, 0.2), (500, 0.072), (1000, 0.1)])
def test_minimum_detectable_difference_solves_its_sample_size_formula(n: int, discordance: float) -> None:
    points = minimum_detectable_difference(n, discordance)
    assert points is not None
    d = points / 100
    z_alpha, z_power = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
    needed = (z_alpha * math.sqrt(discordance) + z_power * math.sqrt(discordance - d**2)) ** 2 / d**2
    assert needed == pytest.approx(n)


def test_minimum_detectable_difference_is_found_four_times_in_five() -> None:
    n, discordance = 300, 0.2
    points = minimum_detectable_difference(n, discordance)
    assert points is not None
    d = points / 100
    draws = np.random.default_rng(0).multinomial(
        n, [(discordance + d) / 2, (discordance - d) / 2, 1 - discordance], size=4000
    )
    difference, discordant = draws[:, 0] - draws[:, 1], draws[:, 0] + draws[:, 1]
    found = np.abs(difference) / np.sqrt(discordant) > 1.96  # McNemar's large-sample test
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_minimum_detectable_difference_knows_when_there_is_none() -> None:
    assert minimum_detectable_difference(30, 0.0) is None
    assert minimum_detectable_difference(30, 0.1) is None  # 3 of 30 discordant can never reach p < 0.05
    assert minimum_detectable_difference(3, 0.5) is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        compare([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="equal lengths"):
        compare([], [])
    with pytest.raises(ValueError, match="at least one question"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="counts"):
        mcnemar_exact(-1, 2)
    with pytest.raises(ValueError, match="discordance"):
        minimum_detectable_difference(10, 1.5)


@given(st.integers(0, 40), st.integers(0, 40))
def test_p_of_whole_wins_and_losses_is_exact_mcnemar(wins: int, losses: int) -> None:
    left, right = outcomes(80, wins, losses)
    assert float(paired_p((right - left)[:, None])[0]) == mcnemar_exact(wins, losses)
    assert float(paired_p(0.2 * (right - left)[:, None])[0]) == mcnemar_exact(wins, losses)


def test_p_of_fractions_speaks_of_the_mean_and_not_of_the_number_of_wins() -> None:
    """One policy is right or wrong, the other's accuracies are means over draws: a seventh of the questions gained in
    the mean, though little more than half of them are wins. Counting signs calls that chance."""
    generator = np.random.default_rng(0)
    chance = generator.uniform(0, 1, 200)
    averaged = generator.binomial(5, chance) / 5
    single = (generator.uniform(0, 1, 200) < np.clip(chance + 0.2, 0, 1)).astype(float)
    found = compare(averaged, single)
    assert found.interval.low > 0
    assert found.p < 0.001
    assert compare(single, averaged).p == found.p


def test_p_of_fractions_is_below_a_twentieth_in_a_twentieth_of_equal_pairs() -> None:
    """200 pairs of policies with the same true accuracies, one averaged over draws and one not."""
    generator = np.random.default_rng(1)
    chance = generator.uniform(0, 1, 60)
    averaged = generator.binomial(5, chance[:, None], size=(60, 200)) / 5
    single = generator.binomial(1, chance[:, None], size=(60, 200))
    below = float((paired_p(single - averaged, flips=2000) < 0.05).mean())
    assert 0.01 <= below <= 0.1
