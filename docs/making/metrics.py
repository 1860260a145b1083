"""The page of metrics: the number, the function, the formula, the source, and every field of ``metrics.json``.

Knows which function computes which number. Refuses to compute: docs/concepts.md has a worked example.
"""

from __future__ import annotations

from importlib import import_module

from pydantic import BaseModel

from making.markdown import code, prose, table
from making.python import entry, found
from making.types import fields
from s1kit.metrics.anytime import Anytime, CurvePoint, TraceStory
from s1kit.metrics.intervals import Interval, PairedComparison
from s1kit.metrics.ledger import LedgerEntry
from s1kit.metrics.points import Point
from s1kit.metrics.scaling import Control, RunControl, Scaling
from s1kit.metrics.summary import Metrics

NUMBERS = (
    ("control", "s1kit.metrics.scaling.control", "runs with a_min <= mean thinking tokens <= a_max / runs with a bound",
     "paper, section 3.2, Eq. (1)"),
    ("scaling", "s1kit.metrics.scaling.scaling",
     "mean over pairs of runs of 100 (accuracy_b - accuracy_a) / (log2 tokens_b - log2 tokens_a)",
     "paper, section 3.2, Eq. (2); the logarithm from its published values"),
    ("scaling per 1,000 tokens", "s1kit.metrics.scaling.scaling",
     "the same over (tokens_b - tokens_a) / 1000: `per=\"1k_tokens\"`", "paper, Eq. (2) as printed"),
    ("robust slope", "s1kit.metrics.scaling.scaling", "median over the same pairs: `theil_sen`", "Theil, Sen"),
    ("performance", "s1kit.metrics.scaling.performance", "largest accuracy of the runs", "paper, section 3.2, Eq. (3)"),
    ("interval of an accuracy", "s1kit.metrics.intervals.bootstrap_ratio",
     "percentiles 2.5 and 97.5 of 10,000 resamples of the questions", "paper, Table 2"),
    ("interval of a difference", "s1kit.metrics.intervals.paired_bootstrap",
     "the same questions drawn for both sides", "paper, Table 2"),
    ("interval of the scaling", "s1kit.metrics.scaling.bootstrap_scaling",
     "the same questions drawn for all runs, tokens and accuracies together", ""),
    ("p of a difference", "s1kit.metrics.intervals.mcnemar_exact",
     "min(1, 2 P(X <= min(wins, losses))), X ~ Binomial(wins + losses, 1/2)", "McNemar, exact"),
    ("p over several samples", "s1kit.metrics.intervals.paired_p", "random flips of the signs, 20,000 of them", ""),
    ("smallest difference to be seen", "s1kit.metrics.intervals.minimum_detectable_difference",
     "80% power, two-sided 5%", "Connett et al."),
    ("what a \"Wait\" changed", "s1kit.metrics.ledger.transitions",
     "pairs wrong to right, right to wrong, same", ""),
    ("anytime curve", "s1kit.metrics.anytime.anytime", "accuracy of all traces stopped at the same token", ""),
    ("pass@k", "s1kit.metrics.samples.pass_at_k", "1 - C(n - c, k) / C(n, k)", "Chen et al. 2021"),
    ("avg@k", "s1kit.metrics.samples.avg_at_k", "share right of the first k", ""),
    ("maj@k", "s1kit.metrics.samples.maj_at_k", "correctness of the most frequent answer; ties: their mean", ""),
)  # fmt: skip
RECORDS: tuple[type[BaseModel], ...] = (
    Metrics, Point, Control, RunControl, Scaling, Interval, LedgerEntry, PairedComparison, Anytime, CurvePoint,
    TraceStory,
)  # fmt: skip
HEAD = """# Metrics

Numbers are computed from stored rows and grades, by numpy alone; every interval has a fixed seed. Accuracies and shares
are in 0..1, differences and slopes in percentage points, tokens are thinking tokens as a budget counts them. What they
mean, with a worked example: [concepts](../concepts.md#control-scaling-performance).
"""


def page() -> str:
    """The page. AttributeError for a function that is gone."""
    names = list(dict.fromkeys(name for _, name, *_ in NUMBERS))
    rows = ((what, f"[`{_short(name)}`](#{_short(name)})", formula, source) for what, name, formula, source in NUMBERS)
    return "\n\n".join([
        HEAD.strip(), table(("number", "function", "formula", "source"), rows),
        "## Functions", *(entry(name) for name in names),
        "## What `metrics.json` holds", prose(str(import_module(Metrics.__module__).__doc__)),
        *map(_record, RECORDS),
    ])  # fmt: skip


def _short(name: str) -> str:
    return found(name)[1]


def _record(record: type[BaseModel]) -> str:
    rows = table(("field", "type", "default", "what it is"), fields(record, _link))
    return "\n\n".join([f"### {record.__name__} (record)", prose(str(record.__doc__)), rows])


def _link(record: type[BaseModel]) -> str:
    if record not in RECORDS:
        return code(record.__name__)
    return f"[{record.__name__}](#{record.__name__.lower()}-record)"
