"""Scores for rows that are stored already: what best-of-N and weighted votes need, without generating anything.

Knows how a stored thought is split into steps and which rows still lack a score. Refuses to know what a method makes of
the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path

from s1kit.engines.fingerprint import fingerprint
from s1kit.formats import ResolvedFormat
from s1kit.nano.shipped import resolve_model
from s1kit.policies import StepsBy
from s1kit.search.from_policy import steps_of
from s1kit.search.reward import Item, Scorer
from s1kit.search.scorers import scorer_name
from s1kit.search.steps import split_steps
from s1kit.store.layout import failed
from s1kit.store.rules import split_tokens
from s1kit.store.run import RunDir
from s1kit.store.scores import Score, append_scores, read_scores
from s1kit.types import Generation, Question

Split = Callable[[Generation], tuple[str, ...]]
"""The steps of a row, the answer last."""

BATCH = 32
"""Rows that are scored, and stored, together."""


def stored_name(name: str, layout: str | None, steps: StepsBy) -> str:
    """What the scores of stored samples are called: by scorer, layout, steps, and the weights as they are now."""
    return scorer_name(name, layout, steps, weights_of(name))


@lru_cache(maxsize=32)
def weights_of(name: str) -> str | None:
    """The hash of a reward model's weights; None for a control, and for what is no folder here."""
    folder = Path(resolve_model(name))
    return fingerprint(folder) if folder.is_dir() else None


def splitter(steps: StepsBy, fmt: ResolvedFormat) -> Split:
    """Splits a row as a search by the same ``steps`` would have; a row without token ids at the text alone.

    Raises SearchError for steps that this format cannot tell from its own stops.
    """
    rule = steps_of(steps, fmt)

    def split(row: Generation) -> tuple[str, ...]:
        if row.token_ids is None:
            parts = row.thinking_text.split(steps.text) if steps.by == "text" else [row.thinking_text]
            thought = tuple(part.strip() for part in parts)
        else:
            thought = split_steps(fmt, rule, tuple(split_tokens(row)[0]))
        return tuple(step for step in (*thought, row.answer_text.strip()) if step)

    return split


def score_rows(
    scorer: Scorer, name: str, questions: Iterable[Question], rows: Iterable[Generation], split: Split
) -> Iterator[Score]:
    """A score for every row that did not fail, in batches, in the order given. ``name`` is what the records say.

    What a batch cost is shared out over its rows by the length of their steps. Raises RewardError.
    """
    asked = {question.id: question.prompt() for question in questions}
    source = (row for row in rows if not failed(row))
    while batch := list(islice(source, BATCH)):
        items: list[Item] = [(asked[row.question_id], split(row)) for row in batch]
        before = scorer.spent
        found = scorer.score_batch(items)
        spent = scorer.spent - before
        sizes = [len(text) + sum(map(len, steps)) for text, steps in items]
        tokens, ms = shares(spent.tokens, sizes), shares(round(spent.seconds * 1e6), sizes)
        windows = [spent.windowed, *[0] * (len(batch) - 1)]
        for row, scores, read, micros, long in zip(batch, found, tokens, ms, windows, strict=True):
            yield Score(
                question_id=row.question_id,
                policy_id=row.policy_id,
                sample=row.sample,
                scorer=name,
                steps=tuple(scores),
                tokens=read,
                ms=micros / 1000,
                windowed=long,
            )


def score_run(
    run: RunDir,
    scorer: Scorer,
    name: str,
    split: Split,
    policies: Iterable[str] | None = None,
    tell: Callable[[int], None] | None = None,
) -> int:
    """Score the rows of a run (of some policies) that this scorer has not scored yet; how many those were.

    Every batch is stored before the next one is read, so that a run that was killed goes on where it was. ``tell`` is
    called with the rows scored so far. Raises RewardError, StoreError.
    """
    wanted = set(run.manifest.policies if policies is None else policies)
    known = read_scores(run.path, name)
    rows = (row for row in run.generations() if row.policy_id in wanted and row.key not in known)
    fresh = score_rows(scorer, name, run.questions(), rows, split)
    done = 0
    while batch := list(islice(fresh, BATCH)):
        append_scores(run.path, name, batch)
        done += len(batch)
        if tell is not None:
            tell(done)
    return done


def shares(total: int, sizes: Sequence[int]) -> list[int]:
    """``total`` in whole parts in proportion to ``sizes``; they add up to it."""
    whole = sum(sizes)
    if not whole:
        return [total // len(sizes) + (i < total % len(sizes)) for i in range(len(sizes))]
    ends, seen = [0], 0
    for size in sizes:
        seen += size
        ends.append(total * seen // whole)
    return [end - start for start, end in pairwise(ends)]
