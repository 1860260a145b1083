"""Selection: exact weights, the stated rules, the same draw everywhere, and errors that count."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.curate.select import Candidate, Rule, SelectionError, draw_rank, select

POOL = [
    Candidate(f"{domain}{n}", domain, length=100 * n)
    for domain, count in (("algebra", 8), ("biology", 3), ("combinatorics", 1))
    for n in range(1, count + 1)
]
RULES: tuple[Rule, ...] = ("paper", "notebook", "random", "diverse", "longest")
SHAPE = {"algebra": 1.0, "biology": 0.5}
GOLDEN = ["combinatorics1", "biology3", "biology2", "biology1", "algebra8", "algebra7"]


class Fixed(Random):
    """Returns given numbers, to walk through every outcome of one draw."""

    def __init__(self, value: int) -> None:
        super().__init__(0)
        self.value = value

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return self.value


@pytest.mark.parametrize("count", range(1, 9))
def test_a_rank_has_exactly_the_weight_two_to_the_minus_rank(count: int) -> None:
    ranks = Counter(draw_rank(Fixed(y), count) for y in range(1, 1 << count))
    assert ranks == {rank: 2 ** (count - 1 - rank) for rank in range(count)}


def test_domains_are_drawn_uniformly_and_long_traces_first() -> None:
    first = Counter(select(POOL, "paper", 1, seed=seed)[0].question_id for seed in range(6000))
    domains = Counter(name.rstrip("0123456789") for name in first.elements())
    for count in domains.values():
        assert abs(count / 6000 - 1 / 3) < 0.03
    biology = domains["biology"]
    for name, share in (("biology3", 4 / 7), ("biology2", 2 / 7), ("biology1", 1 / 7)):
        assert abs(first[name] / biology - share) < 0.05


def test_the_last_three_tenths_of_the_notebook_follow_the_shape() -> None:
    pool = [Candidate(f"{d}{n}", d, n) for d in ("algebra", "biology", "other") for n in range(200)]
    found: Counter[str] = Counter()
    for seed in range(60):
        drawn = select(pool, "notebook", 100, seed=seed, shape={"algebra": 3, "biology": 1})
        found.update(d.domain for d in drawn[70:])
        assert len({d.domain for d in drawn[:70]}) == 3
    assert found["other"] == 0
    assert abs(found["algebra"] / found.total() - 0.75) < 0.04


def test_preselected_rows_come_first_and_stay_in_the_pools_of_the_notebook_only() -> None:
    wanted = [c for c in POOL if c.id in ("algebra1", "combinatorics1")]
    for rule in ("paper", "notebook"):
        drawn = select(POOL, rule, 8, seed=4, preselected=wanted, shape=SHAPE)
        assert [d.question_id for d in drawn[:2]] == [c.id for c in sorted(wanted, key=lambda c: (-c.length, c.id))]
        assert [d.how for d in drawn[:2]] == ["preselected"] * 2
        assert len({d.question_id for d in drawn}) == 8
    lefts = [d.left for s in range(50) for d in select(POOL, "paper", 9, seed=s, preselected=wanted)[2:]]
    assert max(left for left in lefts if left is not None) == 7, "a preselected row is in no pool of Algorithm 1"
    lefts = [
        d.left for s in range(50) for d in select(POOL, "notebook", 9, seed=s, preselected=wanted, shape=SHAPE)[2:]
    ]
    assert max(left for left in lefts if left is not None) == 8


def test_a_preselected_row_may_have_been_solved_and_be_no_candidate_any_more() -> None:
    solved = Candidate("solved", "geometry", 3)
    drawn = select(POOL, "paper", 5, preselected=[solved])
    assert drawn[0].question_id == "solved"
    assert drawn[0].how == "preselected"
    assert {d.how for d in drawn[1:]} == {"drawn"}


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 50)), min_size=1, max_size=30),
    st.sampled_from(RULES),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_any_pool_any_rule(rows: list[tuple[str, int]], rule: Rule, seed: int, order: Random) -> None:
    pool = [Candidate(f"{domain}{i}", domain, length) for i, (domain, length) in enumerate(rows)]
    size = 1 + len(pool) // 2
    weights = dict.fromkeys("abcd", 1.0)
    drawn = select(pool, rule, size, seed=seed, shape=weights)
    assert len({d.question_id for d in drawn}) == len(drawn) == size
    assert {d.question_id: d.domain for d in drawn}.items() <= {c.id: c.domain for c in pool}.items()
    order.shuffle(pool)
    assert select(pool, rule, size, seed=seed, shape=weights) == drawn


def test_the_whole_pool_can_be_drawn_and_empty_domains_leave() -> None:
    drawn = select(POOL, "paper", len(POOL), seed=1)
    assert {d.question_id for d in drawn} == {c.id for c in POOL}
    assert [d.question_id for d in select(POOL, "longest", 2)] == ["algebra8", "algebra7"]
    assert len(select(POOL, "full", 1)) == len(POOL)


def test_the_draw_is_the_same_on_every_machine() -> None:
    assert [d.question_id for d in select(POOL, "paper", 6, seed=0)] == GOLDEN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidates": POOL, "size": 13}, "13 rows asked for, the pool has 12"),
        ({"candidates": [*POOL, POOL[0]], "size": 2}, "algebra1 is in the pool twice"),
        ({"candidates": POOL, "size": 0}, "ask for at least 1"),
        ({"candidates": POOL, "size": 3, "rule": "random", "preselected": POOL[:1]}, "random takes no preselected"),
        ({"candidates": POOL, "size": 1, "preselected": POOL[:2]}, "2 rows are preselected"),
        ({"candidates": POOL, "size": 9, "rule": "notebook", "shape": {"nowhere": 1.0}}, "after 6 rows no domain"),
    ],
)
def test_what_cannot_be_selected_is_refused_with_counts(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SelectionError, match=message):
        select(**{"rule": "paper", **arguments})  # type: ignore[arg-type]
