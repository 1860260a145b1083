"""The numbers of a funnel report as records: what ``funnel.measure`` fills and the report prints.

Knows shapes alone. Every count is of rows of the pool unless it says questions; every length is in tokens of a trace.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from s1kit.curate.audit import LengthAudit
from s1kit.types import Record


class Reason(Record):
    """How many rows a step dropped for one reason."""

    reason: str
    rows: int


class Step(Record):
    """One step: the rows that reached it and what it did with them."""

    at: int
    """The number in its file's name."""
    name: str
    rows_in: int
    kept: int
    reasons: tuple[Reason, ...] = ()
    """Of the dropped rows, most frequent first."""
    other: int = 0
    """Rows dropped for rarer reasons than those listed."""

    @property
    def dropped(self) -> int:
        """Rows that the step dropped."""
        return self.rows_in - self.kept


class SourceCount(Record):
    """One source's way through the funnel."""

    source: str
    licences: tuple[str, ...] = ()
    paper: int | None = None
    """How many questions the paper took from it (Table 6); None where it did not, or nobody said."""
    collected: int
    kept: tuple[int, ...]
    """After each step, in the order of ``Funnel.steps``; 0 where none of its rows got so far."""
    chosen: dict[str, int] = Field(default_factory=dict)
    """Selection to questions of this source."""
    mean_tokens: float | None = None
    """Of its rows' traces."""


class Bin(Record):
    """Traces with ``low`` to ``high`` tokens, both included."""

    low: int
    high: int
    n: int


class Lengths(Record):
    """How long the traces are: of all questions (scope ``""``), or of the selection named."""

    scope: str
    n: int
    total: int
    mean: float
    quantiles: dict[str, int]
    """``min``, ``p10``, ``p50``, ``p90``, ``p99``, ``max``; each the length of some trace."""
    bins: tuple[Bin, ...]
    """By powers of two, from the first that is not empty to the last."""


class Filing(Record):
    """A domain inside one scope."""

    questions: int
    tokens: int
    share: float
    """Of the scope's questions, 0..1."""
    keywords: tuple[str, ...] = ()
    """The most telling words of its questions against those of the other domains."""


class Domain(Record):
    """One domain in the pool and in each selection (paper, Figure 2 and Table 5)."""

    code: str
    title: str
    pool: Filing | None = None
    chosen: dict[str, Filing] = Field(default_factory=dict)


class Verdicts(Record):
    """What was said of one teacher's traces or one solver's attempts."""

    who: str
    scope: str
    """Empty for the pool, or the name of a selection."""
    counts: dict[str, int]

    @property
    def n(self) -> int:
        """Everything that was looked at."""
        return sum(self.counts.values())

    @property
    def share(self) -> float | None:
        """Correct over all, 0..1; None where there is none."""
        return self.counts.get("correct", 0) / self.n if self.n else None


class Draw(Record):
    """A selection in short."""

    name: str
    rule: str
    size: int
    seed: int
    questions: int
    tokens: int
    domains: int


class Sample(Record):
    """A row as a step saw it. ``text`` is cut; ``length`` is what it was cut from, in characters."""

    step: str
    row: int
    question_id: str | None
    source: str
    kept: bool
    reason: str
    evidence: str
    text: str | None
    """None for a row that could not be read."""
    length: int = 0


class Funnel(Record):
    """Everything that a funnel report says, except the contamination pairs, which have a file of their own."""

    collected: int
    """Rows that reached the first step."""
    steps: tuple[Step, ...]
    sources: tuple[SourceCount, ...]
    """Most rows first."""
    lengths: tuple[Lengths, ...] = ()
    domains: tuple[Domain, ...] = ()
    teacher: tuple[Verdicts, ...] = ()
    solvers: tuple[Verdicts, ...] = ()
    solved: int | None = None
    """Questions that any solver solved; None where none tried."""
    attempted: int = 0
    """Questions that any solver tried."""
    selections: tuple[Draw, ...] = ()
    samples: tuple[Sample, ...] = ()
    audits: dict[str, LengthAudit] = Field(default_factory=dict)
    """Training set to its length audit."""
    ledger: Any = None
    """``ledger.json`` as it is."""

    @property
    def main(self) -> Draw | None:
        """The selection that the report is about: the first by Algorithm 1 or the notebook, else the first."""
        by_rule = [draw for draw in self.selections if draw.rule in ("paper", "notebook")]
        return next(iter((*by_rule, *self.selections)), None)

    @property
    def left(self) -> int:
        """Rows that passed every step."""
        return self.steps[-1].kept if self.steps else self.collected
