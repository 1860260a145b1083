"""Tree searches as rows of a run: every question x sample x TreeSearch policy grows a tree, whose leaves are the rows.

Knows which trees are still to be grown, and in which order scores and rows reach the disk. Refuses to know how a tree
grows and what a run's other policies do.

Tree number s of a question holds the samples ``s * width`` to ``s * width + width - 1``, leaf by leaf; a rounding that
leaves some of them out has fewer rows. A tree is stored whole: scores first, then all its rows by one append, the first
leaf's last. So a tree whose first leaf is in the run is complete, however few leaves it has, and one that was torn by a
crash is not; ``RunDir.resume`` drops the rows of a tree that is not whole, or in which the engine failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from s1kit.engines.base import Chunk, Engine, Request
from s1kit.evaluate import Job, Point, Progress
from s1kit.policies import TreeSearch
from s1kit.search.from_policy import search_of
from s1kit.search.leaf import Tree
from s1kit.search.reward import RewardError, Scorer
from s1kit.search.run import run_searches
from s1kit.search.scorers import scorer_name
from s1kit.search.tree import Growing, Search, tree_search
from s1kit.store.run import RunDir
from s1kit.store.scores import Score, append_scores
from s1kit.types import Question


class _Grove(NamedTuple):
    """One policy of the job with what its trees need."""

    point: Point
    policy: TreeSearch
    search: Search
    scorer_name: str
    scorer: Scorer


def searches(job: Job) -> list[TreeSearch]:
    """The policies of a job that grow trees: their scorers are to be opened (``search.scorers.open_scorers``)."""
    return [point.policy for point in job.points if isinstance(point.policy, TreeSearch)]


def execute_searches(
    job: Job,
    engine: Engine,
    run: RunDir,
    progress: Progress,
    scorers: Mapping[str, Scorer],
    *,
    in_flight: int | None = None,
) -> None:
    """Grow every tree that the run does not have yet, and store each as it is finished.

    ``scorers`` by ``scorer_name``. ``engine`` is the real one: a tree re-uses its prefixes through the engine's cache.
    Raises SearchError and RewardError before the first request for a policy that cannot be carried out, and RewardError
    as it runs for a score that is none; what was finished is then stored.
    """
    groves = {point.plan.policy_id: _grove(point, scorers) for point in job.points if _is_tree(point)}

    def watch(_: Request, chunk: Chunk) -> None:
        progress.add(tokens=len(chunk.tokens) if chunk.paid is None else chunk.paid)

    growing = _missing(job, list(groves.values()), run)
    for tree in run_searches(growing, engine, in_flight=in_flight, watch=watch):
        _store(tree, groves[tree.generations[0].policy_id], run, progress)


def _is_tree(point: Point) -> bool:
    return isinstance(point.policy, TreeSearch)


def _grove(point: Point, scorers: Mapping[str, Scorer]) -> _Grove:
    policy = point.policy
    assert isinstance(policy, TreeSearch)
    name = scorer_name(policy.scorer, policy.layout)
    if name not in scorers:
        raise RewardError(f"policy {point.plan.label!r} is scored by {name!r}, which was not opened")
    return _Grove(point, policy, search_of(policy, point.plan.format), name, scorers[name])


def _missing(job: Job, groves: list[_Grove], run: RunDir) -> Iterator[Growing]:
    """The trees to be grown, question by question."""
    for question in job.questions:
        for grove in groves:
            for number in range(grove.point.samples):
                first = number * grove.policy.width
                if (question.id, grove.point.plan.policy_id, first) not in run.done:
                    yield _growing(job, grove, question, number, first)


def _growing(job: Job, grove: _Grove, question: Question, number: int, first: int) -> Growing:
    row = replace(job.rows_of(grove.point)[question.id, number], sample=first)
    return tree_search(grove.point.plan, row, question.prompt(), grove.search, grove.scorer)


def _store(tree: Tree, grove: _Grove, run: RunDir, progress: Progress) -> None:
    rows = tree.generations
    append_scores(run.path, grove.scorer_name, _scores(tree, grove.scorer_name))
    run.append_many(rows[::-1])
    progress.add(done=tree.width, errors=sum(row.error is not None for row in rows))


def _scores(tree: Tree, scorer: str) -> Iterator[Score]:
    """One record per leaf; what the scorer read for the tree stands with the first."""
    for number, leaf in enumerate(tree.leaves):
        row = leaf.generation
        yield Score(
            question_id=row.question_id,
            policy_id=row.policy_id,
            sample=row.sample,
            scorer=scorer,
            steps=leaf.scores,
            tokens=0 if number else tree.reward.tokens,
            ms=0.0 if number else round(tree.reward.seconds * 1000, 3),
            windowed=0 if number else tree.reward.windowed,
        )
