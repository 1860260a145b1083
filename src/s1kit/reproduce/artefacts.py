"""The paper's tables as files: what it printed beside ours, with our intervals and how they were obtained.

Knows which of our numbers stand beside which of the paper's. Refuses to compute them: comparisons and tables did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s1kit.compare.result import Comparison
from s1kit.compare.table import MethodRow, PointRow
from s1kit.metrics.intervals import Interval
from s1kit.reproduce.beside import Beside, field_of, ours
from s1kit.reproduce.published import PUBLISHED, Published, PublishedRow
from s1kit.reproduce.table_files import Column, Entry, PaperTable
from s1kit.reproduce.tables import Measured

FOLDER = "artefacts"
NEEDED = "needs a model"
_INTERVALS = frozenset({"accuracy", "performance", "scaling"})
_NOTES = (
    "paper: as printed, the authors' 32B models on their own sets. ours: model and questions named below; where they "
    "are others, the two compare in shape and not in height. Brackets: 95%, questions resampled.",
)
SYSTEMS = {"Qwen2.5-32B-Instruct": "base", "s1 without budget forcing": "natural", "s1-32B": "best"}
"""Rows of Table 1 that have a counterpart of ours."""


def title(part: str) -> str:
    """``table3`` as a heading: Table 3."""
    place = next((i for i, letter in enumerate(part) if letter.isdigit()), len(part))
    return f"{part[:place].capitalize()} {part[place:]}".strip()


def beside_table(part: str, found: Sequence[Beside], notes: Sequence[str]) -> PaperTable:
    """A table of comparisons (one per set of questions): the paper's columns, then ours."""
    several = len(found) > 1
    published = found[0].published
    columns = [Column(head="questions", words=True), Column(head="paper's", words=True)] if several else []
    columns += [Column(head=head, words=True) for head in ("method", "paper's setting", "our setting")]
    columns += [Column(head=f"paper: {_bare(head) if several else head}") for head in published.columns]
    columns += [
        Column(head=f"ours: {field.replace('_', ' ')}", interval=field in _INTERVALS) for field in published.ours
    ]
    rows = [
        ((_word(one.benchmark), _word(_set(one.published))) if several else ()) + _beside_row(one, row)
        for one in found
        for row in one.published.rows
    ]
    told = tuple(one.published.note for one in found if one.published.note)
    return PaperTable(
        name=part,
        title=f"{title(part)}: the paper's numbers beside ours",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(*_NOTES, *dict.fromkeys(told), *notes),
    )


def _beside_row(one: Beside, printed: PublishedRow) -> tuple[Entry, ...]:
    own = ours(one, printed)
    label = own.label if isinstance(own, PointRow) else None
    values = [Entry(value=value) for value in printed.values]
    if own is None:
        lacks = NEEDED if printed.method in one.lacking else None
        mine = [Entry(value=lacks) for _ in one.published.ours]
    else:
        mine = [_entry(own, field) for field in one.published.ours]
    return (_word(printed.method), _word(printed.setting), _word(label), *values, *mine)


def _entry(row: MethodRow | PointRow, field: str) -> Entry:
    value = field_of(row, field)
    if field == "scaling" and isinstance(row, MethodRow):
        return _within(value, row.scaling.interval, 1)
    if field in _INTERVALS:
        return _within(value, row.interval, 100)
    return Entry(value=value)


def _within(value: float | None, interval: Interval | None, unit: float) -> Entry:
    if value is None or interval is None:
        return Entry(value=value)
    return Entry(value=value, low=unit * interval.low, high=unit * interval.high)


def _word(text: str | None) -> Entry:
    return Entry(value=text)


def _bare(head: str) -> str:
    """A column's head without its set: "AIME24 right" is "right" where the set has a column of its own."""
    return head.split()[-1] if head.endswith("right") else head


def _set(published: Published) -> str | None:
    return published.columns[0].removesuffix(" right") if published.columns else None


