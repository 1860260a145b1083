"""How the next token is drawn from logits: penalties, bans, temperature, top-k, top-p, one uniform per token.

Knows tensors of logits and sampling settings. Refuses to know sequences and stops. The token at position t of a
sequence depends on its logits, its seed and t alone: the uniform comes from a counter-based generator keyed (seed, t)
and picks by inverse CDF in the order of token ids, so batching, chunking and budgets do not change a sample. Filters
keep ties (every token as likely as the last one kept), since breaking them would depend on the batch. What remains is
rounding: a matrix product over another batch differs in its last bits, and a uniform that falls within that error of a
boundary picks the neighbour. In float32 that was one draw in 9,000 on a deep random network with near-flat
distributions, and none on the test models; in half precision expect it, greedy ties included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from s1kit.policies import Sampling

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_Words = npt.NDArray[np.uint64]


def _mix(x: _Words) -> _Words:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection of 64 bits that passes for random."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _Words = x ^ (x >> np.uint64(31))
    return mixed


def uniforms(seeds: Sequence[int], positions: Sequence[int]) -> npt.NDArray[np.float64]:
    """float64 [n] in [0, 1): one number per (seed, position), the same on every machine."""
    seed = np.array([s & 0xFFFFFFFFFFFFFFFF for s in seeds], dtype=np.uint64)
    place = np.array(positions, dtype=np.uint64) + np.uint64(1)
    bits = _mix(_mix(seed + _GOLDEN) + place * _GOLDEN)
    numbers: npt.NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


@dataclass(frozen=True, slots=True)
class Draw:
    """What one row of logits is drawn with."""

    sampling: Sampling
    position: int
    """Number of ids before the token to be drawn."""
    banned: torch.Tensor | None
    """int64 [k] ids that must not be drawn; rows with the same bans share one tensor."""
    context: Sequence[int]
    """The whole context, prompt and forced tokens included; read for the frequency penalty only."""


def sample(logits: torch.Tensor, draws: Sequence[Draw]) -> list[int | None]:
    """One token id per row of ``logits`` ([n, vocabulary], any float type; changed in place where float32).

    None for a row that has nothing to draw from: its logits are not numbers, or every id is banned. The frequency
    penalty counts over the whole context, prompt included: counting from the start of the current request would make
    a sample depend on where a budget cut it.
    """
    logits = logits.float()
    _penalise(logits, draws)
    _ban(logits, draws)
    best, tokens = logits.max(dim=-1)
    chosen = tokens.tolist()
    fine = torch.isfinite(best).tolist()
    warm = [i for i, draw in enumerate(draws) if draw.sampling.temperature > 0 and fine[i]]
    if warm:
        rows = logits if len(warm) == len(draws) else logits[warm]
        for i, token in zip(warm, _inverse_cdf(rows, [draws[i] for i in warm]), strict=True):
            chosen[i] = token
    return [token if ok else None for token, ok in zip(chosen, fine, strict=True)]


def _penalise(logits: torch.Tensor, draws: Sequence[Draw]) -> None:
    for i, draw in enumerate(draws):
        if draw.sampling.frequency_penalty:
            counts = torch.bincount(torch.tensor(draw.context, dtype=torch.int64), minlength=logits.shape[-1])
            logits[i] -= draw.sampling.frequency_penalty * counts.to(logits.device, logits.dtype)


def _ban(logits: torch.Tensor, draws: Sequence[Draw]) -> None:
    groups: dict[int, tuple[torch.Tensor, list[int]]] = {}
    for i, draw in enumerate(draws):
        if draw.banned is not None:
            groups.setdefault(id(draw.banned), (draw.banned, []))[1].append(i)
    for banned, rows in groups.values():
        if len(rows) == len(draws):
            logits[:, banned] = -torch.inf
        else:
            logits[torch.tensor(rows, device=logits.device)[:, None], banned] = -torch.inf


def _inverse_cdf(logits: torch.Tensor, draws: Sequence[Draw]) -> list[int]:
    device = logits.device
    settings = [d.sampling for d in draws]
    heat = torch.tensor([[s.temperature] for s in settings], device=device)
    scaled = _top_k(logits / heat, [s.top_k for s in settings])
    # double precision: the sum over a large vocabulary must not decide between neighbours
    probabilities = torch.softmax(scaled, dim=-1, dtype=torch.float64)
    probabilities = _top_p(probabilities, [s.top_p for s in settings])
    ladder = probabilities.cumsum(dim=-1)
    total = ladder[:, -1:]
    u = torch.from_numpy(uniforms([s.seed for s in settings], [d.position for d in draws])).to(device)[:, None]
    # strictly below the total, else rounding could run past the last id that has any probability
    target = torch.minimum(u * total, torch.nextafter(total, torch.zeros_like(total)))
    found: list[int] = torch.searchsorted(ladder, target, right=True).squeeze(-1).tolist()
    return found


def _top_k(logits: torch.Tensor, ks: list[int]) -> torch.Tensor:
    size = logits.shape[-1]
    sizes = [min(k, size) if k else size for k in ks]
    if all(k == size for k in sizes):
        return logits
    largest = max(k for k in sizes if k < size)
    last = torch.tensor([[min(k, largest) - 1] for k in sizes], device=logits.device)
    floor = logits.topk(largest, dim=-1).values.gather(1, last)
    unlimited = torch.tensor([[k == size] for k in sizes], device=logits.device)
    return logits.masked_fill((logits < floor) & ~unlimited, -torch.inf)


def _top_p(probabilities: torch.Tensor, ps: list[float]) -> torch.Tensor:
    if all(p >= 1.0 for p in ps):
        return probabilities
    mass = torch.tensor([[p] for p in ps], dtype=torch.float64, device=probabilities.device)
    ordered = probabilities.sort(dim=-1, descending=True).values
    inside = (ordered.cumsum(dim=-1) - ordered < mass).sum(dim=-1, keepdim=True)  # the one that crosses is kept
    floor = ordered.gather(1, inside.clamp(min=1) - 1)
    return probabilities.masked_fill((probabilities < floor) & (mass < 1.0), 0.0)


def top_logprobs(logits: torch.Tensor, count: int) -> tuple[tuple[int, float], ...]:
    """The ``count`` most likely ids of one row ([vocabulary]) with natural-log probabilities, before any setting."""
    values, ids = torch.log_softmax(logits.float(), dim=-1).topk(min(count, logits.shape[-1]))
    return tuple(zip(ids.tolist(), values.tolist(), strict=True))
