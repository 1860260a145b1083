"""Reports of more than one run, of a comparison, of a reproduction: what is paired, what is linked, what is refused."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from s1kit.compare.frontier import Frontier, FrontierPoint
from s1kit.compare.pair import MatchedComparison
from s1kit.compare.table import MethodRow, PointRow
from s1kit.errors import UserError
from s1kit.metrics.intervals import Interval, mcnemar_exact
from s1kit.metrics.scaling import scaling
from s1kit.report.paired import Side, pairs
from s1kit.report.rows import read_rows
from s1kit.report.several import build_several
from s1kit.report.shelves import names
from s1kit.report.target import SEVERAL, build, built, kind_of
from s1kit.store.run import RunDir
from unit.report.report_runs import finished
from unit.report.test_hostile import HOSTILE
from unit.report.test_page import outline


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[RunDir]:
    """The same sweep of two models, on 12 and on 8 questions."""
    root = tmp_path_factory.mktemp("runs")
    return [finished(root, n, model=model)[0] for n, model in ((12, "nano"), (8, "someone/other"))]


def side(run: RunDir, name: str) -> Side:
    return Side(name, run.manifest.policies, read_rows(run, "default", 1))


def test_equal_policies_are_paired_on_the_questions_that_both_answered(two: list[RunDir]) -> None:
    one, other = (side(run, name) for run, name in zip(two, "ab", strict=True))
    (pair,) = pairs([one, other])
    assert pair.n_shared == 8
    assert len(pair.differences) == 13, "every policy but the fresh sample, which is bound to its own run"
    right = [{(r.policy_id, r.question_id): r.verdict == "correct" for r in s.rows} for s in (one, other)]
    by_label = {str(entry["label"]): policy for policy, entry in one.policies.items()}
    for found in pair.differences:
        keys = [key for key in right[1] if key[0] == by_label[found.label]]
        wins = sum(right[1][key] > right[0][key] for key in keys)
        losses = sum(right[1][key] < right[0][key] for key in keys)
        assert (found.comparison.wins, found.comparison.losses, found.comparison.n) == (wins, losses, len(keys))
        assert found.comparison.p == mcnemar_exact(wins, losses)
        assert found.p_holm >= found.comparison.p


def test_a_policy_with_another_setting_is_not_paired_and_the_setting_is_named(two: list[RunDir]) -> None:
    one = side(two[0], "a")
    changed = {key: {**e, "policy": {**e["policy"], "max_answer": 7}} for key, e in one.policies.items()}
    (pair,) = pairs([one, Side("b", changed, one.rows)])
    assert (pair.differences, pair.differing) == ((), ("max_answer",))
    reseeded = {key: {**e, "sampling": {**e["sampling"], "seed": 5}} for key, e in one.policies.items()}
    (same,) = pairs([one, Side("b", reseeded, one.rows)])
    assert len(same.differences) == 13
    assert not any(found.shown for found in same.differences)


def test_ungraded_rows_are_left_out_of_a_pair(two: list[RunDir]) -> None:
    one = side(two[0], "a")
    some = {row.question_id for row in one.rows if row.question_id < "8"}
    rows = [replace(row, verdict="ungraded") if row.question_id in some else row for row in one.rows]
    assert some
    (pair,) = pairs([one, Side("b", one.policies, rows)])
    assert {found.comparison.n for found in pair.differences} == {12 - len(some)}


def test_the_report_of_several_runs_leads_to_each(two: list[RunDir], tmp_path: Path) -> None:
    page = build([run.path for run in two], tmp_path, lambda _: None)
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "index.html"
    assert [(tmp_path / f"run-{n}.html").exists() for n in (1, 2)] == [True, True]
    assert outline(text).wrong == ["a href run-1.html", "a href run-2.html"]
    assert outline(text).open == []
    assert "other against nano" in text
    second = (tmp_path / "run-2.html").read_text(encoding="utf-8")
    assert re.search(r'href="browse\.html#[^"]*r=other', second), "a link of a run's page names the run"
    alone = build([run.path for run in two], tmp_path / "one.html", lambda _: None)
    assert outline(alone.read_text(encoding="utf-8")).wrong == []


def test_names_tell_runs_apart(two: list[RunDir]) -> None:
    assert names(two) == ["nano", "other"]
    assert len(set(names([two[0], two[0]]))) == 2


def test_what_cannot_be_reported_is_refused(two: list[RunDir], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="named twice"):
        build_several([two[0], two[0]], tmp_path, {})
    with pytest.raises(UserError, match=f"hint: name one of its runs: {two[0].path.name}"):
        kind_of(two[0].path.parent)
    with pytest.raises(UserError, match="no folder of `s1 compare`"):
        kind_of(tmp_path / "nowhere")
    folder = comparison(tmp_path / "compare" / "c")
    with pytest.raises(UserError, match="cannot stand beside others"):
        build([two[0].path, folder], None, lambda _: None)
    (folder / "compare.json").write_text("{")
    with pytest.raises(UserError, match=r"run `s1 compare` again"):
        build([folder], None, lambda _: None)
    assert not SEVERAL.is_absolute()


def test_a_report_older_than_its_run_is_made_again(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 3)
    assert built(run.path) is None
    page = build([run.path], None, lambda _: None)
    assert built(run.path) == page
    os.utime(run.path / "metrics.json", ns=(page.stat().st_mtime_ns + 1,) * 2)
    assert built(run.path) is None


def comparison(folder: Path, name: str = "two ways") -> Path:
    """A comparison with hostile names and no runs left."""
    row = PointRow(
        method=HOSTILE[0], label=HOSTILE[1], asked=None, used=10.0, within=None, thinking=10.0, answer=2.0, forced=1.0,
        reward=0.0, tokens=13.0, seconds=0.5, accuracy=0.5, interval=Interval(low=0.4, high=0.6), censored=0.0,
        no_answer=0.0, tries=None, unmet=None, steps=None, tokens_per_step=None, draws=1, note=None,
    )  # fmt: skip
    other = row.model_copy(update={"method": "cheap", "label": "k = 2", "tokens": 4.0, "accuracy": 0.3})
    method = MethodRow(
        method=HOSTILE[0], n_points=1, control=None, scaling=scaling([10.0], [0.5]), scaling_1k=scaling([10.0], [0.5]),
        performance=0.5, best=HOSTILE[1], interval=row.interval, best_used=10.0, best_tokens=13.0, best_seconds=0.5,
        spread=None, draws=1, left_out=(),
    )  # fmt: skip
    points = tuple(
        FrontierPoint(
            method=r.method, label=r.label, cost=r.tokens, accuracy=r.accuracy or 0, on_frontier=True, share=1.0,
            beaten_by=None,
        )
        for r in (other, row)
    )  # fmt: skip
    frontier = Frontier(axis="tokens", points=points)
    matched = MatchedComparison(axis="tokens", n=20, n_tests=0, pairs=(), notes=(HOSTILE[2],))
    stored = {
        "name": name, "benchmark": "nano_mixed", "n_questions": 20, "methods": [method], "settings": [row, other],
        "tokens": matched, "seconds": matched, "frontier": frontier,
        "frontier_seconds": frontier.model_copy(update={"axis": "seconds", "points": ()}), "ledger": [],
        "shared": {"generated": 50, "alone": 100}, "runs": ["runs/gone"], "notes": [HOSTILE[3]], "points": [],
    }  # fmt: skip
    folder.mkdir(parents=True)
    text = json.dumps(stored, default=lambda record: record.model_dump(mode="json"))
    (folder / "compare.json").write_text(text)
    return folder


def test_a_comparison_is_reported_with_names_as_text(tmp_path: Path) -> None:
    page = build([comparison(tmp_path / "c")], None, lambda _: None)
    text = page.read_text(encoding="utf-8")
    found = outline(text)
    assert page == tmp_path / "c" / "report" / "index.html"
    assert (found.wrong, found.open) == ([], [])
    assert not {"script", "img"} & set(found.tags)
    said = " ".join(" ".join(found.text).split())
    assert "sharing saved 50%" in said
    assert "1 method in 2 settings on 20 questions." in said
    assert "There is no pair of methods to test." in said, "no test was made, so none can have shown nothing"
    assert "1 run below" in said
    assert "50.0% with 13 tokens per question; the cheapest that nothing beats is cheap, k = 2: 30.0% with 4" in said
    assert "runs/gone is not there" in said
    assert "the cost was not measured" in said
    assert "⟨U+202E⟩" in text


def test_what_sees_the_reference_is_not_called_the_most_accurate(tmp_path: Path) -> None:
    folder = comparison(tmp_path / "c")
    stored = json.loads((folder / "compare.json").read_text())
    stored["bounds"] = [HOSTILE[0]]
    (folder / "compare.json").write_text(json.dumps(stored))
    said = " ".join(" ".join(outline(build([folder], None, lambda _: None).read_text(encoding="utf-8")).text).split())
    assert "The most accurate is cheap, k = 2: 30.0% with 4 tokens per question. Left aside, since it sees" in said


def test_a_reproduction_is_an_index_of_its_parts(tmp_path: Path) -> None:
    comparison(tmp_path / "compare" / "figure9")
    run, _ = finished(tmp_path / "runs" / "cell", 3)
    unmeasured, _ = finished(tmp_path / "runs" / "other", 2, graded=False)
    (tmp_path / "results.json").write_text('{"missing": ["table7"]}')
    (tmp_path / "main.md").write_text(f"| {HOSTILE[0]} |")
    told: list[tuple[int, int]] = []
    page = build([tmp_path], tmp_path / "out", lambda _: None, said=lambda done, of: told.append((done, of)))
    text = page.read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', text)
    assert links == ["compare-figure9/index.html", f"run-cell-{run.path.name}/index.html"]
    assert all((tmp_path / "out" / link).exists() for link in links)
    assert f"{unmeasured.path.name}` is not graded" in text
    assert "not made yet: table7" in text
    assert "script" not in outline(text).tags
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    with pytest.raises(UserError, match="is a folder"):
        build([tmp_path], tmp_path / "x.html", lambda _: None)
