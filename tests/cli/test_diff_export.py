"""`runs diff`, `runs export` and `query` over a small run that the nano model really made."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.conftest import Run
from s1kit.evaluate import grade_run
from s1kit.metrics.samples import pass_at_k
from s1kit.store.query import query
from s1kit.store.query_examples import EXAMPLES, as_markdown
from s1kit.store.run import RunDir

pytestmark = pytest.mark.xdist_group("diff_export")  # one worker: the run is made once


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep of nano: a budget, the natural end, one "Wait"; two samples; graded by two graders."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("nano")
    sampled = ["--limit", "4", "--samples", "2", "--temperature", "0.9", "--max-answer", "16"]
    words = ["sweep", "--model", "nano", "--benchmark", "nano_mixed", *sampled, "--budgets", "8", "--extensions", "1"]
    command = [sys.executable, "-m", "s1kit.cli.main", *words, "--json"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
    [manifest] = folder.glob("runs/*/manifest.json")
    grade_run(RunDir.open(manifest.parent), "s1_compat", workers=1)
    return folder / "runs"


@pytest.fixture(scope="module")
def run(root: Path) -> RunDir:
    [path] = root.glob("*/manifest.json")
    return RunDir.open(path.parent)


def answer(name: str, root: Path) -> list[dict[str, Any]]:
    """An example's rows, its columns as it says."""
    columns, rows = query(EXAMPLES[name].sql, root)
    assert tuple(columns) == EXAMPLES[name].columns
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_cost_and_accuracy_are_the_metrics(root: Path, run: RunDir) -> None:
    points = {p["label"]: p for p in (run.metrics() or {})["points"]}
    found = {row["label"]: row for row in answer("cost", root)}
    assert found.keys() == points.keys()
    for label, row in found.items():
        assert row["accuracy"] == pytest.approx(points[label]["accuracy"])
        assert row["thinking"] == pytest.approx(points[label]["thinking_mean"])
        assert (row["n"], row["paid"]) == (points[label]["n"], points[label]["paid_tokens"])


def test_repaired_questions_are_those_of_the_ledger(root: Path, run: RunDir) -> None:
    entries = [e for e in (run.metrics() or {})["ledger"] if e["against"] == "natural"]
    found = Counter(row["label"] for row in answer("repaired", root))
    assert found == {e["label"]: e["wrong_to_right"] for e in entries if e["wrong_to_right"]}
    assert found, "with these seeds a Wait repairs something"


def test_graders_disagree_where_their_grades_do(root: Path, run: RunDir) -> None:
    ours, theirs = ({g.key: g for g in run.grades(name)} for name in ("default", "s1_compat"))
    want = {key for key in ours if ours[key].verdict != theirs[key].verdict}
    assert {(r["question_id"], r["policy_id"], r["sample"]) for r in answer("disagree", root)} == want


def test_forced_share_is_counted_from_segments(root: Path, run: RunDir) -> None:
    forced, all_of_it = defaultdict(int), defaultdict(int)
    for row in run.generations():
        for s in row.segments:
            if s.why in ("think", "nudge"):
                label = run.manifest.policies[row.policy_id]["label"]
                all_of_it[label] += s.end - s.start
                forced[label] += (s.end - s.start) * (s.origin == "forced")
    found = {row["label"]: row["forced"] for row in answer("forced", root)}
    assert found == pytest.approx({label: forced[label] / n for label, n in all_of_it.items()})
    assert max(found.values()) > 0


def test_loops_are_the_rows_marked_so(root: Path, run: RunDir) -> None:
    want = sorted((row.n_thinking for row in run.generations() if row.looped), reverse=True)[:10]
    assert [row["n_thinking"] for row in answer("loops", root)] == want


def test_pass_at_k_is_that_of_the_metrics(root: Path, run: RunDir) -> None:
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for g in run.grades("default"):
        right[g.policy_id, g.question_id].append(g.verdict == "correct")
    found = answer("pass_at_k", root)
    assert len(found) == 3 * len(run.manifest.policies)
    for row in found:
        each = [pass_at_k(len(v), sum(v), row["k"]) for (p, _), v in right.items() if p == row["policy_id"]]
        if row["k"] > 2:
            assert all(map(math.isnan, each)), "two samples were drawn"
            assert (row["pass_at_k"], row["questions"], row["too_few"]) == (None, 0, len(each))
            continue
        assert row["pass_at_k"] == pytest.approx(math.fsum(each) / len(each))
        assert (row["questions"], row["too_few"]) == (len(each), 0)


