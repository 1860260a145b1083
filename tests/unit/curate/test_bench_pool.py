"""The pool that bench/curation.py measures on: lengths, shares and faults are what it says, and the same every time."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from s1kit.benchmarks.reading import read_rows
from s1kit.curate.duplicates import Exact
from s1kit.curate.near import near_duplicates
from s1kit.curate.quality import check
from s1kit.curate.row import Row
from s1kit.types import Question

BENCH = Path(__file__).parents[3] / "bench"
ROWS = 6000


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, BENCH / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


made = load("curation_pool")
bench = load("curation")


@pytest.fixture(scope="module")
def pool() -> list[tuple[str, dict[str, str]]]:
    return list(made.questions(ROWS))


def as_rows(pool: list[tuple[str, dict[str, str]]]) -> list[Row]:
    texts = [row["question"] for _, row in pool]
    return [Row(i, Question.make(text=t, answer="1", answer_kind="integer")) for i, t in enumerate(texts)]


def test_lengths_are_those_of_the_papers_pool(pool: list[tuple[str, dict[str, str]]]) -> None:
    texts = [row["question"] for _, row in pool]
    assert sum(len(text.split()) for text in texts) / ROWS == pytest.approx(50, rel=0.05)
    assert sum(map(len, texts)) / ROWS == pytest.approx(310, rel=0.05)


def test_a_smaller_pool_is_the_beginning_of_a_larger_one(pool: list[tuple[str, dict[str, str]]]) -> None:
    for rows in (1, made.BLOCK, made.BLOCK + 7):
        assert list(made.questions(rows)) == pool[:rows]


def test_shares_of_kinds(pool: list[tuple[str, dict[str, str]]]) -> None:
    kinds = [kind for kind, _ in pool]
    for kind, share in made.SHARES.items():
        assert kinds.count(kind) / ROWS == pytest.approx(share, abs=4 * (share / ROWS) ** 0.5)


def test_evaluation_questions_are_728_of_eight_words_at_least() -> None:
    items = [text for name in made.EVALUATIONS for text in made.evaluation(name)]
    assert len(items) == len(set(items)) == 728
    assert min(len(text.split()) for text in items) >= bench.N


def test_leaks_hold_an_evaluation_question_or_half_of_one(pool: list[tuple[str, dict[str, str]]]) -> None:
    items = [text for name in made.EVALUATIONS for text in made.evaluation(name)]
    halves = [" ".join(text.split()[: len(text.split()) // 2 + 1]) for text in items]
    for kind, row in pool:
        if kind == "leak":
            assert row["question"] in items
        if kind == "half_leak":
            assert any(row["question"].startswith(half) for half in halves)


def test_copies_are_dropped_as_exact_and_near_copies_of_long_questions_as_near(
    pool: list[tuple[str, dict[str, str]]],
) -> None:
    rows = as_rows(pool)
    exact = {d.row for d in Exact().step(rows) if not d.kept}
    assert {i for i, (kind, _) in enumerate(pool) if kind == "copy"} <= exact
    near = near_duplicates(lambda: iter(rows))
    long = {i for i, (kind, row) in enumerate(pool) if kind == "near" and len(row["question"].split()) > 40}
    assert len(long) > 10
    assert len(long - near.keys()) <= 0.05 * len(long)


def test_faults_are_found_and_sound_questions_are_not(pool: list[tuple[str, dict[str, str]]]) -> None:
    faulty = {row.number for row in as_rows(pool) if check(row.question)}
    kinds = {i for i, (kind, _) in enumerate(pool) if kind == "fault"}
    assert kinds <= faulty
    assert {pool[i][0] for i in faulty} <= {"fault", "copy", "near"}


def test_files_are_read_back(tmp_path: Path) -> None:
    kinds = made.write(tmp_path, 500, traces=True)
    assert sum(kinds.values()) == len(list(read_rows(tmp_path / "pool.jsonl"))) == 500
    texts = [json.loads(line)["question"] for line in (tmp_path / "pool.jsonl").read_text().splitlines()]
    taught = [line.row for line in read_rows(tmp_path / "traces.jsonl") if line.row]
    assert [row["question"] for row in taught] == [text for text in texts if text]
    assert all(row["thinking"] and "boxed" in row["answer"] for row in taught)


def test_three_ways_of_comparing_find_the_same_pairs(pool: list[tuple[str, dict[str, str]]]) -> None:
    questions = [(str(i), row["question"]) for i, (_, row) in enumerate(pool[:1500])]
    items = [(f"{n}/{i}", text) for n in made.EVALUATIONS for i, text in enumerate(made.evaluation(n))]
    found = bench.by_sets(questions, items)
    assert len(found) > 10
    assert found == bench.by_dictionary(questions, items) == bench.by_index(questions, items)
