"""Two runs held against each other where they did the same: equal policies, on the questions that both answered.

Knows what makes two policies equal, and which rows can be paired. Refuses to pair what differs in a setting: a policy
that only one of the runs has is counted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from s1kit.compare.matched import holm
from s1kit.metrics.intervals import PairedComparison, compare
from s1kit.report.page import Bar
from s1kit.report.rows import Row
from s1kit.report.text import chance, signed
from s1kit.types import canonical_json


@dataclass(frozen=True, slots=True)
class Side:
    """One run: its name, the manifest's policies, its rows."""

    name: str
    policies: Mapping[str, Mapping[str, Any]]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Difference:
    """One policy in two runs. ``comparison`` is other - baseline, in points."""

    label: str
    comparison: PairedComparison
    p_holm: float
    """Over all tests of the page."""

    @property
    def shown(self) -> bool:
        """Whether the difference is more than chance: its adjusted p is below 0.05 and the interval leaves out 0."""
        low, high = self.comparison.interval.low, self.comparison.interval.high
        return self.p_holm < 0.05 and (low > 0 or high < 0)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs, the policies that both have, and how many only one of them has."""

    baseline: str
    other: str
    differences: tuple[Difference, ...]
    n_shared: int
    """Questions in common."""
    alone: int
    differing: tuple[str, ...]
    """Settings in which policies of the same name differ between the two, so that they are not paired."""


def pairs(sides: Sequence[Side]) -> list[Pair]:
    """Every later run against the first; p adjusted by Holm over all tests together."""
    raw: list[tuple[Side, list[str], list[tuple[str, PairedComparison]]]] = []
    first, at_first = sides[0], _equal(sides[0].policies)
    right_first = _right(first.rows)
    for other in sides[1:]:
        at_other, right = _equal(other.policies), _right(other.rows)
        common = [key for key in at_first if key in at_other]
        found = []
        for key in common:
            mine, theirs = right_first.get(at_first[key], {}), right.get(at_other[key], {})
            asked = sorted(mine.keys() & theirs.keys())
            if asked:
                label = str(first.policies[at_first[key]].get("label", at_first[key]))
                found.append((label, compare([mine[q] for q in asked], [theirs[q] for q in asked])))
        raw.append((other, common, found))
    adjusted = iter(holm([one.p for *_, found in raw for _, one in found]))
    return [
        Pair(
            baseline=first.name,
            other=other.name,
            differences=tuple(Difference(label, one, next(adjusted)) for label, one in found),
            n_shared=len({row.question_id for row in first.rows} & {row.question_id for row in other.rows}),
            alone=len(at_first) + len(_equal(other.policies)) - 2 * len(common),
            differing=_differing(first.policies, other.policies, common),
        )
        for other, common, found in raw
    ]


def _differing(
    one: Mapping[str, Mapping[str, Any]], two: Mapping[str, Mapping[str, Any]], common: Sequence[str]
) -> tuple[str, ...]:
    """Names of the settings that keep policies of one label apart."""
    sides: list[dict[str, dict[str, Any]]] = []
    for policies in (one, two):
        alone = [policies[policy] for key, policy in _equal(policies).items() if key not in common]
        sides.append({str(e.get("label")): {**(e.get("policy") or {}), **(e.get("sampling") or {})} for e in alone})
    found = {
        name
        for label in sides[0].keys() & sides[1].keys()
        for name in sides[0][label].keys() | sides[1][label].keys()
        if name != "seed" and sides[0][label].get(name) != sides[1][label].get(name)
    }
    return tuple(sorted(found))


def _equal(policies: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What a policy does (its settings and its sampling, without seeds) to its id; the first of equals.

    The format is no part of it: two models that speak different formats are compared where they got the same budget.
    """
    found: dict[str, str] = {}
    for policy_id, entry in policies.items():
        if entry.get("role") == "anytime" or (entry.get("policy") or {}).get("equal_to"):
            continue
        sampling = {name: value for name, value in (entry.get("sampling") or {}).items() if name != "seed"}
        found.setdefault(canonical_json([entry.get("policy"), sampling]), policy_id)
    return found


def _right(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Policy -> question -> share of its samples that are right; a question with an ungraded row is left out."""
    verdicts: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        verdicts.setdefault(row.policy_id, {}).setdefault(row.question_id, []).append(row.verdict)
    return {
        policy: {q: said.count("correct") / len(said) for q, said in mine.items() if "ungraded" not in said}
        for policy, mine in verdicts.items()
    }


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference as the page prints it."""

    label: str
    n: int
    wins: int
    losses: int
    difference: str
    interval: str
    p: str
    reading: str
    bar: Bar


def difference_rows(found: Sequence[Difference], scale: float) -> list[DifferenceRow]:
    """Cells and small pictures on one common scale of ``scale`` points to either side."""
    rows = []
    for one in found:
        c = one.comparison
        low, high = c.interval.low, c.interval.high
        place = [round(50 + 50 * value / scale, 2) for value in (0.0, low, high, c.difference)]
        reading = ("gain" if c.difference > 0 else "loss") if one.shown else "not shown"
        rows.append(
            DifferenceRow(
                one.label,
                c.n,
                c.wins,
                c.losses,
                signed(c.difference),
                f"[{signed(low)}, {signed(high)}]",
                chance(one.p_holm),
                reading,
                Bar(*place),
            )
        )
    return rows
