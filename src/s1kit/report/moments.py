"""A few generations that say most: repaired or broken by an extension, cut off too early, looped, thought too long.

Knows which question shows what, and how to cut the telling stretch out of a trace. Refuses to pick what flatters: of
each kind it is the shortest, so that it can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from s1kit.report.marks import CURVE, Marked
from s1kit.report.rows import Key, Row
from s1kit.report.traces import Decode, Piece, pieces
from s1kit.types import Generation, Grade, Question

Kind = Literal["repaired", "broken", "cut", "lost", "looped", "silent"]
KINDS: tuple[Kind, ...] = ("repaired", "broken", "cut", "lost", "looped", "silent")
"""In the order in which they are shown; at most one question of each."""
TITLES: Mapping[Kind, str] = {
    "repaired": "Repaired by a forced second look",
    "broken": "Broken by a forced second look",
    "cut": "Cut off too early",
    "lost": "Right when cut off, wrong when left to think",
    "looped": "Went round in circles",
    "silent": "Gave no answer",
}
BEFORE, AFTER = 200, 340
"""Characters of an excerpt on either side of what it is about."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A row to show, and the row that it is held against."""

    kind: Kind
    row: Row
    against: Row | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A pick with its words."""

    kind: Kind
    title: str
    says: str
    question: Question
    shown: Marked
    pieces: tuple[Piece, ...]
    href: str
    """Into the browser; empty where there is none."""


def pick(rows: Iterable[Row], points: Sequence[Marked]) -> list[Pick]:
    """At most one of each kind, all of different questions; the shortest of its kind, then the first by id."""
    curve = [m for m in points if m.mark in (*CURVE, "unforced")]
    order = {m.point.policy_id: place for place, m in enumerate(curve)}
    marks = {m.point.policy_id: m.mark for m in curve}
    by_question: dict[str, list[Row]] = {}
    for row in rows:
        if row.sample == 0 and row.policy_id in order and row.verdict != "ungraded":
            by_question.setdefault(row.question_id, []).append(row)
    best: dict[Kind, list[Pick]] = {kind: [] for kind in KINDS}
    for mine in by_question.values():
        mine.sort(key=lambda row: order[row.policy_id])
        for found in _of_question(mine, marks):
            best[found.kind].append(found)
    chosen: list[Pick] = []
    for kind in KINDS:
        taken = {found.row.question_id for found in chosen}
        free = [found for found in best[kind] if found.row.question_id not in taken]
        if free:
            chosen.append(min(free, key=lambda p: (p.row.thinking, p.row.question_id)))
    return chosen


def _of_question(mine: Sequence[Row], marks: Mapping[str, str]) -> Iterable[Pick]:
    """What the rows of one question, by rising thinking of their policies, are an example of."""
    natural = next((row for row in mine if marks[row.policy_id] == "natural"), None)
    cuts = [row for row in mine if marks[row.policy_id] == "truncation" and row.ended == "cutoff"]
    steps = [row for row in mine if marks[row.policy_id] == "extension"]
    if natural is not None:
        right = natural.verdict == "correct"
        turned = next((row for row in steps if (row.verdict == "correct") != right), None)
        if turned is not None:
            yield Pick("broken" if right else "repaired", turned, natural)
        wrong_cuts = [row for row in cuts if row.verdict != "correct"]
        if right and wrong_cuts:
            yield Pick("cut", wrong_cuts[-1], natural)
        if not right and len(wrong_cuts) < len(cuts):
            yield Pick("lost", natural, next(row for row in reversed(cuts) if row.verdict == "correct"))
    for kind, fits in (("looped", [row for row in mine if row.looped]), ("silent", _silent(mine))):
        if fits:
            yield Pick("looped" if kind == "looped" else "silent", fits[-1], None)


def _silent(mine: Sequence[Row]) -> list[Row]:
    return [row for row in mine if row.verdict == "no_answer"]


def tell(
    picks: Sequence[Pick],
    questions: Mapping[str, Question],
    rows: Mapping[Key, tuple[Generation, Grade]],
    points: Sequence[Marked],
    decode: Decode | None,
    link: Callable[[Pick], str],
) -> list[Moment]:
    """The picks in words, each with its excerpt and its link."""
    of = {m.point.policy_id: m for m in points}
    told = []
    for one in picks:
        if one.row.key not in rows or one.row.question_id not in questions:
            continue
        generation, _ = rows[one.row.key]
        question, shown = questions[one.row.question_id], of[one.row.policy_id]
        told.append(
            Moment(
                kind=one.kind,
                title=TITLES[one.kind],
                says=_says(one, rows, of),
                question=question,
                shown=shown,
                pieces=excerpt(pieces(generation, decode), one.kind),
                href=link(one),
            )
        )
    return told


def _says(one: Pick, rows: Mapping[Key, tuple[Generation, Grade]], of: Mapping[str, Marked]) -> str:
    generation, grade = rows[one.row.key]
    shown = of[one.row.policy_id]
    spent = f" after {generation.n_thinking:,} thinking tokens" if shown.counted else ""
    said = f"{shown.point.label}: {_answer(grade)}{spent}"
    if one.against is None or one.against.key not in rows:
        return f"{said}."
    before, verdict = rows[one.against.key]
    other = of[one.against.policy_id]
    spent = f" after {before.n_thinking:,}" if other.counted else ""
    return f"{other.point.label}: {_answer(verdict)}{spent}. {said}."


def _answer(grade: Grade) -> str:
    if grade.extracted is None:
        return "no answer"
    short = " ".join(grade.extracted[:200].split())
    short = short if len(short) <= 40 else f"{short[:39]}…"
    return f"{short} ({'right' if grade.verdict == 'correct' else 'wrong'})"


def excerpt(parts: Sequence[Piece], kind: Kind) -> tuple[Piece, ...]:
    """The stretch around what was forced: the last nudge of a second look, the cut of a cut trace, else the end."""
    wanted = {"repaired": ("nudge",), "broken": ("nudge",), "cut": ("close", "cutoff")}.get(kind, ())
    places = [place for place, part in enumerate(parts) if part.why in wanted]
    if kind == "cut":
        places = places[:1]
    if not places:
        return tuple(_ending(parts))
    at = places[-1]
    return (*_ending(parts[:at], BEFORE), parts[at], *_beginning(parts[at + 1 :], AFTER))


def _ending(parts: Sequence[Piece], room: int = BEFORE + AFTER) -> list[Piece]:
    """The last ``room`` characters."""
    kept: list[Piece] = []
    for part in reversed(parts):
        if room <= 0:
            break
        short = part if len(part.text) <= room else replace(part, text=f"… {part.text[-room:]}")
        kept.append(short)
        room -= len(part.text)
    return kept[::-1]


def _beginning(parts: Sequence[Piece], room: int) -> list[Piece]:
    """The first ``room`` characters."""
    kept: list[Piece] = []
    for part in parts:
        if room <= 0:
            break
        kept.append(part if len(part.text) <= room else replace(part, text=f"{part.text[:room]} …"))
        room -= len(part.text)
    return kept
