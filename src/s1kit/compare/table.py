"""The two tables of a comparison: one row per method (control, scaling, performance), one row per setting.

Knows the paper's three metrics (section 3.2) and which numbers of a point a reader needs. Refuses to rank methods:
they stay in the recipe's order, and whether a difference is real is for ``matched`` to say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from s1kit.compare.point import MethodPoint, by_method, columns_of, defined, in_one_order, mean
from s1kit.metrics.intervals import RESAMPLES, Interval, percentile_interval, resampled_means
from s1kit.metrics.points import within
from s1kit.metrics.scaling import Control, Per, Scaling, bootstrap_scaling, control, performance, scaling
from s1kit.types import Record


class PointRow(Record):
    """One setting in numbers; tokens and seconds are means per question, shares and accuracies in 0..1."""

    method: str
    label: str
    asked: float | None
    used: float
    """Thinking tokens of one train of thought."""
    within: bool | None
    """Whether ``used`` lies within its bounds; None: not bounded."""
    thinking: float
    answer: float
    forced: float
    reward: float
    tokens: float
    """All four kinds together."""
    seconds: float | None
    """None: not measured."""
    accuracy: float | None
    """None: undefined on some question; ``note`` says why."""
    interval: Interval | None
    censored: float
    no_answer: float
    tries: float | None
    unmet: float | None
    steps: float | None
    """That a countdown announced, mean over rows."""
    tokens_per_step: float | None
    draws: int
    note: str | None


class MethodRow(Record):
    """One method over its settings. What needs an accuracy is over the settings where it is defined."""

    method: str
    n_points: int
    """|A|: settings with a defined accuracy."""
    control: Control | None
    """On thinking tokens of one train of thought; its value is None where nothing was bounded."""
    scaling: Scaling
    """Points per doubling of thinking tokens; for methods that sample several, of all samples together."""
    scaling_1k: Scaling
    """Points per 1,000 of them: the paper's formula as printed."""
    performance: float | None
    """The best accuracy, 0..1. It was picked on these questions, so it flatters."""
    best: str | None
    """The setting that reached it, the cheapest of equals."""
    interval: Interval | None
    best_used: float | None
    best_tokens: float | None
    best_seconds: float | None
    spread: tuple[float, float] | None
    """Lowest and highest accuracy of a draw there; None where draws cannot be told apart."""
    draws: int
    """Draws behind the best setting; 0 where there is none."""
    left_out: tuple[str, ...]
    """Settings without a defined accuracy."""


def point_rows(points: Sequence[MethodPoint], *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[PointRow, ...]:
    """A row for each point, in their order, with bootstrap intervals over questions. ValueError as `by_method`."""
    ordered = in_one_order(points)
    whole, _ = defined(ordered)
    intervals = _intervals(whole, seed, resamples)
    return tuple(_point_row(point, intervals.get((point.method, point.label))) for point in ordered)


def _intervals(points: Sequence[MethodPoint], seed: int, resamples: int) -> dict[tuple[str, str], Interval]:
    if not points:
        return {}
    means = resampled_means(columns_of(points, "accuracy"), resamples=resamples, seed=seed)
    return {(p.method, p.label): percentile_interval(column) for p, column in zip(points, means.T, strict=True)}


def _point_row(point: MethodPoint, interval: Interval | None) -> PointRow:
    used = mean(point.thinking)
    bounded = point.minimum is not None or point.maximum is not None
    return PointRow(
        method=point.method,
        label=point.label,
        asked=point.asked,
        used=used,
        within=within(used, point.minimum, point.maximum) if bounded else None,
        thinking=mean([cost.thinking for cost in point.cost]),
        answer=mean([cost.answer for cost in point.cost]),
        forced=mean([cost.forced for cost in point.cost]),
        reward=mean([cost.reward for cost in point.cost]),
        tokens=point.mean_cost("tokens"),
        seconds=_known(point.mean_cost("seconds")),
        accuracy=_known(point.mean_accuracy),
        interval=interval,
        censored=point.censored,
        no_answer=point.no_answer,
        tries=point.tries,
        unmet=point.unmet,
        steps=point.steps,
        tokens_per_step=point.tokens_per_step,
        draws=point.draws,
        note=point.note,
    )


def method_rows(points: Sequence[MethodPoint], *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[MethodRow, ...]:
    """A row for each method, in the order in which the methods first appear. ValueError as `by_method`."""
    return tuple(_method_row(method, mine, seed, resamples) for method, mine in by_method(in_one_order(points)).items())


def _method_row(method: str, points: Sequence[MethodPoint], seed: int, resamples: int) -> MethodRow:
    kept, _ = defined(points)
    best = min(kept, key=lambda p: (-p.mean_accuracy, p.mean_cost("tokens")), default=None)
    held = [p for p in kept if not math.isnan(mean(p.thinking))]
    return MethodRow(
        method=method,
        n_points=len(kept),
        control=control(
            [p.label for p in held],
            [mean(p.thinking) for p in held],
            [p.minimum for p in held],
            [p.maximum for p in held],
        )
        if held
        else None,
        scaling=_scaling(kept, "doubling", seed, resamples),
        scaling_1k=_scaling(kept, "1k_tokens", seed, resamples),
        performance=performance([p.mean_accuracy for p in kept]) if kept else None,
        best=best.label if best else None,
        interval=_intervals([best], seed, resamples)[method, best.label] if best else None,
        best_used=_known(mean(best.thinking)) if best else None,
        best_tokens=_known(best.mean_cost("tokens")) if best else None,
        best_seconds=_known(best.mean_cost("seconds")) if best else None,
        spread=(min(best.by_draw), max(best.by_draw)) if best and best.by_draw else None,
        draws=best.draws if best else 0,
        left_out=tuple(p.label for p in points if p not in kept),
    )


def _scaling(points: Sequence[MethodPoint], per: Per, seed: int, resamples: int) -> Scaling:
    plain = scaling([mean(p.paced) for p in points], [p.mean_accuracy for p in points], per)
    if plain.value is None:
        return plain
    tokens, right = columns_of(points, "paced"), columns_of(points, "accuracy")
    interval = bootstrap_scaling(tokens, right, per, seed=seed, resamples=resamples)
    return plain.model_copy(update={"interval": interval})


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
