"""What every "Wait" changed: which answers it repaired, which it broke, and whether that could be chance.

Knows pairs of policies on the same questions. Refuses to count rows that are ungraded on either side: they are left
out of both sides and counted, so an engine failure is never a right answer that a "Wait" broke.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from s1kit.metrics.intervals import PairedComparison, compare
from s1kit.metrics.points import GradedRows, is_correct
from s1kit.types import Generation, Grade, Record

Against = Literal["natural", "previous", "named"]
"""The same policy without extensions; the same nudge with fewer extensions; a policy that the caller named."""
_EXTENSION_FIELDS = frozenset({"extensions", "nudges", "after_nudge"})


class LedgerEntry(Record):
    """One policy against one baseline, on the samples that both have. Counts are of (question, sample) pairs.

    ``comparison`` averages samples within a question first; with one sample per question its wins and losses are
    ``wrong_to_right`` and ``right_to_wrong``. Not correct counts as wrong here; ``n_ungraded`` pairs are left out.
    """

    policy_id: str
    label: str
    baseline_id: str
    baseline_label: str
    against: Against
    """What the baseline is: see `Against`."""
    extensions: int
    n_pairs: int
    n_ungraded: int
    wrong_to_right: int
    right_to_wrong: int
    same_right: int
    same_wrong: int
    answers_changed: int
    """Pairs whose extracted answers differ as text, from or to no answer included."""
    extra_thinking: float
    """Mean thinking tokens more than the baseline, per pair."""
    comparison: PairedComparison | None
    """None where no graded pair is left."""


def transitions(
    baseline: GradedRows,
    other: GradedRows,
    *,
    labels: tuple[str, str],
    against: Against = "named",
    extensions: int = 0,
    seed: int = 0,
) -> LedgerEntry:
    """The `LedgerEntry` of ``other`` against ``baseline``; ``labels`` are (baseline, other).

    Raises ValueError where the two share no (question, sample).
    """
    before, after = _by_sample(baseline), _by_sample(other)
    shared = sorted(before.keys() & after.keys())
    if not shared:
        raise ValueError(f"{labels[1]} and {labels[0]} have no question and sample in common")
    graded = [k for k in shared if "ungraded" not in (before[k][1].verdict, after[k][1].verdict)]
    moves = [(before[k][1].verdict == "correct", after[k][1].verdict == "correct") for k in graded]
    changed = sum(_answer(before[k][1]) != _answer(after[k][1]) for k in graded)
    extra = [after[k][0].n_thinking - before[k][0].n_thinking for k in shared]
    return LedgerEntry(
        policy_id=other.generations[0].policy_id,
        label=labels[1],
        baseline_id=baseline.generations[0].policy_id,
        baseline_label=labels[0],
        against=against,
        extensions=extensions,
        n_pairs=len(graded),
        n_ungraded=len(shared) - len(graded),
        wrong_to_right=moves.count((False, True)),
        right_to_wrong=moves.count((True, False)),
        same_right=moves.count((True, True)),
        same_wrong=moves.count((False, False)),
        answers_changed=changed,
        extra_thinking=sum(extra) / len(extra),
        comparison=_comparison([before[k] for k in graded], [after[k] for k in graded], seed),
    )


def _by_sample(rows: GradedRows) -> dict[tuple[str, int], tuple[Generation, Grade]]:
    return {
        (row.question_id, row.sample): (row, grade) for row, grade in zip(rows.generations, rows.grades, strict=True)
    }


def _answer(grade: Grade) -> str | None:
    return None if grade.extracted is None else " ".join(grade.extracted.split())


def _comparison(
    before: list[tuple[Generation, Grade]], after: list[tuple[Generation, Grade]], seed: int
) -> PairedComparison | None:
    """Paired comparison on per-question means of aligned pairs."""
    if not before:
        return None
    sides = [GradedRows(tuple(row for row, _ in side), tuple(grade for _, grade in side)) for side in (before, after)]
    questions = sides[0].question_ids
    return compare(sides[0].means(is_correct, questions), sides[1].means(is_correct, questions), seed=seed)


def extension_ledger(
    rows: Mapping[str, GradedRows], policies: Mapping[str, Mapping[str, Any]], *, seed: int = 0
) -> tuple[LedgerEntry, ...]:
    """Ledger entries of every policy with extensions: against the natural run, and against the previous extension.

    The natural run of a policy is the one that differs from it only in having no extensions (so a "Wait" under a
    maximum of 512 is held against the plain maximum of 512); the previous is the one with the next smaller number of
    the same nudges. Entries whose baseline was not run are left out. ``policies`` is as in `summary.summarise`; a
    policy with the key ``against`` (a policy id) is held against that one too, extensions or not.
    """
    entries = []
    for policy_id, described in policies.items():
        if policy_id not in rows:
            continue
        for against, baseline_id in _baselines(policy_id, policies):
            if baseline_id in rows:
                entry = transitions(
                    rows[baseline_id],
                    rows[policy_id],
                    labels=(str(policies[baseline_id]["label"]), str(described["label"])),
                    against=against,
                    extensions=_extensions(described),
                    seed=seed,
                )
                entries.append(entry)
    return tuple(entries)


def _extensions(described: Mapping[str, Any]) -> int:
    return int(described["policy"].get("extensions") or 0)


def _baselines(policy_id: str, policies: Mapping[str, Mapping[str, Any]]) -> list[tuple[Against, str]]:
    """What a policy is to be held against. Raises KeyError where ``against`` names a policy that does not exist."""
    described = policies[policy_id]
    found: list[tuple[Against, str]] = []
    count = _extensions(described)
    if count:
        like = [other for other, d in policies.items() if _stem(d) == _stem(described)]
        found += [("natural", other) for other in like if _extensions(policies[other]) == 0][:1]
        nudges = described["policy"].get("nudges")
        fewer = [
            other
            for other in like
            if 0 < _extensions(policies[other]) < count
            and policies[other]["policy"].get("nudges") == nudges
            and policies[other]["policy"].get("after_nudge") == described["policy"].get("after_nudge")
        ]
        if fewer:
            found.append(("previous", max(fewer, key=lambda other: _extensions(policies[other]))))
    if named := described.get("against"):
        if named not in policies:
            raise KeyError(f"{policy_id} is to be held against {named!r}, which is no policy of this run")
        found.append(("named", str(named)))
    return found


def _stem(described: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """A policy without what makes an extension, and how its tokens are drawn: equal stems differ in their "Wait"s
    only."""
    plain = {name: value for name, value in described["policy"].items() if name not in _EXTENSION_FIELDS}
    return plain, described.get("sampling")
