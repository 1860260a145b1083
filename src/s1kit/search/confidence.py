"""How sure a model was of its own tokens, from stored log-probabilities, and votes that go by it.

Knows token, group, lowest, bottom and tail confidence, the filtered vote and the online stopping rule, replayed over
stored traces. Refuses to know engines. Source: Fu et al. 2025 (DeepConf, 2508.15260); where paper and published code
leave a choice, the code's is taken and said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from s1kit.forcing.sureness import first_below, token_sureness, window_means
from s1kit.search.samples import Cost, Outcome, Sample, total_cost, undefined
from s1kit.search.vote import class_weights, vote
from s1kit.types import Generation

Array = npt.NDArray[np.float64]
WINDOW = 2048
"""Tokens in a group (the paper's)."""


def token_confidence(logprobs: npt.ArrayLike) -> Array:
    """[tokens] from natural-log probabilities of the most likely ids [tokens, top]: minus their mean.

    High where the distribution is peaked (`s1kit.forcing.sureness`, which runs record while they generate). Entries of
    -inf (a banned id) and NaN (padding) are left out. Raises ValueError for another shape or a token with no number.
    """
    table = np.asarray(logprobs, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"log-probabilities are [tokens, top], not of shape {table.shape}")
    counted = np.isfinite(table).any(axis=1)
    if not counted.all():
        raise ValueError(f"token {int(np.argmin(counted))} has no finite log-probability")
    return np.array([token_sureness(row) for row in table], dtype=np.float64)


def group_confidences(confidences: npt.ArrayLike, window: int = WINDOW) -> Array:
    """Mean of each run of ``window`` tokens, one run per token that ends one; a shorter trace is one group.

    Raises ValueError for an empty trace, a number that is not finite, or a window below 1.
    """
    values = np.asarray(confidences, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or window < 1:
        raise ValueError(f"need finite confidences [tokens > 0] and a window above 0, not {values.shape} and {window}")
    width = min(window, values.size)
    return np.fromiter(window_means(values.tolist(), width), dtype=np.float64)


def lowest_confidence(confidences: npt.ArrayLike, window: int = WINDOW) -> float:
    """Confidence of the least sure group."""
    return float(group_confidences(confidences, window).min())


def bottom_confidence(confidences: npt.ArrayLike, window: int = WINDOW, share: float = 0.1) -> float:
    """Mean of the least sure ``share`` of the groups, at least one."""
    groups = np.sort(group_confidences(confidences, window))
    return float(groups[: max(1, int(share * len(groups)))].mean())


def tail_confidence(confidences: npt.ArrayLike, window: int = WINDOW) -> float:
    """Mean of the last ``window`` tokens."""
    return float(group_confidences(confidences, window)[-1])


def confidence_vote(samples: Sequence[Sample], keep: float = 0.1) -> Outcome:
    """Vote weighted by confidence (`Sample.score`) among the surest ``keep`` of the samples (the paper: 0.1, 0.9).

    ceil(keep * n) are kept, with all that tie with the last one. All samples are paid for. Raises ValueError for
    ``keep`` outside (0, 1].
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep is a share in (0, 1], not {keep}")
    cost = total_cost([sample.cost for sample in samples])
    if strange := sum(not math.isfinite(sample.score) for sample in samples):
        return undefined(f"{strange} of {len(samples)} confidences are no finite numbers", cost, len(samples))
    ranked = sorted((sample.score for sample in samples), reverse=True)
    bar = ranked[math.ceil(keep * len(ranked)) - 1] if ranked else 0.0
    kept = [sample for sample in samples if sample.score >= bar]
    return replace(vote(kept, [sample.score for sample in kept]), cost=cost, samples=len(samples))


@dataclass(frozen=True, slots=True)
class Trace:
    """A stored sample with the confidence of each of its generated tokens, thinking then answer."""

    sample: Sample
    confidences: Array

    @classmethod
    def of(cls, sample: Sample, row: Generation) -> Trace:
        """From a row of a run that recorded confidence. Raises ValueError where it did not, or not for every token."""
        return cls(sample, recorded(row))


def recorded(row: Generation) -> Array:
    """[tokens] of the row's model tokens, thinking then answer. Raises ValueError where they are not all recorded."""
    written, read = row.n_thinking_model + row.n_answer, row.confidence or ()
    if len(read) != written:
        raise ValueError(
            f"row {row.key} has {written} model tokens, {len(read)} confidences: set logprobs in its policy"
        )
    return np.array(read, dtype=np.float64)


def given_up(row: Generation, bar: float, window: int = WINDOW) -> int | None:
    """Thinking tokens after which the policy ``Confident`` would have given a recorded row up; None: it would not.

    Equal to a run of that policy with the same draws. As there, only whole windows of thinking are judged: a thought
    shorter than one is never given up, and neither is an answer. Raises ValueError as `recorded` does.
    """
    return first_below((), recorded(row)[: row.n_thinking_model].tolist(), bar, window)


def stop_after(confidences: npt.ArrayLike, threshold: float, window: int = WINDOW) -> int | None:
    """Tokens after which a trace is stopped: the end of its first group below ``threshold``; None: it is not.

    A trace shorter than the window is judged at its end.
    """
    groups = group_confidences(confidences, window)
    below = np.flatnonzero(groups < threshold)
    return int(below[0]) + min(window, np.size(confidences)) if below.size else None


def online(
    traces: Sequence[Trace], *, warmup: int = 16, window: int = WINDOW, keep: float = 0.1, consensus: float = 0.95
) -> Outcome:
    """Online DeepConf, replayed over stored traces in their order.

    The first ``warmup`` traces run to their end and set the bar: the (1 - keep) quantile of their lowest group
    confidences. Later ones are stopped at the first group below the bar and do not vote. After the warm-up and after
    each further trace: done where the leading answer holds ``consensus`` of the weight. Weights are lowest group
    confidences; of the warm-up, the traces at or above the bar vote (as in the published code). A stopped trace costs
    its tokens up to the stop, with all its nudges; its seconds are NaN. NaN where fewer than ``warmup`` are stored.
    """
    if warmup < 1 or not 0 < keep <= 1:
        raise ValueError(f"need warmup >= 1 and keep in (0, 1], not {warmup} and {keep}")
    if len(traces) < warmup:
        return undefined(f"the warm-up needs {warmup} samples, {len(traces)} are stored")
    lowest = [lowest_confidence(trace.confidences, window) for trace in traces[:warmup]]
    bar = float(np.percentile(lowest, 100 * (1 - keep)))
    voters = [trace.sample for trace, low in zip(traces, lowest, strict=False) if low >= bar]
    weights = [low for low in lowest if low >= bar]
    costs = [trace.sample.cost for trace in traces[:warmup]]
    for trace in traces[warmup:]:
        if _agreed(voters, weights, consensus):
            break
        stop = stop_after(trace.confidences, bar, window)
        costs.append(trace.sample.cost if stop is None else _cost_until(trace.sample.cost, stop))
        if stop is None:
            voters.append(trace.sample)
            weights.append(lowest_confidence(trace.confidences, window))
    return replace(vote(voters, weights), cost=total_cost(costs), samples=len(costs))


def _agreed(voters: Sequence[Sample], weights: Sequence[float], consensus: float) -> bool:
    """Whether one class holds at least ``consensus`` of the weight that voted."""
    sums = class_weights(voters, weights).values()
    whole = math.fsum(sums)
    return whole > 0 and max(sums) >= consensus * whole


def _cost_until(cost: Cost, tokens: int) -> Cost:
    """Cost of a trace that is stopped after ``tokens`` generated ones, thinking first."""
    thinking = min(float(tokens), cost.thinking)
    seconds = cost.seconds if tokens >= cost.thinking + cost.answer else math.nan
    return replace(cost, thinking=thinking, answer=min(tokens - thinking, cost.answer), seconds=seconds)
