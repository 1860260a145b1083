"""What each point of a run is in the picture: a truncation, the natural end, an extension, or a control beside them.

Knows roles (from the manifest, where the caller has it) and falls back to what the metrics alone say. Refuses to know
how a mark is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from s1kit.metrics.ledger import LedgerEntry
from s1kit.metrics.points import Point
from s1kit.metrics.summary import MAIN, Metrics
from s1kit.report.text import one_line, percent

Mark = Literal["truncation", "natural", "extension", "placebo", "fresh", "unforced"]
CURVE: tuple[Mark, ...] = ("truncation", "natural", "extension")
"""The marks that make up the curve; the others stand beside it."""
_OF_ROLE: dict[str, Mark] = {
    "budget": "truncation",
    "natural": "natural",
    "extension": "extension",
    "placebo": "placebo",
    "fresh": "fresh",
    "unforced": "unforced",
}
PROBE = "anytime"
"""Role and series of the probes of an anytime curve: hundreds of policies that have a section of their own."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A point with its mark."""

    point: Point
    mark: Mark
    counted: bool = True
    """Whether its tokens were counted; where an imported text states none, its 0 is not a number of tokens."""
    matched: str | None = None
    """The policy whose tokens it was allowed, question by question; None for all but a fresh sample."""

    @property
    def low(self) -> float:
        """Lower end of the interval; of the bounds where rows are ungraded."""
        return self.point.interval.low if self.point.interval else self.point.accuracy_low

    @property
    def high(self) -> float:
        """Upper end of the interval; of the bounds where rows are ungraded."""
        return self.point.interval.high if self.point.interval else self.point.accuracy_high

    @property
    def accuracy(self) -> float:
        """The accuracy; the middle of its bounds where rows are ungraded."""
        whole = self.point.accuracy
        return (self.point.accuracy_low + self.point.accuracy_high) / 2 if whole is None else whole

    @property
    def share(self) -> str:
        """The accuracy in words; its bounds where rows are ungraded, for their middle is no result."""
        if self.point.accuracy is None:
            low, high = self.point.accuracy_low, self.point.accuracy_high
            return f"{100 * low:.1f} to {percent(high)} (some rows are ungraded)"
        return percent(self.point.accuracy)


def marked(metrics: Metrics, policies: Mapping[str, Mapping[str, Any]] | None = None) -> list[Marked]:
    """The points with their marks, by rising mean thinking tokens; probes of an anytime curve are left out.

    ``policies`` is the manifest's; without it the marks come from series, bounds and extensions.
    """
    found = []
    for point in sorted(metrics.points, key=lambda p: p.thinking_mean):
        described = (policies or {}).get(point.policy_id, {})
        role = str(described.get("role", ""))
        if PROBE in (role, metrics.series.get(point.policy_id)):
            continue
        matched = (described.get("policy") or {}).get("equal_to")
        found.append(Marked(point, _OF_ROLE.get(role) or _inferred(metrics, point), is_counted(described), matched))
    return found


def is_counted(described: Mapping[str, Any]) -> bool:
    """Whether the tokens of a policy, as the manifest describes it, were counted."""
    return described.get("tokens") != "not counted"


def uncounted(points: Sequence[Marked]) -> str:
    """Which points no picture can show, in a sentence; empty where all can be shown."""
    blind = [m.point.label for m in points if not m.counted]
    if not blind:
        return ""
    said = "one point" if len(blind) == 1 else f"{len(blind)} points"
    return (
        f"Thinking tokens were not counted for {said} ({one_line(', '.join(blind), 200)}), so no picture shows "
        f"{'it' if len(blind) == 1 else 'them'}; the tables do. `s1 runs import --tokenizer FOLDER` counts."
    )


def _inferred(metrics: Metrics, point: Point) -> Mark:
    series = metrics.series.get(point.policy_id, MAIN)
    if point.policy_id == metrics.natural:
        return "natural"
    if series != MAIN:
        return "fresh" if series == "fresh" else "placebo"
    if point.extensions_mean or point.min_thinking:
        return "extension"
    return "truncation" if point.max_thinking is not None else "unforced"


def ledger_order(metrics: Metrics, points: list[Marked]) -> list[LedgerEntry]:
    """The ledger as it is read: against the natural end first, and there each extension with its controls below it.

    A control stands under the extension that it is matched to: same number of extensions, or the one whose tokens it
    was allowed (a fresh sample), else the nearest in thinking tokens.
    """
    of = {m.point.policy_id: m for m in points}
    steps = [m for m in points if m.mark == "extension"]

    def group(entry: LedgerEntry) -> float:
        if entry.extensions:
            return entry.extensions
        mine = of.get(entry.policy_id)
        if mine is not None and mine.matched in of:
            return of[mine.matched].point.extensions_mean
        named = [e.extensions for e in metrics.ledger if e.policy_id == entry.baseline_id and e.extensions]
        if named or mine is None or not steps:
            return named[0] if named else 0
        near = min(steps, key=lambda m: abs(m.point.thinking_mean - mine.point.thinking_mean))
        return near.point.extensions_mean

    def place(entry: LedgerEntry) -> tuple[int, float, int, str]:
        mark = of[entry.policy_id].mark if entry.policy_id in of else "placebo"
        rank = ("extension", "placebo", "fresh").index(mark) if mark in ("extension", "placebo", "fresh") else 3
        previous = int(entry.against == "previous")
        return previous, group(entry), rank, entry.label

    return sorted(metrics.ledger, key=place)


def caption(points: list[Marked], natural: str | None) -> str:
    """One sentence on the curve, in numbers; empty for a run without a curve."""
    curve = [m for m in points if m.mark in CURVE and m.counted]
    end = next((m for m in curve if m.point.policy_id == natural), None)
    if len(curve) < 2:
        return ""
    first, itself = curve[0], " where the model stops by itself"
    spots = [f"{_spot(end)}{itself}"] if end is not None and end is not first else []
    longest = next((m for m in reversed(curve) if m.mark == "extension"), None)
    if longest is not None and longest is not first:
        spots.append(f"{_spot(longest)} with {longest.point.label}")
    spots = spots or [_spot(curve[-1])]
    return f"Accuracy goes from {_spot(first)}{itself if first is end else ''} to {', and '.join(spots)}."


def _spot(m: Marked) -> str:
    return f"{m.share} at {m.point.thinking_mean:,.0f} thinking tokens"
