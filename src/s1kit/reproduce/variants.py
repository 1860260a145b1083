"""The trained variants: base, fine-tuned, and models that are asked for tokens or steps (paper, sections 4.2 and 5).

Knows what was asked and what was used. Refuses to enforce anything: these models are measured as they answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s1kit.conditions import countdowns
from s1kit.metrics.intervals import Interval, bootstrap_mean
from s1kit.reproduce.cells import Cell
from s1kit.store.run import RunDir
from s1kit.types import Generation, Record


class Variant(Record):
    """One model under one policy."""

    model: str
    asked: str
    """What the prompt asks for, or how the model was let write."""
    accuracy: float
    """Per cent; unanswered counts as wrong."""
    interval: Interval
    thinking_tokens: float
    """Mean; of the base, which marks no thinking, all that it wrote."""
    steps: float | None = None
    """Mean number of steps that a countdown announced, where steps were asked for."""
    kept: float | None = None
    """Per cent of the rows that used at most what was asked."""


def variants(done: Mapping[Cell, RunDir]) -> list[Variant]:
    """One line per model and policy, in the order of the cells."""
    return [line for cell, run in done.items() if cell.part == "variants" for line in _lines(cell.row, run)]


def _lines(model: str, run: RunDir) -> list[Variant]:
    right = {g.key: float(g.verdict == "correct") for g in run.grades("default")}
    rows: dict[str, list[Generation]] = {}
    for generation in run.generations():
        rows.setdefault(generation.policy_id, []).append(generation)
    lines = []
    for policy, entry in run.manifest.policies.items():
        found = sorted(rows[policy], key=lambda g: g.key)
        values = [right[g.key] for g in found]
        ask = entry["policy"].get("ask")
        steps = [len(countdowns(g.thinking_text)) for g in found] if ask and ask["unit"] == "steps" else None
        tokens = [g.n_thinking or g.n_answer for g in found] if model == "base" else [g.n_thinking for g in found]
        kept = None if not ask else _share(steps if steps is not None else tokens, ask["limit"])
        lines.append(
            Variant(
                model=model,
                asked=f"{ask['limit']} {ask['unit']}" if ask else str(entry["label"]),
                accuracy=100 * sum(values) / len(values),
                interval=bootstrap_mean([100 * value for value in values]),
                thinking_tokens=sum(tokens) / len(tokens),
                steps=sum(steps) / len(steps) if steps is not None else None,
                kept=kept,
            )
        )
    return sorted(lines, key=_place)


def _place(line: Variant) -> tuple[int, str]:
    number = line.asked.partition(" ")[0]
    return (int(number) if number.isdecimal() else 0, line.asked if not number.isdecimal() else "")


def _share(used: Sequence[int], limit: int) -> float:
    return 100 * sum(number <= limit for number in used) / len(used)


def variants_markdown(lines: Sequence[Variant]) -> str:
    """As a Markdown table."""
    head = ("model", "asked", "right", "thinking tokens", "steps", "within what was asked")
    out = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for line in lines:
        interval = f"[{line.interval.low:.1f}, {line.interval.high:.1f}]"
        steps = "" if line.steps is None else f"{line.steps:.1f}"
        kept = "" if line.kept is None else f"{line.kept:.0f}%"
        cells = (line.model, line.asked, f"{line.accuracy:.1f}% {interval}", f"{line.thinking_tokens:.0f}", steps, kept)
        out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out) + "\n"
