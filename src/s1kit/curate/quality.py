"""Which questions are badly formatted, and by which named pattern.

Knows what a question looks like when its figure, its own number or its second half got lost on the way (paper,
section 2.2: ASCII art, references to missing images, inconsistent numbering). Refuses to know whether it is hard or
right. Every pattern reads a question in time linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from s1kit.curate.fold import folded, shown
from s1kit.curate.row import Row
from s1kit.errors import UserError
from s1kit.types import Decision, Question

Span = tuple[int, int]
Find = Callable[[Question, str], Span | None]
"""Where a pattern is in a question's text followed by its choices, each on a line of its own; None where it is not."""


class UnknownPatternError(UserError, ValueError):
    """A pattern was asked for that there is not; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One fault: why it is one, and where it is. ``default``: looked for unless told otherwise."""

    why: str
    find: Find
    default: bool = True


_AIME = re.compile(r"(?<![a-z])aime(?![a-z])", re.I)
_ASY = re.compile(r"\[asy\]", re.I)
_THING = r"(?:figure|diagram|picture|image)s?"
_IMAGE_TRACES = ("fig", "diagram", "picture", "image", "img", "graphics", "![")
"""One of these is in every match of the next pattern: to look for them first halves the cost of the whole step."""
_IMAGE = re.compile(
    r"!\[Image\]|(?<![\d)])!\[[^\]\n]{0,80}\]\(|<img\b|\\includegraphics\b|\[img\b"
    rf"|\[(?:(?:see|insert) (?:the )?)?(?:fig\.?|{_THING})[ \d.:#-]{{0,8}}(?:here|below|above|omitted|not shown)?\]"
    rf"|\b{_THING} ?[(\[](?:see )?(?:attached|attachment|omitted|missing|not (?:shown|included|available))\b"
    rf"|\b{_THING} (?:is |are )?(?:omitted|not shown|not available)\b|\bsee (?:the )?attached {_THING}\b",
    re.I,
)
_FIGURE = re.compile(
    rf"\b{_THING} (?:below|above|shown|to the (?:right|left)|at (?:the )?(?:right|left))\b"
    rf"|\b(?:adjoining|accompanying|following) {_THING}\b|\b(?:in|by|see) (?:the|this) {_THING}\b(?! (?:of|under)\b)"
    r"|\bfig(?:ure|\.) ?\d{1,3}(?:[-.]\d{1,3})?\b",
    re.I,
)
_ITEM_START = r"(?:^[ \t#>(]{0,8}|(?<=[.!?$\]])\s{1,8})"
_PLAIN = r"p[1-9]\d{0,2}[a-z]?\.(?=[\s*]|\Z)"
_LABEL = r"problem \d{1,3}[a-z]?[.):]?|[a-z]{0,2}\d{1,3}(?:\.\d{1,3}){1,2}[a-z]?[.):]?|[a-z]{1,2}\d{1,3}[a-z]?[.):]"
_NUMBERING = re.compile(
    rf"{_ITEM_START}(?:{_PLAIN}|\*\* ?(?:{_LABEL}) ?\*\*)|\A\s{{0,8}}\*\* ?\d{{1,3}}[a-z]?[.):] ?\*\*", re.I | re.M
)
_CANDIDATE = re.compile(r"^[-|/\\_+=<>^*.'~: \t\r0-9A-Za-z\u2500-\u257f]{3,}+$", re.M)
_RULER = re.compile(r"[-:| \t\r]+")
_LONG_LABEL = re.compile(r"[0-9A-Za-z]{3}")
_STROKE = re.compile(r"[/\\]|--|__|==|\+-|-\+|[\u2500-\u257f]")
_BARS = re.compile(r"\|[| \t]*\|")
_REFERENCE_NUMBER = re.compile(r"p[1-9]\d{0,2}\.")
_REFERENCE_BOLD = re.compile(r"\*\*[^\s\]]*?\*\*")


def _searching(pattern: re.Pattern[str]) -> Find:
    def find(question: Question, text: str) -> Span | None:
        found = pattern.search(text)
        return found.span() if found else None

    return find


def _image(question: Question, text: str) -> Span | None:
    lowered = text.lower()
    found = _IMAGE.search(text) if any(trace in lowered for trace in _IMAGE_TRACES) else None
    return found.span() if found else None


def _asymptote(question: Question, text: str) -> Span | None:
    found = _ASY.search(text)
    return found.span() if found and not _AIME.search(question.source) else None


def _figure(question: Question, text: str) -> Span | None:
    """A figure that is there as Asymptote or TikZ is not missing."""
    found = None if _ASY.search(text) or "tikzpicture" in text else _FIGURE.search(text)
    return found.span() if found else None


def _is_answer(question: Question, text: str) -> Span | None:
    if not question.answer or folded(question.text) != folded(question.answer):
        return None
    return (0, len(question.text)) if folded(question.text) else None


def _empty(question: Question, text: str) -> Span | None:
    return None if folded(question.text) else (0, 0)


def _drawn(question: Question, text: str) -> tuple[int, int] | None:
    """The first drawing's span, or None.

    A drawing is at least two lines, one under the other, of strokes (slashes, runs of dashes, bars, the box-drawing
    signs) and labels of one or two letters or digits, no more label than stroke; at least one of them has no label.
    Lines of one repeated sign are rulers, and a ruler with bars makes a Markdown table of the lines around it.
    """
    block: list[tuple[int, int, str]] = []
    for found in _CANDIDATE.finditer(text):
        kind = _kind(found.group())
        if block and block[-1][1] + 1 != found.start():
            if span := _drawing(block):
                return span
            block = []
        block.append((found.start(), found.end(), kind))
    return _drawing(block)


