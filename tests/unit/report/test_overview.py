"""What the overview says of a run follows from its rows: examples, control, cost, rates, and its policy on content."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from s1kit.report.build import build_report, read_metrics
from s1kit.report.marks import Marked, marked
from s1kit.report.moments import AFTER, BEFORE, KINDS, Pick, excerpt, pick
from s1kit.report.rows import Row, fetch, read_rows
from s1kit.report.scatter import control_sentence, control_svg
from s1kit.report.spent import rates, spent_rows, spent_sentence
from s1kit.report.traces import Piece
from s1kit.store.run import RunDir
from unit.report.report_runs import Words, finished
from unit.report.test_page import outline


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, Words]:
    return finished(tmp_path_factory.mktemp("runs"), 60)


@pytest.fixture(scope="module")
def points(made: tuple[RunDir, Words]) -> list[Marked]:
    return marked(read_metrics(made[0]), made[0].manifest.policies)


@pytest.fixture(scope="module")
def rows(made: tuple[RunDir, Words]) -> list[Row]:
    return read_rows(made[0], "default", 1)


def test_rows_and_their_full_records_are_those_of_the_store(made: tuple[RunDir, Words], rows: list[Row]) -> None:
    run, _ = made
    grades = {g.key: g for g in run.grades("default@1")}
    whole = {g.key: g for g in run.generations()}
    assert [row.key for row in rows] == sorted(whole)
    for row in rows:
        g = whole[row.key]
        assert (row.thinking, row.written, row.answer) == (g.n_thinking, g.n_thinking_model, g.n_answer)
        assert (row.paid, row.ended, row.looped) == (g.n_paid, g.ended, g.looped)
        assert row.verdict == grades[row.key].verdict
    some = {row.key for row in rows[::37]}
    assert fetch(run, some, list(grades.values())) == {key: (whole[key], grades[key]) for key in some}
    assert fetch(run, set(), list(grades.values())) == {}


def test_an_example_is_what_it_says_and_no_question_comes_twice(rows: list[Row], points: list[Marked]) -> None:
    swapped = {"correct": "incorrect", "incorrect": "correct"}
    flipped = [replace(row, verdict=swapped.get(row.verdict, row.verdict)) for row in rows]
    assert {"repaired", "cut"} <= {one.kind for one in pick(rows, points)}
    assert "broken" in {one.kind for one in pick(flipped, points)}
    for of in (rows, flipped):
        _check(pick(of, points), of, points)


def _check(found: list[Pick], rows: list[Row], points: list[Marked]) -> None:
    marks = {m.point.policy_id: m.mark for m in points}
    by_key = {row.key: row for row in rows}
    natural = next(m.point.policy_id for m in points if m.mark == "natural")
    assert max(Counter(one.row.question_id for one in found).values()) == 1
    assert [one.kind for one in found] == sorted((one.kind for one in found), key=KINDS.index)
    for one in found:
        end = by_key[one.row.question_id, natural, 0]
        if one.kind in ("repaired", "broken"):
            assert marks[one.row.policy_id] == "extension"
            assert one.against == end
            assert (one.row.verdict == "correct", end.verdict == "correct") == (
                (True, False) if one.kind == "repaired" else (False, True)
            )
        if one.kind == "cut":
            assert (one.row.ended, end.verdict) == ("cutoff", "correct")
            assert one.row.verdict != "correct"
        if one.kind == "silent":
            assert one.row.verdict == "no_answer"


def test_an_excerpt_keeps_what_was_forced_and_is_short() -> None:
    nudge = Piece("Wait", "nudge", "forced")
    long = [Piece("a" * 5000), nudge, Piece("b" * 5000), Piece("close", "close", ""), Piece("c" * 5000)]
    for kind in KINDS:
        shown = excerpt(long, kind)
        assert sum(len(piece.text) for piece in shown) <= BEFORE + AFTER + 20
        assert (nudge in shown) == (kind in ("repaired", "broken"))
    assert excerpt(long, "looped")[-1].text.endswith("c")
    assert excerpt([], "repaired") == ()


def test_control_is_told_per_point_and_per_generation(rows: list[Row], points: list[Marked]) -> None:
    said = control_sentence(points, rows)
    bounded = [m for m in points if m.point.max_thinking]
    most = {m.point.policy_id: m.point.max_thinking or 0 for m in bounded}
    single = [row for row in rows if row.policy_id in most]
    assert all(row.thinking <= most[row.policy_id] for row in single)
    assert said.startswith(f"{len(bounded)} of {len(bounded)} points")
    assert f"100% of the {len(single)} single generations" in said
    over = [m.point.model_copy(update={"share_within": 0.5, "thinking_mean": 1e6}) for m in bounded]
    worse = control_sentence([Marked(point, "truncation") for point in over], rows)
    assert worse.startswith(f"0 of {len(bounded)} points")
    assert "50.0% of the" in worse
    assert "nothing to hold" in control_sentence([m for m in points if m.mark == "natural"], rows)


def test_the_control_picture_shows_single_generations_that_left_their_bound(
    rows: list[Row], points: list[Marked]
) -> None:
    def strays(of: list[Marked]) -> int:
        return str(control_svg(of, rows, (520, 300), "wide")).count('fill="var(--accent)"')

    tight = points[0].point.model_copy(update={"max_thinking": 7, "share_within": 0.0})
    assert strays(points) == 0
    assert strays([Marked(tight, "truncation")]) > 10
    assert control_svg([m for m in points if m.mark == "natural"], rows, (520, 300), "wide") == ""


def test_costs_add_up_and_nothing_is_shared_twice(rows: list[Row], points: list[Marked]) -> None:
    lines = spent_rows(points, rows)
    numbers = [[int(line.cells[i].replace(",", "")) for line in lines] for i in (2, 3)]
    for alone_or_paid in numbers:
        assert sum(alone_or_paid[:-1]) == alone_or_paid[-1]
    assert numbers[1][-1] == sum(row.paid for row in rows)
    assert lines[-1].label == "all"
    beside = spent_rows(points[1:], rows)
    assert beside[-2].label == "1 other policies"
    assert beside[-1] == lines[-1]


def test_a_rate_that_is_nowhere_is_named_once(points: list[Marked]) -> None:
    found = rates(points)
    assert [head for head, _ in found.heads] == ["cut off", "no answer"]
    assert found.absent == ("looped", "error")
    for (_, _, mine), m in zip(found.rows, points, strict=True):
        assert [rate.bar for rate in mine] == [
            round(100 * m.point.share_cutoff, 2),
            round(100 * m.point.share_no_answer, 2),
        ]


def test_the_sentence_on_cost_takes_the_runs_time(made: tuple[RunDir, Words], rows: list[Row]) -> None:
    manifest = made[0].manifest.model_copy(update={"seconds": 10.0})
    paid = sum(row.paid for row in rows)
    said = spent_sentence(rows, manifest)
    assert f"{paid:,} tokens" in said
    assert f"{round(paid / 10):,} tokens per second" in said


def test_the_page_answers_in_order_and_leads_to_the_browser(made: tuple[RunDir, Words], tmp_path: Path) -> None:
    run, words = made
    page = build_report(run, tmp_path, decode=words.decode).read_text(encoding="utf-8")
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads[:5] == [
        "What did more thinking buy?",
        "Was it controlled?",
        "What did each “Wait” change?",
        "Show me one",
        "What did it cost?",
    ]
    assert heads[-1] == "How it was run"
    assert (tmp_path / "browse.html").exists()
    links = re.findall(r'href="(browse\.html#[^"]*)"', page)
    assert 3 <= len(links) <= 6
    assert all(re.search(r"q=[0-9a-f]{16}&amp;p=", link) for link in links)
    assert "<details>" not in page


def test_only_the_pages_own_sheet_may_style_it(made: tuple[RunDir, Words], tmp_path: Path) -> None:
    page = build_report(made[0], tmp_path / "one.html").read_text(encoding="utf-8")
    sheet = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = outline(page).meta["Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert " style=" not in page
    assert not (tmp_path / "browse.html").exists()
