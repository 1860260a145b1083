"""The nano pool under the steps that are meant for its faults: what was planted is what is found, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from s1kit.curate.duplicates import digest
from s1kit.curate.folder import Folder
from s1kit.nano.pool import SHARES, Planted, planted
from s1kit.types import Decision
from unit.curate.nano_run import EVALUATIONS, curate, decisions, kept

SIZE = 300
BY_QUALITY = {"missing_image", "ascii_art", "numbering", "asymptote"}
PAPER_ORDER = ["trace", "quality", "duplicates", "decontaminate", "domain"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return curate(tmp_path_factory.mktemp("nano"), "filter", limit=SIZE)


@pytest.fixture(scope="module")
def said(folder: Folder) -> dict[str, dict[int, Decision]]:
    return decisions(folder)


def rows(fault: str | None) -> dict[int, Planted]:
    return {number: row for number, row in enumerate(planted(SIZE)) if row.fault == fault}


def test_every_fault_is_planted_as_often_as_the_pool_says() -> None:
    assert Counter(row.fault for row in planted(SIZE) if row.fault) == {f: round(s * SIZE) for f, s in SHARES.items()}


@pytest.mark.parametrize("fault", sorted(BY_QUALITY))
def test_quality_finds_every_fault_of_its_kind_by_its_name(fault: str, said: dict[str, dict[int, Decision]]) -> None:
    assert {said["quality"][number].reason for number in rows(fault)} == {fault}


def test_quality_drops_no_sound_row(said: dict[str, dict[int, Decision]]) -> None:
    dropped = {number for number, d in said["quality"].items() if not d.kept}
    assert {planted(SIZE)[number].fault for number in dropped} == BY_QUALITY


def test_rows_without_text_never_are_questions(said: dict[str, dict[int, Decision]]) -> None:
    empty = {number for number, d in said["pool"].items() if not d.kept}
    assert empty == set(rows("empty"))
    assert {(said["pool"][n].reason, said["pool"][n].evidence) for n in empty} == {
        ("empty_question", f"nano_pool row {n}") for n in empty
    }


def test_of_copies_one_is_kept_at_most_and_the_others_name_it(
    folder: Folder, said: dict[str, dict[int, Decision]]
) -> None:
    groups: dict[bytes, list[int]] = {}
    for batch in folder.rows(folder.alive(["quality"])):
        for row in batch:
            groups.setdefault(digest(row.question), []).append(row.number)
    copies = [numbers for numbers in groups.values() if len(numbers) > 1]
    assert set(rows("exact")) <= {n for numbers in copies for n in numbers}, "every copy has its original there"
    for first, *others in copies:
        for number in others:
            found = said["duplicates"][number]
            assert (found.kept, found.reason, found.evidence) == (False, "exact", f"row {first} (nano_pool)")
        assert said["duplicates"][first].reason in ("", "near")


def test_no_copy_of_an_evaluation_item_gets_past_decontaminate(said: dict[str, dict[int, Decision]]) -> None:
    reached = [said["decontaminate"][n] for n in rows("contaminated") if n in said["decontaminate"]]
    assert len(reached) >= 5
    assert all(not d.kept and "nano_mixed/" in d.evidence for d in reached)


def test_what_the_teacher_failed_on_is_dropped_by_trace_and_nothing_else_is(
    folder: Folder, said: dict[str, dict[int, Decision]]
) -> None:
    failed = {t.question_id: t.error for t in folder.read_traces() if t.error is not None}
    dropped = {d.question_id: (d.reason, d.evidence) for d in said["trace"].values() if not d.kept}
    assert dropped == {name: ("api_error", error) for name, error in failed.items()}
    assert 0 < len(failed) < 0.15 * len(said["trace"])


def test_trace_first_as_in_the_paper_keeps_the_same_rows(tmp_path: Path) -> None:
    same: dict[str, Any] = {
        "limit": SIZE,
        "duplicates": {"near": None},
        "trace": {"teacher": {"kind": "nano_teacher", "fails": 0}},
    }
    cheap = curate(tmp_path, "filter", **same)
    paper = curate(tmp_path, "filter", **same, steps=PAPER_ORDER)
    assert cheap.path != paper.path
    assert list(paper.steps()) == ["pool", *PAPER_ORDER]
    assert kept(cheap) == kept(paper)


@pytest.mark.slow
def test_where_the_teacher_fails_the_orders_differ_by_copies_alone(tmp_path: Path) -> None:
    """A copy stands in for an original that was lost before duplicates were looked for; nothing else changes.

    By the paper's rule, that is: by coverage, what is boilerplate depends on the rows that are left by then.
    """
    same: dict[str, Any] = {
        "limit": SIZE,
        "duplicates": {"near": None},
        "decontaminate": {"evaluations": EVALUATIONS, "mode": "paper"},
        "trace": {"teacher": {"kind": "nano_teacher", "fails": 0.3}},
    }
    cheap = curate(tmp_path, "filter", **same)
    paper = curate(tmp_path, "filter", **same, steps=PAPER_ORDER)
    copies = {n for n, d in decisions(cheap)["duplicates"].items() if not d.kept}
    assert kept(cheap) <= kept(paper)
    assert kept(paper) - kept(cheap) <= copies
