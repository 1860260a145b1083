"""The rows of a run without their tokens: what happened to each generation, and a few of them in full.

Knows which columns an overview needs, so that ten thousand long traces cost no more than ten thousand lines. Refuses
to count or to draw.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from s1kit.store.query import query
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Verdict

Key = tuple[str, str, int]
_FIELDS = """question_id, policy_id, sample, verdict, n_thinking, n_thinking_model, n_answer, n_paid, ended, looped,
engine_ms / 1000, n_thinking_model + n_answer + n_discarded"""
_FACTS = f"SELECT {_FIELDS} FROM generations JOIN grades USING (run, question_id, policy_id, sample)"


@dataclass(frozen=True, slots=True)
class Row:
    """One generation and its verdict, in numbers."""

    question_id: str
    policy_id: str
    sample: int
    verdict: Verdict
    thinking: int
    """Thinking tokens as a budget counts them."""
    written: int
    """Of them, the model's own."""
    answer: int
    paid: int
    """Tokens that the run generated for it."""
    ended: str
    looped: bool
    seconds: float
    """Of the engine, as far as the engine says; 0 where it says nothing."""
    alone: int
    """Tokens of the model, had its policy been run by itself: rejected tries and trial answers too. A leaf of a tree
    counts what was paid for it, since its siblings share the rest of its thinking."""

    @property
    def key(self) -> Key:
        """The key of the generation."""
        return (self.question_id, self.policy_id, self.sample)


def read_rows(run: RunDir, grader: str, version: int) -> list[Row]:
    """Every graded row, by question, policy and sample; no token is read. Raises StoreError for a damaged file."""
    where = "WHERE grader = ? AND version = ? ORDER BY question_id, policy_id, sample"
    _, found = query(f"{_FACTS} {where}", run.path, (grader, version))
    described = run.manifest.policies
    trees = {key for key, entry in described.items() if (entry.get("policy") or {}).get("kind") == "tree_search"}
    rows = [Row(*row) for row in found]
    return [replace(row, alone=row.paid) if row.policy_id in trees else row for row in rows]


def fetch(run: RunDir, keys: Collection[Key], grades: Collection[Grade]) -> dict[Key, tuple[Generation, Grade]]:
    """The generations of these keys in full, each with its grade; what has no grade is left out."""
    if not keys:
        return {}
    questions, policies = sorted({key[0] for key in keys}), sorted({key[1] for key in keys})
    asked = f"question_id IN ({_marks(questions)}) AND policy_id IN ({_marks(policies)})"
    names, found = query(
        f"SELECT * EXCLUDE (run, label, n_thinking) FROM generations WHERE {asked}", run.path, (*questions, *policies)
    )
    by_key: dict[Key, Grade] = {grade.key: grade for grade in grades}
    rows = (Generation.model_validate(dict(zip(names, row, strict=True))) for row in found)
    return {row.key: (row, by_key[row.key]) for row in rows if row.key in keys and row.key in by_key}


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))
