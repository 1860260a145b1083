"""The summary: what metrics.json holds, and what it refuses to say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from s1kit.metrics.scaling import scaling
from s1kit.metrics.summary import Metrics, summarise
from s1kit.types import Generation, Grade
from unit.metrics.metric_rows import forcing, questions, rows

POLICIES = {
    "wait2": forcing("Wait x2", extensions=2),
    "max20": forcing("max 20", max_thinking=20),
    "max50": forcing("max 50", max_thinking=50),
    "natural": forcing("natural"),
    "hmm2": forcing("Hmm x2", extensions=2, nudges=["Hmm"]),
    "min300": forcing("min 300", min_thinking=300),
}
RUNS: dict[str, tuple[str, int]] = {
    "max20": ("wwwwwwwR", 20),
    "max50": ("wwwwwRRR", 60),
    "natural": ("wwwRRRRR", 100),
    "wait2": ("wwRRRRRR", 200),
    "hmm2": ("wwwwRRRR", 200),
    "min300": ("wRRRRRRR", 320),
}


def run(**changes: tuple[str, int]) -> tuple[list[Generation], list[Grade]]:
    generations: list[Generation] = []
    grades: list[Grade] = []
    for policy_id, (verdicts, thinking) in (RUNS | changes).items():
        more = rows(policy_id, verdicts, thinking=thinking)
        generations += more[0]
        grades += more[1]
    return generations, grades


def metrics(policies: dict[str, Any] = POLICIES, **changes: tuple[str, int]) -> Metrics:
    return summarise(questions(8), *run(**changes), policies)


def test_points_are_ordered_by_tokens_and_carry_the_asked_budget() -> None:
    got = metrics()
    assert [p.policy_id for p in got.points] == ["max20", "max50", "natural", "wait2", "hmm2", "min300"]
    assert [p.max_thinking for p in got.points][:2] == [20, 50]
    assert got.points[-1].min_thinking == 300
    assert got.natural == "natural"


def test_control_counts_bounded_runs_of_the_main_series() -> None:
    got = metrics().control
    assert {r.policy_id: r.within for r in got.runs if not r.unbounded} == {
        "max20": True,
        "max50": False,
        "min300": True,
    }
    assert (got.value, got.n_bounded, got.n_unbounded) == (2 / 3, 3, 2)


def test_placebos_stand_beside_the_curve_not_in_it() -> None:
    got = metrics()
    assert got.series["hmm2"] == "placebo"
    main = [policy for policy in RUNS if policy != "hmm2"]
    expected = scaling([RUNS[p][1] for p in main], [RUNS[p][0].count("R") / 8 for p in main])
    assert got.scaling.value == pytest.approx(expected.value)
    assert got.scaling.n_runs == 5
    named = metrics(POLICIES | {"hmm2": POLICIES["hmm2"] | {"series": "main"}})
    assert named.scaling.n_runs == 6
    assert named.scaling.n_equal == 1


def test_where_every_nudge_is_spelled_out_the_first_one_is_the_method() -> None:
    spelled = POLICIES | {"wait2": forcing("Wait x2", extensions=2, nudges=["Wait"])}
    assert metrics(spelled).series == metrics().series


def test_truncation_and_extension_are_told_apart_at_the_natural_end() -> None:
    got = metrics()
    assert got.scaling_below is not None
    assert got.scaling_above is not None
    below = scaling([20, 60, 100], [1 / 8, 3 / 8, 5 / 8])
    above = scaling([100, 200, 320], [5 / 8, 6 / 8, 7 / 8])
    assert got.scaling_below.value == pytest.approx(below.value)
    assert got.scaling_above.value == pytest.approx(above.value)
    bounded = {policy: described for policy, described in POLICIES.items() if policy == "max20"}
    alone = summarise(questions(8), *rows("max20", "wwwwwwwR"), bounded)
    assert (alone.natural, alone.scaling_below, alone.scaling_above) == (None, None, None)


def test_performance_is_the_best_run_of_the_main_series() -> None:
    got = metrics(hmm2=("RRRRRRRR", 200))
    assert (got.performance, got.best) == (7 / 8, "min300")


def test_scaling_has_an_interval_around_it() -> None:
    got = metrics().scaling
    assert got.interval is not None
    assert got.value is not None
    assert got.interval.low <= got.value <= got.interval.high
    assert got.interval.low < got.interval.high


def test_an_ungraded_row_refuses_what_it_would_make_untrue() -> None:
    got = metrics(wait2=("wwRRRRR?", 200))
    assert got.scaling.value is None
    assert got.scaling.refused == "ungraded rows in Wait x2"
    assert (got.performance, got.best) == (None, None)
    assert got.scaling_below is not None
    assert got.scaling_below.value is not None  # no ungraded row on that side
    assert any("within 62.5 to 75.0%" in note for note in got.notes)


def test_runs_on_different_questions_are_not_scaled() -> None:
    got = metrics(wait2=("wwRRRRR", 200))
    assert got.scaling.value is None
    assert got.scaling.refused == "the runs answer different questions; 7 are common to all"


def test_unanswered_questions_and_small_samples_are_said() -> None:
    got = summarise(questions(10), *run(), POLICIES)
    assert got.notes == (
        "2 of 10 questions have no generation at all",
        "8 questions: bootstrap intervals are too narrow at this n, go by the exact p",
    )


def test_the_ledger_is_in_it() -> None:
    assert [(e.policy_id, e.baseline_id) for e in metrics().ledger] == [("wait2", "natural"), ("hmm2", "natural")]


def test_metrics_survive_json() -> None:
    got = metrics()
    assert Metrics.model_validate_json(got.model_dump_json()) == got
    text = json.dumps(got.model_dump(mode="json"), allow_nan=False)
    assert json.loads(text)["grader"] == "default"


def test_unforced_is_the_natural_run_where_there_is_no_other() -> None:
    policies = {"free": {"label": "unforced", "policy": {"kind": "unforced", "max_tokens": None}}}
    assert summarise(questions(2), *rows("free", "Rw"), policies).natural == "free"
    capped = {"free": {"label": "unforced", "policy": {"kind": "unforced", "max_tokens": 64}}}
    assert summarise(questions(2), *rows("free", "Rw"), capped).natural is None


def test_refusals() -> None:
    generations, grades = rows("natural", "Rw")
    with pytest.raises(ValueError, match="no description of policy 'natural'"):
        summarise(questions(2), generations, grades, {})
    with pytest.raises(ValueError, match="1 unknown questions"):
        summarise(questions(1), generations, grades, POLICIES)
    with pytest.raises(ValueError, match="one grader"):
        summarise(questions(2), [], [], POLICIES)
    mixed = [grades[0], grades[1].model_copy(update={"grader": "s1_compat"})]
    with pytest.raises(ValueError, match="one grader"):
        summarise(questions(2), generations, mixed, POLICIES)
