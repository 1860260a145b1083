"""The reproduction matrix as Markdown.

Knows Markdown. Refuses to compute.
"""

from __future__ import annotations

from collections.abc import Sequence

from s1kit.compare.text import Grid, markdown
from s1kit.reproduce.claims import Standing
from s1kit.reproduce.matrix_cost import ASSUMPTIONS, Cost
from s1kit.reproduce.matrix_rows import RULE, Group, MatrixRow

STANDING: dict[Standing, str] = {"chief": "chief claim", "minor": "minor claim", "beyond": "not the paper's claim"}


def matrix_markdown(rows: Sequence[MatrixRow], total: Cost, head: str = "# Reproduction matrix\n") -> str:
    """One table of all entries, then each with its claims, then how costs are counted."""
    parts = [head, RULE, markdown(_grid(rows))]
    parts += [f"All of it, with what several need counted once: {cost_text(total)}.", "## Entry by entry"]
    parts += [_entry(row) for row in rows]
    parts += ["## How costs are counted", "\n".join(f"- {text}" for text in ASSUMPTIONS)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def cost_text(cost: Cost) -> str:
    """Hours and tokens in words: "6.6 H100 hours to train, 1.9M tokens in 1.0 H100 hours"."""
    parts = []
    if cost.training_hours:
        parts.append(f"{_hours(cost.training_hours)} H100 hours to train")
    if cost.tokens:
        parts.append(f"{cost.tokens / 1e6:.1f}M tokens in {_hours(cost.generation_hours)} H100 hours")
    return ", ".join(parts)


def _hours(value: float) -> str:
    if value == 0:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _grid(rows: Sequence[MatrixRow]) -> Grid:
    heads = ("in the paper", "section", "status", "claims that hold", "command", "H100 hours")
    cells = [
        (
            row.number,
            row.section,
            f"{row.mark} {row.label}",
            _share(row),
            row.command,
            _hours(row.cost.hours),
        )
        for row in rows
    ]
    return Grid(heads, tuple(cells), names=5)


def _share(row: MatrixRow) -> str:
    verdicts = [claim.verdict for group in row.groups for claim in group.claims if claim.standing != "beyond"]
    return f"{verdicts.count('holds')} of {len(verdicts)}" if verdicts else ""


def _entry(row: MatrixRow) -> str:
    section = f" (section {row.section})" if row.section else ""
    lines = [f"### {row.number}", "", _plain(row.shows), ""]
    lines += [f"- {row.mark} **{row.label}**. {_plain(row.why)}", f"- Paper{section}: {_plain(row.paper)}"]
    for told in row.ours:
        lines += [f"- Here, {_plain(told.on)}:", *(f"  - {_plain(line)}" for line in told.lines)]
    lines += [f"- {_plain(row.remark)}"] if row.remark else []
    lines += [f"- Command: `{row.command}`"] if row.command else []
    lines += [f"- At 32B: {cost}." for cost in (cost_text(row.cost),) if cost]
    lines += [f"- {_plain(row.cost_note)}"] if row.cost_note else []
    lines += [f"- Files: {', '.join(f'[{name}](<{name}>)' for name in row.files)}"] if row.files else []
    return "\n".join([*lines, *(line for group in row.groups for line in _group(group))])


def _group(group: Group) -> list[str]:
    claims = [
        f"- {_plain(claim.claim)} ({STANDING[claim.standing]}; paper: {_plain(claim.paper)}): **{claim.verdict}**. "
        f"{_plain(claim.why)}"
        for claim in group.claims
    ]
    return ["", f"{_plain(group.name)}:", "", *claims]


def _plain(text: str) -> str:
    """``text`` on one line, with nothing that Markdown would take for its own."""
    folded = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_<>|" else letter for letter in folded).replace("](", "]\\(")
