"""A run as the trace browser and the overview take it: which policies, in which order, called what.

Knows what a reader chooses between. Refuses to know how anything is drawn or stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from s1kit.report.marks import Mark
from s1kit.report.traces import Decode
from s1kit.store.run import RunDir


@dataclass(frozen=True, slots=True)
class Listed:
    """One policy of a run, as a column of the browser."""

    policy_id: str
    label: str
    mark: Mark | None
    """Its place in the curve; None where it has none (a comparison's methods)."""
    budget: int | None
    """Thinking tokens that it may spend at most, for the budget bar; None: no limit of its own."""
    counted: bool = True
    """Whether its tokens were counted; else the browser shows no number of them."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One run of a report."""

    run: RunDir
    name: str
    """Short, and unique in its report: deep links use it."""
    grader: str
    """Which grades are shown, as ``RunDir.grade_files`` names them."""
    policies: tuple[Listed, ...]
    """In reading order: by rising thinking, then what stands beside the curve."""
    decode: Decode | None
    """Token ids to text; None where there is no tokenizer: texts are then shown as stored."""
