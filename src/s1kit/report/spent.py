"""What a run cost and what went wrong in it, point by point, as cells and small bars.

Knows tokens paid, shared and alone, the engine's seconds, and the rates of what went wrong. Refuses to know a price: no
run records one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from s1kit.report.marks import Mark, Marked, is_counted
from s1kit.report.rows import Row
from s1kit.report.text import number, percent
from s1kit.types import RunManifest

SPENT_HEADS = (
    ("think", "mean thinking tokens per generation"),
    ("answer", "mean answer tokens per generation"),
    ("alone", "tokens of the model for all rows of this point, had it been run by itself"),
    ("paid", "tokens that this run generated for them; what another point had generated already is free"),
    ("shared", "share of the tokens that came from another point"),
    ("row seconds", "time that these rows spent in the engine; many run at once, so a sum is more than the run took"),
)
RATE_HEADS = (
    ("cut off", "thinking ended because its budget or the context ran out"),
    ("no answer", "nothing that could be extracted as an answer"),
    ("looped", "the tail of the thinking repeats itself"),
    ("error", "the engine failed"),
)


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What one point cost; cells in the order of ``SPENT_HEADS``."""

    label: str
    mark: Mark | None
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in words and as a bar of 0..100."""

    words: str
    bar: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What went wrong at every point; a column that is 0 everywhere is only named."""

    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, Mark, tuple[Rate, ...]], ...]
    """(label, mark, a rate for each head)."""
    absent: tuple[str, ...]


def rates(points: Sequence[Marked]) -> Rates:
    """The rates of every point."""
    shares = [
        (p.share_cutoff + p.share_context, p.share_no_answer, p.share_looped, p.share_error)
        for p in (m.point for m in points)
    ]
    kept = [place for place in range(len(RATE_HEADS)) if any(share[place] for share in shares)]
    rows = [
        (m.point.label, m.mark, tuple(_rate(share[place]) for place in kept))
        for m, share in zip(points, shares, strict=True)
    ]
    absent = [name for place, (name, _) in enumerate(RATE_HEADS) if place not in kept]
    return Rates(tuple(RATE_HEADS[place] for place in kept), tuple(rows), tuple(absent))


def _rate(share: float) -> Rate:
    return Rate(percent(share, 0 if share in (0, 1) else 1), round(100 * share, 2))


def spent_rows(points: Sequence[Marked], rows: Sequence[Row]) -> list[SpentRow]:
    """The cost of every point, and the sum below them; what stands beside the points (probes) is a line of its own."""
    by_policy: dict[str, list[Row]] = {}
    for row in rows:
        by_policy.setdefault(row.policy_id, []).append(row)
    blind = [m.point.policy_id for m in points if not m.counted]
    none = all(row.policy_id in blind for row in rows)
    found = [_spent(m.point.label, m.mark, by_policy.pop(m.point.policy_id, []), m.counted) for m in points]
    beside = [row for mine in by_policy.values() for row in mine]
    if beside:
        found.append(_spent(f"{len(by_policy)} other policies", None, beside))
    return [*found, _spent("all", None, rows, not none) if none or not blind else _some(rows, blind)]


def _some(rows: Sequence[Row], blind: Sequence[str]) -> SpentRow:
    """The sum where some were not counted: of those that were."""
    return _spent("all that were counted", None, [row for row in rows if row.policy_id not in blind])


def _spent(label: str, mark: Mark | None, rows: Sequence[Row], counted: bool = True) -> SpentRow:
    n = max(1, len(rows))
    alone = sum(row.alone for row in rows)
    paid, seconds = sum(row.paid for row in rows), sum(row.seconds for row in rows)
    if not counted:
        return SpentRow(label, mark, (*["–"] * 5, number(seconds, 1) if seconds else "–"))
    cells = (
        number(sum(row.thinking for row in rows) / n, 1),
        number(sum(row.answer for row in rows) / n, 1),
        number(alone),
        number(paid),
        percent(max(0.0, 1 - paid / alone), 0) if alone else "–",
        number(seconds, 1) if seconds else "–",
    )
    return SpentRow(label, mark, cells)


def spent_sentence(rows: Sequence[Row], manifest: RunManifest) -> str:
    """The whole run in one sentence."""
    seen = [row for row in rows if is_counted(manifest.policies.get(row.policy_id, {}))]
    if not seen and rows:
        return f"{number(len(rows))} generations; what they cost was not counted."
    alone, paid = sum(row.alone for row in seen), sum(row.paid for row in seen)
    some = f", of {number(len(rows))}, whose tokens were counted," if len(seen) < len(rows) else ""
    said = f"{number(len(seen))} generations{some} cost {number(paid)} tokens"
    if alone > paid:
        said += (
            f"; each point by itself would have cost {number(alone)}, so sharing saved {percent(1 - paid / alone, 0)}"
        )
    if manifest.seconds:
        said += f". The run took {number(manifest.seconds)} s, {number(paid / manifest.seconds)} tokens per second"
    return f"{said}."
