"""Everything that ``metrics.json`` holds, computed from a run's questions, generations and grades.

Knows how the parts fit together, and which runs make up the method whose control and scaling are asked for. Refuses
to print a number that ungraded rows or missing questions make untrue: the record says what it refused and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s1kit.metrics.anytime import Anytime
from s1kit.metrics.ledger import LedgerEntry, extension_ledger
from s1kit.metrics.points import GradedRows, Point, is_correct, join, point, thinking_tokens
from s1kit.metrics.scaling import Control, Per, Scaling, bootstrap_scaling, control, performance, scaling
from s1kit.types import Generation, Grade, Question, Record

MAIN = "main"


class Metrics(Record):
    """The metrics of one run under one grader. ``model_dump(mode="json")`` is what ``metrics.json`` holds."""

    grader: str
    grader_version: int
    n_questions: int
    seed: int
    """Of every resampling."""
    points: tuple[Point, ...]
    """By rising mean thinking tokens."""
    series: dict[str, str]
    """policy_id -> series; control, scaling and performance are of the series ``main``."""
    natural: str | None
    """The policy without any bound or extension: where truncation ends and extension begins."""
    control: Control
    scaling: Scaling
    """Points per doubling: the paper's."""
    scaling_1k: Scaling
    """Points per 1,000 tokens: the paper's formula as printed."""
    scaling_below: Scaling | None
    """Per doubling, over runs with at most the natural run's mean thinking tokens: truncation. None: no natural run."""
    scaling_above: Scaling | None
    """Per doubling, over runs with at least the natural run's: extension."""
    performance: float | None
    """Best accuracy in the main series; None where a row of it is ungraded."""
    best: str | None
    """The policy that has it."""
    ledger: tuple[LedgerEntry, ...]
    anytime: Anytime | None = None
    notes: tuple[str, ...] = ()
    """What a reader has to know before quoting a number."""


def summarise(
    questions: Sequence[Question],
    generations: Sequence[Generation],
    grades: Sequence[Grade],
    policies: Mapping[str, Mapping[str, Any]],
    *,
    seed: int = 0,
    anytime: Anytime | None = None,
) -> Metrics:
    """All metrics of a run.

    ``policies``: policy_id -> ``{"label": str, "policy": {kind, max_thinking, extensions, nudges, ...}}``.
    Optional keys: ``series`` (which method a policy belongs to; by default ``main``, and ``placebo`` for extensions
    whose nudge is not the format's own, or not the first one's where no policy uses the format's) and ``against``
    (a policy id to hold it against in the ledger). Other keys are not read.

    A run is bounded by what it asked: ``max_thinking`` is a_max, ``min_thinking`` is a_min; the others are unbounded
    and leave the denominator of control where any run is bounded.

    Raises ValueError where generations and grades do not match, two graders are mixed, a policy or question is
    unknown, or there is no generation at all.
    """
    rows = join(generations, grades)
    graders = sorted({(grade.grader, grade.version) for grade in grades})
    if len(graders) != 1:
        raise ValueError(f"metrics are of one grader at a time, not of {graders or 'none: there are no grades'}")
    _check_known(questions, rows, policies)
    points = sorted((_point(rows, policies, policy_id, seed) for policy_id in rows), key=lambda p: p.thinking_mean)
    series = _series(policies, list(rows))
    main = [p for p in points if series[p.policy_id] == MAIN] or points
    natural = _natural(policies, [p.policy_id for p in main])
    below, above = _sides(main, natural)
    best = None if any(p.accuracy is None for p in main) else max(main, key=lambda p: p.accuracy or 0.0)
    return Metrics(
        grader=graders[0][0],
        grader_version=graders[0][1],
        n_questions=len({row.question_id for row in generations}),
        seed=seed,
        points=tuple(points),
        series=series,
        natural=natural,
        control=_control(main, policies),
        scaling=_scaling(rows, main, "doubling", seed, policies),
        scaling_1k=_scaling(rows, main, "1k_tokens", seed, policies),
        scaling_below=_scaling(rows, below, "doubling", seed, policies) if natural else None,
        scaling_above=_scaling(rows, above, "doubling", seed, policies) if natural else None,
        performance=performance([p.accuracy or 0.0 for p in main]) if best else None,
        best=best.policy_id if best else None,
        ledger=extension_ledger(rows, policies, seed=seed),
        anytime=anytime,
        notes=(*_uncounted_note(points, policies), *_notes(questions, rows, points)),
    )


