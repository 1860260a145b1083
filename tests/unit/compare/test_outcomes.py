"""Points from rows made by hand: what was right, what was spent on it and of which kind, and what cannot be said."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from s1kit.compare.outcomes import CENSORED, point_of, thinking_mean
from s1kit.compare.point import MethodPoint
from s1kit.compare.rows import Graded
from s1kit.grading.pool import MathVerifyPool
from s1kit.search.samples import Cost
from unit.compare.planted import PACE, QUESTION, QUESTIONS, one, row, rows, scores, several

BF = {"method": "budget_forcing", "natural": True}
HOT = {**BF, "temperature": 1.0, "seeds": 3}
RS = {"method": "rejection", "limits": [50], "seeds": 2}
TREE = {"method": "tree_search", "widths": [2], "scorer": "s", "seeds": 2}


@pytest.fixture(scope="module")
def pool() -> Iterator[MathVerifyPool]:
    with MathVerifyPool(1) as made:
        yield made


def vote(rule: str, k: int, **more: Any) -> dict[str, Any]:
    return {"method": "vote", "rule": rule, "k": [k], "samples": 4, **more}


def same(found: Cost, **wanted: float) -> bool:
    parts = {name: getattr(found, name) for name in ("thinking", "answer", "forced", "reward", "seconds")}
    return parts == pytest.approx({name: wanted.get(name, 0.0) for name in parts}, nan_ok=True)


def points(
    method: dict[str, Any], graded: list[Graded], pool: MathVerifyPool, known: Any = None, n: int = 1
) -> MethodPoint:
    return point_of(one(method), rows(*graded), QUESTIONS[:n], known or {}, pool)


# -- one thought


def test_each_kind_of_token_is_counted_apart_and_seconds_are_what_was_generated_at_the_runs_pace(
    pool: MathVerifyPool,
) -> None:
    found = points(BF, [row("7", 20, n_thinking_forced=3, n_answer=6, engine_ms=99_000.0)], pool)
    assert same(found.cost[0], thinking=20, answer=6, forced=3, seconds=26 * PACE)
    assert (found.accuracy, found.thinking, found.draws, found.by_draw) == ((1.0,), (23.0,), 1, (1.0,))


def test_what_a_sweep_shared_is_charged_to_every_setting_as_if_it_were_alone(pool: MathVerifyPool) -> None:
    found = points(BF, [row("7", 20, n_paid=0, n_paid_thinking=0)], pool)
    assert same(found.cost[0], thinking=20, answer=4, seconds=24 * PACE)


def test_rejected_tries_are_thinking_that_was_spent_but_not_thinking_of_the_answer(pool: MathVerifyPool) -> None:
    graded = [
        row("7", 30, n_discarded=102, tries=3),
        row(None, 51, 1, ended="unmet", n_answer=0, n_discarded=765, tries=16),
    ]
    found = points(RS, graded, pool)
    assert same(found.cost[0], thinking=(132 + 816) / 2, answer=2, seconds=PACE * (132 + 4 + 816) / 2)
    assert found.thinking == (30.0,)  # a thought that was given up is none that the limit let through
    assert found.paced == found.thinking
    assert (found.tries, found.unmet, found.censored, found.no_answer) == (9.5, 0.5, 0.5, 0.5)
    assert (found.accuracy, found.by_draw) == ((0.5,), (1.0, 0.0))


def test_trial_answers_are_answer_tokens_that_were_spent(pool: MathVerifyPool) -> None:
    early = {
        "method": "policies",
        "name": "exit",
        "policies": [{"kind": "early_exit", "every": 8, "agree": 2}],
    }
    found = points(early, [row("7", 16, ended="early", n_discarded=9)], pool)
    assert same(found.cost[0], thinking=16, answer=13, seconds=29 * PACE)
    assert (found.tries, found.unmet, found.censored) == (None, None, 0.0)


def test_draws_are_the_samples_and_their_mean_is_the_accuracy(pool: MathVerifyPool) -> None:
    graded = several("775") + several("555", question=QUESTIONS[1])
    found = points(HOT, graded, pool, n=2)
    assert found.accuracy == pytest.approx((2 / 3, 0.0))
    assert (found.draws, found.by_draw) == (3, (0.5, 0.5, 0.0))


def test_rows_beyond_what_was_asked_for_are_not_read(pool: MathVerifyPool) -> None:
    found = points(HOT, several("55577777"), pool)
    assert (found.accuracy, found.draws) == ((0.0,), 3)


def test_a_missing_sample_makes_the_question_undefined_instead_of_thinning_it(pool: MathVerifyPool) -> None:
    found = points(HOT, several("77") + several("777", question=QUESTIONS[1]), pool, n=2)
    assert math.isnan(found.accuracy[0])
    assert (found.accuracy[1], found.note) == (1.0, "1 of 3 samples are missing")


def test_a_question_without_rows_is_undefined(pool: MathVerifyPool) -> None:
    found = points(BF, several("7"), pool, n=2)
    assert found.accuracy[0] == 1.0
    assert math.isnan(found.accuracy[1])
    assert (found.note, found.draws, found.by_draw) == ("there are no rows", 1, ())


@pytest.mark.parametrize("method", [HOT, {**RS, "seeds": 3}], ids=["forcing", "rejection"])
def test_an_ungraded_row_is_no_wrong_one(method: dict[str, Any], pool: MathVerifyPool) -> None:
    found = points(method, several("7?7"), pool)
    assert math.isnan(found.accuracy[0])
    assert found.note == "a row is ungraded"
    assert "NaN" not in json.dumps(found.model_dump(mode="json"))


def test_rows_that_did_not_end_of_their_own_accord_are_censored_once(pool: MathVerifyPool) -> None:
    ends = sorted(CENSORED)
    graded = [row("7", 10, i, ended=end) for i, end in enumerate(ends)]
    graded += [row(None, 10, 5, ended="cutoff"), row(None, 10, 6), row("5", 10, 7), row("7", 10, 8, ended="early")]
    found = points({**HOT, "seeds": 9}, graded, pool)
    assert len(ends) == 5
    assert (found.censored, found.no_answer) == (pytest.approx(7 / 9), pytest.approx(2 / 9))


def test_steps_are_of_the_rows_that_announced_any(pool: MathVerifyPool) -> None:
    graded = [row("7", 30, n_steps=2, n_step_tokens=22), row("7", 30, 1, n_steps=0, n_step_tokens=0), row("7", 30, 2)]
    found = points(HOT, graded, pool)
    assert (found.steps, found.tokens_per_step) == (2.0, 11.0)
    none = points(HOT, several("777"), pool)
    assert (none.steps, none.tokens_per_step) == (None, None)


def test_the_natural_length_weighs_questions_alike() -> None:
    graded = several("777", [10, 20, 30]) + several("7", [100], QUESTIONS[1])
    assert thinking_mean(rows(*graded), QUESTIONS[:2]) == 60.0


# -- votes


@pytest.mark.parametrize(
    ("rule", "k", "more", "accuracy"),
    [
        ("majority", 4, {}, 0.5),  # 7 7 5 5: a tie
        ("majority", 1, {}, 0.5),
        ("pass_at_k", 4, {}, 1.0),
        ("pass_at_k", 2, {}, 5 / 6),
        ("shortest_majority", 4, {}, 0.0),  # the 5s are shorter
        ("short_m", 4, {}, 0.0),
        ("weighted", 4, {"scorer": "s"}, 1.0),  # 0.9 + 0.2 against 0.5 + 0.5
        ("best_of_n", 4, {"scorer": "s"}, 1.0),
        ("best_of_n", 4, {"scorer": "s", "reduction": "min"}, 0.0),
    ],
)
def test_a_vote_counts_its_k_samples_whatever_is_stored(
    rule: str, k: int, more: dict[str, Any], accuracy: float, pool: MathVerifyPool
) -> None:
    graded = several("7755", [40, 40, 10, 20])
    known = scores(graded, [(0.1, 0.9), (0.1, 0.2), (0.5, 0.5), (0.5, 0.5)])
    found = points(vote(rule, k, **more), graded, pool, known)
    assert found.accuracy == pytest.approx((accuracy,))
    thinking = 40.0 if rule == "short_m" else 110 * k / 4
    answer = 4.0 if rule == "short_m" else 4.0 * k
    reward = 30.0 * k if more else 0.0
    seconds = (thinking + answer) * PACE + (0.25 * k if more else 0.0)
    assert same(found.cost[0], thinking=thinking, answer=answer, reward=reward, seconds=seconds)
    assert found.thinking == (27.5,)  # of one train of thought
    assert found.draws == 4 // k


def test_more_samples_than_are_stored_is_undefined_with_a_message_and_never_padded(pool: MathVerifyPool) -> None:
    found = points(vote("majority", 5, samples=5), several("7777"), pool)
    assert math.isnan(found.accuracy[0])
    assert found.note == "5 samples asked for, 4 are stored"
    assert found.by_draw == ()


def test_a_tie_of_all_answers_is_the_mean_over_them(pool: MathVerifyPool) -> None:
    graded = several("7569", [10] * 4)
    known = scores(graded, [0.5] * 4)
    for rule, more in (("majority", {}), ("shortest_majority", {}), ("short_m", {}), ("weighted", {"scorer": "s"})):
        assert points(vote(rule, 4, **more), graded, pool, known).accuracy == (0.25,), rule
    assert points(vote("best_of_n", 4, scorer="s"), graded, pool, known).accuracy == (0.25,)


def test_an_ungraded_answer_matters_only_where_it_could_win(pool: MathVerifyPool) -> None:
    sure = [*several("777"), row("?", 10, 3)]
    found = points(vote("majority", 4), sure, pool)
    assert found.accuracy == (1.0,)
    open_ = points(vote("pass_at_k", 4), [*several("555"), row("?", 10, 3)], pool)
    assert math.isnan(open_.accuracy[0])
    assert "NaN" not in json.dumps(open_.model_dump(mode="json"))


def test_a_sample_without_a_score_makes_its_question_undefined(pool: MathVerifyPool) -> None:
    graded = several("7755")
    known = scores(graded[:3], [0.1, 0.2, 0.3])
    found = points(vote("best_of_n", 2, scorer="s"), graded, pool, known)
    assert math.isnan(found.accuracy[0])
    assert found.note == "samples without a score by s"


# -- trees


def test_a_tree_costs_all_that_was_generated_and_read_for_it_and_each_tree_is_a_draw(pool: MathVerifyPool) -> None:
    graded = [
        row("7", 30, 0, n_paid=50, n_paid_thinking=44, n_discarded=10),
        row("5", 30, 1, n_paid=10, n_paid_thinking=6),
        row("5", 20, 2, n_paid=24, n_paid_thinking=20),
        row("5", 20, 3, n_paid=4, n_paid_thinking=0),
    ]
    known = scores([graded[0]], [0.9], tokens=100, ms=500) | scores([graded[2]], [0.1], tokens=60, ms=500)
    known |= scores([graded[1], graded[3]], [0.2, 0.3], tokens=0, ms=0)
    found = points(TREE, graded, pool, known)
    assert (found.accuracy, found.by_draw, found.draws) == ((0.25,), (0.5, 0.0), 2)
    paid = (50 + 10 + 24 + 4) / 2
    assert same(found.cost[0], thinking=35, answer=paid - 35, reward=80, seconds=paid * PACE + 0.5)
    assert found.thinking == (25.0,)


@pytest.mark.parametrize(("aggregate", "right"), [("majority", 0.0), ("weighted", 1.0), ("best", 0.5)])
def test_leaves_are_aggregated_as_asked(aggregate: str, right: float, pool: MathVerifyPool) -> None:
    tree = {**TREE, "widths": [5], "seeds": 1, "aggregate": aggregate}
    graded = several("75557")  # 5 leads by number, 7 by weight, and of the best two one is right
    found = points(tree, graded, pool, scores(graded, [0.9, 0.9, 0.1, 0.1, 0.4]))
    assert found.by_draw == (right,)
    tied = points({**TREE, "aggregate": aggregate}, several("7557"), pool, scores(several("7557"), [0.5] * 4))
    assert tied.by_draw == (0.5, 0.5)


def test_a_tree_with_fewer_leaves_than_its_width_is_read_by_the_leaves_it_has(pool: MathVerifyPool) -> None:
    graded = [row("7", 10, 0), row("5", 10, 2), row("7", 10, 3)]
    found = points(TREE, graded, pool, scores(graded, [0.5] * 3))
    assert found.by_draw == (1.0, 0.5)


def test_a_tree_without_a_leaf_is_undefined(pool: MathVerifyPool) -> None:
    graded = several("77")
    found = points(TREE, graded, pool, scores(graded, [0.5] * 2))
    assert math.isnan(found.accuracy[0])
    assert found.note == "the tree has no leaf"
    assert "NaN" not in json.dumps(found.model_dump(mode="json"))


def test_a_tree_whose_engine_failed_is_undefined_and_no_wrong_answer(pool: MathVerifyPool) -> None:
    graded = [row("?", 5, i, ended="error", error="out of memory") for i in range(4)]
    found = points(TREE, graded, pool)
    assert math.isnan(found.accuracy[0])
    assert found.censored == 1.0


def test_a_leaf_without_a_score_leaves_a_weighted_vote_undefined(pool: MathVerifyPool) -> None:
    graded = several("7755")
    found = points({**TREE, "aggregate": "weighted"}, graded, pool, scores(graded[:3], [0.5] * 3))
    assert math.isnan(found.accuracy[0])
    assert points(TREE, graded, pool, scores(graded[:3], [0.5] * 3)).accuracy == (0.5,)


def test_seconds_that_were_not_measured_are_not_zero(pool: MathVerifyPool) -> None:
    found = point_of(one(BF), rows(*several("7"), pace=math.nan), [QUESTION], {}, pool)
    assert math.isnan(found.cost[0].seconds)
    assert found.cost[0].tokens == 14
