"""The contamination reports of a curation as sentences, counts and pairs side by side.

Knows the shape that ``curate.contamination_report`` writes, for the pool and for each selection. Refuses to compare:
what is marked is what was found there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from s1kit.curate.contamination_report import ModeReport, Pair, Report
from s1kit.curate.contamination_sides import Side
from s1kit.report.text import number, percent

PAIRS = 30
"""Pairs of a mode that are shown."""
CHARACTERS = 3_000
"""Of one side of a pair, from its beginning."""
PHRASES = 12
"""Boilerplate n-grams that are named."""

Pieces = tuple[tuple[bool, str], ...]
"""(marked, text), in order."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A pair: what was found, then both texts with their heads."""

    title: str
    sides: tuple[tuple[str, Pieces], ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule on one set of questions."""

    mode: str
    told: str
    boilerplate: str
    counts: tuple[tuple[str, str, str, str], ...]
    """Evaluation set, its items, questions hit, questions dropped."""
    pairs: tuple[Shown, ...]
    n_pairs: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One set of questions: a heading, what could not be said, and every rule that was tried."""

    name: str
    note: str
    modes: tuple[Tried, ...]


def compared(reports: Mapping[str, Any]) -> list[Compared]:
    """What each stored report says; ``reports`` is heading to the parsed JSON, None where there is none."""
    return [_compared(name, stored) for name, stored in reports.items() if stored is not None]


def _compared(name: str, stored: Any) -> Compared:
    if not isinstance(stored, dict) or not stored.get("evaluations"):
        return Compared(name, "No evaluation set was compared with.", ())
    try:
        report = Report.model_validate(stored)
    except ValidationError:
        return Compared(name, "This report is of another version of s1kit; run the comparison again to see it.", ())
    return Compared(name, "", tuple(_tried(mode, found, report) for mode, found in report.modes.items()))


def _tried(mode: str, found: ModeReport, report: Report) -> Tried:
    n = found.rule.get("n")
    coverage = "a share of the item or of the question, boilerplate left out, or a near-duplicate"
    rule = {"paper": f"any shared {n}-gram of words", "coverage": coverage}
    told = (
        f"{number(found.hit)} of {number(report.questions)} questions share something with an evaluation item, "
        f"{number(found.dropped)} enough to be dropped by this rule ({rule.get(mode, mode)}). "
        f"{number(found.short_questions)} have fewer than {n} words: no {n}-gram can match them."
    )
    phrases = "; ".join(f"“{phrase}” in {number(count)}" for phrase, count in found.boilerplate[:PHRASES])
    counts = tuple(
        (name, number(report.evaluations.get(name, {}).get("items")), number(c.hit), number(c.dropped))
        for name, c in found.by_evaluation.items()
    )
    boilerplate = f"Not counted, being in too many questions ({number(found.n_boilerplate)} in all): {phrases}"
    return Tried(
        mode=mode,
        told=told,
        boilerplate=boilerplate if phrases else "",
        counts=counts,
        pairs=tuple(_shown(pair) for pair in found.pairs[:PAIRS]),
        n_pairs=found.n_pairs,
    )


def _shown(pair: Pair) -> Shown:
    shares = f"{percent(pair.coverage)} of the item, {percent(pair.question_coverage)} of the question"
    alike = f", {percent(pair.similarity)} of the word triples of both" if pair.similarity is not None else ""
    reason = f"dropped: {pair.reason.replace('_', ' ')}" if pair.reason else "too little to drop"
    left = f"question {pair.question_id} from {pair.source or 'no source'}"
    right = f"{pair.evaluation} {pair.item_id}"
    sides = ((left, tuple(_pieces(pair.question))), (right, tuple(_pieces(pair.item))))
    return Shown(f"{reason} · {shares}{alike}", sides)


def _pieces(side: Side) -> Iterator[tuple[bool, str]]:
    """The words as stretches that are marked or not, cut after so many characters, with what is left out said."""
    left, at = CHARACTERS, 0
    if side.first:
        yield False, f"[{number(side.first)} words before] "
    ends = [(end, marked) for start, stop in side.marks for end, marked in ((start, False), (stop, True))]
    for end, marked in (*ends, (len(side.words), False)):
        text = " ".join(side.words[at:end])[:left]
        if text:
            yield marked, text
            yield False, " "
        left -= len(text)
        at = end
    more = side.of - side.first - len(side.words)
    if more > 0 or left <= 0:
        yield False, f"[{number(more)} words after]" if more > 0 else "[…]"
