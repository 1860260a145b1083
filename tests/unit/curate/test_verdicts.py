"""Rules first, the judge where no rule can decide, and "nobody could tell" is neither right nor wrong."""

from __future__ import annotations

from typing import Any

import pytest

from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.ledger import Ledger
from s1kit.curate.folder import Folder
from s1kit.curate.recipe import EndpointConfig
from s1kit.curate.teaching import judge_rest
from s1kit.curate.verdicts import Answered, Ruled, _ruled, as_grade, by_rule, judgeable
from s1kit.curate.work import Work
from s1kit.types import Question
from unit.curate.calls.fake_server import Act, FakeServer, Seen, status, whole
from unit.curate.nano_run import config, no_bar


def question(text: str, answer: str | None, kind: Any, **rest: Any) -> Question:
    return Question.make(text=text, answer=answer, answer_kind=kind, **rest)


SUM = question("What is 1 + 1?", "2", "integer")
NAME = question("Who?", "Emmy Noether", "text")
LONG = question("Why is 2 even?", "Because it is the double of the number one, as anyone sees.", "text")
PROOF = question("Show that 2 is even.", None, "text", meta={"solution": "It is twice one."})
BARE = question("Show that 3 is odd.", None, "text")
CHOICE = question("Which is even?", "B", "choice", choices=("one", "two"))
MATHS = question("Solve.", "x^2", "math")


@pytest.mark.parametrize(
    ("asked", "text", "verdict", "final"),
    [
        (SUM, "Answer: 2", "correct", True),
        (SUM, "\\boxed{3}", "incorrect", True),
        (SUM, "", "no_answer", True),
        (CHOICE, "Answer: B", "correct", True),
        (CHOICE, "Answer: A", "incorrect", True),
        (NAME, "Answer: emmy noether", "correct", True),
        (NAME, "Answer: Hilbert", "incorrect", True),
        (LONG, f"Answer: {LONG.answer}", "correct", True),
        (LONG, "It is even since it has the factor two in it.", "undecided", False),
        (PROOF, "Two is one and one.", "undecided", False),
        (PROOF, "", "no_answer", True),
        (BARE, "It is not.", "undecided", True),
    ],
)
def test_a_rule_decides_or_the_judge_may(asked: Question, text: str, verdict: str, final: bool) -> None:
    """``final``: asking a judge cannot change it, because a rule decided or there is nothing to judge."""
    answer = Answered(asked, text)
    [ruled] = by_rule([answer])
    assert ruled.verdict == verdict, ruled
    assert judgeable(answer, ruled) is not final


@pytest.mark.parametrize(
    ("verdict", "rule", "expected"),
    [
        ("incorrect", "marker/unparsed", "undecided"),
        ("incorrect", "box/uncomparable", "undecided"),
        ("ungraded", "gold_unparsed", "undecided"),
        ("incorrect", "marker/math_verify", "incorrect"),
        ("correct", "marker/math_verify", "correct"),
        ("no_answer", "none", "no_answer"),
    ],
)
def test_what_the_grader_could_not_read_is_nobodys_mistake(verdict: Any, rule: str, expected: str) -> None:
    grade = as_grade(MATHS, "t", Ruled("incorrect", "")).model_copy(update={"verdict": verdict, "rule": rule})
    ruled = _ruled(Answered(MATHS, "x"), grade)
    assert ruled.verdict == expected
    assert ruled.rule == (f"no_judge/{rule}" if expected == "undecided" else rule)


@pytest.mark.parametrize("asked", [SUM, PROOF])
def test_a_failed_call_is_no_wrong_answer_and_no_case_for_the_judge(asked: Question) -> None:
    answer = Answered(asked, "", "500: gone")
    [ruled] = by_rule([answer])
    assert (ruled.verdict, ruled.rule) == ("undecided", "failed_call")
    assert not judgeable(answer, ruled)


def test_rulings_come_in_the_order_of_the_answers_failed_ones_between() -> None:
    answers = [
        Answered(SUM, "Answer: 2"),
        Answered(SUM, "", "gone"),
        Answered(SUM, "Answer: 3"),
        Answered(PROOF, "So."),
    ]
    assert [r.verdict for r in by_rule(answers)] == ["correct", "undecided", "incorrect", "undecided"]
    assert by_rule([]) == []


