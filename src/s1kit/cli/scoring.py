"""Scores of stored samples by a reward model, made where they are missing: what ``compare`` and ``vote`` share.

Knows how to open what is needed. Refuses to vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s1kit.compare.recipe import VoteMethod
    from s1kit.store.run import RunDir
    from s1kit.types import Question


def score_samples(
    run: RunDir, policy: str, method: VoteMethod, model: str, format_name: str, questions: Sequence[Question]
) -> None:
    """Score the rows of one policy that the method's scorer has not seen yet; each batch is stored as it comes."""
    from s1kit.cli.console import progress_bar
    from s1kit.evaluate import Progress
    from s1kit.evaluate_scores import score_run, splitter, stored_name
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model
    from s1kit.search.scorers import Opening, open_scorer
    from s1kit.store.scores import read_scores
    from s1kit.tokenizer import Tokenizer

    assert method.scorer is not None
    name = stored_name(method.scorer, method.layout, method.steps)
    known = read_scores(run.path, name)
    lacking = sum(g.policy_id == policy and g.key not in known and g.error is None for g in run.generations())
    if not lacking:
        return
    opened = open_scorer(method.scorer, Opening(questions, resolve_model), method.layout)
    split = splitter(method.steps, load_format(format_name).resolve(Tokenizer.load(resolve_model(model))))
    progress = Progress(total=lacking)
    with progress_bar(f"scoring with {method.scorer}", progress):
        score_run(run, opened, name, split, [policy], lambda done: progress.add(done=done - progress.done))