def test_speed_is_time_over_tokens(root: Path, run: RunDir) -> None:
    [row] = answer("speed", root)
    made = list(run.generations())
    assert (row["engine"], row["model"], row["runs"]) == ("hf", "s1", 1)
    assert row["ms_per_token"] == pytest.approx(sum(g.engine_ms for g in made) / sum(g.n_paid for g in made))
    assert row["tokens"] == sum(g.n_paid for g in made)


def test_the_docs_show_the_examples() -> None:
    text = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
    assert re.search(r"<!-- examples -->\n(.*)\n<!-- /examples -->", text, re.DOTALL)[1] == as_markdown()  # type: ignore[index]


def test_query_speaks_csv_and_files(s1: Run, root: Path, tmp_path: Path) -> None:
    """What the store says, in each form."""
    sql = "select question_id, sample, segments[1] as first from generations where sample = 1 order by 1, 2, policy_id"
    columns, rows = query(sql, root)
    want = [dict(zip(columns, row, strict=True)) for row in rows]
    as_csv = list(csv.DictReader(io.StringIO(s1("query", sql, "--root", root, "--csv").stdout)))
    assert [(r["question_id"], int(r["sample"]), json.loads(r["first"])) for r in as_csv] == [
        (r["question_id"], r["sample"], r["first"]) for r in want
    ]
    assert s1("query", sql, "--root", root, "--out", "rows.parquet").stdout == "rows.parquet\n"
    assert pq.read_table(tmp_path / "rows.parquet").to_pylist() == want


def test_examples_are_printed_and_run(s1: Run, root: Path) -> None:
    printed = s1("query", "--examples").stdout
    assert all(e.sql in printed for e in EXAMPLES.values())
    assert len(json.loads(s1("query", "--example", "cost", "--root", root, "--json").stdout)) == 3
    assert "no example 'costs'" in s1("query", "--example", "costs", "--root", root, check=2).stderr


def test_diff_shows_what_was_asked_and_what_came_out(s1: Run, run: RunDir, tmp_path: Path) -> None:
    other = RunDir.create(
        tmp_path, "sweep", "other",
        config_resolved={**run.manifest.config, "seed": 77}, questions=list(run.questions()),
        inputs=run.manifest.inputs, engine=run.manifest.engine, policies=run.manifest.policies, seeds={"run": 77},
    )  # fmt: skip
    with other:
        for row in run.generations():
            ids = row.token_ids or ()
            other.append(row.model_copy(update={"token_ids": (*ids[:-1], ids[-1] + 1)}))
        other.finish()
    flipped = {"correct": "incorrect", "incorrect": "correct"}
    made = [g.model_copy(update={"verdict": flipped.get(g.verdict, g.verdict)}) for g in run.grades("default")]
    RunDir.open(other.path).write_grades("default", made)
    assert "the same rows and tokens; the same verdicts" in s1("runs", "diff", run.path, run.path, "--exit-code").stdout
    shown = s1("runs", "diff", run.path, other.path, "--limit", "2", "--exit-code", check=1)
    assert re.search(r"config +seed +0 +77 +changes them", shown.stdout)
    assert re.search(r"natural +8 +0 +0 +0 ", shown.stdout)
    changed = sum(g.verdict in flipped for g in run.grades("default"))
    assert f"verdicts that changed: {changed}, 2 shown" in shown.stdout


def test_export_prints_the_folder_and_refuses_to_write_over_it(s1: Run, run: RunDir, tmp_path: Path) -> None:
    assert s1("runs", "export", run.path, "--to", "hf", "--out", "mine").stdout == "mine\n"
    rows = pq.read_table(tmp_path / "mine" / "data" / "generations.parquet").num_rows
    assert rows == run.manifest.counts["generations"] == 24
    assert "is there already" in s1("runs", "export", run.path, "--to", "hf", "--out", "mine", check=2).stderr
