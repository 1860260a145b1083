"""A ledger of model calls as lines of a table, for the page and the terminal.

Knows the shape that ``curate.calls.ledger`` writes. Refuses to add money up: what is not known stays a dash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s1kit.report.text import number

COST_HEADS = (
    ("calls", "replies that were needed"),
    ("cached", "of them, from the cache"),
    ("errors", "replies that are errors after the last try"),
    ("prompt", "tokens sent"),
    ("completion", "tokens answered, thinking included"),
    ("thinking", "of them thinking, as far as the server told"),
    ("cost", "of all replies, at the prices given"),
    ("paid now", "of the replies that the last run asked for"),
)
"""Columns after role and model, and what they mean."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """One role with one model, or the sum of all; cells in the order of ``COST_HEADS``."""

    role: str
    model: str
    cells: tuple[str, ...]


def cost_rows(ledger: Any) -> list[CostRow]:
    """The ledger's entries and the sum of their costs; empty without a ledger, and for one that holds no entry."""
    entries = _plain(ledger).get("entries")
    rows = [_row(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    if len(rows) > 1:
        total = _plain(_plain(ledger).get("cost"))
        blank = ("",) * (len(COST_HEADS) - 2)
        rows.append(CostRow("all", "", (*blank, _money(total.get("used")), _money(total.get("paid")))))
    return rows


def _row(entry: Mapping[str, Any]) -> CostRow:
    used, paid = _plain(entry.get("used")), _plain(entry.get("paid"))
    counts = (
        used.get("calls"),
        entry.get("cached"),
        *(used.get(n) for n in ("errors", "prompt", "completion", "thinking")),
    )
    cells = (
        *(number(n if isinstance(n, int) else None) for n in counts),
        _money(used.get("cost")),
        _money(paid.get("cost")),
    )
    return CostRow(str(entry.get("role", "")), str(entry.get("model", "")), cells)


def _plain(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _money(value: Any) -> str:
    return number(value, 2) if isinstance(value, (int, float)) else "–"
