"""What every scorer keeps to: the checks on scores, the three controls, and the windows over long solutions."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.search.reward import RewardError, Scorer, Spent, checked, score_outcomes
from s1kit.search.reward_controls import LengthReward, OracleReward, RandomReward, oracle_score
from s1kit.search.reward_model import batches
from s1kit.search.reward_window import StepTooLong, windows
from s1kit.types import Grade, Question

SUM = Question.make(text="What is 2 + 2?", answer="4", answer_kind="integer")
BIG = Question.make(text="Which is bigger?", answer="A", answer_kind="choice", choices=("9", "4"))
ITEM = (SUM.text, ["one", "two"])
words = st.text("ab \n", max_size=8)
items = st.lists(st.tuples(words, st.lists(words, max_size=5)), max_size=6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.01, 1.01])
def test_a_score_that_is_none_is_refused_with_question_and_step(bad: float) -> None:
    with pytest.raises(RewardError, match=r"step 2 of 2 \('two'\) of question 'What is 2 \+ 2"):
        checked("model", ITEM, [0.5, bad])
    assert checked("model", ITEM, [0.0, 1.0]) == [0.0, 1.0]


def test_a_score_for_every_step() -> None:
    with pytest.raises(RewardError, match="1 scores for 2 steps"):
        checked("model", ITEM, [0.5])


@pytest.mark.parametrize("made", [RandomReward(3), LengthReward(), LengthReward("long")], ids=lambda s: s.info.name)
@settings(deadline=None)
@given(asked=items)
def test_a_control_scores_each_item_as_if_alone(made: Scorer, asked: list[tuple[str, list[str]]]) -> None:
    together = made.score_batch(asked)
    assert together == [made.score(*item) for item in asked]
    assert together == made.score_batch(asked[::-1])[::-1]
    assert [len(scores) for scores in together] == [len(steps) for _, steps in asked]
    assert all(0 <= score <= 1 for scores in together for score in scores)


def test_chance_depends_on_seed_question_and_step_and_spreads_evenly() -> None:
    steps = [f"step {number}" for number in range(2000)]
    draws = RandomReward(0).score("q", steps)
    assert draws == RandomReward(0).score("q", steps)
    assert len(set(draws) | set(RandomReward(1).score("q", steps)) | set(RandomReward(0).score("r", steps))) == 6000
    assert abs(sum(draws) / 2000 - 0.5) < 0.03
    assert abs(sum(draw < 0.25 for draw in draws) / 2000 - 0.25) < 0.05


def test_length_counts_what_is_written_so_far() -> None:
    short = LengthReward(half=10).score("q", ["x" * 10, "", "x" * 20])
    assert short == [0.5, 0.5, 0.25]
    assert LengthReward("long", half=10).score("q", ["x" * 10, "", "x" * 20]) == [0.5, 0.5, 0.75]
    with pytest.raises(RewardError, match="half=0"):
        LengthReward(half=0)


def test_the_oracle_knows_stated_answers_and_nothing_else() -> None:
    oracle = OracleReward([SUM, BIG])
    steps = ["Two and two.", "So the answer is 5.", "4", "Wait", "Final Answer: 4"]
    assert oracle.score(SUM.prompt(), steps) == [0.5, 0.0, 0.5, 0.5, 1.0]
    both = oracle.score_batch([(BIG.prompt(), ["Answer: A"]), (SUM.prompt(), ["Answer: 5"]), (BIG.prompt(), [])])
    assert both == [[1.0], [0.0], []]
    assert oracle.spent.steps == 7
    assert oracle.spent.tokens == 0
    assert OracleReward([SUM], answer=lambda step: step).score(SUM.text, ["4"]) == [1.0]
    with pytest.raises(RewardError, match=r"not given question 'Which is bigger\?'"):
        oracle.score(BIG.text, ["Answer: A"])


def test_a_stored_verdict_is_a_score() -> None:
    kept = {"question_id": SUM.id, "policy_id": "p", "grader": "default", "version": 1, "rule": "r"}
    known = {verdict: oracle_score(Grade(**kept, verdict=verdict)) for verdict in ("correct", "incorrect", "no_answer")}
    assert known == {"correct": 1.0, "incorrect": 0.0, "no_answer": 0.5}


def test_an_outcome_needs_a_solution() -> None:
    assert score_outcomes(LengthReward(half=8), [("q", ["abc", "def"])]) == [0.5]
    with pytest.raises(RewardError, match="without steps"):
        score_outcomes(LengthReward(), [("q", [])])


def test_a_search_charges_itself_the_difference() -> None:
    before, after = Spent(1, 2, 30, 0.5, 0), Spent(4, 8, 100, 2.0, 1)
    assert after - before == Spent(3, 6, 70, 1.5, 1)


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 20), max_size=40), prompt=st.integers(0, 30), limit=st.integers(50, 120))
def test_windows_score_each_step_once_within_the_limit(lengths: list[int], prompt: int, limit: int) -> None:
    def size(a: int, b: int) -> int:
        return prompt + sum(lengths[a:b])

    found = windows(len(lengths), size, limit)
    assert [n for window in found for n in range(window.first, window.end)] == list(range(len(lengths)))
    assert all(size(window.start, window.end) <= limit for window in found)
    assert all(window.start <= window.first for window in found)
    if size(0, len(lengths)) <= limit:
        assert len(found) <= 1
    for before, after in pairwise(found):
        assert size(before.start, before.end + 1) > limit, "a pass reads as far as it can"
        earlier = after.start - 1
        more = earlier >= 0 and size(earlier, after.first) <= limit // 2 and size(earlier, after.first + 1) <= limit
        assert not more, "a pass repeats as much as half of it holds"


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 40), max_size=30).map(lambda found: sorted(found, reverse=True)))
def test_a_batch_is_as_full_as_its_bound_on_padded_tokens_allows(lengths: list[int]) -> None:
    found = batches(range(len(lengths)), lengths, 60)
    assert [n for batch in found for n in batch] == list(range(len(lengths)))
    assert all(len(batch) == 1 or lengths[batch[0]] * len(batch) <= 60 for batch in found)
    assert all(lengths[batch[0]] * (len(batch) + 1) > 60 for batch in found[:-1])


def test_windows_name_the_step_that_fits_nowhere() -> None:
    with pytest.raises(StepTooLong) as caught:
        windows(3, lambda a, b: 5 + sum([10, 10, 50][a:b]), 40)
    assert (caught.value.step, caught.value.tokens) == (2, 55)


def test_no_model_library_is_loaded_by_the_interface() -> None:
    code = (
        "import sys, s1kit.search.reward_model, s1kit.search.reward_controls, s1kit.search.reward_load;"
        "print(sorted({'torch', 'transformers', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
