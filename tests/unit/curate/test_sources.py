"""Every source makes of its documented columns what its golden file says, and real files give the known counts."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.benchmarks.reading import ReadingError
from s1kit.curate.held_out import aime_held_out
from s1kit.curate.mapping import Mapping
from s1kit.curate.source_draft import Left, finish
from s1kit.curate.source_table import PAPER_TOTAL, source_table
from s1kit.curate.sources import PAPER_SOURCES, SOURCES, Read, SourceError, find, read_mapped, read_source

DATA = Path(__file__).parents[4] / "shared" / "data"
GOLDEN = Path(__file__).parents[2] / "golden" / "sources"
CASES = [
    pytest.param(file.stem, json.loads(line), id=f"{file.stem}-{number}")
    for file in sorted(GOLDEN.glob("*.jsonl"))
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines())
    if number
]


@pytest.mark.parametrize(("key", "case"), CASES)
def test_a_row_of_the_documented_columns(key: str, case: dict[str, Any]) -> None:
    source = SOURCES[key]
    made = source.convert(case["row"], case["part"])
    made = made if isinstance(made, Left) else finish(made, source.key, source.licence)
    if isinstance(made, Left):
        assert made.reason == case.get("reason"), made.evidence
        return
    assert (made.text, made.answer, made.answer_kind) == (case["text"], case["answer"], case["kind"])
    assert made.choices == tuple(case.get("choices", ()))
    assert made.source == case.get("source", key)
    assert made.licence == source.licence
    if "domain" in case:
        assert made.domain == case["domain"]


def test_every_source_has_a_golden_file_that_says_where_its_columns_are_from() -> None:
    assert {file.stem for file in GOLDEN.glob("*.jsonl")} == set(SOURCES)
    for file in GOLDEN.glob("*.jsonl"):
        head, *cases = file.read_text(encoding="utf-8").splitlines()
        assert json.loads(head)["about"]
        assert any("text" in json.loads(case) for case in cases)


def test_a_golden_row_of_every_paper_source_has_the_columns_that_a_check_asks_for() -> None:
    for key in PAPER_SOURCES:
        rows = [json.loads(line)["row"] for line in (GOLDEN / f"{key}.jsonl").read_text("utf-8").splitlines()[1:]]
        assert set(SOURCES[key].columns) <= {name for row in rows for name in row}, key


def test_the_table_is_table_6() -> None:
    table = {line.key: line for line in source_table()}
    paper = [table[key] for key in PAPER_SOURCES]
    assert len(paper) == 16
    assert sum(line.count or 0 for line in paper) == PAPER_TOTAL == 59029
    assert [line.count for line in paper] == sorted((line.count or 0 for line in paper), reverse=True)
    mean = sum((line.count or 0) * (line.thinking or 0) for line in paper) / PAPER_TOTAL
    assert 3.4 < mean < 3.8, "the means of Table 6, weighted"
    for line in table.values():
        assert line.verified, line.key
        assert line.licence
        assert ("not verified against the hub" in line.verified) == (line.hub != "from files")
    assert all(re.fullmatch(r"[0-9a-f]{40}", hub.revision) for s in SOURCES.values() for hub in s.hub if hub.revision)


@given(st.integers(1983, 2099), st.sampled_from(["{}", "{}-I-3", "'Year': {}"]))
def test_aime_2022_and_later_is_held_out(year: int, form: str) -> None:
    left = aime_held_out(form.format(year))
    assert (left is not None) == (year >= 2022)
    assert left is None or (left.reason, str(year) in left.evidence) == ("held_out", True)


def test_an_aime_row_without_a_year_is_held_out() -> None:
    assert aime_held_out(None) is not None
    assert aime_held_out("aime24-0") is not None


def write_gpqa(file: Path, questions: list[str]) -> None:
    names = ["Question", "Correct Answer", *(f"Incorrect Answer {i}" for i in (1, 2, 3)), "Explanation", "Record ID"]
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(names)
        writer.writerows([text, "w", "x", "y", "z", "", str(i)] for i, text in enumerate(questions))


def test_gpqa_gives_the_extended_set_without_the_diamond_set(tmp_path: Path) -> None:
    write_gpqa(tmp_path / "gpqa_extended.csv", ["one?", "two?", "three?"])
    with pytest.raises(SourceError, match="gpqa_diamond"):
        read_source(find("gpqa"), tmp_path / "gpqa_extended.csv")
    write_gpqa(tmp_path / "gpqa_diamond.csv", [" two?"])
    reads = list(read_source(find("gpqa"), tmp_path / "gpqa_extended.csv"))
    assert [(r.question is not None, r.reason) for r in reads] == [(True, ""), (False, "held_out"), (True, "")]
    assert reads[1].evidence.startswith("gpqa_extended.csv:3: in GPQA Diamond")


def write_clues(file: Path, clues: list[int]) -> None:
    rows = [{"instruction": "", "input": f"### Clue: number {i} (3)", "output": "### Answer: ONE"} for i in clues]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_sampled_source_gives_the_same_questions_in_any_order(tmp_path: Path) -> None:
    write_clues(tmp_path / "up.jsonl", list(range(1200)))
    write_clues(tmp_path / "down.jsonl", [*reversed(range(1200)), 5])
    up, down = (list(read_source(find("xword"), tmp_path / name)) for name in ("up.jsonl", "down.jsonl"))
    kept = [{r.question.id for r in reads if r.question} for reads in (up, down)]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1000
    assert len(up) == 1200
    assert Counter(r.reason for r in up) == {"": 1000, "not_sampled": 200}
    assert all(r.question for r in read_source(find("xword"), tmp_path / "up.jsonl", everything=True))


def test_any_file_with_a_mapping_and_no_row_is_silent(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("frage,antwort\nEins?,1\n,2\n", encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"frage": "Zwei?"}\nbroken\n', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no rows", encoding="utf-8")
    reads = list(read_mapped(Mapping(text=("frage",), answer=("antwort",)), tmp_path))
    assert [(r.where, r.source, r.reason) for r in reads] == [
        ("a.jsonl:1", "a", ""),
        ("a.jsonl:2", "a", "broken_row"),
        ("b.csv:2", "b", ""),
        ("b.csv:3", "b", "empty_question"),
    ]
    assert reads[1].evidence.startswith("a.jsonl:2: not JSON")


def test_errors_name_what_is_meant(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="theoremqa"):
        find("theorem_qa")
    with pytest.raises(ReadingError, match="no file that can be read"):
        list(read_source(find("math"), tmp_path))
    with pytest.raises(ReadingError, match="no file"):
        list(read_source(find("math"), tmp_path / "none.jsonl"))


REAL = {
    "aime_train_rllm.json": ("aime", 915, {"held_out": 60}),
    "math_train_rllm.json": ("math", 7474, {}),
    "theoremqa_test.json": ("theoremqa", 747, {"has_picture": 53}),
    "olympiadbench_en_oe_to_math.jsonl": ("olympiadbench", 675, {}),
    "livecodebench_v5_qwq.jsonl": ("livecodebench", 279, {}),
    "agieval": ("agieval", 2577, {"too_easy": 744, "mixed_choices": 19}),
    "gsm8k_train.jsonl": ("gsm8k", 7473, {}),
    "gsm8k_test.jsonl": ("gsm8k", 1319, {}),
    "scibench": ("scibench", 580, {}),
    "math500.jsonl": ("math500", 500, {}),
    "aime24.jsonl": ("aime24", 30, {}),
    "aime25.jsonl": ("aime25", 30, {}),
    "s1k_5_gemini_traces.jsonl": ("s1-59k", 5, {}),
}


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "agieval").is_dir(), reason="the real questions are not here")
@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str) -> None:
    key, count, left = REAL[name]
    reads: list[Read] = list(read_source(find(key), DATA / name))
    questions = [r.question for r in reads if r.question is not None]
    assert len(questions) == count
    assert Counter(r.reason for r in reads if r.question is None) == left
    assert all(q.source.split("/")[0] == key and q.licence == SOURCES[key].licence for q in questions)
    without = sum(q.answer is None for q in questions)
    assert without == {"livecodebench": 279, "math": 4, "s1-59k": 2}.get(key, 0)


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "agieval").is_dir(), reason="the real questions are not here")
def test_aime24_stays_out_of_an_aime_pool() -> None:
    reads = list(read_source(find("aime"), DATA / "aime24.jsonl"))
    assert [r.reason for r in reads] == ["held_out"] * 30
