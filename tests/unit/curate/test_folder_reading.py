"""What is read of a pool by columns is what reading all of it and choosing afterwards gives."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest

from s1kit.curate.folder import Folder
from s1kit.grading.grader import grade_all
from s1kit.grading.pool import MathVerifyPool
from s1kit.store.rows import read_traces
from s1kit.tokenizer import _compiled
from s1kit.types import Generation, Question
from unit.curate.curated import STEPS, Curation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    curation = Curation(tmp_path_factory.mktemp("reading") / "c")
    curation.write()
    return Folder(curation.path)


def test_a_question_that_is_read_is_the_one_that_validation_makes(folder: Folder) -> None:
    for question in folder.questions(folder.alive(())):
        made = Question.model_validate(question.model_dump())
        assert (question, repr(question), question.model_fields_set) == (made, repr(made), set(Question.model_fields))
        assert question.model_dump_json() == made.model_dump_json()
        assert pickle.loads(pickle.dumps(question)) == made
        assert question.model_copy(update={"source": "x"}) == made.model_copy(update={"source": "x"})


@pytest.mark.parametrize("step", [0, 3])
def test_ids_and_named_questions_are_those_of_all_questions(folder: Folder, step: int) -> None:
    alive = folder.alive(STEPS[:step])
    everyone = list(folder.questions(alive))
    assert list(folder.ids(alive)) == [question.id for question in everyone]
    named = {question.id for question in everyone[::3]} | {"0123456789abcdef"}
    assert list(folder.questions(alive, named)) == [question for question in everyone if question.id in named]
    assert list(folder.questions(alive, ())) == []


def test_named_traces_are_those_of_all_traces(folder: Folder) -> None:
    everyone = list(read_traces(folder.traces))
    named = [trace.question_id for trace in everyone[::4]]
    assert list(read_traces(folder.traces, named)) == [trace for trace in everyone if trace.question_id in set(named)]


def test_a_tally_counts_the_decisions(folder: Folder) -> None:
    for step in folder.steps():
        decisions = list(folder.decisions(step))
        dropped = Counter(decision.reason for decision in decisions if not decision.kept)
        assert folder.tally(step) == (len(decisions) - dropped.total(), dropped)


def test_processes_that_are_kept_give_the_same_grades_and_are_the_same_ones() -> None:
    question = Question.make(text="Which?", answer=r"\frac{\pi}{2}", answer_kind="math")
    texts = [rf"The answer is $\boxed{{{a}}}$." for a in (r"\pi/2", r"0.5\pi", r"\pi")]
    rows = [Generation(question_id=question.id, policy_id=text, ended="model", answer_text=text) for text in texts]
    expected = grade_all([question], rows)
    with MathVerifyPool(1) as pool:
        for row, grade in zip(rows, expected, strict=True):
            before = [worker.process.pid for worker in pool._workers]
            assert grade_all([question], [row], pool=pool) == [grade]
            assert not before or [worker.process.pid for worker in pool._workers] == before
    assert Counter(grade.verdict for grade in expected) == {"correct": 2, "incorrect": 1}


def test_a_template_is_compiled_once() -> None:
    assert _compiled("{{ 1 }}") is _compiled("{{ 1 }}")
    assert _compiled("{{ 1 }}") is not _compiled("{{ 2 }}")
