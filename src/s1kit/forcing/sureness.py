"""How sure a model was of each token, from a chunk's log-probabilities.

Knows one number: minus the mean log-probability of the most likely ids (Fu et al. 2025, DeepConf, 2508.15260), high
where the distribution is peaked. Refuses to know windows and votes: ``s1kit.search.confidence`` does.
"""

from __future__ import annotations

import math

from s1kit.engines.base import Chunk


def confidences(chunk: Chunk) -> tuple[float, ...]:
    """One number per token of the chunk; banned ids (-inf) are left out. () where it has no log-probabilities."""
    if chunk.logprobs is None:
        return ()
    return tuple(_of([p for _, p in likely if math.isfinite(p)]) for likely in chunk.logprobs[: len(chunk.tokens)])


def _of(logs: list[float]) -> float:
    return -math.fsum(logs) / len(logs) if logs else 0.0
