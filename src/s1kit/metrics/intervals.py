"""How sure a difference is: bootstrap over questions, exact McNemar, and the smallest difference n could show.

Knows arrays with one number per question. Refuses to know where they come from. Where several samples were drawn per
question, average them within the question first: the question is what was sampled from the world, and resampling
rows would count one hard question ten times (notes/data-train-eval.md, section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from s1kit.types import Record

Array = npt.NDArray[np.float64]
RESAMPLES = 10_000
"""As in the paper's Table 2."""
FLIPS = 20_000
"""Of signs: p can be as small as 1 in 20,001, which Holm over some hundred tests leaves below 0.05."""
LEVEL = 0.95
SMALL_N = 100
"""Below this many questions a bootstrap interval is narrower than it says; the exact p-value is to be read."""
_CHUNK = 2_000_000
"""Resampled indices held at once: 16 MB."""


class Interval(Record):
    """A percentile bootstrap interval, in the unit of the number that it belongs to."""

    low: float
    high: float
    level: float = LEVEL
    resamples: int = RESAMPLES


class PairedComparison(Record):
    """Two policies on the same questions. ``difference`` and its interval are in percentage points, other - baseline.

    ``wins`` are questions where the other is better (wrong -> right), ``losses`` where it is worse. ``p`` is exact
    McNemar over them (`paired_p` where they are fractions); ``mdd`` the smallest true difference, in points, that this
    many questions would show at 80% power, given this share of discordant questions (None where no difference could be
    shown, or none was discordant).
    """

    n: int
    difference: float
    interval: Interval
    wins: int
    losses: int
    p: float
    mdd: float | None
    caution: str | None = None


