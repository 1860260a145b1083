"""What was compared, what was found, and the pairs side by side: the content of ``contamination.json``.

Knows counts and texts. Refuses to decide (``decontaminate`` did) and to draw (the report does). Bounded however large
the pool and its texts are: the strongest ``PAIRS`` of each mode, a few hundred words a side; the rest counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from s1kit.curate.contamination_index import SHINGLE
from s1kit.curate.contamination_sides import Placed, Side
from s1kit.curate.decontaminate import Contamination, Hit, Mode
from s1kit.types import Question, Record

PAIRS = 200
"""Pairs of a mode that are shown, strongest first."""
PHRASES = 100
"""Boilerplate n-grams that are listed, those in most questions first."""


class Pair(Record):
    """A question and an evaluation item."""

    question_id: str
    source: str
    evaluation: str
    item_id: str
    reason: str | None
    """ngram, coverage or near_duplicate; None: too little to drop the question for."""
    evidence: str
    coverage: float
    """Share of the item's n-grams, 0..1."""
    question_coverage: float
    """Share of the question's n-grams, 0..1."""
    similarity: float | None
    """Jaccard index of the word triples, where it reaches the rule's least."""
    question: Side
    item: Side


class Counts(Record):
    """Distinct questions (of a source: its rows)."""

    questions: int
    hit: int
    """Share something with an evaluation item at all."""
    dropped: int


class ModeReport(Record):
    """One rule on one set of questions."""

    rule: dict[str, Any]
    hit: int
    dropped: int
    short_questions: int
    """Rows with fewer words than an n-gram."""
    reasons: dict[str, int]
    """Reason of the strongest hit -> questions dropped."""
    by_evaluation: dict[str, Counts]
    """A question that hits two sets counts in both."""
    by_source: dict[str, Counts]
    boilerplate: tuple[tuple[str, int], ...]
    """N-grams left out, and how many questions hold each: the commonest ``PHRASES``."""
    n_boilerplate: int
    pairs: tuple[Pair, ...]
    n_pairs: int
    """All of them, those not shown included."""


class Report(Record):
    """``contamination.json``. ``modes`` has one entry per rule that was tried."""

    questions: int
    """Rows that were compared."""
    evaluations: dict[str, dict[str, int]]
    """Name -> {"items": ..., "short_items": ...}; a short item has fewer words than an n-gram."""
    modes: dict[str, ModeReport]


def report(
    found: Mapping[Mode, Contamination],
    questions: Callable[[], Iterable[Question]],
    evaluations: Mapping[str, Sequence[tuple[str, str]]],
) -> dict[str, Any]:
    """A ``Report`` as plain values. ``questions()`` gives what was compared, once more; its texts are ``prompt()``."""
    strongest = {mode: _strongest(contamination.hits) for mode, contamination in found.items()}
    pairs: dict[str, dict[tuple[str, str, str], Pair]] = {mode: {} for mode in found}
    hits = {mode: contamination.by_question() for mode, contamination in found.items()}
    dropped = {mode: contamination.dropped() for mode, contamination in found.items()}
    sources: Counter[str] = Counter()
    tallies: dict[str, dict[str, Counter[str]]] = {mode: {"hit": Counter(), "dropped": Counter()} for mode in found}
    texts = {(name, item_id): text for name, items in evaluations.items() for item_id, text in items}
    total = 0
    for question in questions():
        total += 1
        sources[question.source] += 1
        for mode, contamination in found.items():
            tallies[mode]["hit"][question.source] += question.id in hits[mode]
            tallies[mode]["dropped"][question.source] += question.id in dropped[mode]
            wanted = [hit for hit in strongest[mode].get(question.id, ()) if _key(hit) not in pairs[mode]]
            if wanted:
                placed = Placed.of(question.prompt(), mode)
                for hit in wanted:
                    item = Placed.of(texts[hit.evaluation, hit.item_id], mode)
                    pairs[mode][_key(hit)] = _pair(contamination, hit, question.source, placed, item)
    modes = {
        mode: _mode_report(contamination, hits[mode], sources, tallies[mode], pairs[mode])
        for mode, contamination in found.items()
    }
    first = next(iter(found.values()))
    sizes = {name: {"items": n, "short_items": first.short_items[name]} for name, n in first.n_items.items()}
    return Report(questions=total, evaluations=sizes, modes=modes).model_dump(mode="json")


def _mode_report(
    contamination: Contamination,
    hits: dict[str, list[Hit]],
    sources: Counter[str],
    tallies: dict[str, Counter[str]],
    pairs: dict[tuple[str, str, str], Pair],
) -> ModeReport:
    rule = contamination.rule
    reasons = Counter(reason for own in hits.values() if (reason := _reason(own, contamination)))
    by_evaluation = {}
    for name in contamination.n_items:
        own = [hit for hit in contamination.hits if hit.evaluation == name]
        gone = {hit.question_id for hit in own if hit.reason(rule) is not None}
        by_evaluation[name] = Counts(
            questions=contamination.n_questions, hit=len({h.question_id for h in own}), dropped=len(gone)
        )
    by_source = {
        name: Counts(questions=n, hit=tallies["hit"][name], dropped=tallies["dropped"][name])
        for name, n in sorted(sources.items())
    }
    return ModeReport(
        rule=asdict(rule),
        hit=len(hits),
        dropped=reasons.total(),
        short_questions=contamination.short_questions,
        reasons=dict(sorted(reasons.items())),
        by_evaluation=by_evaluation,
        by_source=by_source,
        boilerplate=tuple(list(contamination.boilerplate.items())[:PHRASES]),
        n_boilerplate=len(contamination.boilerplate),
        pairs=tuple(sorted(pairs.values(), key=_order)),
        n_pairs=len(contamination.hits),
    )


def _reason(hits: Sequence[Hit], contamination: Contamination) -> str | None:
    """Why a question with these hits, strongest first, is dropped; None where it is not."""
    return next((reason for hit in hits if (reason := hit.reason(contamination.rule))), None)


def _key(hit: Hit) -> tuple[str, str, str]:
    return hit.question_id, hit.evaluation, hit.item_id


def _strongest(hits: Sequence[Hit]) -> dict[str, list[Hit]]:
    """The ``PAIRS`` strongest hits by question."""
    found: dict[str, list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.strength, *_key(hit)))[:PAIRS]:
        found.setdefault(hit.question_id, []).append(hit)
    return found


def _order(pair: Pair) -> tuple[float, str, str, str]:
    strength = max(pair.coverage, pair.question_coverage, pair.similarity or 0.0)
    return -strength, pair.question_id, pair.evaluation, pair.item_id


def _pair(contamination: Contamination, hit: Hit, source: str, question: Placed, item: Placed) -> Pair:
    rule = contamination.rule
    n, without = (rule.n, contamination.boilerplate) if hit.similarity is None else (SHINGLE, {})
    return Pair(
        question_id=hit.question_id,
        source=source,
        evaluation=hit.evaluation,
        item_id=hit.item_id,
        reason=hit.reason(rule),
        evidence=hit.evidence(rule.n),
        coverage=hit.coverage,
        question_coverage=hit.question_coverage,
        similarity=hit.similarity,
        question=question.side(item, n, without),
        item=item.side(question, n, without),
    )
