"""What came out of a part, in a few lines with numbers and intervals.

Knows the rows of `results.json`. Refuses to judge them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from s1kit.report.text import signed
from s1kit.types import Record

NONE = "–"
_CONTROLLED = frozenset({"table3"})
"""Parts told by control, scaling and performance; the others by their first, best and last setting."""
_BF: dict[str, tuple[str, ...]] = {"BF": ()}
_SHOWN: dict[str, dict[str, tuple[str, ...]]] = {
    "figure1": _BF,
    "figure4a": _BF,
    "table1": {"base": (), "BF": ("natural", "Wait x2")},
}
"""Parts that read a comparison which holds more than they show: methods, and their settings (none: all)."""
Row = Mapping[str, Any]


class Told(Record):
    """What was measured on some questions, line by line."""

    on: str
    lines: tuple[str, ...]


def told(part: str, found: Sequence[Row], scale: Row) -> tuple[Told, ...]:
    """One for each comparison, or one for the rows of a part. Empty for rows of a kind that is not known here."""
    if any("settings" in one for one in found):
        return tuple(_comparison(part, one) for one in found)
    tellers = {"table2": _selections, "table7": _selections, "variants": _variants, "main": _curve}
    if part not in tellers:
        return ()
    asked = scale.get("curve" if part == "main" else "questions")
    on = f"{scale['benchmark']}, {asked} questions" if asked and "benchmark" in scale else ""
    return (Told(on=on, lines=tuple(tellers[part](found))),)


def _comparison(part: str, one: Row) -> Told:
    kept = [row for row in one["settings"] if row["accuracy"] is not None and _is_shown(part, row)]
    methods = dict.fromkeys(row["method"] for row in kept)
    lines = [_ends(name, [row for row in kept if row["method"] == name]) for name in methods]
    if part in _CONTROLLED:
        lines = [_controls(row) for row in one["methods"]]
    return Told(on=f"{one['benchmark']}, {one['questions']} questions", lines=tuple(lines))


def _is_shown(part: str, row: Row) -> bool:
    if part not in _SHOWN:
        return True
    labels = _SHOWN[part].get(row["method"])
    return labels is not None and (not labels or row["label"] in labels)


def _ends(name: str, rows: Sequence[Row]) -> str:
    """The first setting and the last; between them the natural end and the best."""
    best = max(rows, key=lambda row: float(row["accuracy"]))
    kept = [
        row for place, row in enumerate(rows) if place in (0, len(rows) - 1) or row is best or row["label"] == "natural"
    ]
    if len(rows) == 1:
        return f"{name}: {_setting(rows[0])}"
    return f"{name}: " + "; ".join(f"{row['label']}, {_setting(row)}" for row in kept)


def _setting(row: Row) -> str:
    return f"{_share(row['accuracy'], row['interval'])} at {row['tokens']:,.0f} tokens"


def _controls(row: Row) -> str:
    known = row["control"] is not None and row["control"]["value"] is not None
    control = f"{100 * row['control']['value']:.0f}%" if known else NONE
    return (
        f"{row['method']}: control {control}, {_slope(row['scaling'])} points per doubling, best "
        f"{_share(row['performance'], row['interval'])}"
    )


def _slope(scaled: Row) -> str:
    if scaled["interval"] is None:
        return signed(scaled["value"])
    return f"{signed(scaled['value'])} [{signed(scaled['interval']['low'])}, {signed(scaled['interval']['high'])}]"


def _share(value: float | None, interval: Row | None) -> str:
    """A share of 1 in per cent."""
    if value is None:
        return NONE
    if interval is None:
        return f"{100 * value:.1f}%"
    return _percent(100 * value, 100 * interval["low"], 100 * interval["high"])


def _percent(value: float, low: float, high: float) -> str:
    return f"{value:.1f}% [{low:.0f}, {high:.0f}]"


def _measured(row: Row) -> str:
    return _percent(row["accuracy"], row["interval"]["low"], row["interval"]["high"])


def _selections(found: Sequence[Row]) -> list[str]:
    return [
        f"{row['row']}: {_measured(row)} at {row['thinking_tokens']:.0f} thinking tokens, mean of {row['seeds']} seeds"
        for row in found
        if row["role"] == "natural"
    ]


def _variants(found: Sequence[Row]) -> list[str]:
    return [
        f"{row['model']}, {row['asked']}: {_measured(row)}" for row in found if row["model"] in ("base", "fine-tuned")
    ]


def _curve(found: Sequence[Row]) -> list[str]:
    graded = [row for row in found if row["accuracy"] is not None]
    points = sorted(graded, key=lambda row: float(row["thinking_tokens"]))
    ends = points[:1] + points[1:][-1:]
    return [
        f"{row['policy']}: {_percent(row['accuracy'], *row['interval'])} at {row['thinking_tokens']:.0f} tokens"
        for row in ends
    ]
