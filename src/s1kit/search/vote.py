"""Votes over the samples of one question: majority, weighted, shortest majority.

Knows that equal answers add up their weights and that the heaviest class wins. **Ties: the mean correctness over the
tied classes**, the expected value over fair tie-breaks, so no result depends on the order of the samples; sums within
one part in 10^9 of the heaviest are tied. Refuses to let a missing answer vote or an ungraded winner count as wrong:
that is NaN and a note. One class graded both ways (one comparison timed out, say) counts with its mean.

The reference's weighted vote gives the lead to the first class it meets (notes/engines.md, 7.6); it is not copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from s1kit.search.samples import Outcome, Sample, total_cost, undefined

Method = Callable[[Sequence[Sample]], Outcome]
"""A method over the samples of one question, all of which it may use."""
TIE = 1e-9
"""Relative difference below which two sums of weights are the same."""


def class_weights(samples: Sequence[Sample], weights: Sequence[float]) -> dict[int, float]:
    """Sum of the weights of each class of answers, correctly rounded, so free of order."""
    parts: dict[int, list[float]] = {}
    for sample, weight in zip(samples, weights, strict=True):
        if sample.answer is not None:
            parts.setdefault(sample.answer, []).append(weight)
    return {answer: math.fsum(part) for answer, part in parts.items()}


def heaviest(sums: dict[int, float]) -> tuple[int, ...]:
    """The classes of the largest weight, sorted; more than one in a tie, none where nothing voted."""
    top = max(sums.values(), default=0.0)
    return tuple(sorted(answer for answer, weight in sums.items() if math.isclose(weight, top, rel_tol=TIE)))


def class_truth(samples: Sequence[Sample], answer: int) -> float:
    """Share correct among the graded samples of a class, 0..1; NaN where none is graded."""
    return mean_truth(sample.correct for sample in samples if sample.answer == answer and sample.correct is not None)


def mean_truth(verdicts: Iterable[bool | None]) -> float:
    """Share correct; NaN where a verdict is missing or there is none."""
    listed = list(verdicts)
    return math.nan if None in listed or not listed else sum(map(bool, listed)) / len(listed)


def elect(samples: Sequence[Sample], winners: Sequence[int]) -> Outcome:
    """The outcome where ``winners`` are the tied classes (none: nobody answered), all samples paid for."""
    if not samples:
        return undefined("there are no samples")
    if winners:
        truths = [class_truth(samples, answer) for answer in winners]
        accuracy = math.fsum(truths) / len(truths)
    else:
        accuracy = math.nan if any(sample.correct is None for sample in samples) else 0.0
    note = "the winning answer is ungraded" if math.isnan(accuracy) else None
    return Outcome(accuracy, total_cost([sample.cost for sample in samples]), len(samples), tuple(winners), note)


def vote(samples: Sequence[Sample], weights: Sequence[float]) -> Outcome:
    """The class of the largest summed weight. Weights are at least 0; those of samples without answer do not matter.

    A weight that is no finite number makes the outcome undefined. Raises ValueError for a negative weight.
    """
    given = [weight for sample, weight in zip(samples, weights, strict=True) if sample.answer is not None]
    if strange := sum(not math.isfinite(weight) for weight in given):
        cost = total_cost([sample.cost for sample in samples])
        return undefined(f"{strange} of {len(given)} weights are no finite numbers", cost, len(samples))
    if any(weight < 0 for weight in given):
        raise ValueError(f"a vote cannot weigh less than nothing: {min(given)}; bring scores into a range from 0 up")
    return elect(samples, heaviest(class_weights(samples, weights)))


def majority(samples: Sequence[Sample]) -> Outcome:
    """The most frequent answer. Source: Wang et al. 2022 (self-consistency, 2203.11171); s1 paper, Figure 4b."""
    return vote(samples, [1.0] * len(samples))


def weighted(samples: Sequence[Sample]) -> Outcome:
    """The answer with the largest sum of scores (`Sample.score`). Source: s1 paper, section 6.2; REBASE 2408.00724."""
    return vote(samples, [sample.score for sample in samples])


def shortest_majority(samples: Sequence[Sample]) -> Outcome:
    """The class with the largest count / ln(mean thinking tokens of the class).

    Means below 2 tokens count as 2, where the logarithm would vanish or turn. Source: Zeng et al. 2025 (2502.12215).
    """
    lengths: dict[int, list[float]] = {}
    for sample in samples:
        if sample.answer is not None:
            lengths.setdefault(sample.answer, []).append(sample.thinking)
    scores = {a: len(of) / math.log(max(2.0, math.fsum(of) / len(of))) for a, of in lengths.items()}
    return elect(samples, heaviest(scores))
