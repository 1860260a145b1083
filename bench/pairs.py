"""Two ways of doing one thing, by turns in one process: ratios of neighbours, which a busy machine disturbs alike.

Knows clocks and a bootstrap. Refuses to know what is done. Read by the benchmarks here; it is none itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Clocks:
    """Seconds of every turn of one way."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds of this process, all threads."""


def by_turns(
    works: Mapping[str, Callable[[], object]], turns: int, before: Callable[[], object] = lambda: None
) -> dict[str, Clocks]:
    """Run every work ``turns`` times, each turn in the other order, ``before`` ahead of each; times on stderr."""
    clocks = {name: Clocks() for name in works}
    for turn in range(turns):
        for name in sorted(works, reverse=bool(turn % 2)):
            before()
            wall, cpu = time.perf_counter(), time.process_time()
            works[name]()
            clocks[name].wall.append(time.perf_counter() - wall)
            clocks[name].cpu.append(time.process_time() - cpu)
        print(f"turn {turn + 1}: " + "  ".join(f"{n} {c.wall[-1]:.2f} s" for n, c in clocks.items()), file=sys.stderr)
    return clocks


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float | list[float]]:
    """Median of the paired ratios, with its interval."""
    ratios = [a / b for a, b in zip(above, below, strict=True)]
    return {"median": round(float(np.median(ratios)), 4), "interval": interval(ratios)}


def interval(values: Sequence[float]) -> list[float]:
    """95% percentile bootstrap interval of the median."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (10_000, len(values))), axis=1)
    return [round(float(q), 4) for q in np.quantile(medians, (0.025, 0.975))]


def median(values: Sequence[float]) -> float:
    """Rounded for print."""
    return round(float(np.median(values)), 4)