def resampled_indices(n: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Blocks of bootstrap indices, each [block, n], ``resamples`` rows together; the same for the same arguments."""
    if n < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs at least one question and one resample, not {n} and {resamples}")
    generator = np.random.default_rng(seed)
    block = max(1, _CHUNK // n)
    for done in range(0, resamples, block):
        yield generator.integers(0, n, size=(min(block, resamples - done), n))


def resampled_means(values: Array, *, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Means of each column of ``values`` [n, columns] over the same resampled questions: [resamples, columns].

    One draw of questions serves all columns, so differences between columns are paired.
    """
    blocks = []
    for indices in resampled_indices(len(values), resamples, seed):
        blocks.append(np.stack([column[indices].mean(axis=1) for column in values.T], axis=1))
    return np.concatenate(blocks)


def percentile_interval(draws: Array, level: float = LEVEL) -> Interval:
    """The central ``level`` of bootstrap draws [resamples]; NaN draws (undefined resamples) are left out.

    Raises ValueError where no draw is defined.
    """
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        raise ValueError("the statistic is undefined in every resample")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(low=float(low), high=float(high), level=level, resamples=len(draws))


def bootstrap_mean(
    values: Sequence[float] | Array, *, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """Interval of the mean of one number per question [n], questions resampled."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    return percentile_interval(resampled_means(column, resamples=resamples, seed=seed)[:, 0], level)


def bootstrap_ratio(
    numerators: Array, denominators: Array, *, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """Cluster bootstrap of sum(numerators) / sum(denominators), both [n]: questions with several samples each."""
    means = resampled_means(np.stack([numerators, denominators], axis=1), resamples=resamples, seed=seed)
    return percentile_interval(means[:, 0] / means[:, 1], level)


def paired_bootstrap(
    baseline: Sequence[float] | Array,
    other: Sequence[float] | Array,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Interval of mean(other - baseline) in percentage points; both [n], in 0..1, same questions in the same order.

    Source: paper, Table 2 ("95% paired bootstrap confidence intervals ... 10,000 samples").
    """
    right, left = _aligned(other, baseline)
    return bootstrap_mean(100 * (right - left), seed=seed, resamples=resamples, level=level)


def _aligned(left: Sequence[float] | Array, right: Sequence[float] | Array) -> tuple[Array, Array]:
    """Both sides as arrays. Raises ValueError where they differ in length or are empty."""
    pair = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if pair[0].shape != pair[1].shape or pair[0].ndim != 1 or pair[0].size == 0:
        raise ValueError(f"paired values need equal lengths above 0, not {pair[0].shape} and {pair[1].shape}")
    return pair


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided exact McNemar: min(1, 2 * P(X <= min(wins, losses))), X ~ Binomial(wins + losses, 1/2)."""
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses are counts, not {wins} and {losses}")
    discordant = wins + losses
    tail = sum(math.comb(discordant, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def paired_p(differences: Array, *, flips: int = FLIPS, seed: int = 0) -> npt.NDArray[np.float64]:
    """Two-sided p of a paired mean difference: [tests] from ``differences`` [n, tests], one row per question.

    Where every question is won, lost or drawn by the same amount it is exact McNemar. Where differences are fractions
    (means over draws, votes), the signs of the differences are flipped at random, ``flips`` times and alike in all
    tests: p is the share of flips whose mean is at least as far from 0, the observed one counted in. A count of wins
    would there weigh a thousandth like a whole question.
    """
    found = np.empty(differences.shape[1])
    whole = []
    for place, column in enumerate(differences.T):
        sizes = np.unique(np.abs(column[column != 0]))
        if whole_wins := len(sizes) <= 1:
            found[place] = mcnemar_exact(int((column > 0).sum()), int((column < 0).sum()))
        whole.append(whole_wins)
    mixed = np.flatnonzero(~np.array(whole, dtype=bool))
    if mixed.size:
        columns = differences[:, mixed]
        observed = np.abs(columns.sum(axis=0)) * (1 - 1e-9)  # sums in another order differ in the last bits
        generator = np.random.default_rng(seed)
        beyond = np.ones(mixed.size)
        block = max(1, _CHUNK // len(columns))
        for done in range(0, flips, block):
            signs = 2.0 * generator.integers(0, 2, size=(min(block, flips - done), len(columns))) - 1.0
            beyond += (np.abs(signs @ columns) >= observed).sum(axis=0)
        found[mixed] = beyond / (flips + 1)
    return found


def minimum_detectable_difference(
    n: int, discordance: float, *, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """Smallest true paired difference, in points, that ``n`` questions show with the given power (two-sided alpha).

    ``discordance`` psi is the share of questions on which the two policies differ. Solves Connett's sample size
    n = (z_a * sqrt(psi) + z_b * sqrt(psi - d^2))^2 / d^2 (z_a = z(1 - alpha/2), z_b = z(power)) for d:
    d = (z_a * sqrt(n * psi) + z_b * sqrt(psi * (n - z_a^2 + z_b^2))) / (n + z_b^2).
    None where psi is 0, or where d would exceed psi: even if every discordant question went one way, it would not show.
    """
    if n < 1 or not 0 <= discordance <= 1:
        raise ValueError(f"need n >= 1 and a discordance in 0..1, not {n} and {discordance}")
    z_alpha, z_power = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    spread = n - z_alpha**2 + z_power**2
    if discordance == 0 or spread < 0:
        return None
    root = z_alpha * math.sqrt(n * discordance) + z_power * math.sqrt(discordance * spread)
    difference = root / (n + z_power**2)
    return 100 * difference if difference <= discordance else None


def compare(
    baseline: Sequence[float] | Array, other: Sequence[float] | Array, *, seed: int = 0, resamples: int = RESAMPLES
) -> PairedComparison:
    """Paired comparison of two policies; both [n], one accuracy in 0..1 per question, in the same order.

    With one sample per question the values are 0 or 1, and p is exact McNemar; with several they are means, a win is
    a higher mean, and p is that of `paired_p`. Raises ValueError for unequal lengths or no questions.
    """
    right, left = _aligned(other, baseline)
    n, wins, losses = len(left), int((right > left).sum()), int((right < left).sum())
    caution = None
    if n < SMALL_N:
        caution = f"{n} questions: the bootstrap interval is too narrow at this n, go by the exact p"
    return PairedComparison(
        n=n,
        difference=float(100 * (right - left).mean()),
        interval=paired_bootstrap(left, right, seed=seed, resamples=resamples),
        wins=wins,
        losses=losses,
        p=float(paired_p((right - left)[:, None])[0]),
        mdd=minimum_detectable_difference(n, (wins + losses) / n),
        caution=caution,
    )
