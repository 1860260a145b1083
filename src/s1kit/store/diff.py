"""Two runs compared: what they were asked, and what came out, policy by policy.

Knows how policies and rows of two runs are matched, and how verdicts are held against each other. Refuses to generate,
to grade and to guess: a row without tokens is compared by its text, one without a verdict is counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from s1kit.store.diff_asked import Asked, asked
from s1kit.store.diff_pairs import Pairs, pair_rows, tokenizers_differ
from s1kit.store.diff_rows import Sameness, sameness
from s1kit.store.diff_verdicts import Changed, Ruled, Verdicts, changed, ruled, verdicts
from s1kit.store.errors import StoreError
from s1kit.store.run import RunDir
from s1kit.types import Record, RunManifest


class PolicyDiff(Record):
    """One policy in both runs. ``thinking_a`` and ``thinking_b`` are mean thinking tokens over ``both`` rows."""

    label: str
    a: str
    b: str
    matched: Literal["id", "label"]
    """label: the ids differ, so the policies do; what differs stands among the differences asked."""
    both: int
    only_a: int
    only_b: int
    by_tokens: Sameness | None
    by_text: Sameness | None
    """Rows of which a side has no token ids, and all rows where the tokenizers differ."""
    thinking_a: float | None
    thinking_b: float | None
    verdicts: Verdicts | None
    """None where a run has no grades by this grader."""

    @property
    def same(self) -> bool:
        """Whether every row is in both runs, with the same tokens (or text) and the same verdict."""
        alike = all(s is None or s.identical == s.n for s in (self.by_tokens, self.by_text))
        return alike and self.only_a == self.only_b == 0 and (self.verdicts is None or not self.verdicts.differ)


class RunDiff(Record):
    """All of it. ``notes`` say what could not be compared, and why."""

    a: str
    b: str
    asked: tuple[Asked, ...]
    questions_both: int
    questions_only_a: int
    questions_only_b: int
    policies: tuple[PolicyDiff, ...]
    only_a: tuple[str, ...]
    """Labels of policies that only the first run has."""
    only_b: tuple[str, ...]
    changed: tuple[Changed, ...]
    n_changed: int
    """How many rows went from right to wrong or back; ``changed`` holds the first of them."""
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether what came out is the same: policies, rows, tokens, verdicts. What was asked does not count."""
        return not self.only_a and not self.only_b and all(policy.same for policy in self.policies)


def diff_runs(
    a: RunDir, b: RunDir, *, policy: str | None = None, grader: str = "default", limit: int | None = 20
) -> RunDiff:
    """``b`` held against ``a``. ``policy`` (an id or a label) narrows it to one; ``limit`` is for ``changed`` alone.

    Raises StoreError where the runs share no question, where ``policy`` is in neither or only one of them, and where a
    file is damaged.
    """
    asked_of = [{q.id: q for q in run.questions()} for run in (a, b)]
    common = asked_of[0].keys() & asked_of[1].keys()
    if not common:
        raise StoreError(
            f"{a.id} and {b.id} have no question in common ({len(asked_of[0])} and {len(asked_of[1])} questions)",
            "a question is known by its text: compare runs of the same benchmark",
        )
    matches = _chosen(match_policies(a.manifest, b.manifest), a.manifest, b.manifest, policy)
    by_id = {mine: other for mine, other, _ in matches}
    left, right = graded = (ruled(a, grader), ruled(b, grader))
    notes = list(_notes(a, b, graded, grader))
    compared = pair_rows(a, b, by_id)
    diffs: list[PolicyDiff] = []
    changes: list[Changed] = []
    for mine, other, how in matches:
        rows = compared[mine]
        found = verdicts(rows.both, other, left, right)
        label = str(a.manifest.policies[mine].get("label", mine))
        diffs.append(_policy_diff(rows, label, mine, other, how, found))
        changes += changed(rows.both, label, other, left, right, asked_of[0])
    return RunDiff(
        a=a.id,
        b=b.id,
        asked=tuple(asked(a.manifest, b.manifest, by_id)),
        questions_both=len(common),
        questions_only_a=len(asked_of[0]) - len(common),
        questions_only_b=len(asked_of[1]) - len(common),
        policies=tuple(diffs),
        only_a=() if policy else _left(a.manifest, by_id),
        only_b=() if policy else _left(b.manifest, by_id.values()),
        changed=tuple(changes[:limit]),
        n_changed=len(changes),
        notes=tuple(notes),
    )


