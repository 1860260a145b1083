"""Imported texts whose tokens nobody counted: no picture puts them at 0 tokens, and every page says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from s1kit.evaluate import grade_run, measure_run
from s1kit.imports.run import Wanted, prepare, write
from s1kit.report.build import ReportError, build_report, read_metrics
from s1kit.report.several import build_several
from s1kit.report.terminal import curve_lines, facts_lines, points_table
from s1kit.store.run import RunDir
from unit.report.report_runs import finished
from unit.report.test_browser import delivered


def plain(root: Path, *, stated: bool = False) -> RunDir:
    """Three questions under a budget and without one; with ``stated`` the rows under the budget say their tokens."""
    rows = [
        {
            "question": f"What is 2 + {n}?", "reference": str(n + 2), "thinking": "two and some",
            "output": f"The answer is {n + 2 if n else 9}.", "label": label, **budget,
            **({"thinking_tokens": 40 + n, "answer_tokens": 5} if stated and budget else {}),
        }
        for n in range(3)
        for label, budget in (("free", {}), ("short", {"max_thinking": 50}))
    ]  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, _ = write(prepare(Wanted(paths=(root / "rows.jsonl",))), root)
    return RunDir.open(run.path)


def measured(root: Path, *, stated: bool = False) -> RunDir:
    run = plain(root, stated=stated)
    grade_run(run, workers=1)
    measure_run(run)
    return run


def test_without_any_count_there_is_no_picture_and_a_sentence(tmp_path: Path) -> None:
    run = measured(tmp_path)
    page = build_report(run, tmp_path / "out").read_text(encoding="utf-8")
    assert "<figure" not in page
    said = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "Thinking tokens were not counted for 2 points" in said
    assert "66.7%" in said, "accuracy stays"
    assert "6 generations; what they cost was not counted." in said
    assert not re.search(r"\b0(\.0)? (thinking|tokens)|after 0|at 0\b|, 0 thinking", said)
    shown = delivered(tmp_path / "out" / "data" / "browse-0.js")["policies"]
    assert [policy["counted"] for policy in shown] == [False, False]
    policies = run.manifest.policies
    assert curve_lines(read_metrics(run), policies=policies) == ["no points to draw"]
    assert not any("0 thinking" in line for line in facts_lines(read_metrics(run), policies))
    assert points_table(read_metrics(run), policies).row_count == 2


def test_only_what_was_counted_is_drawn(tmp_path: Path) -> None:
    run = measured(tmp_path, stated=True)
    page = build_report(run, tmp_path / "out").read_text(encoding="utf-8")
    titles = re.findall(r'aria-label="(Accuracy against mean[^"]*|Thinking tokens asked[^"]*)"', page)
    assert titles
    assert all("1 points" in title for title in titles)
    assert "Thinking tokens were not counted for one point" in page
    assert "3 generations, of 6, whose tokens were counted, cost" in page
    other, _ = finished(tmp_path / "other", 4)
    both = build_several([run, other], tmp_path / "both", {}).read_text(encoding="utf-8")
    assert "Thinking tokens were not counted for one point" in both
    assert "of 2 runs; the tables" in both, "the counted point is drawn"


def test_what_is_missing_is_named_with_the_verbs_that_make_it(tmp_path: Path) -> None:
    run = plain(tmp_path)
    with pytest.raises(ReportError, match=r"is not graded\nhint: run `s1 grade .*`, then `s1 metrics"):
        build_report(run)
    grade_run(run, workers=1)
    with pytest.raises(ReportError, match=r"has no metrics\nhint: run `s1 metrics [^`]*`$"):
        build_report(run)


def test_an_import_with_verdicts_of_its_own_can_be_measured_by_them(tmp_path: Path) -> None:
    rows = [{"question": f"1 + {n}?", "reference": str(n), "output": "9", "correct": n > 1} for n in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, _ = write(prepare(Wanted(paths=(tmp_path / "rows.jsonl",))), tmp_path)
    opened = RunDir.open(run.path)
    with pytest.raises(ReportError) as refused:
        build_report(opened)
    assert f"run `s1 grade {opened.path}`, then `s1 metrics {opened.path}`" in str(refused.value)
    grader = re.search(r"--grader (\w+)` for the verdicts it has", str(refused.value))
    assert grader
    measure_run(opened, grader[1])
    assert "33.3%" in build_report(opened).read_text(encoding="utf-8")
