"""What the paper printed, beside which our own numbers are put.

Knows the numbers of Tables 1 to 4, 7 and 11 to 13 and of Figure 6, those of the follow-up s1.1, and the place that each
has in a table of ours. Refuses to know ours. Source: arXiv 2501.19393, sections 4 to 6 and appendices C and D.
Accuracies and control in per cent, scaling in points per doubling, the rest in tokens or steps. None: not printed, or
not legible where we read it.
"""

from __future__ import annotations

from collections.abc import Mapping

from s1kit.types import Record


class PublishedRow(Record):
    """One printed row."""

    method: str
    """As our comparison calls it."""
    setting: str | None
    """As the paper says it; None: the method as a whole."""
    place: int | None
    """Which of our method's settings it stands beside, from 0."""
    values: tuple[float | None, ...]


class Published(Record):
    """A printed table, and what of ours goes beside it."""

    columns: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    """Fields of our row: of the method where ``place`` is None, else of the setting."""
    rows: tuple[PublishedRow, ...] = ()
    note: str = ""


def _settings(method: str, settings: tuple[int, ...], *columns: tuple[float | None, ...]) -> tuple[PublishedRow, ...]:
    values = zip(settings, zip(*columns, strict=True), strict=True)
    return tuple(
        PublishedRow(method=method, setting=str(setting), place=place, values=row)
        for place, (setting, row) in enumerate(values)
    )


def _alone(values: Mapping[str, tuple[float | None, ...]]) -> tuple[PublishedRow, ...]:
    return tuple(PublishedRow(method=name, setting=None, place=None, values=row) for name, row in values.items())


_SETS = ("AIME24", "MATH500", "GPQA Diamond")
_TABLE1: tuple[tuple[str, str | None, tuple[float | None, ...]], ...] = (
    ("o1-preview", None, (44.6, 85.5, 73.3)),
    ("o1-mini", None, (70.0, 90.0, 60.0)),
    ("o1", None, (74.4, 94.8, 77.3)),
    ("Gemini 2.0 Flash Thinking", None, (60.0, None, None)),
    ("Qwen2.5-32B-Instruct", None, (26.7, 84.0, 49.0)),
    ("QwQ-32B-preview", None, (50.0, 90.6, 65.2)),
    ("r1", ">>800K", (79.8, 97.3, 71.5)),
    ("r1-distill", "800K", (72.6, 94.3, 62.1)),
    ("Sky-T1", "17K", (43.3, 82.4, 56.8)),
    ("Bespoke-32B", "17K", (63.3, 93.0, 58.1)),
    ("s1 without budget forcing", "1K", (50.0, 92.6, 56.6)),
    ("s1-32B", "1K", (56.7, 93.0, 59.6)),
)
"""Model, examples of its fine-tuning, accuracies."""
_TABLE2: dict[str, tuple[float | None, ...]] = {
    "random": (36.7, -26.7, -3.3, 90.6, -4.8, 0.0, 52.0, -12.6, 2.5),
    "diverse": (26.7, -40.0, -10.0, 91.2, -4.0, 0.2, 54.6, -10.1, 5.1),
    "longest": (33.3, -36.7, 0.0, 90.4, -5.0, -0.2, 59.6, -5.1, 10.1),
    "full": (53.3, -13.3, 20.0, 92.8, -2.6, 2.2, 58.1, -6.6, 8.6),
    "s1K": (50.0, None, None, 93.0, None, None, 57.6, None, None),
}
_TABLE7: dict[str, tuple[float | None, ...]] = {
    "cut": (74, 30.0, 20721, 90.0, 5324, 52.5, 6841),
    "whole": (0, 50.0, 6984, 91.0, 3268, 53.0, 3568),
}
_TABLE3: dict[str, tuple[float | None, ...]] = {
    "BF": (100, 15, 56.7, 5),
    "TCC": (40, -24, 40.0, 5),
    "TCC+BF": (100, 13, 40.0, 5),
    "SCC": (60, 3, 36.7, 5),
    "SCC+BF": (100, 6, 36.7, 5),
    "CCC": (50, 25, 36.7, 2),
    "RS": (100, -35, 40.0, 5),
}
_TABLE4: dict[str, tuple[float | None, ...]] = {
    "natural": (50.0, 93.0, 57.6),
    "nothing": (50.0, 90.2, 55.1),
    "Alternatively": (50.0, 92.2, 59.6),
    "Hmm": (50.0, 93.0, 59.6),
    "Wait": (53.3, 93.0, 59.6),
}
_INSTRUCTED = (1024, 2048, 4096, 8192, 16384)
_COUNTED = (16, 32, 64, 128, 256)
_Cell = tuple[float | None, int]
"""Accuracy and mean thinking tokens."""


