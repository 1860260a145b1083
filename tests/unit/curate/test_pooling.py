"""From sources to the pool: rows are numbered through, and every one is a question or says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.config import load
from s1kit.curate.hub import HubError
from s1kit.curate.pooling import read_pool
from s1kit.curate.recipe import CurateConfig
from s1kit.errors import UserError
from s1kit.nano.pool import planted
from s1kit.store.rows import read_parquet
from s1kit.types import Decision

NANO = {"source": "nano_pool", "limit": 40}
LINES = (
    {"question": "What is 1 + 1?", "answer": "2", "licence": "MIT", "source": "sums"},
    {"question": " ", "answer": "2"},
    {"question": "What is 2 + 2?", "answer": "4"},
)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES) + "{half\n")
    return str(path)


def pool(tmp_path: Path, *sources: Any, **rest: Any) -> tuple[list[Decision], list[dict[str, Any]], list[str]]:
    """Decisions, the rows of the file, and what was said."""
    said: list[str] = []
    config = load(CurateConfig, None, {"sources": list(sources), "steps": [], "select": {"rule": "full"}, **rest})[0]
    decisions = list(read_pool(config, tmp_path / "pool.parquet", said.append))
    return decisions, list(read_parquet(tmp_path / "pool.parquet")), said


def test_rows_are_numbered_through_all_sources_broken_ones_too(tmp_path: Path, file: str) -> None:
    decisions, rows, _ = pool(tmp_path, NANO, {"path": file}, {**NANO, "seed": 1})
    assert [d.row for d in decisions] == list(range(40 + 4 + 40))
    assert [row["row"] for row in rows] == [d.row for d in decisions if d.kept]
    assert [row["id"] for row in rows] == [d.question_id for d in decisions if d.kept]
    assert [(d.kept, d.reason) for d in decisions[40:44]] == [
        (True, ""), (False, "empty_question"), (True, ""), (False, "broken_row")
    ]  # fmt: skip
    assert [d.evidence.partition(":")[2].partition(":")[0] for d in decisions[40:44]] == ["1", "2", "3", "4"]
    texts = [row.text for row in planted(40) if row.text]
    assert [row["text"] for row in rows[: len(texts)]] == texts


def test_a_recipe_names_source_and_licence_over_what_the_rows_say(tmp_path: Path, file: str) -> None:
    _, plain, _ = pool(tmp_path, {"path": file})
    assert [(row["source"], row["licence"]) for row in plain] == [("sums", "MIT"), ("own", None)]
    decisions, named, _ = pool(tmp_path, {"path": file, "name": "mine", "licence": "CC0"})
    assert {(row["source"], row["licence"]) for row in named} == {("mine", "CC0")}
    assert {d.source for d in decisions} == {"mine"}
    assert [row["id"] for row in named] == [row["id"] for row in plain], "a name is no part of the content"


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
def test_a_limit_counts_rows_read_not_questions_kept(tmp_path: Path, file: str, limit: int) -> None:
    decisions, _, _ = pool(tmp_path, {"path": file, "limit": limit})
    assert len(decisions) == min(limit, 4)


def test_an_evaluation_set_is_refused_as_a_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"aime24 is an evaluation set and never part of a pool\nhint: .*evaluations"):
        pool(tmp_path, {"source": "aime24"})


def test_an_evaluation_set_is_refused_from_a_file_too(tmp_path: Path, file: str) -> None:
    with pytest.raises(UserError, match="never part of a pool"):
        pool(tmp_path, {"source": "math500", "path": file})


def test_relative_paths_start_from_the_data_folder(tmp_path: Path, file: str) -> None:
    decisions, _, _ = pool(tmp_path, {"path": "own.jsonl"}, data=str(tmp_path))
    assert len(decisions) == 4


def test_a_missing_file_ends_it_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*nowhere\.jsonl"):
        pool(tmp_path, NANO, {"path": str(tmp_path / "nowhere.jsonl")})
    assert not (tmp_path / "pool.parquet").exists(), "half a pool is none"


def test_an_unreachable_hub_ends_it_unless_the_recipe_says_to_go_on(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(HubError, match=r"source gsm8k: the hub does not give openai/gsm8k"):
        pool(tmp_path, NANO, {"source": "gsm8k"})
    decisions, _, said = pool(tmp_path, {"source": "gsm8k"}, NANO, skip_unreachable=True)
    assert len(decisions) == 40
    assert said[0].startswith("skipped source gsm8k, after 0 rows: ")


def test_a_missing_file_is_no_unreachable_hub(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        pool(tmp_path, {"path": str(tmp_path / "nowhere.jsonl")}, NANO, skip_unreachable=True)


def test_an_unknown_source_is_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown source 'omnimat'\nhint: omnimath"):
        pool(tmp_path, {"source": "omnimat"})


def test_the_nano_pool_is_guessed_at_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hint: nano_pool"):
        pool(tmp_path, {"source": "nano_pol"})
