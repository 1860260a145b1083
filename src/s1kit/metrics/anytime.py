"""The anytime curve: what the model would have answered, had it been stopped every N tokens of one trace.

Knows, for each question, the forced answers probed along the trace and the final one. Refuses to know how a probe is
made. An oracle that stops in time is an upper bound that no policy reaches: it sees the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from s1kit.types import Record


@dataclass(frozen=True, slots=True)
class Probe:
    """The forced answer after ``tokens`` thinking tokens."""

    tokens: int
    correct: bool
    extracted: str | None = None


@dataclass(frozen=True, slots=True)
class ProbedTrace:
    """One trace: its probes by rising tokens, and where and how it ended by itself."""

    question_id: str
    probes: tuple[Probe, ...]
    final: Probe

    def __post_init__(self) -> None:
        tokens = [probe.tokens for probe in self.probes]
        if tokens != sorted(set(tokens)) or (tokens and tokens[-1] > self.final.tokens):
            raise ValueError(
                f"probes of {self.question_id} must rise and not pass the end ({self.final.tokens} tokens)"
            )


class TraceStory(Record):
    """What happened to the answer along one trace; tokens are thinking tokens."""

    question_id: str
    first_right: int | None
    """Tokens at the first right answer, the final one included; None: never right."""
    last_flip: int | None
    """Tokens at the last change between right and wrong; None: it never changed after the first probe."""
    answers: int
    """Distinct answers along the trace, no answer not counted."""
    ended_right: bool
    right_then_wrong: bool
    """Was right at some probe and ended wrong."""


class CurvePoint(Record):
    """All traces stopped at ``tokens``: accuracy, mean tokens really spent, share that had ended by themselves."""

    tokens: int
    accuracy: float
    tokens_mean: float
    share_finished: float


class Anytime(Record):
    """The anytime curve and its summary; shares and accuracies in 0..1, medians in thinking tokens."""

    n: int
    """Traces."""
    curve: tuple[CurvePoint, ...]
    accuracy: float
    """Of the traces as they ended."""
    share_ever_right: float
    share_right_then_wrong: float
    """Was right, ended wrong: what thinking on destroyed."""
    oracle_accuracy: float
    """Of an oracle that stops at the first right answer; equal to ``share_ever_right``."""
    oracle_tokens_mean: float
    """Its mean thinking tokens; a trace that is never right is run to its end."""
    tokens_mean: float
    """Of the traces as they ended."""
    first_right_median: float | None
    """Over the traces that were right at some time."""
    last_flip_median: float | None
    """Over the traces that flipped."""
    stories: tuple[TraceStory, ...]


def story(trace: ProbedTrace) -> TraceStory:
    """The `TraceStory` of one trace."""
    steps = (*trace.probes, trace.final)
    right = [step.tokens for step in steps if step.correct]
    flips = [after.tokens for before, after in pairwise(steps) if before.correct != after.correct]
    return TraceStory(
        question_id=trace.question_id,
        first_right=right[0] if right else None,
        last_flip=flips[-1] if flips else None,
        answers=len({step.extracted for step in steps if step.extracted is not None}),
        ended_right=trace.final.correct,
        right_then_wrong=bool(right) and not trace.final.correct,
    )


def _stopped_at(trace: ProbedTrace, tokens: int) -> Probe | None:
    """The answer of a trace stopped at ``tokens``: its final one where it has ended, else the last probe until then."""
    if trace.final.tokens <= tokens:
        return trace.final
    passed = [probe for probe in trace.probes if probe.tokens <= tokens]
    return passed[-1] if passed else None


def _curve_point(traces: Sequence[ProbedTrace], tokens: int) -> CurvePoint:
    stopped = [_stopped_at(trace, tokens) for trace in traces]
    return CurvePoint(
        tokens=tokens,
        accuracy=sum(probe is not None and probe.correct for probe in stopped) / len(traces),
        tokens_mean=sum(min(tokens, trace.final.tokens) for trace in traces) / len(traces),
        share_finished=sum(trace.final.tokens <= tokens for trace in traces) / len(traces),
    )


def anytime(traces: Sequence[ProbedTrace]) -> Anytime:
    """The `Anytime` summary; the curve has a point at every number of tokens that was probed, and one at the end.

    A trace without a probe up to a point counts as not right there. Raises ValueError for no traces.
    """
    if not traces:
        raise ValueError("the anytime curve needs at least one trace")
    n = len(traces)
    stories = [story(trace) for trace in traces]
    grid = {probe.tokens for trace in traces for probe in trace.probes} | {max(trace.final.tokens for trace in traces)}
    first = [s.first_right for s in stories if s.first_right is not None]
    flips = [s.last_flip for s in stories if s.last_flip is not None]
    stops = [
        trace.final.tokens if s.first_right is None else s.first_right for trace, s in zip(traces, stories, strict=True)
    ]
    return Anytime(
        n=n,
        curve=tuple(_curve_point(traces, tokens) for tokens in sorted(grid)),
        accuracy=sum(s.ended_right for s in stories) / n,
        share_ever_right=len(first) / n,
        share_right_then_wrong=sum(s.right_then_wrong for s in stories) / n,
        oracle_accuracy=len(first) / n,
        oracle_tokens_mean=sum(stops) / n,
        tokens_mean=sum(trace.final.tokens for trace in traces) / n,
        first_right_median=float(median(first)) if first else None,
        last_flip_median=float(median(flips)) if flips else None,
        stories=tuple(stories),
    )
