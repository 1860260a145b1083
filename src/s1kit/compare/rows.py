"""The rows of a comparison's runs, by policy and question, with their grades and the pace at which they came.

Knows finished and graded runs. Refuses a row without its grade. Seconds of a row are not what its engine call took,
which depends on what else was in the batch and on who paid for a shared prefix: they are its tokens at the pace of its
run, which had the engine to itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s1kit.metrics.points import GradedRows, join
from s1kit.search.scorers import scorer_name
from s1kit.store.run import RunDir
from s1kit.store.scores import read_scores
from s1kit.types import Generation, Grade, Question

Graded = tuple[Generation, Grade]


@dataclass(frozen=True, slots=True)
class Rows:
    """One policy's rows."""

    path: Path
    """Of the run that holds them."""
    pace: float
    """Seconds per generated token of that run, wall clock without its reward models; NaN where it was not measured."""
    by_question: Mapping[str, Sequence[Graded]]
    """Question id -> rows by rising sample."""

    def of(self, question: str, start: int = 0, end: int | None = None) -> list[Graded]:
        """A question's rows whose sample is in [start, end)."""
        mine = self.by_question.get(question, ())
        return [pair for pair in mine if pair[0].sample >= start and (end is None or pair[0].sample < end)]


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything that the runs of one model and format hold."""

    questions: tuple[Question, ...]
    policies: dict[str, Rows] = field(default_factory=dict)
    described: dict[str, dict[str, object]] = field(default_factory=dict)
    """policy id -> its entry in the manifest."""

    def graded(self) -> dict[str, GradedRows]:
        """The rows as metrics take them."""
        return {
            name: GradedRows(
                tuple(g for pairs in rows.by_question.values() for g, _ in pairs),
                tuple(grade for pairs in rows.by_question.values() for _, grade in pairs),
            )
            for name, rows in self.policies.items()
        }


def collect(
    runs: Iterable[RunDir], questions: Sequence[Question], grader: str, only: Collection[str] | None = None
) -> Collected:
    """The rows of ``runs`` on ``questions``, of the policies ``only`` (None: all). Where two runs hold a policy, the
    one with more rows counts.

    Raises StoreError for a run without grades of ``grader``, ValueError where a grade is missing.
    """
    wanted = {question.id for question in questions}
    found = Collected(tuple(questions))
    for run in runs:
        generations = [g for g in run.generations() if g.question_id in wanted]
        grades = [g for g in run.grades(grader) if g.question_id in wanted]
        paid = sum(g.n_paid for g in run.generations())
        pace = (run.manifest.seconds - _read(run)) / paid if run.manifest.seconds and paid else float("nan")
        for policy, rows in join(generations, grades).items():
            if only is not None and policy not in only:
                continue
            if policy in found.policies and len(rows.generations) <= sum(
                map(len, found.policies[policy].by_question.values())
            ):
                continue
            by_question: dict[str, list[Graded]] = {}
            for pair in zip(rows.generations, rows.grades, strict=True):
                by_question.setdefault(pair[0].question_id, []).append(pair)
            found.policies[policy] = Rows(run.path, pace, by_question)
            found.described[policy] = dict(run.manifest.policies[policy])
    return found


def _read(run: RunDir) -> float:
    """Seconds that reward models took while the run's trees grew: they are counted with the trees, as their own."""
    trees = {name: p["policy"] for name, p in run.manifest.policies.items() if p["policy"]["kind"] == "tree_search"}
    scorers = {scorer_name(policy["scorer"], policy["layout"]) for policy in trees.values()}
    scores = [score for scorer in sorted(scorers) for score in read_scores(run.path, scorer).values()]
    return sum(score.ms for score in scores if score.policy_id in trees) / 1000
