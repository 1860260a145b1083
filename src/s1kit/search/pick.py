"""Picking among the samples of one question: best-of-N by a score, and the first m to finish.

Knows scores and lengths. Refuses to break a tie by the order of the samples: samples of equal score are averaged, all
that finish in the same step have finished.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from s1kit.search.samples import Cost, Outcome, Sample, total_cost, undefined
from s1kit.search.vote import elect, heaviest, mean_truth, vote


def best_of_n(samples: Sequence[Sample]) -> Outcome:
    """The sample of the highest score, whatever it answers. Ties: the mean correctness over the tied samples.

    A score that is no number makes the outcome undefined. Source: s1 paper, section 6.2; notes/engines.md, 7.3.
    """
    if not samples:
        return undefined("there are no samples")
    cost = total_cost([sample.cost for sample in samples])
    if strange := sum(math.isnan(sample.score) for sample in samples):
        return undefined(f"{strange} of {len(samples)} scores are no numbers", cost, len(samples))
    top = max(sample.score for sample in samples)
    best = [sample for sample in samples if sample.score == top]
    accuracy = mean_truth(sample.correct for sample in best)
    answers = tuple(sorted({sample.answer for sample in best if sample.answer is not None}))
    note = "the best sample is ungraded" if math.isnan(accuracy) else None
    return Outcome(accuracy, cost, len(samples), answers, note)


def short_m(samples: Sequence[Sample], m: int) -> Outcome:
    """short-m@k: all k samples run side by side until m have finished thinking; majority over those.

    Tokens are taken to come at the same pace everywhere, so the m-th shortest thought ends it all. Those that finish
    in that very step vote too. A tie between answers goes to the one with the shortest thought (the paper's rule),
    equal ones are averaged. Cost: every thought up to that step (nudges in proportion), the answers of those that
    finished; seconds are NaN unless all did. NaN where k < m. Raises ValueError for m < 1.
    Source: Hassid et al. 2025 (2505.17813).
    """
    if m < 1:
        raise ValueError(f"m must be at least 1, not {m}")
    if m > len(samples):
        return undefined(f"short-{m} needs {m} samples, {len(samples)} are stored")
    end = sorted(sample.thinking for sample in samples)[m - 1]
    done = [sample for sample in samples if sample.thinking <= end]
    tied = vote(done, [1.0] * len(done)).answers
    shortest = {answer: -min(s.thinking for s in done if s.answer == answer) for answer in tied}
    outcome = elect(done, tied if len(tied) < 2 else heaviest(shortest))
    cost = total_cost([sample.cost if sample.thinking <= end else stopped(sample, end) for sample in samples])
    return replace(outcome, cost=cost, samples=len(samples))


def stopped(sample: Sample, thinking: float) -> Cost:
    """Cost of a sample that is stopped after ``thinking`` tokens of its longer thought; the seconds are unknown."""
    share = thinking / sample.thinking
    cost = sample.cost
    return Cost(cost.thinking * share, 0.0, cost.forced * share, cost.reward, math.nan)