Match = tuple[str, str, Literal["id", "label"]]


def match_policies(a: RunManifest, b: RunManifest) -> list[Match]:
    """``(id in a, id in b, how)``: by id, else by a label that both runs give to one policy alone; in a's order."""
    labels = [_by_label(m, skip) for m, skip in ((a, b.policies), (b, a.policies))]
    found: list[Match] = []
    for policy, entry in a.policies.items():
        label = str(entry.get("label", policy))
        if policy in b.policies:
            found.append((policy, policy, "id"))
        elif len(labels[0].get(label, ())) == len(labels[1].get(label, ())) == 1:
            found.append((policy, labels[1][label][0], "label"))
    return found


def _by_label(manifest: RunManifest, skip: Iterable[str]) -> dict[str, list[str]]:
    left = [policy for policy in manifest.policies if policy not in set(skip)]
    found: dict[str, list[str]] = {}
    for policy in left:
        found.setdefault(str(manifest.policies[policy].get("label", policy)), []).append(policy)
    return found


def _chosen(matches: list[Match], a: RunManifest, b: RunManifest, policy: str | None) -> list[Match]:
    if policy is None:
        return matches
    names = {m: {m[0], m[1], str(a.policies[m[0]].get("label", m[0]))} for m in matches}
    chosen = [m for m in matches if policy in names[m]]
    if not chosen:
        known = ", ".join(str(a.policies[m[0]].get("label", m[0])) for m in matches) or "none"
        raise StoreError(f"{policy!r} is no policy of both {a.id} and {b.id}", f"in both, by id or label: {known}")
    return chosen


def _left(manifest: RunManifest, matched: Iterable[str]) -> tuple[str, ...]:
    there = set(matched)
    return tuple(str(entry.get("label", name)) for name, entry in manifest.policies.items() if name not in there)


def _notes(a: RunDir, b: RunDir, graded: tuple[Ruled | None, Ruled | None], grader: str) -> Iterable[str]:
    for run, found in zip((a, b), graded, strict=True):
        if found is None:
            yield f"{run.id} has no grades by {grader!r}: verdicts are not compared (`s1 grade` makes them)"
        if run.manifest.status != "finished":
            yield f"{run.id} is {run.manifest.status}: only the rows that it has are compared"
    if graded[0] and graded[1] and graded[0].version != graded[1].version:
        yield f"grader versions differ ({graded[0].version} and {graded[1].version}): so may verdicts on the same words"
    if tokenizers_differ(a.manifest, b.manifest):
        yield "the tokenizers differ: rows are compared by their text, and tokens are counted differently"


def _policy_diff(
    rows: Pairs, label: str, a: str, b: str, how: Literal["id", "label"], found: Verdicts | None
) -> PolicyDiff:
    n = len(rows.thinking)
    return PolicyDiff(
        label=label,
        a=a,
        b=b,
        matched=how,
        both=n,
        only_a=rows.only_a,
        only_b=rows.only_b,
        by_tokens=sameness("tokens", rows.tokens, rows.shown.__getitem__),
        by_text=sameness("characters", rows.text, rows.shown.__getitem__),
        thinking_a=sum(one for one, _ in rows.thinking) / n if n else None,
        thinking_b=sum(other for _, other in rows.thinking) / n if n else None,
        verdicts=found,
    )
