"""What a report says in words is no more than its numbers show: ungraded rows, p-values, costs of every policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from s1kit.metrics.intervals import Interval, PairedComparison, mcnemar_exact
from s1kit.metrics.summary import Metrics
from s1kit.report import lead
from s1kit.report.build import build_report, read_metrics
from s1kit.report.marks import Marked, caption, marked
from s1kit.report.page import is_shown, ledger_rows
from s1kit.report.rows import read_rows
from s1kit.report.spent import spent_rows, spent_sentence
from s1kit.report.traces import entries
from s1kit.store.run import RunDir
from unit.report.report_runs import finished, store


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return finished(tmp_path_factory.mktemp("runs"), 12)[0]


@pytest.fixture(scope="module")
def metrics(run: RunDir) -> Metrics:
    return read_metrics(run)


@pytest.fixture(scope="module")
def points(run: RunDir, metrics: Metrics) -> list[Marked]:
    return marked(metrics, run.manifest.policies)


def found(wins: int, losses: int, low: float, high: float) -> PairedComparison:
    span, p = Interval(low=low, high=high), mcnemar_exact(wins, losses)
    return PairedComparison(n=200, difference=(wins - losses) / 2, interval=span, wins=wins, losses=losses, p=p, mdd=9)


def test_a_difference_is_shown_where_interval_and_exact_p_agree(metrics: Metrics, points: list[Marked]) -> None:
    borderline = found(19, 34, -14.5, -0.5)
    assert borderline.p > 0.05
    assert not is_shown(borderline)
    assert not is_shown(found(34, 19, 0.5, 14.5))
    assert is_shown(found(19, 37, -16.5, -2.0))
    ledger = tuple(entry.model_copy(update={"comparison": borderline}) for entry in metrics.ledger)
    changed = metrics.model_copy(update={"ledger": ledger})
    assert {row.reading for row in ledger_rows(changed, points)} == {"not shown"}
    assert "shows no difference" in lead.changed(changed, points)


def test_p_is_called_exact_only_where_it_is(metrics: Metrics, points: list[Marked]) -> None:
    assert "exact p" in lead.changed(metrics, points)
    several = tuple(entry.model_copy(update={"n_pairs": 4 * entry.n_pairs}) for entry in metrics.ledger)
    said = lead.changed(metrics.model_copy(update={"ledger": several}), points)
    assert "exact" not in said
    assert "], p " in said


def test_the_caption_goes_from_where_the_curve_begins(points: list[Marked], metrics: Metrics) -> None:
    natural = metrics.natural
    longer = [m for m in points if m.mark in ("natural", "extension")]
    said = caption(longer, natural)
    assert said.count(" where the model stops by itself to ") == 1
    assert said.endswith(f"with {longer[-1].point.label}.")
    whole = caption(points, natural)
    assert " where the model stops by itself, and " in whole
    shorter = [m for m in points if m.mark == "truncation"]
    assert caption(shorter, natural).count(" to ") == 1
    assert caption([m for m in points if m.mark != "natural"], natural).count(" to ") == 1
    assert caption(longer[:1], natural) == ""


def test_ungraded_rows_give_bounds_and_no_middle(points: list[Marked], metrics: Metrics) -> None:
    open_ = {"accuracy": None, "interval": None, "accuracy_low": 0.2, "accuracy_high": 0.8}
    blind = [replace(m, point=m.point.model_copy(update=open_)) for m in points]
    none = metrics.model_copy(update={"best": None, "performance": None})
    said = lead.bought(none, blind)
    assert said.count("20.0 to 80.0% (some rows are ungraded)") == 3
    assert "50.0%" not in said
    assert "20.0 to 80.0%" in lead.bought(none, blind[:1])


def test_no_change_is_told_of_an_answer_that_nobody_graded(run: RunDir, points: list[Marked]) -> None:
    grades = {grade.key: grade for grade in run.grades("default@1")}
    rows = {row.key: (row, grades[row.key]) for row in run.generations()}
    natural = next(m.point.policy_id for m in points if m.mark == "natural")
    assert {entry.change for entry in entries(run.questions(), rows, points)} >= {"repaired"}
    lost = {
        key: (row, grade.model_copy(update={"verdict": "ungraded"}) if key[1] == natural else grade)
        for key, (row, grade) in rows.items()
    }
    assert {entry.change for entry in entries(run.questions(), lost, points)} == {""}


def test_what_was_thrown_away_is_part_of_the_cost_and_a_tree_is_counted_once(run: RunDir, tmp_path: Path) -> None:
    described = {key: {**entry, "policy": dict(entry["policy"])} for key, entry in run.manifest.policies.items()}
    tries, tree = list(described)[:2]
    described[tree]["policy"]["kind"] = "tree_search"
    rows = [
        row.model_copy(update={"n_discarded": 50, "n_paid": row.n_thinking_model + row.n_answer + 50})
        if row.policy_id == tries
        else row
        for row in run.generations()
    ]
    other = store(tmp_path, list(run.questions()), rows, described)
    other.write_grades("default", list(run.grades("default@1")))
    read = read_rows(other, "default", 1)
    for row in read:
        whole = row.written + row.answer
        assert row.alone == {tries: whole + 50, tree: row.paid}.get(row.policy_id, whole)
    assert any(row.alone < row.written for row in read if row.policy_id == tree)
    lines = spent_rows([], [row for row in read if row.policy_id == tries])
    assert lines[-1].cells[2] == lines[-1].cells[3]
    assert lines[-1].cells[4] == "0%"
    assert "sharing" not in spent_sentence([row for row in read if row.policy_id == tree], other.manifest)


def test_a_run_that_is_not_finished_says_so_at_the_top(run: RunDir, tmp_path: Path) -> None:
    whole = build_report(run, tmp_path / "whole.html").read_text(encoding="utf-8")
    part = RunDir.open(run.path)
    part.manifest = part.manifest.model_copy(update={"status": "interrupted"})
    page = build_report(part, tmp_path / "part.html").read_text(encoding="utf-8")
    assert page.index("This run is interrupted") < page.index("<main>")
    assert "This run is" not in whole
