"""Points: joins that refuse, counts that stay apart."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.metrics.points import Point, bounds, join, point, within
from unit.metrics.metric_rows import forcing, rows


def of(generations: list[Any], grades: list[Any], **fields: Any) -> Point:
    (joined,) = join(generations, grades).values()
    return point(joined, label="p", policy=forcing("p", **fields)["policy"])


def test_wrong_and_unanswered_stay_apart_and_neither_is_correct() -> None:
    got = of(*rows("p", "RRw--"))
    assert got.accuracy == got.accuracy_low == got.accuracy_high == 2 / 5
    assert got.share_no_answer == 2 / 5
    assert (got.n, got.n_questions, got.n_correct, got.n_ungraded) == (5, 5, 2, 0)


def test_an_ungraded_row_refuses_the_accuracy_and_gives_bounds() -> None:
    got = of(*rows("p", "Rw??"))
    assert got.accuracy is None
    assert got.interval is None
    assert (got.accuracy_low, got.accuracy_high) == (0.25, 0.75)


def test_cut_off_is_a_property_of_the_generation_not_of_the_verdict() -> None:
    cut, cut_grades = rows("p", "RRw", ended="cutoff")
    got = of(cut, cut_grades)
    assert got.share_cutoff == 1
    assert got.accuracy == 2 / 3


@pytest.mark.parametrize("ended", ["cutoff", "context", "no_room", "stuck", "error"])
def test_every_ending_has_its_share(ended: str) -> None:
    got = of(*rows("p", "RRww", ended=ended))
    shares = {name: getattr(got, f"share_{name}") for name in ("cutoff", "context", "no_room", "stuck", "error")}
    assert shares == {name: float(name == ended) for name in shares}


def test_tokens() -> None:
    generations, grades = rows("p", "RRRRw", thinking=[10, 20, 30, 40, 100], n_thinking_forced=1, looped=True)
    got = of(generations, grades, max_thinking=41)
    assert (got.thinking_mean, got.thinking_p50, got.thinking_p95) == (41, 31, pytest.approx(89))
    assert (got.answer_mean, got.total_mean) == (5, 46)
    assert (got.paid_thinking, got.paid_tokens) == (200, 225)
    assert got.share_looped == 1
    assert (got.max_thinking, got.min_thinking) == (41, None)
    assert got.share_within == 4 / 5  # 41 of 41 is within


def test_bounds_that_were_not_asked() -> None:
    assert bounds({"min_thinking": 0, "max_thinking": None}) == (None, None)
    assert bounds({"min_thinking": 5, "max_thinking": 0}) == (5, 0)
    assert bounds({}) == (None, None)
    assert of(*rows("p", "R")).share_within is None
    assert within(5, 5, 5)
    assert not within(4, 5, None)


def test_samples_of_one_question_are_a_cluster() -> None:
    generations, grades = [], []
    for sample in range(4):
        more = rows("p", "R" * 20 + "w" * 20, sample=sample)
        generations += more[0]
        grades += more[1]
    clustered, single = of(generations, grades), of(*rows("p", "R" * 20 + "w" * 20))
    assert (clustered.n, clustered.n_questions, clustered.accuracy) == (160, 40, 0.5)
    assert clustered.interval == single.interval


def test_join_refuses_what_does_not_match() -> None:
    generations, grades = rows("p", "Rw")
    with pytest.raises(ValueError, match="1 rows lack"):
        join(generations, grades[:1])
    with pytest.raises(ValueError, match="1 rows lack"):
        join(generations[:1], grades)
    with pytest.raises(ValueError, match="occurs twice"):
        join(generations, [*grades, grades[0]])
    with pytest.raises(ValueError, match="occurs twice"):
        join([*generations, generations[0]], grades)


def test_join_aligns_whatever_the_order() -> None:
    generations, grades = rows("p", "Rw-?")
    (joined,) = join(generations[::-1], [grades[2], grades[0], grades[3], grades[1]]).values()
    assert [row.key for row in joined.generations] == [grade.key for grade in joined.grades]
    assert joined.question_ids == tuple(sorted(row.question_id for row in generations))


def test_means_need_every_question() -> None:
    (joined,) = join(*rows("p", "Rw")).values()
    with pytest.raises(ValueError, match="1 of 3 questions have no generation"):
        joined.means(lambda generation, grade: 1.0, [*joined.question_ids, "ffffffffffffffff"])
