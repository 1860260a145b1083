"""Adaptive consistency: stop drawing samples when the majority is safe.

Knows a stream of answers and how likely it is that the leading one would stay in front. Refuses to draw anything: it
says how many of the stored samples it would have used. Source: Aggarwal et al. 2023 (2305.11860).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from s1kit.search.samples import Outcome, Sample, undefined
from s1kit.search.vote import majority

Rule = Literal["beta", "dirichlet"]
THRESHOLD = 0.95
"""The paper's."""
_POINTS = 2001
"""Of Simpson's rule: error below 1e-8 for up to some hundred samples."""


def beta_safety(first: int, second: int) -> float:
    """P(the leading answer is the likelier of the two leading ones): counts 20 and 0 give almost 1, equal ones 0.5.

    Beta(first + 1, second + 1) above one half, exactly: a binomial tail. The paper's light rule.
    """
    if second < 0 or first < second:
        raise ValueError(f"need first >= second >= 0, not {first} and {second}")
    trials = first + second + 1
    return sum(math.comb(trials, i) for i in range(first + 1)) / (1 << trials)


def dirichlet_safety(counts: Sequence[int]) -> float:
    """P(the leading answer is the likeliest of all) under Dirichlet(counts + 1); ``counts`` of at least 1 sample.

    One answer that was not seen yet is among them with count 0, else a single answer would be safe at once.
    """
    ranked = [*sorted(counts, reverse=True), 0]
    if ranked[0] < 1 or ranked[-2] < 0:
        raise ValueError(f"counts are at least 0, and one above it: {list(counts)}")
    # Shares of a Dirichlet are ratios of independent gammas, so the largest gamma is the largest share.
    end = ranked[0] + 1 + 12 * math.sqrt(ranked[0] + 1) + 30
    x = np.linspace(0.0, end, _POINTS)[1:]
    logs = np.log(x)
    values = np.exp(ranked[0] * logs - x - math.lgamma(ranked[0] + 1))
    for count in ranked[1:]:
        tail = sum(np.exp(i * logs - x - math.lgamma(i + 1)) for i in range(count + 1))
        values = values * np.clip(1.0 - tail, 0.0, 1.0)
    weights = np.where(np.arange(1, _POINTS) % 2 == 1, 4.0, 2.0)
    weights[-1] = 1.0
    return float(min(1.0, (weights * values).sum() * end / (_POINTS - 1) / 3))


def safety(answers: Sequence[int | None], rule: Rule = "beta") -> float:
    """How safe the majority of ``answers`` is, 0..1; 0 where nobody answered."""
    counts = sorted(Counter(answer for answer in answers if answer is not None).values(), reverse=True)
    if not counts:
        return 0.0
    return dirichlet_safety(counts) if rule == "dirichlet" else beta_safety(counts[0], counts[1] if counts[1:] else 0)


def samples_needed(answers: Sequence[int | None], *, threshold: float = THRESHOLD, rule: Rule = "beta") -> int | None:
    """Samples after which drawing stops: the majority is safer than ``threshold``. None: it never is in this stream."""
    for used in range(1, len(answers) + 1):
        if safety(answers[:used], rule) > threshold:
            return used
    return None


def adaptive(samples: Sequence[Sample], *, threshold: float = THRESHOLD, rule: Rule = "beta") -> Outcome:
    """Majority over as many samples, in their order, as the rule would have drawn; only those are paid for.

    Where the stored samples end before it is safe, all are used and the note says so. Depends on the order, as
    drawing does: `s1kit.search.subsets.over_subsets` with ``ordered`` gives the mean over orders.
    """
    if not samples:
        return undefined("there are no samples")
    used = samples_needed([sample.answer for sample in samples], threshold=threshold, rule=rule)
    outcome = majority(samples[:used])
    if used is None and outcome.note is None:
        return replace(outcome, note=f"the majority was not safe after all {len(samples)} samples")
    return outcome
