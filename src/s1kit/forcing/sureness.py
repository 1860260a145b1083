"""How sure a model was of each token, and where a trace of them falls below a bar.

Knows one number, minus the mean log-probability of the most likely ids (Fu et al. 2025, DeepConf, 2508.15260), high
where the distribution is peaked, and its mean over a window. Refuses to know votes: ``s1kit.search.confidence`` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from s1kit.engines.base import Chunk

_GRAIN = 60
"""Sums are taken in units of 2**-60: exactly, so that no mean depends on where its sum began."""


def confidences(chunk: Chunk) -> tuple[float, ...]:
    """One number per token of the chunk, as the store keeps it (float32). () where it has no log-probabilities."""
    if chunk.logprobs is None:
        return ()
    rows = chunk.logprobs[: len(chunk.tokens)]
    return tuple(float(np.float32(token_sureness([p for _, p in likely]))) for likely in rows)


def token_sureness(logs: Iterable[float]) -> float:
    """Of one token: minus the mean of these log-probabilities, -inf (a banned id) and NaN (padding) left out.

    0, as unsure as can be, where none is left.
    """
    finite = [p for p in logs if math.isfinite(p)]
    return -math.fsum(finite) / len(finite) if finite else 0.0


def window_means(values: Sequence[float], window: int) -> Iterator[float]:
    """Mean of each run of ``window`` values, in order; none where there are fewer. Each is correctly rounded."""
    grains = [int(math.ldexp(value, _GRAIN)) for value in values]
    total = sum(grains[: window - 1])
    for end in range(window, len(grains) + 1):
        total += grains[end - 1]
        yield total / (window << _GRAIN)
        total -= grains[end - window]


def first_below(before: Sequence[float], new: Sequence[float], bar: float, window: int) -> int | None:
    """How many of the ``new`` values it takes until the mean of the last ``window`` is below ``bar``; None: it is not.

    ``before`` is what came first and was judged already. Fewer than ``window`` values are never judged.
    """
    tail = list(before[-(window - 1) :]) if window > 1 else []
    skipped = max(0, window - 1 - len(tail))  # values that end no window yet
    for at, mean in enumerate(window_means([*tail, *new], window), skipped + 1):
        if mean < bar:
            return at
    return None