def test_undecided_is_ungraded_in_a_grade() -> None:
    assert as_grade(PROOF, "t", Ruled("undecided", "judge/undecided")).verdict == "ungraded"
    for verdict in ("correct", "incorrect", "no_answer"):
        grade = as_grade(SUM, "t", Ruled(verdict, "r", "2"))
        assert (grade.verdict, grade.policy_id, grade.reference, grade.extracted) == (verdict, "t", "2", "2")


def judged(tmp_path: Any, answers: list[Answered], behave: Any, asks: int = 3) -> tuple[list[Ruled], list[Seen]]:
    """The rulings after a judge behind a real server, and what it was asked."""
    with FakeServer(behave) as server:
        judge = EndpointConfig(model="judge", base_url=server.url, stream=False, tries=1, concurrency=2)
        base = config()
        settings = base.model_copy(
            update={"difficulty": base.difficulty.model_copy(update={"judge": judge, "asks": asks})}
        )
        with Cache(tmp_path / "calls.sqlite") as cache:
            work = Work(settings, Folder(tmp_path), cache, Ledger(), no_bar, print)
            ruled = judge_rest(work, answers, by_rule(answers))
            work.close_callers()
        return ruled, server.script.seen


ANSWERS = [
    Answered(SUM, "Answer: 2"),
    Answered(PROOF, "Two is one and one."),
    Answered(BARE, "It is not."),
    Answered(LONG, "It has the factor two in it, which is all that anybody could ask."),
    Answered(PROOF, ""),
    Answered(PROOF, "", "500: gone"),
]
OPEN = [1, 3]
"""Which of them are for the judge."""


def test_the_judge_is_asked_about_what_no_rule_decides_and_nothing_else(tmp_path: Any) -> None:
    ruled, seen = judged(tmp_path, ANSWERS, lambda seen: whole(content="Fine.\n**Yes**"))
    assert [(r.verdict, r.rule) for r in ruled if r.rule.startswith("judge/")] == [("correct", "judge/yes")] * 2
    assert [r.rule.startswith("judge/") for r in ruled] == [i in OPEN for i in range(len(ANSWERS))]
    assert len(seen) == 2
    assert "It is twice one." in "".join(s.asked for s in seen), "the worked solution is the reference of a proof"


def test_a_judge_that_says_no_is_believed(tmp_path: Any) -> None:
    ruled, seen = judged(tmp_path, ANSWERS, lambda seen: whole(content="No."))
    assert {ruled[i].verdict for i in OPEN} == {"incorrect"}
    assert {ruled[i].judged for i in OPEN} == {"No."}
    assert len(seen) == 2


@pytest.mark.parametrize("asks", [1, 3])
def test_a_judge_that_never_says_either_is_asked_a_bounded_number_of_times(tmp_path: Any, asks: int) -> None:
    ruled, seen = judged(tmp_path, ANSWERS, lambda seen: whole(content="Yes and no, it depends."), asks)
    assert {(ruled[i].verdict, ruled[i].rule) for i in OPEN} == {("undecided", "judge/undecided")}
    assert {ruled[i].judged for i in OPEN} == {"Yes and no, it depends."}
    assert len(seen) == asks * len(OPEN)


def test_a_judge_that_finds_the_word_at_last_is_asked_no_further(tmp_path: Any) -> None:
    asked: dict[str, int] = {}

    def behave(seen: Seen) -> Act:
        asked[seen.asked] = asked.get(seen.asked, 0) + 1
        return whole(content="Yes" if asked[seen.asked] == 2 else "Hm.")

    ruled, seen = judged(tmp_path, ANSWERS, behave, asks=5)
    assert {ruled[i].rule for i in OPEN} == {"judge/yes"}
    assert len(seen) == 2 * len(OPEN)


def test_a_judge_whose_calls_fail_decides_nothing(tmp_path: Any) -> None:
    def behave(seen: Seen) -> Act:
        return whole(content="Yes") if "Show that" in seen.asked else status(400)

    ruled, seen = judged(tmp_path, ANSWERS, behave)
    assert ruled[1].rule == "judge/yes"
    assert (ruled[3].verdict, ruled[3].rule) == ("undecided", "judge/undecided")
    assert "400" in (ruled[3].judged or "")
    assert len(seen) == 1 + 3


def test_without_a_judge_what_no_rule_decides_stays_undecided(tmp_path: Any) -> None:
    with Cache(tmp_path / "calls.sqlite") as cache:
        work = Work(config(), Folder(tmp_path), cache, Ledger(), no_bar, print)
        before = by_rule(ANSWERS)
        assert judge_rest(work, ANSWERS, before) == before
