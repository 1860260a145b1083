"""The benchmarks that people know: the whole set or an error, whatever file it comes in; prompts to the letter."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from s1kit.benchmarks.files import read_benchmark, read_questions
from s1kit.benchmarks.named import NAMED
from s1kit.benchmarks.registry import load, named, title
from s1kit.benchmarks.rows import check_whole, fingerprint, to_question
from s1kit.benchmarks.spec import Benchmark, BenchmarkError
from s1kit.curate.sources import SOURCES
from s1kit.grading.grader import grade, grade_all
from s1kit.types import Generation
from unit.benchmarks.rows import KINDS, aime_rows, gpqa_rows, math_rows, write_rows

DATA = Path(__file__).parents[4] / "shared" / "data"
GPQA, MATH500, AIME24 = (NAMED[name] for name in ("gpqa_diamond", "math500", "aime24"))
ANSWERS = [f"{7 * i:03d}" for i in range(30)]


def invented(name: str) -> tuple[Benchmark, list[dict[str, Any]]]:
    """A benchmark and a whole set of rows for it; the official answers of AIME are replaced by invented ones."""
    spec = NAMED[name]
    if spec.answers is not None:
        return dataclasses.replace(spec, answers=fingerprint(ANSWERS)), aime_rows(ANSWERS, spec.text[0])
    return spec, gpqa_rows() if spec.wrong else math_rows()


@pytest.mark.parametrize("name", NAMED)
def test_a_whole_set_is_read_from_every_kind_of_file_and_keeps_no_solution(tmp_path: Path, name: str) -> None:
    spec, rows = invented(name)
    sets = [read_benchmark(spec, write_rows(tmp_path / f"set.{kind}", rows)) for kind in KINDS]
    first = [(q.id, q.prompt(), q.answer, q.answer_kind) for q in sets[0]]
    assert len(first) == spec.count
    assert all([(q.id, q.prompt(), q.answer, q.answer_kind) for q in other] == first for other in sets[1:])
    assert {q.source for q in sets[0]} == {name}
    assert {q.licence for q in sets[0]} == {spec.licence}
    for question, row in zip(sets[0], rows, strict=True):
        assert question.text == row[spec.text[0]], "the bare question, to the letter"
        hidden = row.get("solution") or row["Explanation"]
        assert hidden not in question.model_dump_json()


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("change", [-1, 1])
def test_another_number_of_questions_is_refused_and_both_are_named(tmp_path: Path, name: str, change: int) -> None:
    spec, rows = invented(name)
    column = spec.text[0]
    rows = [*rows, {**rows[0], column: "One more?"}] if change > 0 else rows[:-1]
    file = write_rows(tmp_path / "part.jsonl", rows)
    with pytest.raises(BenchmarkError) as caught:
        read_benchmark(spec, file)
    assert f"{name} has {spec.count} questions, {file} has {spec.count + change}\nhint: " in str(caught.value)


def test_thirty_other_answers_are_another_set(tmp_path: Path) -> None:
    rows = aime_rows(ANSWERS)
    with pytest.raises(BenchmarkError, match="their answers are not those of aime24"):
        read_benchmark(AIME24, write_rows(tmp_path / "other.jsonl", rows))


def test_the_official_answers_are_known_in_any_order_and_spelling() -> None:
    assert fingerprint(ANSWERS) == fingerprint([str(int(a)) for a in reversed(ANSWERS)])
    assert fingerprint(ANSWERS) != fingerprint([*ANSWERS[:-1], "204"])


@pytest.mark.parametrize("written", ["025", 25, 25.0, "25"])
def test_leading_zeros_are_no_other_answer(written: object) -> None:
    question = to_question(AIME24, {"problem": "p", "answer": written}, "here")
    assert (question.answer, question.answer_kind) == ("25", "integer")
    for said in ("\\boxed{025}", "\\boxed{25}", "Final Answer: 025"):
        row = Generation(question_id=question.id, policy_id="p", ended="model", answer_text=said)
        assert grade(question, row).verdict == "correct"


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("aime24", {"problem": "p"}, "no 'answer' or 'expected_answer' or 'Answer'\nhint: the row has problem"),
        ("aime24", {"answer": "1", "solution": "s"}, "no 'problem' or 'question'"),
        ("aime24", {"problem": "p", "answer": "x"}, "the answer 'x' is no integer"),
        ("math500", {"problem": "  ", "answer": "1"}, "no 'problem'"),
        ("gpqa_diamond", {**gpqa_rows(1)[0], "Incorrect Answer 2": None}, "no 'Incorrect Answer 2'"),
    ],
)
def test_a_row_that_lacks_something_is_named(name: str, row: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        to_question(NAMED[name], row, "set.jsonl:7")
    assert str(caught.value).startswith("set.jsonl:7: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "column", "answer"),
    [("aime24", "problem", "expected_answer"), ("aime24", "Problem", "Answer"), ("aime25", "question", "answer")],
)
def test_the_columns_of_the_usual_copies(name: str, column: str, answer: str) -> None:
    assert to_question(NAMED[name], {column: "Find it.", answer: 7}, "here").text == "Find it."


def test_gpqas_prompt_is_question_empty_line_and_four_lettered_options() -> None:
    row = {"Question": "Q?", "Correct Answer": "r", **{f"Incorrect Answer {i}": f"w{i}" for i in (1, 2, 3)}}
    question = to_question(GPQA, row, "here")
    a, b, c, d = question.choices
    assert question.prompt() == f"Q?\n\nA) {a}\nB) {b}\nC) {c}\nD) {d}"
    assert sorted(question.choices) == ["r", "w1", "w2", "w3"]


def test_gpqas_letters_lead_to_the_right_option_whatever_the_order_of_columns_and_rows() -> None:
    questions = [to_question(GPQA, row, "here") for row in gpqa_rows()]
    for i, question in enumerate(questions):
        assert question.choices["ABCD".index(question.answer or "")] == f"right {i}\n"
    letters = Counter(q.answer for q in questions)
    assert sorted(letters) == list("ABCD")
    assert min(letters.values()) > 30, "a quarter of 198 is 49; a rule with a favourite letter would show"
    row = gpqa_rows(1)[0]
    for order in itertools.permutations(GPQA.wrong):
        moved = {**row, **{name: row[other] for name, other in zip(GPQA.wrong, order, strict=True)}}
        assert to_question(GPQA, moved, "here") == questions[0]


def test_curation_and_evaluation_speak_of_the_same_questions() -> None:
    for row in gpqa_rows(20):
        drafted = SOURCES["gpqa_diamond"].convert(row, "")
        question = to_question(GPQA, row, "here")
        assert (drafted.answer, [c.strip() for c in drafted.choices]) == (  # type: ignore[union-attr]
            question.answer,
            [c.strip() for c in question.choices],
        )


def test_records_of_s1kit_are_read_back_with_the_benchmarks_marks(tmp_path: Path) -> None:
    questions = read_benchmark(GPQA, write_rows(tmp_path / "g.jsonl", gpqa_rows()))
    bare = [q.model_copy(update={"source": "x", "licence": None, "meta": {}}) for q in questions]
    again = read_benchmark(GPQA, write_rows(tmp_path / "own.jsonl", [q.model_dump(mode="json") for q in bare]))
    assert [(q.id, q.source, q.licence, q.meta) for q in again] == [
        (q.id, "gpqa_diamond", GPQA.licence, {"gated": True}) for q in questions
    ]
    with pytest.raises(BenchmarkError, match="a choice question; math500 has integer, math"):
        to_question(MATH500, bare[0].model_dump(mode="json"), "here")


def test_how_a_set_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_rows(tmp_path / "m.csv", math_rows())
    assert named(f"math500={file}") == (MATH500, str(file))
    assert named("math500") == (MATH500, None)
    assert named(str(file)) == (None, None)
    assert [title(asked) for asked in (f"math500={file}", str(file), "nano_hard")] == ["math500", "m", "nano_hard"]
    assert [q.source for q in load(f"math500={file}", 2)] == ["math500", "math500"]
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "aime24=mine.jsonl", aime_rows(["1"]))
    assert len(load("./aime24=mine.jsonl")) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("math50", "unknown benchmark 'math50'\nhint: did you mean 'math500'?"),
        ("math50=set.jsonl", "unknown benchmark 'math50'\nhint: did you mean 'math500'?"),
        ("math500=", "'math500=' names no file"),
        ("math500=none.jsonl", "no benchmark file none.jsonl"),
        ("runs/a=1/none.jsonl", "no benchmark file runs/a=1/none.jsonl"),
    ],
)
def test_what_cannot_be_read_is_said_in_the_words_that_were_typed(asked: str, said: str) -> None:
    with pytest.raises(BenchmarkError) as caught:
        load(asked)
    assert said in str(caught.value)


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "math500.jsonl").is_file(), reason="the real questions are not here")
def test_the_real_sets_are_whole_and_read_alike_with_and_without_their_name() -> None:
    for asked, file in (("aime24", "aime24"), ("aime24_nofigures", "aime24"), ("aime25", "aime25"), ("math500",) * 2):
        whole = load(f"{asked}={DATA / file}.jsonl")
        plain = read_questions(DATA / f"{file}.jsonl")
        assert [(q.id, q.text, q.answer, q.answer_kind) for q in whole] == [
            (q.id, q.text, q.answer, q.answer_kind) for q in plain
        ]
    with pytest.raises(BenchmarkError, match="their answers are not those of aime25"):
        load(f"aime25={DATA / 'aime24.jsonl'}")
    check_whole(MATH500, load(f"math500={DATA / 'math500.jsonl'}"), "the file")


@pytest.mark.shared
@pytest.mark.skipif(not (DATA / "math500.jsonl").is_file(), reason="the real questions are not here")
def test_every_reference_of_math500_is_right_about_itself() -> None:
    questions = load(f"math500={DATA / 'math500.jsonl'}")
    rows = [
        Generation(question_id=q.id, policy_id="p", ended="model", answer_text=f"So it is $\\boxed{{{q.answer}}}$.")
        for q in questions
    ]
    assert [g.reference for g in grade_all(questions, rows) if g.verdict != "correct"] == []
