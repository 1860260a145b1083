"""The SQL interface: columns as documented, running and finished runs alike, nothing reachable from a statement."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from s1kit.store import query as module
from s1kit.store.errors import StoreError
from s1kit.store.query import StoreWarning, query
from s1kit.store.run import RunDir
from unit.store.samples import CONFIG, finished, new_run, questions, small_row
from unit.store.test_run import grade

VIEWS = ("runs", "questions", "generations", "grades", "points")


def two_runs(root: Path) -> tuple[RunDir, RunDir]:
    """One finished with grades and metrics, one running with a torn last line."""
    done, rows = finished(root, 2)
    done.write_grades("math", [grade(row, "math", 2) for row in rows])
    point = {"policy_id": rows[0].policy_id, "label": "a", "n": 2, "accuracy": 0.5, "thinking_mean": 9.5, "ci": [0, 1]}
    done.write_metrics({"points": [point]})
    with new_run(root, questions(3), {"p": {"label": "the label"}}, config_resolved={**CONFIG, "seed": 1}) as going:
        going.append_many([small_row(q, thinking_text="nul \x00 and 'quotes'") for q in questions(2)])
    with (going.path / "generations.jsonl").open("a") as journal:
        journal.write('{"question_id": "torn')
    return done, going


def test_views_over_running_and_finished_runs(tmp_path: Path) -> None:
    done, going = two_runs(tmp_path)
    n = len(list(done.generations()))
    columns, rows = query("SELECT run, count(*) AS n FROM generations GROUP BY run ORDER BY n", tmp_path)
    assert columns == ["run", "n"]
    assert rows == [(going.id, 2), (done.id, n)]
    assert query("SELECT count(*) FROM grades WHERE verdict = 'correct'", tmp_path)[1] == [(n,)]
    assert query("SELECT run, n, accuracy, thinking_mean, rest->>'$.ci[1]' FROM points", tmp_path)[1] == [
        (done.id, 2, 0.5, 9.5, "1")
    ]
    assert query("SELECT status FROM runs ORDER BY status", tmp_path)[1] == [("finished",), ("interrupted",)]
    assert query(
        "SELECT thinking_text, n_thinking, label FROM generations WHERE run = ? LIMIT 1", tmp_path, [going.id]
    )[1] == [("nul \x00 and 'quotes'", 5, "the label")]


def test_nested_values_and_joins(tmp_path: Path) -> None:
    done, _ = two_runs(tmp_path)
    _, rows = query("SELECT DISTINCT s.why FROM (SELECT unnest(segments) AS s FROM generations) ORDER BY 1", done.path)
    assert [why for (why,) in rows] == ["answer", "close", "cutoff", "nudge", "open", "think"]
    joined = "SELECT count(*) FROM generations g JOIN questions q ON q.run = g.run AND q.id = g.question_id"
    assert query(joined, [done.path])[1] == [(len(list(done.generations())),)]
    tiled = 'SELECT bool_and(len(token_ids) = list_max([s."end" FOR s IN segments])) FROM generations'
    assert query(tiled, done.path)[1] == [(True,)]


def test_columns_are_those_of_the_documentation(tmp_path: Path) -> None:
    """Also for a root without any run: missing files give empty views with the right columns."""
    two_runs(tmp_path / "runs")
    (tmp_path / "empty").mkdir()
    assert module.__doc__ is not None
    for view in VIEWS:
        text = re.search(rf"^``{view}``\n((?:    .*\n)+)", module.__doc__, re.M)
        assert text is not None
        bare = re.sub(r"\([^()]*\)", "", text[1])
        documented = {part.split()[0].strip('"') for part in bare.split(",")}
        for root in (tmp_path / "runs", tmp_path / "empty"):
            columns, _ = query(f"SELECT * FROM {view}", root)
            assert set(columns) == documented, view
    assert query("SELECT * FROM generations", tmp_path / "empty")[1] == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1; SELECT 2", "not a single SELECT"),
        ("", "not a single SELECT"),
        ("CREATE TABLE t (a INT)", "not a single SELECT"),
        ("COPY runs TO 'out.csv'", "not a single SELECT"),
        ("SET enable_external_access = true", "not a single SELECT"),
        ("SELECT * FROM read_csv('/etc/hostname')", "DuckDB refuses the query"),
        ("SELECT * FROM 'runs.parquet'", "DuckDB refuses the query"),
        ("SELECT nothing FROM runs", "DuckDB refuses the query"),
        ("SELEC 1", "DuckDB refuses the query"),
    ],
)
def test_statements_that_are_refused(tmp_path: Path, sql: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        query(sql, tmp_path)


def test_a_damaged_run_hides_no_other(tmp_path: Path) -> None:
    done, going = two_runs(tmp_path)
    (going.path / "manifest.json").write_text("{}")
    with pytest.warns(StoreWarning, match="left out: .*is not a manifest"):
        assert query("SELECT run FROM runs", tmp_path)[1] == [(done.id,)]
    with pytest.raises(StoreError, match="is not a manifest"):
        query("SELECT run FROM runs", [going.path])
    with pytest.raises(StoreError, match="no runs at"):
        query("SELECT 1", tmp_path / "nowhere")


def test_points_of_the_wrong_type_are_an_error_that_names_the_run(tmp_path: Path) -> None:
    done, _ = finished(tmp_path, 1)
    done.write_metrics({"points": [{"n": "many"}]})
    with pytest.raises(StoreError, match=r"metrics\.json"):
        query("SELECT 1", tmp_path)
