"""Comparisons made by hand, with whatever points a test plants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from s1kit.compare.frontier import frontier
from s1kit.compare.matched import compare_methods
from s1kit.compare.point import MethodPoint
from s1kit.compare.recipe import CompareConfig
from s1kit.compare.result import Comparison, Shared
from s1kit.compare.settings import settings
from s1kit.compare.table import method_rows, point_rows
from unit.compare.points import made

N = 60
FEW = 200
"""Resamples of what no claim reads."""


def comparison(points: Sequence[MethodPoint]) -> Comparison:
    """What `s1 compare` would make of these points."""
    tokens = compare_methods(points, "tokens", resamples=2000)
    return Comparison(
        name="planted",
        benchmark="planted",
        n_questions=points[0].n_questions,
        points=tuple(points),
        methods=method_rows(points, resamples=2000),
        settings=point_rows(points, resamples=FEW),
        tokens=tokens,
        seconds=tokens,
        frontier=frontier(points, resamples=FEW),
        frontier_seconds=frontier(points, resamples=FEW),
        ledger=(),
        shared=Shared(generated=0, alone=0),
        runs=(),
    )


def first(right: float, n: int = N) -> list[float]:
    """The first questions are right: nested, so that every difference is all wins or all losses."""
    return [1.0] * round(right * n) + [0.0] * (n - round(right * n))


def method(
    name: str, settings: Sequence[tuple[float, float]], n: int = N, bound: float | None = None, **more: Any
) -> list[MethodPoint]:
    """Settings as (thinking tokens, share right); ``bound`` is the a_max of each, as a multiple of its tokens."""
    return [
        made(
            name,
            f"{name} {place}",
            first(right, n),
            tokens,
            asked=tokens,
            maximum=None if bound is None else bound * tokens,
            **more,
        )
        for place, (tokens, right) in enumerate(settings)
    ]


def of_recipe(recipe: dict[str, Any], n: int = 30) -> Comparison:
    """A comparison with every setting of a recipe and numbers that mean nothing."""
    draw = np.random.default_rng(0)

    def point(setting: Any) -> MethodPoint:
        tokens = draw.uniform(10, 100, n).tolist()
        right = draw.integers(0, 2, n).astype(float).tolist()
        counted = (
            {"tries": 3.0} if setting.name == "RS" else {"steps": 2.0, "tokens_per_step": float(draw.uniform(1, 9))}
        )
        bounds = {"asked": setting.asked, "maximum": setting.maximum or (50.0 if setting.side else None)}
        return made(setting.name, setting.label, right, tokens, **bounds, **counted)

    return comparison([point(one) for one in settings(CompareConfig.model_validate(recipe))])