def _drawing(block: list[tuple[int, int, str]]) -> tuple[int, int] | None:
    """The first run of drawn lines in neighbouring lines, none of which is a table's ruler."""
    kinds = [kind for _, _, kind in block]
    if "table" in kinds:
        return None
    drawn = ("strokes", "labelled")
    for i in range(len(block) - 1):
        if kinds[i] in drawn and kinds[i + 1] in drawn and "strokes" in kinds[i : i + 2]:
            return block[i][0], block[i + 1][1]
    return None


def _kind(line: str) -> str:
    """``strokes``, ``labelled`` (strokes and short labels), ``table`` (a ruler with bars) or ``other``."""
    bare = line.replace("\\_", "").strip()
    if len(bare) < 3 or len(set(bare)) == 1 or _LONG_LABEL.search(bare):
        return "other"
    if "|" in bare and "-" in bare and _RULER.fullmatch(bare):
        return "table"
    labels = sum(sign.isalnum() for sign in bare)
    if not labels:
        return "strokes" if _STROKE.search(bare) or _BARS.fullmatch(bare) else "other"
    strokes = sum(not sign.isalnum() and not sign.isspace() for sign in bare)
    return "labelled" if _STROKE.search(bare) and labels <= strokes else "other"


def _reference_bold(question: Question, text: str) -> Span | None:
    r"""``\*\*(?=.*\d)[^\s\]]*\*\*`` without its quadratic cost: on each line the first bold piece has most after it."""
    start = 0
    for line in text.split("\n"):
        if (found := _REFERENCE_BOLD.search(line)) and re.search(r"\d", line[found.start() + 2 :]):
            return start + found.start(), start + found.end()
        start += len(line) + 1
    return None


PATTERNS: dict[str, Pattern] = {
    "empty": Pattern("nothing is left once invisible signs are folded away", _empty),
    "question_is_answer": Pattern("the question is its own answer", _is_answer),
    "missing_image": Pattern("an image or attachment that is not in the text", _image),
    "asymptote": Pattern("the figure is drawing code; kept for AIME, whose problems are good", _asymptote),
    "ascii_art": Pattern("a diagram drawn in characters", _drawn),
    "numbering": Pattern("an item still carries its number from a list of problems", _searching(_NUMBERING)),
    "figure_reference": Pattern("speaks of a figure and none is given", _figure, default=False),
}
"""In the order in which they are looked for: the first that is found is the reason."""

REFERENCE: dict[str, Pattern] = {
    "missing_image": Pattern("the text has ![Image]", _searching(re.compile(r"!\[Image\]"))),
    "numbering": Pattern("the text has p1. to p999. anywhere", _searching(_REFERENCE_NUMBER)),
    "bold_numbering": Pattern("a bold piece without blanks, and a digit after it", _reference_bold),
}
"""What the reference code looks for besides ``[asy]``, letter for letter: its numbers hit ``step2.`` too."""


def check(
    question: Question, patterns: Iterable[str] | None = None, *, reference: bool = False
) -> list[tuple[str, str]]:
    """(pattern, evidence) of everything found; empty for a clean question. The evidence is the match with a few
    characters on either side.

    ``patterns``: names from `PATTERNS`, looked for in that table's order; None for the default ones. ``reference``: the
    reference code's rules instead, for comparison. By them ``[asy]`` drops a question unless its source has ``AIME``
    in it, and then nothing else is looked at. Raises `UnknownPatternError`.
    """
    return _found(question, _wanted(patterns), reference)


def step(rows: Sequence[Row], patterns: Iterable[str] | None = None, *, reference: bool = False) -> list[Decision]:
    """One decision per row (step ``quality``): dropped with the first pattern found as the reason, the others named
    behind its evidence. Arguments and errors as for `check`."""
    table = _wanted(patterns)
    decisions = []
    for row in rows:
        found = _found(row.question, table, reference)
        if not found:
            decisions.append(row.decide("quality", True))
            continue
        also = "; also " + ", ".join(name for name, _ in found[1:]) if found[1:] else ""
        decisions.append(row.decide("quality", False, found[0][0], found[0][1] + also))
    return decisions


def _found(question: Question, table: dict[str, Pattern], reference: bool) -> list[tuple[str, str]]:
    text = "\n".join((question.text, *question.choices))
    if reference and "[asy]" in text:
        at = text.index("[asy]")
        return [] if "AIME" in question.source else [("asymptote", shown(text, at, at + 5))]
    found = ((name, pattern.find(question, text)) for name, pattern in (REFERENCE if reference else table).items())
    return [(name, shown(text, *span)) for name, span in found if span is not None]


def _wanted(patterns: Iterable[str] | None) -> dict[str, Pattern]:
    if patterns is None:
        return {name: pattern for name, pattern in PATTERNS.items() if pattern.default}
    names = set(patterns)
    if unknown := sorted(names - PATTERNS.keys()):
        raise UnknownPatternError(f"there is no quality pattern {unknown[0]!r}\nhint: one of {', '.join(PATTERNS)}")
    return {name: pattern for name, pattern in PATTERNS.items() if name in names}
