"""Points made by hand: the paper's, drawn ones, and whole methods for the tests of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from s1kit.compare.point import MethodPoint
from s1kit.search.samples import Cost


def made(
    method: str,
    label: str,
    accuracy: Sequence[float],
    tokens: float | Sequence[float],
    *,
    seconds: float | Sequence[float] = 1.0,
    **more: Any,
) -> MethodPoint:
    """A point whose tokens are all thinking, of one train of thought."""
    n = len(accuracy)
    spent = [float(tokens)] * n if isinstance(tokens, (int, float)) else list(tokens)
    took = [float(seconds)] * n if isinstance(seconds, (int, float)) else list(seconds)
    cost = tuple(Cost(thinking=t, seconds=s) for t, s in zip(spent, took, strict=True))
    rest: dict[str, Any] = {"asked": None, "minimum": None, "maximum": None, "draws": 1, "by_draw": ()}
    rest |= {"censored": 0.0, "no_answer": 0.0, "thinking": tuple(spent), "cost": cost, **more}
    return MethodPoint(method=method, label=label, accuracy=tuple(map(float, accuracy)), **rest)


def thirtieths(right: int, n: int = 30) -> list[float]:
    """``right`` of ``n`` questions."""
    return [1.0] * right + [0.0] * (n - right)


def drawn_method(
    method: str, costs: Sequence[float], rates: Sequence[float], n: int = 60, seed: int = 0
) -> list[MethodPoint]:
    """A method with binary answers; the same seed makes the same hard questions."""
    hardness = np.random.default_rng(seed).random(n)
    own = np.random.default_rng([seed, sum(map(ord, method))])
    points = []
    for cost, rate in zip(costs, rates, strict=True):
        right = (hardness + 0.2 * own.standard_normal(n) < rate).astype(float)
        tokens = cost * np.exp(0.3 * own.standard_normal(n))
        tokens *= cost / tokens.mean()
        points.append(made(method, f"max {cost:g}", right.tolist(), tokens.tolist(), seconds=(tokens / 50).tolist()))
    return points


def shuffled(points: Sequence[MethodPoint], seed: int) -> list[MethodPoint]:
    """The same points, their questions in another order."""
    order = np.random.default_rng(seed).permutation(points[0].n_questions)
    return [
        p.model_copy(
            update={name: tuple(getattr(p, name)[i] for i in order) for name in ("accuracy", "thinking", "cost")}
        )
        for p in points
    ]
