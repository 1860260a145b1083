"""Several samples of one question: pass@k, avg@k, maj@k.

Knows lists of verdicts and answers for one question; average the results over questions yourself. Refuses to pad:
k samples that were not drawn are no wrong answers (padding with zeros is how a pass@1 once fell to 0.05).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Unbiased pass@k of one question with ``correct`` right answers among ``n``: 1 - C(n - c, k) / C(n, k).

    NaN where n < k: undefined, not zero. Source: Chen et al. 2021. Raises ValueError for impossible counts.
    """
    if k < 1 or not 0 <= correct <= n:
        raise ValueError(f"need k >= 1 and 0 <= correct <= n, not k={k}, correct={correct}, n={n}")
    if n < k:
        return math.nan
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def avg_at_k(correct: Sequence[bool], k: int) -> float:
    """Share right among the first ``k`` samples: an unbiased pass@1. NaN where fewer were drawn."""
    if k < 1:
        raise ValueError(f"need k >= 1, not {k}")
    return sum(correct[:k]) / k if len(correct) >= k else math.nan


def maj_at_k(answers: Sequence[str | None], correct: Sequence[bool], k: int | None = None) -> float:
    """Correctness in 0..1 of the most frequent answer among the first ``k`` samples (all, where k is None).

    None (no answer) never votes; with no votes at all the result is 0. **Ties: the mean correctness over the tied
    answers**, so the result does not depend on the order of the samples. One spelling may have been graded both ways
    (equal to the gold only in a symbolic comparison that once timed out): its correctness is then the mean.
    NaN where fewer than k samples were drawn. Raises ValueError for unequal lengths.
    """
    if len(answers) != len(correct):
        raise ValueError(f"{len(answers)} answers but {len(correct)} verdicts")
    size = len(answers) if k is None else k
    if size < 1 or size > len(answers):
        return math.nan
    votes = [
        (answer, right) for answer, right in zip(answers[:size], correct[:size], strict=True) if answer is not None
    ]
    if not votes:
        return 0.0
    counts = Counter(answer for answer, _ in votes)
    most = max(counts.values())
    shares = [
        sum(right for answer, right in votes if answer == tied) / most
        for tied, count in counts.items()
        if count == most
    ]
    return math.fsum(shares) / len(shares)
