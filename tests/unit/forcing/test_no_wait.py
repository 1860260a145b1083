"""NoWait: the words are banned while the model thinks, there alone, and none in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.no_wait import unsaid, unspelled
from s1kit.forcing.plan import Plan
from s1kit.formats import BUILT_IN
from s1kit.policies import BudgetForcing, NoWait, Sampling
from s1kit.policies.no_wait import WORDS
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation
from unit.byte_level import tokenizer
from unit.forcing.cases import FORMATS, Case, resolve
from unit.forcing.later import CASES, OFTEN, engine_of, faults, plain, roomy, said, why

QWEN25 = Path(__file__).parents[4] / "shared" / "data" / "qwen2.5-tokenizer"
# the ids 1 to 9 are ordinary text, so that they are words

WORDED = {
    name: resolve(ids.model_copy(update={"text_ids": (*ids.text_ids, *range(1, 10))})) for name, ids in FORMATS.items()
}


def go(case: Case, policy: NoWait | BudgetForcing, slots: int = 16, rows: int = 1) -> tuple[Plan, list[Generation]]:
    engine = engine_of(case, slots=slots)
    plan = Plan.make(policy, WORDED[case.format], Sampling(temperature=case.temperature), engine.info)
    return plan, sorted(
        drive((machine(plan, case.row(n)) for n in range(rows)), engine), key=lambda got: got.question_id
    )


@CASES
@given(case=roomy(), words=st.sets(st.integers(1, 9), min_size=1, max_size=9))
def test_no_word_is_thought_and_answers_are_free(case: Case, words: set[int]) -> None:
    policy = NoWait(max_thinking=30, max_answer=9, words=tuple(f"<{i}>" for i in sorted(words)))
    plan, (got,) = go(case, policy)
    assert set(plan.unsaid) == words
    assert not words.intersection(why(got, "think"))
    assert faults(plan, got) == []
    _, (hard,) = go(case, plain(policy))
    # what it would not have said anyway changes nothing; a ban on a favourite shifts every draw of this "model"
    if not words.intersection(why(hard, "think")) and not words.intersection(OFTEN):
        assert said(got) == said(hard)


def test_an_answer_may_say_the_word_and_a_thought_that_does_is_found() -> None:
    answers = thoughts = 0
    for model in range(60):
        case = Case("one id", BudgetForcing(), (1, 2), False, 300, 0, model, 0.7, 3)
        policy = NoWait(max_thinking=30, max_answer=9, words=("<7>",))
        plan, (got,) = go(case, policy)
        answers += 7 in why(got, "answer")
        _, (hard,) = go(case, plain(policy))
        if 7 in why(hard, "think"):
            thoughts += 1
            assert any("may not be thought" in fault for fault in faults(plan, hard))
    assert answers
    assert thoughts


def test_bounds_are_budget_forcings() -> None:
    case = Case("one id", BudgetForcing(), (1, 2), False, 300, 0, 5, 0.7, 3)
    for policy in (
        NoWait(max_thinking=4, max_answer=3, cutoff_suffix="<1>", words=("<9>",)),
        NoWait(max_thinking=400, max_answer=3, on_overflow="clamp", words=("<9>",)),
        NoWait(max_thinking=400, max_answer=3, words=("<9>",)),
    ):
        _, (got,) = go(case, policy)
        _, (hard,) = go(case, plain(policy))
        assert (got.ended, got.error is None, why(got, "cutoff")) == (
            hard.ended,
            hard.error is None,
            why(hard, "cutoff"),
        )


@CASES
@given(case=roomy())
def test_batches_change_nothing(case: Case) -> None:
    policy = NoWait(max_thinking=20, max_answer=4, words=("<5>", "<6>"))
    one, many = go(case, policy, 1, 6)[1], go(case, policy, 16, 6)[1]
    assert [said(g) for g in one] == [said(g) for g in many]


def test_words_in_any_case_and_with_what_stands_around_them() -> None:
    fmt = BUILT_IN["s1"].resolve(tokenizer())
    decode = fmt.tokenizer.decode
    assert {decode([i]) for i in unsaid(NoWait(words=("WAIT", "a")), fmt)} == {"Wait", "a", "A"}
    assert unspelled(NoWait(words=("wait", "hmm", "a")), fmt) == ("hmm",)


def test_words_that_no_token_says_are_refused_where_they_are_all() -> None:
    engine = engine_of(Case("one id", BudgetForcing(), (1, 2), False, 300, 400, 5, 0.7, 3))
    fmt = BUILT_IN["s1"].resolve(tokenizer())
    with pytest.raises(PolicyError, match="no token of byte-level says any of its 2 words"):
        Plan.make(NoWait(words=("hmm", "double-check")), fmt, Sampling(), engine.info)
    assert Plan.make(NoWait(words=("hmm", "wait")), fmt, Sampling(), engine.info).unsaid
    engine.info = engine.info.model_copy(update={"banned_ids": False, "vocab_size": fmt.tokenizer.vocab_size})
    with pytest.raises(PolicyError, match="needs banned ids"):
        Plan.make(NoWait(words=("wait",)), fmt, Sampling(), engine.info)


@pytest.mark.shared
@pytest.mark.skipif(not QWEN25.is_dir(), reason="the Qwen2.5 tokenizer is not in ../shared")
def test_what_is_banned_of_a_real_vocabulary() -> None:
    fmt = BUILT_IN["s1"].resolve(Tokenizer.load(QWEN25))
    decode = fmt.tokenizer.decode
    banned = {decode([i]) for i in unsaid(NoWait(), fmt)}
    assert {"Wait", " Wait", "wait", " wait", " But", " However", " alternatively", " Hmm"} <= banned
    assert not {"Waiting", " butter", " another's", " verified", " anything", "Ohio"} & banned
    assert {"".join(filter(str.isalpha, word)).lower() for word in banned} <= set(WORDS)
    assert unspelled(NoWait(), fmt) == ("double-check",)
