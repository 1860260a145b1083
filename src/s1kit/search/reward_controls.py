"""Scorers without a model, which a reward model has to be compared with: the truth, chance, and length.

Knows three rules. Refuses to know reward models. A method that gains as much with `RandomReward` or `LengthReward` as
with a reward model owes its gain to the search and not to the rewards; `OracleReward` bounds what any could give.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal

from s1kit.grading import GraderName, grade_all
from s1kit.grading.extract import Candidate, extract
from s1kit.search.reward import Item, RewardError, RewardInfo, Spent, checked, shortened
from s1kit.types import Generation, Grade, Question, Verdict, sha256_hex

VERDICT_SCORE: dict[Verdict, float] = {"correct": 1.0, "no_answer": 0.5, "ungraded": 0.5, "incorrect": 0.0}
"""Half where nothing is known: an unfinished thought is neither right nor wrong."""


class _Control(ABC):
    """The bookkeeping that the three share."""

    def __init__(self, name: str, reads: str) -> None:
        self.info = RewardInfo(name=name, kind="control", reads=reads)
        self.spent = Spent()

    def score(self, question: str, steps: Sequence[str]) -> list[float]:
        """One score in [0, 1] per step."""
        return self.score_batch([(question, steps)])[0]

    def score_batch(self, items: Sequence[Item]) -> list[list[float]]:
        """The scores of each item, in the order given."""
        began = time.perf_counter()
        scores = [checked(self.info.name, item, found) for item, found in zip(items, self._scores(items), strict=True)]
        seconds = time.perf_counter() - began
        self.spent += Spent(solutions=len(items), steps=sum(map(len, scores)), seconds=seconds)
        return scores

    @abstractmethod
    def _scores(self, items: Sequence[Item]) -> list[list[float]]:
        """The rule itself."""


class RandomReward(_Control):
    """Chance: uniform in [0, 1), drawn from the seed, the question and the step's own text.

    A rerun, another order and another batch give the same scores; a step said twice is scored the same twice.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(f"random({seed})", "SHA-256 of seed, question and step")
        self._seed = seed

    def _scores(self, items: Sequence[Item]) -> list[list[float]]:
        return [[self._draw(question, step) for step in steps] for question, steps in items]

    def _draw(self, question: str, step: str) -> float:
        digest = sha256_hex(f"{self._seed}\n{sha256_hex(question)}\n{step}")
        return int(digest[:13], 16) / 16**13  # 52 bits: exact in a float, and never rounded up to 1


class LengthReward(_Control):
    """How much has been written up to each step, in characters: ``half / (half + characters)`` where short is good.

    ``prefer="long"`` is one less that. ``half`` is the length that scores one half.
    """

    def __init__(self, prefer: Literal["short", "long"] = "short", half: int = 400) -> None:
        if half < 1:
            raise RewardError(f"half={half}: a length in characters, at least 1")
        super().__init__(f"length({prefer})", "characters so far")
        self._prefer, self._half = prefer, half

    def _scores(self, items: Sequence[Item]) -> list[list[float]]:
        return [self._one(steps) for _, steps in items]

    def _one(self, steps: Sequence[str]) -> list[float]:
        scores, written = list[float](), 0
        for step in steps:
            written += len(step)
            short = self._half / (self._half + written)
            scores.append(short if self._prefer == "short" else 1 - short)
        return scores


def stated_answer(step: str) -> str | None:
    """The step, where it states an answer: in a box, behind "Answer:" or behind "the answer is". Else None."""
    found = extract(step)
    return step if isinstance(found, Candidate) and found.source != "bare" else None


class OracleReward(_Control):
    """The truth: a step that states an answer scores the grader's verdict on it, any other step one half.

    Needs the reference answers, so it is a bound and not a method. ``questions`` are found by ``Question.prompt()``.
    ``answer`` says which part of a step's text is graded, None where the step states no answer.
    """

    def __init__(
        self,
        questions: Sequence[Question],
        *,
        grader: GraderName = "default",
        answer: Callable[[str], str | None] = stated_answer,
    ) -> None:
        super().__init__("oracle", f"verdict of grader {grader}")
        self._by_text = {question.prompt(): question for question in questions}
        self._grader = grader
        self._answer = answer

    def _scores(self, items: Sequence[Item]) -> list[list[float]]:
        stated = [[self._answer(step) for step in steps] for _, steps in items]
        asked = [self._question(text) for text, _ in items]
        pairs = {(q.id, said): q for q, row in zip(asked, stated, strict=True) for said in row if said is not None}
        rows = [Generation(question_id=key[0], policy_id="oracle", ended="model", answer_text=key[1]) for key in pairs]
        grades = grade_all(list(pairs.values()), rows, self._grader, workers=1) if rows else []
        known = {key: oracle_score(grade) for key, grade in zip(pairs, grades, strict=True)}
        return [
            [VERDICT_SCORE["no_answer"] if said is None else known[question.id, said] for said in row]
            for question, row in zip(asked, stated, strict=True)
        ]

    def _question(self, text: str) -> Question:
        if text not in self._by_text:
            raise RewardError(
                f"the oracle was not given question {shortened(text)}\n"
                "hint: hand it every question of the benchmark; they are found by Question.prompt()"
            )
        return self._by_text[text]


def oracle_score(grade: Grade) -> float:
    """The oracle's score of a stored generation that is graded already: 1 correct, 0 incorrect, else one half."""
    return VERDICT_SCORE[grade.verdict]
