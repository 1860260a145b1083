"""k samples out of the n that are stored: what a method would give, had only k been drawn.

Knows prefixes, all subsets, closed forms, and a stated number of seeded subsets where there are too many. Refuses to
pad: k beyond the stored samples is NaN and a note, never a repeated or an invented sample.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from s1kit.metrics.samples import pass_at_k
from s1kit.search.samples import Outcome, Sample, total_cost, undefined
from s1kit.search.vote import Method, class_truth, mean_truth

SUBSETS = 1000
"""Subsets that are looked at, at most."""


def _short(samples: Sequence[Sample], k: int) -> Outcome | None:
    """The outcome where fewer than k samples are stored; None where there are enough. ValueError for k < 1."""
    if k < 1:
        raise ValueError(f"need k >= 1, not {k}")
    return undefined(f"{k} samples asked for, {len(samples)} are stored") if k > len(samples) else None


def prefix(method: Method, samples: Sequence[Sample], k: int) -> Outcome:
    """The method on the first k samples: one draw, not an expectation."""
    return _short(samples, k) or method(samples[:k])


def over_subsets(
    method: Method, samples: Sequence[Sample], k: int, *, subsets: int = SUBSETS, seed: int = 0, ordered: bool = False
) -> Outcome:
    """Mean outcome of the method over subsets of k samples; the note says over how many.

    All of them where there are at most ``subsets``, else that many seeded draws. ``ordered``: orders count as well,
    for methods that read samples as a stream. One undefined outcome makes the mean undefined.
    """
    if short := _short(samples, k):
        return short
    total = math.perm(len(samples), k) if ordered else math.comb(len(samples), k)
    if exact := total <= subsets:
        draws = itertools.permutations(samples, k) if ordered else itertools.combinations(samples, k)
        outcomes = [method(draw) for draw in draws]
    else:
        outcomes = [method(draw) for draw in _draws(samples, k, subsets, seed, ordered)]
    kind = "orders" if ordered else "subsets"
    said = f"mean over all {total} {kind}" if exact else f"mean over {subsets} seeded {kind} (seed {seed})"
    bad = next((outcome.note for outcome in outcomes if math.isnan(outcome.accuracy)), None)
    share = 1 / len(outcomes)
    return Outcome(
        accuracy=math.fsum(outcome.accuracy for outcome in outcomes) * share,
        cost=total_cost([outcome.cost for outcome in outcomes]).scaled(share),
        samples=math.fsum(outcome.samples for outcome in outcomes) * share,
        note=said if bad is None else f"{said}: {bad}",
    )


def _draws(samples: Sequence[Sample], k: int, subsets: int, seed: int, ordered: bool) -> Iterator[list[Sample]]:
    generator = np.random.default_rng(seed)
    for _ in range(subsets):
        places = generator.permutation(len(samples))[:k]
        yield [samples[place] for place in (places if ordered else np.sort(places))]


def _expected(
    samples: Sequence[Sample], k: int, truths: Sequence[float], of: Callable[[list[float]], float]
) -> Outcome:
    """The outcome of ``of`` over correctness values, NaN ones settled where they cannot change the result."""
    cost = total_cost([sample.cost for sample in samples]).scaled(k / len(samples))
    low, high = (of([floor if math.isnan(truth) else truth for truth in truths]) for floor in (0.0, 1.0))
    if low == high:
        return Outcome(low, cost, k, note="exact over all subsets")
    return undefined(f"ungraded answers: between {low:.3f} and {high:.3f}", cost, k)


def pass_at(samples: Sequence[Sample], k: int) -> Outcome:
    """Unbiased pass@k (`s1kit.metrics.samples.pass_at_k`) with its cost: what an oracle among k samples would get."""
    truths = [mean_truth([sample.correct]) for sample in samples]
    return _short(samples, k) or _expected(
        samples, k, truths, lambda values: pass_at_k(len(values), round(sum(values)), k)
    )


def best_of_n_at(samples: Sequence[Sample], k: int) -> Outcome:
    """Best-of-k, expected exactly over all subsets of k: a group of equal scores wins where none above it is drawn."""
    if short := _short(samples, k):
        return short
    if strange := sum(math.isnan(sample.score) for sample in samples):
        return undefined(f"{strange} of {len(samples)} scores are no numbers")
    ranked = sorted(samples, key=lambda sample: -sample.score)
    total, above, chances, truths = math.comb(len(ranked), k), 0, [], []
    for _, tied in itertools.groupby(ranked, key=lambda sample: sample.score):
        group = list(tied)
        below = len(ranked) - above
        chance = (math.comb(below, k) - math.comb(below - len(group), k)) / total
        chances += [chance / len(group)] * len(group)
        truths += [mean_truth([sample.correct]) for sample in group]
        above += len(group)
    return _expected(ranked, k, truths, lambda values: math.fsum(c * v for c, v in zip(chances, values, strict=True)))


def majority_at(samples: Sequence[Sample], k: int) -> Outcome:
    """maj@k, expected exactly over all subsets of k samples and over tie-breaks.

    Only the counts of each class matter: the subsets are counted, not listed. Beyond 1,000 stored samples the counts
    leave the range of floats: ValueError, take `over_subsets`.
    """
    if short := _short(samples, k):
        return short
    if len(samples) > 1000:
        raise ValueError(f"exact maj@k is for up to 1000 samples, not {len(samples)}: use over_subsets")
    classes = sorted({sample.answer for sample in samples if sample.answer is not None})
    counts = [sum(sample.answer == answer for sample in samples) for answer in classes]
    silent = len(samples) - sum(counts)
    truths = [class_truth(samples, answer) for answer in classes]
    return _expected(samples, k, truths, lambda values: _majority_share(counts, values, silent, k))


def _majority_share(counts: Sequence[int], truths: Sequence[float], silent: int, k: int) -> float:
    """Mean correctness of the majority over all subsets of k. Sums over the winning count and the number of ties."""
    won = 0.0
    for top in range(1, min(max(counts, default=0), k) + 1):
        right = _right_ways(counts, truths, top, k)
        tie_share = right[:, 1:] @ (1.0 / np.arange(1, right.shape[1]))
        won += sum(math.comb(silent, quiet) * float(tie_share[k - quiet]) for quiet in range(min(silent, k) + 1))
    return min(1.0, won / math.comb(sum(counts) + silent, k))


def _right_ways(counts: Sequence[int], truths: Sequence[float], top: int, k: int) -> np.ndarray:
    """[drawn, classes at ``top``]: over the ways to draw, no class above ``top``, the sum of the tied truths."""
    ways = np.zeros((k + 1, k // top + 1))
    right = np.zeros_like(ways)
    ways[0, 0] = 1.0
    for count, truth in zip(counts, truths, strict=True):
        new_ways, new_right = np.zeros_like(ways), np.zeros_like(right)
        for drawn in range(min(count, top) + 1):
            choices, before = float(math.comb(count, drawn)), slice(0, k + 1 - drawn)
            if drawn < top:
                new_ways[drawn:] += choices * ways[before]
                new_right[drawn:] += choices * right[before]
            else:
                new_ways[drawn:, 1:] += choices * ways[before, :-1]
                new_right[drawn:, 1:] += choices * (right[before, :-1] + truth * ways[before, :-1])
        ways, right = new_ways, new_right
    return right
