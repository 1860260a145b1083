"""What the reader of a run wants to read first: a few traces per question, side by side, within a size.

Knows which policies and questions come first, and how many bytes all of it may take. Refuses to decode by itself: with
the caller's ``decode`` the forced tokens are told from the model's by the segments; without it the texts are shown as
they were stored, and nothing is said about who wrote what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from s1kit.report.marks import Mark, Marked
from s1kit.report.text import shares, shorten, weight
from s1kit.types import Generation, Grade, Question, Segment

Decode = Callable[[Sequence[int]], str]
BYTES, QUESTIONS, POLICIES = 2_000_000, 60, 8
"""Of all traces in the page; how many questions; how many policies per question."""
_FORCED = {
    "open": "opens the thinking",
    "nudge": "forced instead of the model's end of thinking",
    "close": "closes the thinking",
    "cutoff": "forced because the budget ran out",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: of the model (``why`` empty), or forced, with why; ``note`` says it in words."""

    text: str
    why: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One trace as it is shown."""

    label: str
    mark: Mark
    generation: Generation
    grade: Grade
    pieces: tuple[Piece, ...]
    counted: bool = True
    """Whether its tokens were counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One question with its traces; ``change`` says how the first extension compares with the natural end."""

    question: Question
    traces: tuple[Shown, ...]
    change: str


def pick_policies(points: Sequence[Marked]) -> list[Marked]:
    """Smallest budget, natural end, each extension; other policies only where there are none of these."""
    budgets = [m for m in points if m.mark == "truncation"][:1]
    rest = [m for m in points if m.mark in ("natural", "unforced")]
    steps = [m for m in points if m.mark == "extension"]
    return (budgets + rest + steps or list(points))[:POLICIES]


def entries(
    questions: Iterable[Question],
    rows: Mapping[tuple[str, str, int], tuple[Generation, Grade]],
    points: Sequence[Marked],
    decode: Decode | None = None,
    limit: int = BYTES,
) -> list[Entry]:
    """The first sample of up to 60 questions; those whose verdict an extension changed come first.

    All of it weighs at most about ``limit`` bytes in the page: long traces lose their middles.
    """
    chosen = pick_policies(points)
    ordered = sorted(_answered(questions, rows, chosen), key=lambda pair: _rank(pair[1]))[:QUESTIONS]
    each = limit // max(1, sum(len(found) for _, found in ordered))
    return [
        Entry(question, tuple(_shown(m, *row, decode, each) for m, row in found), _change(found))
        for question, found in ordered
    ]


_Found = list[tuple[Marked, tuple[Generation, Grade]]]


def _answered(
    questions: Iterable[Question],
    rows: Mapping[tuple[str, str, int], tuple[Generation, Grade]],
    chosen: Sequence[Marked],
) -> list[tuple[Question, _Found]]:
    found = []
    for question in questions:
        keys = [(m, (question.id, m.point.policy_id, 0)) for m in chosen]
        there = [(m, rows[key]) for m, key in keys if key in rows]
        if there:
            found.append((question, there))
    return found


def _change(found: _Found) -> str:
    """``repaired`` or ``broken`` by the first extension whose verdict differs from the natural end's; else empty."""
    before = next((row[1] for m, row in found if m.mark == "natural"), None)
    if before is None:
        return ""
    for m, (_, grade) in found:
        if "ungraded" in (before.verdict, grade.verdict):
            continue  # an engine's failure is no answer that a nudge repaired or broke
        if m.mark == "extension" and (grade.verdict == "correct") != (before.verdict == "correct"):
            return "repaired" if grade.verdict == "correct" else "broken"
    return ""


def _rank(found: _Found) -> int:
    return {"repaired": 0, "broken": 1}.get(_change(found), 2)


def _shown(m: Marked, generation: Generation, grade: Grade, decode: Decode | None, limit: int) -> Shown:
    return Shown(m.point.label, m.mark, generation, grade, _fit(pieces(generation, decode), limit), m.counted)


def pieces(generation: Generation, decode: Decode | None = None) -> list[Piece]:
    """The text of a generation in the order in which it was written."""
    texts = [_segment_text(generation, segment, decode) for segment in generation.segments]
    if not texts or any(text is None for text in texts):
        parts = (generation.thinking_text, generation.answer_text)
        notes = ("", "answer")
        return [Piece(text, note=note) for text, note in zip(parts, notes, strict=True) if text or note]
    return [_piece(segment, text) for segment, text in zip(generation.segments, texts, strict=True) if text is not None]


def _segment_text(generation: Generation, segment: Segment, decode: Decode | None) -> str | None:
    """The text of one segment; None where nothing here can say it."""
    if segment.text is not None:
        return segment.text
    if decode is None or generation.token_ids is None:
        return None
    return decode(generation.token_ids[segment.start : segment.end])


def _piece(segment: Segment, text: str) -> Piece:
    if segment.origin == "model":
        return Piece(text)
    return Piece(text or "(nothing appended)", segment.why, _FORCED.get(segment.why, "forced"))


def _fit(parts: Sequence[Piece], limit: int) -> tuple[Piece, ...]:
    """The pieces within ``limit`` bytes: what was forced is short and stays whole longest."""
    given = shares([weight(part.text) if len(part.text) <= limit else limit + 1 for part in parts], limit)
    return tuple(Piece(shorten(part.text, room), part.why, part.note) for part, room in zip(parts, given, strict=True))
