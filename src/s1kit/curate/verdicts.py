"""Is an answer right? Rules first, the judge where no rule can decide.

Knows when a rule's word is final. Refuses to fold "nobody could tell" into right or wrong: it is ``undecided``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from s1kit.curate.judge import reference_of
from s1kit.grading.grader import grade_all
from s1kit.grading.pool import MathVerifyPool
from s1kit.grading.text import BARE_WORDS
from s1kit.types import Generation, Grade, Question

Verdict = Literal["correct", "incorrect", "no_answer", "undecided"]
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer to one question, as text; ``error`` where the call failed."""

    question: Question
    text: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ruled:
    """What is known of an answer: by which rule, or why nothing is."""

    verdict: Verdict
    rule: str
    extracted: str | None = None
    judged: str | None = None

    def asked(self, said: bool | None, words: str) -> Ruled:
        """The same answer after the judge spoke."""
        verdict: Verdict = "undecided" if said is None else "correct" if said else "incorrect"
        name = {None: "judge/undecided", True: "judge/yes", False: "judge/no"}[said]
        return Ruled(verdict, name, self.extracted, words)


def by_rule(answers: Sequence[Answered], pool: MathVerifyPool | None = None) -> list[Ruled]:
    """The verdict of the grader's rules on each answer; ``undecided`` (rule ``no_judge``) where none is final.

    Not final: no reference that a rule can read, one of many words (a proof) that the answer does not repeat, and LaTeX
    that Math-Verify cannot read or compare. An answer from a failed call is ``undecided`` by ``failed_call``.
    ``pool``: Math-Verify's processes, kept from batch to batch (they take longer to start than to compare a hundred).
    """
    asked = {f"{i}": a for i, a in enumerate(answers) if a.error is None}
    generations = [
        Generation(question_id=a.question.id, policy_id=key, ended="model", answer_text=a.text)
        for key, a in asked.items()
    ]
    questions = [a.question for a in asked.values()]
    grades = {g.policy_id: g for g in grade_all(questions, generations, workers=WORKERS, pool=pool)}
    return [
        _ruled(a, grades[f"{i}"]) if a.error is None else Ruled("undecided", "failed_call")
        for i, a in enumerate(answers)
    ]


def judgeable(answer: Answered, ruled: Ruled) -> bool:
    """Whether asking the judge can help: the call went well, there is a reference, and no rule decided."""
    return ruled.rule.startswith("no_judge") and reference_of(answer.question) is not None and bool(answer.text.strip())


def as_grade(question: Question, who: str, ruled: Ruled) -> Grade:
    """The ruling as a Grade of ``who``: undecided is ``ungraded`` there."""
    verdict = "ungraded" if ruled.verdict == "undecided" else ruled.verdict
    return Grade(
        question_id=question.id,
        policy_id=who,
        grader="curate",
        version=1,
        verdict=verdict,
        rule=ruled.rule,
        extracted=ruled.extracted,
        reference=question.answer,
    )


def _ruled(answer: Answered, grade: Grade) -> Ruled:
    if not answer.text.strip():
        return Ruled("no_answer", "empty")
    long = len((answer.question.answer or "").split()) > BARE_WORDS  # an argument, not a name
    in_words = long and answer.question.answer_kind == "text" and grade.verdict != "correct"
    unread = grade.rule.endswith(("/unparsed", "/uncomparable"))
    if grade.verdict == "ungraded" or in_words or unread:
        return Ruled("undecided", f"no_judge/{grade.rule}", grade.extracted)
    return Ruled(grade.verdict, grade.rule, grade.extracted)
