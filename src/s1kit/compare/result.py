"""What a comparison found: points, tables, matched pairs, the frontier, the ledger of "Wait", and what was shared.

Knows how the parts fit together. Refuses to generate, to draw and to print.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from s1kit.compare.folder import folder_of
from s1kit.compare.frontier import Frontier, frontier
from s1kit.compare.matched import compare_methods
from s1kit.compare.outcomes import Scores, point_of, thinking_mean
from s1kit.compare.pair import MatchedComparison
from s1kit.compare.point import MethodPoint
from s1kit.compare.recipe import CompareConfig, TreeMethod, VoteMethod
from s1kit.compare.rows import Collected
from s1kit.compare.settings import RunKey, Setting, identity
from s1kit.compare.table import MethodRow, PointRow, method_rows, point_rows
from s1kit.evaluate_scores import stored_name
from s1kit.formats import load_format
from s1kit.grading.pool import MathVerifyPool
from s1kit.metrics.ledger import LedgerEntry, extension_ledger
from s1kit.search.scorers import scorer_name
from s1kit.types import Question, Record

ReadScores = Callable[[RunKey, str], Scores]
"""(run, scorer) -> its scores."""


class Shared(Record):
    """What sharing saved."""

    generated: int
    """Tokens that were generated for all rows of the comparison."""
    alone: int
    """Tokens, had every setting been run by itself."""


class Comparison(Record):
    """Everything that ``compare.json`` holds."""

    name: str
    benchmark: str
    n_questions: int
    points: tuple[MethodPoint, ...]
    methods: tuple[MethodRow, ...]
    settings: tuple[PointRow, ...]
    tokens: MatchedComparison
    seconds: MatchedComparison
    frontier: Frontier
    """By tokens."""
    frontier_seconds: Frontier
    ledger: tuple[LedgerEntry, ...]
    shared: Shared
    runs: tuple[str, ...]
    notes: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    """Methods that see the reference (an oracle as scorer, pass@k): what could be reached, and no way to answer."""


def compared(
    config: CompareConfig,
    wanted: Sequence[Setting],
    questions: Sequence[Question],
    rows: Mapping[RunKey, Collected],
    scores: ReadScores,
) -> Comparison:
    """The comparison, from finished and graded runs."""
    folder = folder_of(config)
    with MathVerifyPool(1) as pool:
        points = [_point(setting, rows[setting.run], questions, scores, pool) for setting in wanted]
    return Comparison(
        name=config.name,
        benchmark=config.benchmark,
        n_questions=len(questions),
        points=tuple(points),
        methods=method_rows(points),
        settings=point_rows(points),
        tokens=compare_methods(points, "tokens", baseline=config.baseline),
        seconds=compare_methods(points, "seconds", baseline=config.baseline),
        frontier=frontier(points, "tokens"),
        frontier_seconds=frontier(points, "seconds"),
        ledger=tuple(entry for own in rows.values() for entry in _ledger(own)),
        shared=_shared(wanted, points, rows),
        runs=tuple(sorted({str(own.path.relative_to(folder)) for r in rows.values() for own in r.policies.values()})),
        notes=(*_notes(points), *_windowed(wanted, scores)),
        bounds=tuple(dict.fromkeys(setting.name for setting in wanted if sees_reference(setting))),
    )


def _point(
    setting: Setting, rows: Collected, questions: Sequence[Question], scores: ReadScores, pool: MathVerifyPool
) -> MethodPoint:
    spec = load_format(setting.run.format).model_dump(mode="json")
    scorer = scorer_of(setting)
    if setting.side is not None and setting.natural is not None:
        usual = thinking_mean(rows.policies[identity(setting.natural, spec)], questions)
        short = setting.side == "short"
        setting = replace(setting, maximum=usual) if short else replace(setting, minimum=usual)
    mine = rows.policies[identity(setting.wanted, spec)]
    return point_of(setting, mine, questions, {} if scorer is None else scores(setting.run, scorer), pool)


def scorer_of(setting: Setting) -> str | None:
    """What the scores that a setting reads are called in its run; None where it reads none."""
    method = setting.method
    if not isinstance(method, TreeMethod | VoteMethod) or method.scorer is None:
        return None
    if isinstance(method, VoteMethod):
        return stored_name(method.scorer, method.layout, method.steps)
    return scorer_name(method.scorer, method.layout)


def sees_reference(setting: Setting) -> bool:
    """Whether a method reads what is to be found: it bounds others, and nobody can answer by it."""
    method = setting.method
    oracle = isinstance(method, TreeMethod | VoteMethod) and method.scorer == "oracle"
    return oracle or (isinstance(method, VoteMethod) and method.rule == "pass_at_k")


def _ledger(rows: Collected) -> tuple[LedgerEntry, ...]:
    """What every further "Wait" changed, for the policies of one run."""
    return extension_ledger(rows.graded(), rows.described)


def _shared(wanted: Sequence[Setting], points: Sequence[MethodPoint], rows: Mapping[RunKey, Collected]) -> Shared:
    paid = {
        (key, name): sum(g.n_paid for pairs in own.by_question.values() for g, _ in pairs)
        for key, collected in rows.items()
        for name, own in collected.policies.items()
    }
    alone = 0.0
    for setting, point in zip(wanted, points, strict=True):
        draws = 1 if isinstance(setting.method, VoteMethod) else setting.wanted.samples or 1
        alone += draws * sum(c.thinking + c.answer for c in point.cost if c.thinking == c.thinking)
    return Shared(generated=sum(paid.values()), alone=round(alone))


def _windowed(wanted: Sequence[Setting], scores: ReadScores) -> list[str]:
    """Which reward models read solutions that were too long for one pass."""
    read = {(s.run, scorer) for s in wanted if (scorer := scorer_of(s)) is not None}
    found: dict[str, int] = {}
    for run, scorer in read:
        found[scorer] = found.get(scorer, 0) + sum(score.windowed for score in scores(run, scorer).values())
    return [
        f"{scorer}: {count} solutions were too long for one pass; their later steps were scored without the earliest"
        for scorer, count in sorted(found.items())
        if count
    ]


def _notes(points: Sequence[MethodPoint]) -> tuple[str, ...]:
    found = []
    for point in points:
        if point.note:
            found.append(f"{point.name}: {point.note}")
        if point.unmet:
            share = f"{100 * point.unmet:.1f}%"
            found.append(f"{point.name}: no try met the limit in {share} of the rows; they count as not correct")
    n = points[0].n_questions if points else 0
    if n < 100:
        found.append(f"{n} questions: bootstrap intervals are too narrow at this n, go by the p-values")
    return tuple(found)
