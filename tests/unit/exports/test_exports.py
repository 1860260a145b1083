"""A run for other tools: nothing is lost or made up on the way, and what must not be published is not in the files."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from s1kit.benchmarks.publishing import LEFT_OUT
from s1kit.exports.folder import FORMS, export_run
from s1kit.exports.source import Source, Tally, transcript
from s1kit.metrics.summary import summarise
from s1kit.store.errors import StoreError
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question
from unit.exports.reading import everything
from unit.store.samples import FORMAT, finished, new_run, small_row

SECRET = "Which isotope of unobtainium decays by whispering?"
ENTRIES: dict[str, Any] = {
    name: {
        "label": label,
        "samples": 2,
        "policy": {"kind": "budget_forcing"},
        "sampling": {"temperature": 0.7, "top_p": 1.0},
        "format": FORMAT.spec.model_dump(mode="json"),
    }
    for name, label in (("p", "plain"), ("w", "Wait x1"))
}


def asked() -> list[Question]:
    return [
        Question.make(text="What is 1 + 1?", answer="2", answer_kind="integer", source="sums", licence="MIT"),
        Question.make(text="Which?", answer="B", answer_kind="choice", choices=("red", "blue"), source="a | <b>"),
        Question.make(
            text=SECRET, answer="C", answer_kind="choice", choices=("oddium", "evenium"), source="gpqa_diamond",
            meta={"explanation": "It is evenium, of course."},
        ),
        Question.make(text="Say something.", answer=None, answer_kind="text", source="open"),
    ]  # fmt: skip


def rows() -> list[Generation]:
    """Two samples of two policies: one row lacks tokens, one failed."""
    made = []
    for q in asked():
        for policy in ENTRIES:
            for i in range(2):
                words = f"{q.text} Let me see, {policy} {i}." + ("\n" if i else "")
                made.append(
                    small_row(q, policy_id=policy, sample=i, thinking_text=words, answer_text="Answer: C", n_answer=3)
                )
    made[1] = made[1].model_copy(update={"token_ids": None, "exact": False})
    made[2] = made[2].model_copy(update={"ended": "error", "error": "the server hung up", "answer_text": ""})
    return made


def verdict(row: Generation) -> str:
    words = {"2": "correct", "B": "incorrect", "C": "correct" if row.sample else "no_answer", None: "ungraded"}
    answer = next(q.answer for q in asked() if q.id == row.question_id)
    return "ungraded" if row.ended == "error" else words[answer]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    root = tmp_path_factory.mktemp("exports")
    with new_run(root, asked(), ENTRIES, config_resolved={"benchmark": "mixed.jsonl", "model": "/home/who/m"}) as made:
        made.append_many(rows())
        made.finish()
    done = RunDir.open(made.path)
    keys = ("question_id", "policy_id", "sample")
    graded = [
        Grade(**{k: getattr(r, k) for k in keys}, grader="default", version=1, verdict=verdict(r), rule="by hand",
              extracted="evenium" if r.sample else "C", reference="C")
        for r in rows()
    ]  # fmt: skip
    done.write_grades("default", graded[:-1])  # of the last row nobody said anything
    return done


@pytest.fixture(scope="module")
def folders(run: RunDir, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    for form in FORMS:
        export_run(Source(run), form, root / form)
    return {form: root / form for form in FORMS}


def logs(folder: Path) -> list[tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]]:
    """(header, samples, summaries) of each log."""
    found = []
    for path in sorted(folder.glob("*.eval")):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.startswith("samples/")]
            samples = [json.loads(archive.read(name)) for name in names]
            found.append((json.loads(archive.read("header.json")), samples, json.loads(archive.read("summaries.json"))))
    return found


def lines(folder: Path) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    files = sorted(folder.glob("samples_*.jsonl"))
    return [json.loads(line, parse_constant=refuse) for f in files for line in f.read_text().splitlines()]


def test_every_row_is_in_every_form_once(folders: dict[str, Path]) -> None:
    want = Counter(row.key for row in rows())
    in_logs = [
        (s["id"], head["eval"]["task_id"], s["epoch"] - 1)
        for head, samples, _ in logs(folders["inspect"])
        for s in samples
    ]
    assert Counter(in_logs) == want
    table = pq.read_table(folders["hf"] / "data" / "generations.parquet").to_pylist()
    assert Counter((r["question_id"], r["policy_id"], r["sample"]) for r in table) == want
    repeats = sum(len(line["resps"][0]) for line in lines(folders["lm-eval"]))
    assert repeats == len(want)
    assert len(lines(folders["lm-eval"])) == len(asked()) * len(ENTRIES), "repeats of a question share a line"


@pytest.mark.parametrize("form", FORMS)
def test_gpqa_is_left_out_unless_asked_for(run: RunDir, folders: dict[str, Path], form: Any, tmp_path: Path) -> None:
    """Question, choices, notes, reasoning, answers in words, and token ids, which are words to a tokenizer's owner."""
    shown = everything(folders[form])
    for secret in ("unobtainium", "oddium", "evenium, of course"):
        assert secret not in shown
    assert LEFT_OUT in shown
    assert "What is 1 + 1?" in shown
    _, notes = export_run(Source(run, with_gated=True), form, tmp_path / form)
    kept = everything(tmp_path / form)
    assert "unobtainium" in kept
    assert LEFT_OUT not in kept
    assert not any("GPQA" in note for note in notes)