def _classes(
    benchmark: str, short: tuple[float | None, int], long: tuple[float | None, int], none: tuple[float, int]
) -> Published:
    found = (("CCC", "short", 0, short), ("CCC", "long", 1, long), ("none", "no prompt", 0, none))
    return Published(
        columns=(f"{benchmark} right", "thinking"),
        ours=("accuracy", "used"),
        rows=tuple(PublishedRow(method=m, setting=s, place=p, values=row) for m, s, p, row in found),
    )


PUBLISHED: dict[str, Published] = {
    "table1": Published(
        columns=_SETS, rows=tuple(PublishedRow(method=m, setting=s, place=None, values=v) for m, s, v in _TABLE1)
    ),
    "table2": Published(
        columns=tuple(head for name in _SETS for head in (name, f"{name} low", f"{name} high")),
        rows=_alone(_TABLE2),
        note="low and high: 95% interval of the difference to s1K, paired over questions. All thought for about 30,000 "
        "tokens at most.",
    ),
    "table7": Published(
        columns=("rows cut", *(head for name in _SETS for head in (name, f"{name} thinking"))),
        rows=_alone(_TABLE7),
        note="Trained on at most 4,096 and 32,768 tokens of each row.",
    ),
    "s1.1": Published(
        columns=("AIME24", "AIME25", "MATH500", "GPQA Diamond"),
        rows=_alone({"s1.1-32B": (56.7, 50.0, 95.4, 63.6)}),
        note="The same 1,000 questions with traces of DeepSeek r1; published after the paper.",
    ),
    "table3-nano": Published(
        columns=("control", "scaling", "performance", "|A|"),
        ours=("control", "scaling", "performance", "n_points"),
        rows=_alone(_TABLE3),
        note="AIME24. Step-conditional control is 60% by the paper's own rule; one version prints 9%.",
    ),
    "table4-nano": Published(
        columns=("AIME24", "MATH500", "GPQA Diamond"), ours=("performance", "best_used"), rows=_alone(_TABLE4)
    ),
    "table11-nano": Published(
        columns=("thinking", "answer", "AIME24"),
        ours=("used", "answer", "accuracy"),
        rows=(
            *_settings("TCC", _INSTRUCTED, (7939, 7158, 8263, 7108, 7500), (689, 669, 659, 722, None),
                       (26.7, 30.0, 33.3, 33.3, 40.0)),
            *_settings("TCC+BF", _INSTRUCTED, (1024, 2048, 4031, 5664, 6330), (15, 15, 142, 722, None),
                       (3.3, 30.0, 33.3, 33.3, 40.0)),
        ),
    ),
    "table12-nano": Published(
        columns=("steps", "tokens per step", "thinking", "answer", "AIME24"),
        ours=("steps", "tokens_per_step", "used", "answer", "accuracy"),
        rows=(
            *_settings("SCC", _COUNTED, (123, 90, 80, 82, 136), (60, 70, 69, 66, 56), (7252, 6277, 5396, 5552, 7551),
                       (665, 653, 735, 777, 754), (33.3, 23.3, 33.3, 36.7, 33.3)),
            *_settings("SCC+BF", _COUNTED, (16, 32, 59, 78, 136), (96, 94, 80, 70, 56), (1517, 2963, 4636, 5409, 7551),
                       (1111, 788, 799, 794, 754), (23.3, 23.3, 33.3, 36.7, 33.3)),
        ),
        note="The paper's thinking tokens leave the announcements of steps out; ours count them.",
    ),
    "table13-nano-hard": _classes("AIME24", (30.0, 8033), (36.7, 9651), (50.0, 6109)),
    "table13-nano-mixed": _classes("MATH500", (None, 2537), (91.4, 3875), (93.0, 3298)),
    "table13-nano-choice": _classes("GPQA Diamond", (None, 4177), (51.0, 4827), (57.6, 3510)),
    "figure4b-nano": Published(note="The paper draws majorities of 2 to 64 samples of its base model, no numbers."),
    "figure6-nano": Published(
        note="Limits from 3500 to 16000 thinking tokens took 655, 97, 8, 3, 2 and 1 tries on average."
    ),
    "figure7-nano": Published(
        note="The paper draws curves, no numbers, and leaves the reward model's tokens out; ours count them."
    ),
}  # fmt: skip
"""Recipe, or a table of no comparison -> what the paper printed."""
