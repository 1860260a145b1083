r"""The paper's three metrics of a test-time scaling method: control, scaling, performance.

Knows runs as (mean thinking tokens, accuracy). Refuses to choose the runs: which of them make up one method is for
the caller to say. Sources: paper, section 3.2; notes/data-train-eval.md, section 4.1.

- **Control** = share of runs with a_min <= a <= a_max, inclusive, on the run's mean thinking tokens a.
- **Scaling** = mean over all unordered pairs of runs of the slope between them. The paper's Eq. (2) shows
  (f(b) - f(a)) / (b - a); its published values come out as percentage points per *doubling*,
  (f(b) - f(a)) / (log2 b - log2 a), although the formula shows no log. ``per="doubling"`` is that; ``per="1k_tokens"``
  is the formula as printed, in points per 1,000 tokens.
- **Performance** = the best accuracy over the runs.

One close pair can carry the mean (7,108 against 7,158 tokens: slope -330), so the Theil-Sen slope, the median over
the same pairs, stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from s1kit.metrics.intervals import RESAMPLES, Array, Interval, percentile_interval, resampled_means
from s1kit.metrics.points import within
from s1kit.types import Record

Per = Literal["doubling", "1k_tokens"]


class RunControl(Record):
    """Whether one run kept to its bounds, on its mean thinking tokens."""

    policy_id: str
    tokens: float
    """Mean thinking tokens."""
    minimum: float | None
    maximum: float | None
    within: bool
    unbounded: bool
    """Neither bound was asked: not in the denominator."""


class Control(Record):
    """Share of runs within their bounds, 0..1; unbounded runs are not in the denominator."""

    value: float | None
    """None where no run had a bound: nothing was asked, so nothing was kept to."""
    n_bounded: int
    n_unbounded: int
    runs: tuple[RunControl, ...]


class Scaling(Record):
    """Mean slope over pairs of runs, in percentage points per doubling or per 1,000 thinking tokens.

    ``value`` is None where no pair is left; ``refused`` says why where that is not for lack of runs. Pairs with equal
    tokens have no slope, nor, per doubling, has a pair with a run of 0 tokens: left out of the mean and counted.
    """

    per: Per
    value: float | None
    theil_sen: float | None
    """Median over the same pairs."""
    interval: Interval | None = None
    """Bootstrap of ``value`` over questions, resampled jointly for all runs."""
    n_runs: int
    n_pairs: int
    """Pairs that went into the mean."""
    n_equal: int
    """Pairs with equal tokens."""
    n_zero: int
    """Pairs with a run of 0 tokens, per doubling."""
    refused: str | None = None


def control(
    policy_ids: Sequence[str],
    tokens: Sequence[float],
    minimum: Sequence[float | None],
    maximum: Sequence[float | None],
) -> Control:
    """Control of runs given by parallel sequences: id, mean thinking tokens, bounds (None: not bounded there).

    Raises ValueError for no runs or sequences of unequal length.
    """
    runs = []
    for run, mean, low, high in zip(policy_ids, tokens, minimum, maximum, strict=True):
        inside = within(mean, low, high)
        unbounded = low is None and high is None
        runs.append(
            RunControl(policy_id=run, tokens=mean, minimum=low, maximum=high, within=inside, unbounded=unbounded)
        )
    if not runs:
        raise ValueError("control needs at least one run")
    bounded = [run for run in runs if not run.unbounded]
    value = sum(run.within for run in bounded) / len(bounded) if bounded else None
    return Control(value=value, n_bounded=len(bounded), n_unbounded=len(runs) - len(bounded), runs=tuple(runs))


def performance(accuracies: Sequence[float]) -> float:
    """Best accuracy over the runs. Raises ValueError for none."""
    if not accuracies:
        raise ValueError("performance needs at least one run")
    return max(accuracies)


def pair_slopes(tokens: Array, accuracy: Array, per: Per = "doubling") -> Array:
    """Slopes of all unordered pairs of runs, in points: [..., pairs] from ``tokens`` and ``accuracy`` [..., runs].

    Accuracy in 0..1. NaN where a pair has no slope: equal tokens, or 0 tokens per doubling.
    """
    left, right = np.triu_indices(tokens.shape[-1], k=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        amount = np.log2(tokens) if per == "doubling" else tokens / 1000
        run = amount[..., right] - amount[..., left]
        slopes = 100 * (accuracy[..., right] - accuracy[..., left]) / run
    slopes[~np.isfinite(run) | (run == 0)] = np.nan
    return np.asarray(slopes, dtype=np.float64)


def scaling(
    tokens: Sequence[float], accuracy: Sequence[float], per: Per = "doubling", *, interval: Interval | None = None
) -> Scaling:
    """Scaling of runs given by mean thinking tokens and accuracy in 0..1, both [runs].

    Raises ValueError for sequences of unequal length. Fewer than two runs: ``value`` is None.
    """
    if len(tokens) != len(accuracy):
        raise ValueError(f"{len(tokens)} token means but {len(accuracy)} accuracies")
    means = np.asarray(tokens, dtype=np.float64)
    slopes = pair_slopes(means, np.asarray(accuracy, dtype=np.float64), per)
    left, right = np.triu_indices(len(means), k=1)
    equal = means[left] == means[right]
    zero = ~equal & ((means[left] == 0) | (means[right] == 0)) & (per == "doubling")
    defined = slopes[~np.isnan(slopes)]
    return Scaling(
        per=per,
        value=float(defined.mean()) if defined.size else None,
        theil_sen=float(np.median(defined)) if defined.size else None,
        interval=interval if defined.size else None,
        n_runs=len(means),
        n_pairs=int(defined.size),
        n_equal=int(equal.sum()),
        n_zero=int(zero.sum()),
    )


def bootstrap_scaling(
    tokens: Array, accuracy: Array, per: Per = "doubling", *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """Interval of the scaling over questions, from per-question values [questions, runs] of both.

    The same questions are drawn for all runs, so what makes a question hard or long cancels between them. None where
    no resample has a pair with a slope (one run, or equal tokens throughout).
    """
    runs = tokens.shape[1]
    draws = resampled_means(np.concatenate([tokens, accuracy], axis=1), resamples=resamples, seed=seed)
    slopes = pair_slopes(draws[:, :runs], draws[:, runs:], per)
    defined = ~np.isnan(slopes)
    counts = defined.sum(axis=1)
    if not counts.any():
        return None
    sums = np.where(defined, slopes, 0.0).sum(axis=1)
    return percentile_interval(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