def test_gated_rows_keep_their_numbers(folders: dict[str, Path]) -> None:
    table = pq.read_table(folders["hf"] / "data" / "generations.parquet").to_pylist()
    hidden = [r for r in table if r["gated"]]
    assert len(hidden) == 4
    assert all(r["token_ids"] is None and r["n_thinking_model"] == 5 and r["choices"] == [] for r in hidden)
    assert {(r["verdict"], r["extracted"]) for r in hidden} == {("no_answer", "C"), ("correct", LEFT_OUT)}
    assert all(r["token_ids"] for r in table if not r["gated"] and r["exact"])


@pytest.mark.parametrize("form", FORMS)
def test_no_path_of_this_machine_is_published(folders: dict[str, Path], form: str) -> None:
    assert "/home/who" not in everything(folders[form])


def test_what_is_missing_is_said(run: RunDir, tmp_path: Path) -> None:
    _, notes = export_run(Source(run), "inspect", tmp_path / "out")
    said = "\n".join(notes)
    assert "5 of 16 rows have no verdict" in said
    assert "1 of 16 rows have no token ids" in said
    assert "1 of 16 rows ended in an error" in said
    assert "the texts of 1 GPQA questions" in said


def test_an_ungraded_run_goes_without_verdicts_and_says_so(tmp_path: Path) -> None:
    ungraded, made = finished(tmp_path / "runs", 2)
    source = Source(ungraded)
    assert any("no grades by 'default'" in note for note in source.notes())
    export_run(source, "inspect", tmp_path / "out")
    assert all(s["scores"] == {} for _, samples, _ in logs(tmp_path / "out") for s in samples)
    assert all(head["results"]["scores"] == [] for head, _, _ in logs(tmp_path / "out"))
    with pytest.raises(StoreError, match="no grades by 'math'"):
        Source(ungraded, "math")
    tally = Tally()
    for row in source.rows():
        tally.add(row)
    assert tally.rows == tally.ungraded == len(made)


def test_a_running_run_is_exported_in_order(tmp_path: Path) -> None:
    with new_run(tmp_path, asked(), ENTRIES) as going:
        going.append_many(rows()[::-1])
    source = Source(RunDir.open(going.path))
    assert [row.generation.key for row in source.rows()] == [row.key for row in rows()]
    assert any("interrupted: 16 rows" in note for note in source.notes())


def test_a_folder_in_use_is_left_alone_and_a_failed_export_leaves_none(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(StoreError, match="is there already"):
        export_run(Source(run), "hf", tmp_path / "mine")

    def torn(passing: Any, total: int) -> Any:
        yield next(iter(passing))
        raise KeyboardInterrupt

    for form in FORMS:
        with pytest.raises(KeyboardInterrupt):
            export_run(Source(run), form, tmp_path / "out", torn)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_transcript_is_what_the_format_writes(run: RunDir) -> None:
    row = rows()[0]
    text = transcript(row, ENTRIES["p"])
    spec = FORMAT.spec
    assert text == f"{spec.open}{row.thinking_text}\n{spec.close}{row.answer_text}"
    ends = row.model_copy(update={"thinking_text": "so.\n"})
    assert transcript(ends, ENTRIES["p"]) == f"{spec.open}so.\n{spec.close}{row.answer_text}"
    bare = row.model_copy(update={"thinking_text": "", "segments": ()})
    assert transcript(bare, ENTRIES["p"]) == row.answer_text


def accuracies(run: RunDir) -> dict[str, tuple[float, float]]:
    """By policy: accuracy if all rows without a verdict were wrong, or all right."""
    graded = {g.key: g for g in run.grades("default")}
    made = list(run.generations())
    missing = [
        Grade(**dict(zip(("question_id", "policy_id", "sample"), r.key, strict=True)), grader="default", version=1,
              verdict="ungraded", rule="none")
        for r in made if r.key not in graded
    ]  # fmt: skip
    points = summarise(list(run.questions()), made, [*graded.values(), *missing], run.manifest.policies).points
    return {p.policy_id: (p.accuracy_low, p.accuracy_high) for p in points}


def test_accuracies_are_those_of_the_metrics(run: RunDir, folders: dict[str, Path]) -> None:
    """Over rows with a verdict, hence between the bounds of the metrics, and the share right of what was scored."""
    bounds = accuracies(run)
    for head, _, _ in logs(folders["inspect"]):
        [score] = head["results"]["scores"]
        low, high = bounds[head["eval"]["task_id"]]
        assert score["scored_samples"] + score["unscored_samples"] == 8
        assert score["metrics"]["accuracy"]["value"] * score["scored_samples"] == pytest.approx(8 * low)
        assert low < score["metrics"]["accuracy"]["value"] < high