def seeds_table(part: str, rows: Sequence[Measured], notes: Sequence[str]) -> PaperTable:
    """Tables 2 and 7: what was trained on what, natural and with one "Wait"."""
    published = PUBLISHED[part]
    columns = [Column(head="trained on", words=True), *(Column(head=f"paper: {head}") for head in published.columns)]
    columns += [Column(head="ours: rows"), Column(head="ours: tokens of a row")]
    for role in ("natural", "one Wait"):
        columns += [
            Column(head=f"ours: {role}", interval=True),
            Column(head=f"ours: {role}, difference", interval=True),
        ]
        columns += [Column(head=f"ours: {role}, thinking")]
    lines = []
    for natural in (row for row in rows if row.role == "natural"):
        waited = next(row for row in rows if row.role == "extension" and row.row == natural.row)
        printed = next((one for one in published.rows if natural.row.startswith(one.method)), None)
        values = printed.values if printed else (None,) * len(published.columns)
        own = [entry for one in (natural, waited) for entry in _measured(one)]
        size = [Entry(value=natural.rows), Entry(value=natural.trained_tokens / natural.rows)]
        lines.append((_word(natural.row), *(Entry(value=value) for value in values), *size, *own))
    seeds = max((row.seeds for row in rows), default=0)
    told = f"Ours: mean over {seeds} seeds; difference: points against {rows[0].row}, paired over questions."
    return PaperTable(
        name=part,
        title=f"{title(part)}: the paper's numbers beside ours",
        columns=tuple(columns),
        rows=tuple(lines),
        notes=(*_NOTES, published.note, told, *notes),
    )


def _measured(row: Measured) -> tuple[Entry, ...]:
    against = _within(row.difference, row.difference_interval, 1)
    return _within(row.accuracy, row.interval, 1), against, Entry(value=row.thinking_tokens)


def systems_table(found: Mapping[str, Comparison], notes: Sequence[str]) -> PaperTable:
    """Table 1: every printed system, and ours on each benchmark (name -> comparison) where one stands for it."""
    published = PUBLISHED["table1"]
    heads = ("model", "examples")
    columns = [*(Column(head=head, words=True) for head in heads)]
    columns += [Column(head=f"paper: {head}") for head in published.columns]
    columns += [Column(head=f"ours: {name}", interval=True) for name in found]
    rows = [
        (
            *(_word(printed.method), _word(printed.setting)),
            *(Entry(value=value) for value in printed.values),
            *(_system(one, SYSTEMS.get(printed.method)) for one in found.values()),
        )
        for printed in published.rows
    ]
    stands = ", ".join(f"{ours} for {theirs}" for theirs, ours in SYSTEMS.items())
    told = f"Ours: {stands}. Best is the best setting of budget forcing, picked on these questions."
    return PaperTable(
        name="table1",
        title="Table 1: the paper's systems beside ours",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(*_NOTES, told, *notes),
    )


def _system(found: Comparison, which: str | None) -> Entry:
    if which is None:
        return Entry(value=None)
    if which == "best":
        best = next((row for row in found.methods if row.method == "BF"), None)
        return Entry(value=NEEDED) if best is None else _entry(best, "performance")
    method, label = ("BF", which) if which == "natural" else (which, None)
    row = next((r for r in found.settings if r.method == method and label in (None, r.label)), None)
    return Entry(value=NEEDED) if row is None else _entry(row, "accuracy")


def settings_table(part: str, found: Sequence[Comparison]) -> PaperTable:
    """What a figure draws: every setting of its comparisons."""
    words, numbers = ("questions", "method", "setting"), ("asked", "used", "tokens", "reward", "seconds", "tries")
    columns = [*(Column(head=head, words=True) for head in words), Column(head="n")]
    columns += [Column(head="accuracy", interval=True), *(Column(head=head) for head in numbers)]
    rows = [
        (
            *(_word(one.benchmark), _word(row.method), _word(row.label), Entry(value=one.n_questions)),
            _entry(row, "accuracy"),
            *(Entry(value=getattr(row, head)) for head in numbers),
        )
        for one in found
        for row in one.settings
    ]
    return PaperTable(name=part, title=title(part), columns=tuple(columns), rows=tuple(rows))
