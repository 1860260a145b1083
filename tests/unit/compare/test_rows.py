"""Rows of real run folders, by policy and question, with their grades and the pace of their run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from s1kit.compare.rows import Graded, collect
from s1kit.errors import UserError
from s1kit.policies import BudgetForcing, TreeSearch
from s1kit.store.run import RunDir
from s1kit.store.scores import Score, append_scores
from unit.compare.planted import POLICY, QUESTIONS, several

PLAIN = BudgetForcing().model_dump(mode="json")
TREE = TreeSearch(width=2, scorer="s").model_dump(mode="json")


def run_of(
    root: Path, graded: Sequence[Graded], policy: dict[str, Any] = PLAIN, read_ms: float = 0.0, grade: bool = True
) -> RunDir:
    """A finished run of one policy."""
    described = {POLICY: {"label": "l", "role": "other", "policy": policy, "samples": 1}}
    run = RunDir.create(
        root, "eval", "planted", config_resolved={"at": str(root)}, questions=QUESTIONS, policies=described
    )
    with run:
        time.sleep(0.02)
        run.append_many([g for g, _ in graded])
        if read_ms:
            append_scores(run.path, "s", [_score(g.key, read_ms / len(graded)) for g, _ in graded])
        run.finish()
        if grade:
            run.write_grades("default", [made for _, made in graded])
    return RunDir.open(run.path)


def _score(key: tuple[str, str, int], ms: float) -> Score:
    return Score(question_id=key[0], policy_id=key[1], sample=key[2], scorer="s", steps=(0.5,), tokens=1, ms=ms)


def test_rows_come_by_rising_sample_with_their_own_grades(tmp_path: Path) -> None:
    graded = several("757") + several("57", question=QUESTIONS[1])
    found = collect([run_of(tmp_path, graded[::-1])], QUESTIONS, "default").policies[POLICY]
    answers = [(g.sample, grade.extracted) for g, grade in found.of(QUESTIONS[0].id)]
    assert answers == [(0, "7"), (1, "5"), (2, "7")]
    assert [g.sample for g, _ in found.of(QUESTIONS[0].id, 1, 2)] == [1]
    assert [g.sample for g, _ in found.of(QUESTIONS[0].id, 1)] == [1, 2]
    assert found.of(QUESTIONS[2].id) == []


def test_the_pace_is_wall_clock_over_all_tokens_that_the_run_paid_for(tmp_path: Path) -> None:
    run = run_of(tmp_path, several("757"))
    found = collect([run], QUESTIONS[:1], "default").policies[POLICY]
    assert run.manifest.seconds is not None
    assert found.pace == pytest.approx(run.manifest.seconds / (3 * 14))


def test_questions_that_are_not_compared_still_took_their_share_of_the_time(tmp_path: Path) -> None:
    run = run_of(tmp_path, several("7") + several("7", question=QUESTIONS[1]))
    found = collect([run], QUESTIONS[:1], "default")
    assert run.manifest.seconds is not None
    assert found.policies[POLICY].pace == pytest.approx(run.manifest.seconds / 28)
    assert list(found.policies[POLICY].by_question) == [QUESTIONS[0].id]


@pytest.mark.parametrize(("policy", "off"), [(TREE, 0.012), (PLAIN, 0.0)], ids=["tree", "scored afterwards"])
def test_what_a_reward_model_took_while_trees_grew_is_not_counted_as_generating_too(
    policy: dict[str, Any], off: float, tmp_path: Path
) -> None:
    run = run_of(tmp_path, several("77"), policy, read_ms=12.0)
    assert run.manifest.seconds is not None
    found = collect([run], QUESTIONS, "default").policies[POLICY]
    assert found.pace == pytest.approx((run.manifest.seconds - off) / 28)


def test_of_two_runs_with_a_policy_the_one_with_more_rows_counts_whole(tmp_path: Path) -> None:
    few, many = run_of(tmp_path / "a", several("5")), run_of(tmp_path / "b", several("777"))
    for order in ([few, many], [many, few]):
        found = collect(order, QUESTIONS, "default").policies[POLICY]
        assert [grade.extracted for _, grade in found.of(QUESTIONS[0].id)] == ["7", "7", "7"]
        assert found.path == many.path


def test_metrics_see_the_same_rows(tmp_path: Path) -> None:
    found = collect([run_of(tmp_path, several("75?"))], QUESTIONS, "default")
    rows = found.graded()[POLICY]
    assert [g.key for g in rows.generations] == [g.key for g in rows.grades]
    assert len(rows.generations) == 3
    assert found.described[POLICY]["label"] == "l"


def test_rows_without_grades_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no grades by 'default'"):
        collect([run_of(tmp_path, several("7"), grade=False)], QUESTIONS, "default")


def test_only_the_policies_that_are_asked_for_are_read(tmp_path: Path) -> None:
    run = run_of(tmp_path, several("7"))
    assert list(collect([run], QUESTIONS, "default", {POLICY}).policies) == [POLICY]
    assert collect([run], QUESTIONS, "default", set()).described == {}
