"""A vote's rule on stored samples: its expectation over subsets of k, and its value on disjoint groups of k.

Knows which rules have closed forms. Refuses to draw samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from s1kit.compare.recipe import VoteMethod
from s1kit.search.adaptive import adaptive
from s1kit.search.confidence import Trace, confidence_vote, lowest_confidence, online
from s1kit.search.pick import best_of_n, short_m
from s1kit.search.samples import Outcome, Sample, scored, undefined
from s1kit.search.subsets import best_of_n_at, majority_at, over_subsets, pass_at, prefix
from s1kit.search.vote import Method, majority, shortest_majority, weighted
from s1kit.types import Generation

SUBSETS = 100
"""Seeded subsets where no closed form is known; their spread is far below that of the questions."""


def outcome_of(method: VoteMethod, k: int, samples: Sequence[Sample], rows: Sequence[Generation]) -> Outcome:
    """The rule's expected outcome, had only k of the samples been drawn; NaN and a note where fewer are stored."""
    if method.rule == "majority":
        return majority_at(samples, k)
    if method.rule == "pass_at_k":
        return pass_at(samples, k)
    if method.rule == "best_of_n":
        return best_of_n_at(samples, k)
    rule, known = _rule(method, samples, rows)
    return over_subsets(rule, known, k, subsets=SUBSETS, ordered=method.rule in ("adaptive", "online"))


def outcomes_of_draws(
    method: VoteMethod, k: int, samples: Sequence[Sample], rows: Sequence[Generation]
) -> list[Outcome]:
    """The rule on each whole group of k samples, in their order: as many runs as are stored."""
    rule, known = _rule(method, samples, rows)
    return [prefix(rule, known[start : start + k], k) for start in range(0, len(known) - k + 1, k)]


def _rule(method: VoteMethod, samples: Sequence[Sample], rows: Sequence[Generation]) -> tuple[Method, list[Sample]]:
    """The rule, and the samples with the scores that it reads."""
    if method.rule in ("confidence", "online"):
        return _by_confidence(method, samples, rows)
    plain: dict[str, Method] = {
        "majority": majority,
        "weighted": weighted,
        "best_of_n": best_of_n,
        "shortest_majority": shortest_majority,
        "short_m": lambda some: short_m(some, method.m),
        "adaptive": lambda some: adaptive(some, threshold=method.threshold),
        "pass_at_k": lambda some: pass_at(some, len(some)),
    }
    return plain[method.rule], list(samples)


def _by_confidence(
    method: VoteMethod, samples: Sequence[Sample], rows: Sequence[Generation]
) -> tuple[Method, list[Sample]]:
    sure = [np.asarray(row.confidence or (), dtype=np.float64) for row in rows]
    if any(len(one) == 0 for one in sure):
        return lambda some: undefined(
            "samples without stored confidences; logprobs: 20 in their policy records them"
        ), list(samples)
    known = scored(samples, [lowest_confidence(one, method.window) for one in sure])
    if method.rule == "confidence":
        return lambda some: confidence_vote(some, method.keep), known
    traces = {id(sample): Trace(sample, one) for sample, one in zip(known, sure, strict=True)}
    return (
        lambda some: online(
            [traces[id(sample)] for sample in some], warmup=method.warm_up, window=method.window, keep=method.keep
        ),
        known,
    )
