"""The verdicts of two runs side by side: what became right, what became wrong, and whether that could be chance.

Knows grades files. Refuses to grade, and to count a row that is ungraded on either side: it is left out of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from s1kit.metrics.intervals import PairedComparison, compare
from s1kit.store.layout import Key
from s1kit.store.rows import read_parquet
from s1kit.store.run import RunDir
from s1kit.types import Question, Record

Direction = Literal["wrong to right", "right to wrong"]
_COLUMNS = ["question_id", "policy_id", "sample", "verdict", "extracted", "reference"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What one grader said of one row."""

    verdict: str
    extracted: str | None
    reference: str | None

    @property
    def right(self) -> bool:
        """Whether it was correct; no answer is wrong."""
        return self.verdict == "correct"


@dataclass(frozen=True, slots=True)
class Ruled:
    """All that one grader said of a run."""

    version: int
    rules: dict[Key, Rule]


class Verdicts(Record):
    """Pairs of rows by verdict. ``comparison`` averages samples within a question first; points are b - a."""

    graded: int
    ungraded: int
    """Pairs that have no verdict on a side: in none of the other numbers."""
    right_a: int
    right_b: int
    wrong_to_right: int
    right_to_wrong: int
    other: int
    """Still wrong, but a wrong answer became none, or none a wrong one."""
    one_sided: int
    """Of ``ungraded``: those that have a verdict in one of the runs."""
    comparison: PairedComparison | None
    """None where no graded pair is left."""

    @property
    def differ(self) -> int:
        """How many verdicts are not the same."""
        return self.wrong_to_right + self.right_to_wrong + self.other + self.one_sided


class Changed(Record):
    """One row whose verdict went from right to wrong or back."""

    policy: str
    question_id: str
    question: str
    sample: int
    direction: Direction
    reference: str | None
    a: str | None
    """What the grader extracted; None where it found no answer."""
    b: str | None


def ruled(run: RunDir, grader: str) -> Ruled | None:
    """The newest version of a grader's grades, or the one named (``"math@2"``); None where there are none."""
    files = run.grade_files()
    mine = [name for name in files if name == grader or name.rpartition("@")[0] == grader]
    if not mine:
        return None
    name = max(mine, key=lambda key: int(key.rpartition("@")[2]))
    rules = {
        (row["question_id"], row["policy_id"], row["sample"]): Rule(row["verdict"], row["extracted"], row["reference"])
        for row in read_parquet(files[name], _COLUMNS, batch=8192)
    }
    return Ruled(int(name.rpartition("@")[2]), rules)


def verdicts(both: Sequence[Key], b: str, left: Ruled | None, right: Ruled | None) -> Verdicts | None:
    """Verdicts on the rows that both runs have of a policy, which the second run calls ``b``."""
    if left is None or right is None:
        return None
    pairs = list(_pairs(both, b, left, right))
    moves = [(x.right, y.right) for _, x, y in pairs]
    return Verdicts(
        graded=len(pairs),
        ungraded=len(both) - len(pairs),
        right_a=sum(x for x, _ in moves),
        right_b=sum(y for _, y in moves),
        wrong_to_right=moves.count((False, True)),
        right_to_wrong=moves.count((True, False)),
        other=sum(x.right == y.right and x.verdict != y.verdict for _, x, y in pairs),
        one_sided=sum(
            _has(left, key) != _has(right, (key[0], b, key[2])) for key in (both if len(pairs) < len(both) else ())
        ),
        comparison=_compared([(key[0], *move) for (key, _, _), move in zip(pairs, moves, strict=True)]),
    )


def _has(side: Ruled, key: Key) -> bool:
    rule = side.rules.get(key)
    return rule is not None and rule.verdict != "ungraded"


def _pairs(both: Iterable[Key], b: str, left: Ruled, right: Ruled) -> Iterator[tuple[Key, Rule, Rule]]:
    for key in both:
        x, y = left.rules.get(key), right.rules.get((key[0], b, key[2]))
        if x is not None and y is not None and "ungraded" not in (x.verdict, y.verdict):
            yield key, x, y


def _compared(moves: Sequence[tuple[str, bool, bool]]) -> PairedComparison | None:
    """Of the means per question, over the samples that both runs have graded."""
    if not moves:
        return None
    place = {question: i for i, question in enumerate(sorted({question for question, _, _ in moves}))}
    at = np.array([place[question] for question, _, _ in moves])
    counts = np.bincount(at)
    sides = (np.bincount(at, weights=np.array([move[i] for move in moves], dtype=float)) / counts for i in (1, 2))
    return compare(*sides)


def changed(
    both: Sequence[Key],
    label: str,
    b: str,
    left: Ruled | None,
    right: Ruled | None,
    questions: Mapping[str, Question],
) -> Iterator[Changed]:
    """The rows that became right or wrong, in the order of the questions."""
    if left is None or right is None:
        return
    order = {question: i for i, question in enumerate(questions)}
    moved = [(key, x, y) for key, x, y in _pairs(both, b, left, right) if x.right != y.right]
    for key, x, y in sorted(moved, key=lambda one: (order[one[0][0]], one[0][2])):
        yield Changed(
            policy=label,
            question_id=key[0],
            question=questions[key[0]].text,
            sample=key[2],
            direction="wrong to right" if y.right else "right to wrong",
            reference=y.reference if x.reference is None else x.reference,
            a=x.extracted,
            b=y.extracted,
        )
