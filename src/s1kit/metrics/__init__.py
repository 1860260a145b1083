"""Metrics: from graded generations to the paper's three numbers, with intervals and what every "Wait" changed.

Knows counts, means and resampling. Refuses to know text, tokens and engines. numpy only.
"""

from s1kit.metrics.anytime import Anytime, Probe, ProbedTrace, anytime
from s1kit.metrics.intervals import Interval, PairedComparison, compare
from s1kit.metrics.ledger import LedgerEntry, extension_ledger, transitions
from s1kit.metrics.points import Point, join, point
from s1kit.metrics.scaling import Control, Scaling, control, performance, scaling
from s1kit.metrics.summary import Metrics, summarise

__all__ = [
    "Anytime",
    "Control",
    "Interval",
    "LedgerEntry",
    "Metrics",
    "PairedComparison",
    "Point",
    "Probe",
    "ProbedTrace",
    "Scaling",
    "anytime",
    "compare",
    "control",
    "extension_ledger",
    "join",
    "performance",
    "point",
    "scaling",
    "summarise",
    "transitions",
]
