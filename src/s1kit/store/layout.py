"""The names of the files in a run directory, and which of them is the record.

Knows that ``generations.jsonl``, where it exists, is believed over ``generations.parquet``, which is made from it.
Refuses to change anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from s1kit.store.errors import StoreError
from s1kit.store.journal import read_journal
from s1kit.store.rows import count_rows, read_parquet, read_records
from s1kit.types import Generation, RunManifest

CONFIG = "config.yaml"
QUESTIONS = "questions.parquet"
JOURNAL = "generations.jsonl"
GENERATIONS = "generations.parquet"
METRICS = "metrics.json"
GRADES = "grades"

Key = tuple[str, str, int]
"""(question_id, policy_id, sample): what identifies a row inside a run."""


def record_file(run: Path) -> Path:
    """The file that holds the generations right now. Raises StoreError when there is none."""
    for name in (JOURNAL, GENERATIONS):
        if (run / name).exists():
            return run / name
    raise StoreError(f"`{run}` has neither {JOURNAL} nor {GENERATIONS}", "restore one of them, or delete the run")


def read_generations(run: Path) -> Iterator[Generation]:
    """Every complete row. Raises StoreError, naming the row that is broken."""
    file = record_file(run)
    return read_journal(file) if file.name == JOURNAL else read_records(file, Generation)


def count_generations(run: Path) -> int:
    """How many rows there are, without reading them."""
    file = record_file(run)
    if file.name == GENERATIONS:
        return count_rows(file)
    with file.open("rb") as handle:
        return sum(block.count(b"\n") for block in iter(lambda: handle.read(1 << 20), b""))


def failed(row: Generation) -> bool:
    """Whether the engine failed on this row, in its thinking or in its answer: such a row is made again on resume."""
    return row.ended == "error" or row.answer_ended == "error"


def read_outcomes(run: Path) -> Iterator[tuple[Key, bool]]:
    """``(key, failed)`` of every row, reading no tokens where the file allows it."""
    file = record_file(run)
    if file.name == JOURNAL:
        yield from ((row.key, failed(row)) for row in read_journal(file))
        return
    for row in read_parquet(file, ["question_id", "policy_id", "sample", "ended", "answer_ended"]):
        key = (row["question_id"], row["policy_id"], row["sample"])
        yield key, row["ended"] == "error" or row["answer_ended"] == "error"


def samples(manifest: RunManifest, policy_id: str) -> int:
    """How many samples each question gets under a policy: the policy's own number, else the configuration's, else 1."""
    value = manifest.policies.get(policy_id, {}).get("samples", manifest.config.get("samples", 1))
    return value if isinstance(value, int) else 1


def unit_of(manifest: RunManifest, key: Key) -> Key:
    """The first row of those that stand and fall with this one: the first leaf of its tree, else the row itself.

    It is written last, so that where it is, all of them are.
    """
    policy = manifest.policies.get(key[1], {}).get("policy")
    width = policy.get("width") if isinstance(policy, dict) and policy.get("kind") == "tree_search" else 1
    return (*key[:2], key[2] - key[2] % width) if isinstance(width, int) and width > 1 else key


def may_lack(manifest: RunManifest, key: Key) -> bool:
    """Whether a complete run may be without this row: REBASE's printed rounding leaves out leaves, never the first; an
    import has the rows that its files have."""
    if manifest.kind == "import":
        return True
    policy = manifest.policies.get(key[1], {}).get("policy")
    rounds = isinstance(policy, dict) and (policy.get("search"), policy.get("rounding")) == ("rebase", "round")
    return rounds and unit_of(manifest, key) != key


def expected_rows(manifest: RunManifest, n_questions: int) -> int:
    """How many rows the run has when it is complete, at most: questions x policies x samples."""
    return n_questions * sum(samples(manifest, policy) for policy in manifest.policies)


def is_whole(manifest: RunManifest, n_questions: int, done: Collection[Key]) -> bool:
    """Whether nothing is left to be made. ``done`` holds no part of a tree that is not whole."""
    firsts = {key for key in done if unit_of(manifest, key) == key}
    numbers = ((policy, i) for policy in manifest.policies for i in range(samples(manifest, policy)))
    wanted = n_questions * sum(unit_of(manifest, ("", policy, i))[2] == i for policy, i in numbers)
    return len(firsts) >= wanted