def _check_known(
    questions: Sequence[Question], rows: Mapping[str, GradedRows], policies: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise ValueError for a policy or question that nobody described."""
    if nameless := sorted(rows.keys() - policies.keys()):
        raise ValueError(f"no description of policy {nameless[0]!r} (and {len(nameless) - 1} more)")
    known = {question.id for question in questions}
    for policy_id, of_policy in rows.items():
        if strange := sorted(set(of_policy.question_ids) - known):
            raise ValueError(
                f"policy {policy_id!r} answers {len(strange)} unknown questions, the first is {strange[0]}"
            )


def _point(
    rows: Mapping[str, GradedRows], policies: Mapping[str, Mapping[str, Any]], policy_id: str, seed: int
) -> Point:
    described = policies[policy_id]
    made = point(rows[policy_id], label=str(described["label"]), policy=described["policy"], seed=seed)
    return made.model_copy(update={"share_within": None}) if described.get("tokens") == "not counted" else made


def _series(policies: Mapping[str, Mapping[str, Any]], policy_ids: Sequence[str]) -> dict[str, str]:
    """Series of each policy: as described, else main, or placebo for extensions with another than the main nudge."""
    nudges = [policies[p]["policy"].get("nudges") for p in policy_ids if policies[p]["policy"].get("extensions")]
    own = None if None in nudges or not nudges else nudges[0]
    series = {}
    for policy_id in policy_ids:
        policy = policies[policy_id]["policy"]
        other = bool(policy.get("extensions")) and policy.get("nudges") != own
        series[policy_id] = str(policies[policy_id].get("series") or ("placebo" if other else MAIN))
    return series


def _natural(policies: Mapping[str, Mapping[str, Any]], policy_ids: Sequence[str]) -> str | None:
    """The policy that lets the model end by itself: budget forcing with nothing asked, else unbounded unforced."""
    asked = ("max_thinking", "min_thinking", "extensions", "max_tokens", "ask")
    free = []
    for policy_id in policy_ids:
        policy = policies[policy_id]["policy"]
        nothing = policy.get("max_thinking") is None and not any(policy.get(field) for field in asked)
        if nothing and policy.get("kind") in ("budget_forcing", "unforced"):
            free.append(policy_id)
    return min(free, key=lambda p: policies[p]["policy"]["kind"] != "budget_forcing", default=None)


def _sides(points: Sequence[Point], natural: str | None) -> tuple[list[Point], list[Point]]:
    """Runs up to and from the natural run's mean thinking tokens; the natural run is on both sides."""
    end = next((p.thinking_mean for p in points if p.policy_id == natural), None)
    if end is None:
        return [], []
    return [p for p in points if p.thinking_mean <= end], [p for p in points if p.thinking_mean >= end]


def _uncounted(points: Sequence[Point], policies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Labels of the policies whose tokens nobody counted (imported texts): their 0 is not a number of tokens."""
    return [p.label for p in points if policies[p.policy_id].get("tokens") == "not counted"]


def _uncounted_note(points: Sequence[Point], policies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    blind = _uncounted(points, policies)
    told = f"tokens were not counted for {', '.join(blind)}: their token columns are empty, and there is no curve"
    return [f"{told} (s1 runs import --tokenizer FOLDER counts)"] if blind else []


def _control(points: Sequence[Point], policies: Mapping[str, Mapping[str, Any]]) -> Control:
    blind = set(_uncounted(points, policies))
    if blind:  # 0 tokens would be within every maximum: only what was counted can have kept to anything
        points = [p for p in points if p.label not in blind]
    if not points:
        return Control(value=None, n_bounded=0, n_unbounded=0, runs=())
    return control(
        [p.policy_id for p in points],
        [p.thinking_mean for p in points],
        [p.min_thinking for p in points],
        [p.max_thinking for p in points],
    )


def _scaling(
    rows: Mapping[str, GradedRows],
    points: Sequence[Point],
    per: Per,
    seed: int,
    policies: Mapping[str, Mapping[str, Any]],
) -> Scaling:
    """Scaling of some points, with its interval over the questions that all of them answered."""
    tokens = [p.thinking_mean for p in points]
    plain = scaling(tokens, [p.accuracy_low for p in points], per)
    if blind := _uncounted(points, policies):
        reason = f"tokens were not counted for {', '.join(blind)}"
        return plain.model_copy(update={"value": None, "theil_sen": None, "refused": reason})
    ungraded = [p.label for p in points if p.accuracy is None]
    if ungraded:
        reason = f"ungraded rows in {', '.join(ungraded)}"
        return plain.model_copy(update={"value": None, "theil_sen": None, "refused": reason})
    shared = sorted(set.intersection(*(set(rows[p.policy_id].question_ids) for p in points))) if points else []
    if any(p.n_questions != len(shared) for p in points):
        reason = f"the runs answer different questions; {len(shared)} are common to all"
        return plain.model_copy(update={"value": None, "theil_sen": None, "refused": reason})
    if plain.value is None:
        return plain
    spent = np.stack([rows[p.policy_id].means(thinking_tokens, shared) for p in points], axis=1)
    right = np.stack([rows[p.policy_id].means(is_correct, shared) for p in points], axis=1)
    return plain.model_copy(update={"interval": bootstrap_scaling(spent, right, per, seed=seed)})


def _notes(questions: Sequence[Question], rows: Mapping[str, GradedRows], points: Sequence[Point]) -> tuple[str, ...]:
    """Cautions in words."""
    notes = []
    for p in points:
        if p.n_ungraded:
            span = f"{100 * p.accuracy_low:.1f} to {100 * p.accuracy_high:.1f}%"
            notes.append(f"{p.label}: {p.n_ungraded} of {p.n} rows are ungraded, the accuracy lies within {span}")
    answered = {question for of_policy in rows.values() for question in of_policy.question_ids}
    if len(answered) < len(questions):
        notes.append(f"{len(questions) - len(answered)} of {len(questions)} questions have no generation at all")
    if len(answered) < 100:
        notes.append(f"{len(answered)} questions: bootstrap intervals are too narrow at this n, go by the exact p")
    return tuple(notes)
