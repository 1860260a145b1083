"""An import is a run like any other: graded, measured, verified, queried; nothing is written twice or lost unsaid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from s1kit.evaluate import grade_run, measure_run
from s1kit.exports.folder import export_run
from s1kit.exports.source import Source
from s1kit.imports.errors import ImportRefused
from s1kit.imports.run import Wanted, prepare
from s1kit.imports.run import write as write_run
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing
from s1kit.store.findings import passed
from s1kit.store.query import query
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.tokenizer import Tokenizer
from s1kit.types import Question
from unit.exports.reading import everything
from unit.imports.reading import GOLDEN, SAMPLES, imported, write
from unit.store.samples import FORMAT, new_run, small_row

KINDS = {
    "lm-eval": SAMPLES.parent,
    "s1-reference": GOLDEN / "reference",
    "inspect": GOLDEN / "inspect.json",
    "jsonl": GOLDEN / "rows.jsonl",
}
NANO = Path(resolve_model("nano"))


def texts(run: RunDir) -> list[tuple[str, ...]]:
    """What matters of each row, whatever it is called."""
    labels = {name: entry["label"] for name, entry in run.manifest.policies.items()}
    return sorted(
        (labels[row.policy_id], row.question_id, str(row.sample), row.thinking_text, row.answer_text)
        for row in run.generations()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_import_verifies_and_the_same_files_give_the_same_run(tmp_path: Path, kind: str) -> None:
    run, new = write_run(imported(KINDS[kind]), tmp_path)
    again, twice = write_run(imported(KINDS[kind]), tmp_path)
    assert (new, twice, again.path) == (True, False, run.path)
    opened = RunDir.open(run.path)
    assert (opened.manifest.kind, opened.manifest.status, opened.manifest.engine.exact) == ("import", "finished", False)
    findings = verify(opened)
    assert passed(findings)
    assert [f for f in findings if f.level == "unverifiable"]
    other, new = write_run(prepare(Wanted(paths=(KINDS[kind],), format="plain")), tmp_path)
    assert new, "read in another way, it is another run"
    assert other.path != run.path


def test_disagreements_with_the_files_own_grader_can_be_asked_for(tmp_path: Path) -> None:
    run, _ = write_run(imported(GOLDEN / "reference"), tmp_path)
    grade_run(RunDir.open(run.path), workers=1)
    sql = (
        "select g.extracted from grades g join grades o using (run, question_id, policy_id, sample) "
        "where g.grader = 'default' and o.grader = 's1-reference' and g.verdict <> o.verdict"
    )
    assert query(sql, tmp_path)[1] == [("\\frac{3}{4}",)]
    own = measure_run(RunDir.open(run.path), "s1-reference")
    assert sorted(p.accuracy or 0 for p in own.points) == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_counts_come_from_the_tokenizer_that_is_named_and_the_curve_with_them(tmp_path: Path) -> None:
    counted = imported(GOLDEN / "reference", tokenizer=NANO)
    tokenizer = Tokenizer.load(NANO)
    for row in counted.parts.generations:
        assert row.n_thinking == len(tokenizer.encode(row.thinking_text)) > 0
        assert row.n_answer == len(tokenizer.encode(row.answer_text))
    assert {entry["tokens"] for entry in counted.parts.policies.values()} == {"counted"}
    assert counted.inputs["tokenizer"] == tokenizer.hash
    run, _ = write_run(counted, tmp_path)
    grade_run(RunDir.open(run.path), workers=1)
    assert measure_run(RunDir.open(run.path)).scaling.value is not None


def test_without_counts_control_and_scaling_are_refused_and_said(tmp_path: Path) -> None:
    run, _ = write_run(imported(GOLDEN / "reference"), tmp_path)
    measured = measure_run(RunDir.open(run.path), "s1-reference")
    assert measured.control.value is None
    assert measured.scaling.value is None
    assert "not counted" in (measured.scaling.refused or "")
    assert all(point.share_within is None for point in measured.points)
    assert any("tokens were not counted" in note for note in measured.notes)


def test_files_that_do_not_answer_the_same_questions_are_told_and_still_verify(tmp_path: Path) -> None:
    less = tmp_path / "less"
    less.mkdir()
    (less / SAMPLES.name).write_text(SAMPLES.read_text().splitlines()[0] + "\n")
    found = prepare(Wanted(paths=(), labels={SAMPLES.parent: "all", less: "less"}))
    assert found.parts.notes == ["less: 1 rows, 4 would be 1 for every question"]
    run, _ = write_run(found, tmp_path / "runs")
    assert passed(verify(RunDir.open(run.path)))


def test_labels_keep_apart_what_has_the_same_settings(tmp_path: Path) -> None:
    rows = [{"question": "What is 3 + 4?", "answer": "7", "response": str(i)} for i in range(2)]
    one, two = (write(tmp_path / f"{name}.jsonl", row) for name, row in zip("ab", rows, strict=True))
    apart = prepare(Wanted(paths=(), labels={one: "first", two: "second"})).parts
    assert [(entry["label"], entry["samples"]) for entry in apart.policies.values()] == [("first", 1), ("second", 1)]
    assert [entry["samples"] for entry in imported(one, two).parts.policies.values()] == [2]


def test_several_models_are_series_of_their_own() -> None:
    found = prepare(Wanted(paths=(SAMPLES.parent, GOLDEN / "reference")))
    entries = list(found.parts.policies.values())
    assert {entry["model"]: entry.get("series", "main") for entry in entries} == {
        "example/reasoner-1b": "main",
        "example/s1-32B": "example/s1-32B",
    }
    assert all(entry["label"].startswith(entry["model"].partition("/")[2] + ": ") for entry in entries)


def test_a_benchmark_brings_its_references_and_leaves_out_other_questions() -> None:
    fixed = [Question.make(text="What  is 3 + 4?", answer="8", answer_kind="integer", source="mine")]
    found = prepare(Wanted(paths=(SAMPLES,), benchmark="mine.jsonl"), fixed)
    assert [(q.answer, q.source) for q in found.parts.questions] == [("8", "mine")]
    assert len(found.parts.generations) == 1
    assert found.reading.left_out == {"not a question of the benchmark": 3}


@pytest.mark.parametrize("form", ["inspect", "lm-eval"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_comes_back(tmp_path: Path, kind: str, form: str) -> None:
    run, _ = write_run(imported(KINDS[kind]), tmp_path / "runs")
    run = RunDir.open(run.path)
    export_run(Source(run, kind), form, tmp_path / "out")  # type: ignore[arg-type]
    back, _ = write_run(imported(tmp_path / "out"), tmp_path / "runs")
    assert texts(back) == texts(run)
    again = RunDir.open(back.path)
    name = next(iter(sorted(again.grade_files()))).partition("@")[0]
    several = form == "lm-eval" and any(entry["samples"] > 1 for entry in run.manifest.policies.values())
    if several:  # the harness has one verdict for all samples of a document
        return
    labels = {p: e["label"] for r in (run, again) for p, e in r.manifest.policies.items()}
    fold = {"no_answer": "incorrect"} if form == "lm-eval" else {}  # for which the harness has no word
    pairs = [
        {(labels[g.policy_id], g.question_id, g.sample): fold.get(g.verdict, g.verdict) for g in each}
        for each in (run.grades(kind), again.grades(name))
    ]
    assert pairs[0] == pairs[1]


def test_a_mixture_a_missing_file_and_one_named_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="results of different kinds"):
        imported(GOLDEN)
    with pytest.raises(ImportRefused, match="no file or folder"):
        imported(tmp_path / "nothing.jsonl")
    with pytest.raises(ImportRefused, match="named twice"):
        imported(SAMPLES, SAMPLES.parent)
    with pytest.raises(ImportRefused, match="holds no results"):
        imported(tmp_path)
    with pytest.raises(ImportRefused, match=r"unknown format 'xml'\nhint: one of auto, s1"):
        imported(SAMPLES, format="xml")
    scores = tmp_path / "results.json"
    scores.write_text(json.dumps({"results": {}}))
    with pytest.raises(ImportRefused, match=r"name the samples_\*\.jsonl beside it"):
        imported(scores)


def test_policies_that_differ_in_sampling_alone_come_back_apart_and_wait_leads_the_curve(tmp_path: Path) -> None:
    """One of them a placebo: an export names its policies in an order of its own."""
    asked = [Question.make(text=f"What is {i} + 1?", answer=str(i + 1), answer_kind="integer") for i in range(2)]
    spec = FORMAT.spec.model_dump(mode="json")
    entries, rows = {}, []
    for name, words, penalty in (("z", "Wait", 0.0), ("y", "Wait", 0.5), ("a", "Hmm", 0.0)):
        policy = BudgetForcing(extensions=2, nudges=(words,))
        entries[name] = {
            "label": f"{words} x2",
            "role": "extension",
            "policy": policy.model_dump(mode="json"),
            "sampling": {"temperature": 0.5, "top_p": 0.9, "top_k": 7, "frequency_penalty": penalty},
            "format": spec,
            "samples": 1,
        }
        rows += [small_row(q, policy_id=name, thinking_text=f"{name}\n") for q in asked]
    with new_run(tmp_path, asked, entries) as run:
        run.append_many(rows)
        run.finish()
    for form in ("lm-eval", "inspect"):
        export_run(Source(RunDir.open(run.path)), form, tmp_path / form)  # type: ignore[arg-type]
        found = imported(tmp_path / form)
        assert found.kind == form, "the thinking's delimiters alone do not make it the reference's"
        parts = found.parts
        told = [(e["policy"]["nudges"], e["sampling"], e["samples"]) for e in parts.policies.values()]
        key = str
        assert sorted(told, key=key) == sorted(
            [(e["policy"]["nudges"], e["sampling"], 1) for e in entries.values()], key=key
        )
        assert told[0][0] == told[1][0] == ["Wait"], "the first extension is the curve's"
        assert {row.thinking_text for row in parts.generations} == {"a\n", "y\n", "z\n"}


@pytest.mark.parametrize("form", ["lm-eval", "inspect"])
def test_tokens_that_were_not_counted_do_not_come_back_as_none(tmp_path: Path, form: str) -> None:
    rows = [{"question": f"What is {i} + 4?", "answer": "7", "response": "<think>so</think>7"} for i in range(2)]
    run, _ = write_run(imported(write(tmp_path / "a.jsonl", *rows)), tmp_path / "runs")
    _, notes = export_run(Source(RunDir.open(run.path)), form, tmp_path / "out")  # type: ignore[arg-type]
    assert any("tokens were not counted for unforced" in note for note in notes)
    [entry] = imported(tmp_path / "out").parts.policies.values()
    assert entry["tokens"] == "not counted"


@pytest.mark.parametrize("form", ["lm-eval", "inspect", "hf"])
def test_the_folder_of_an_imported_model_is_not_exported(tmp_path: Path, form: str) -> None:
    rows = [
        {**row, "model": model}
        for model in ("/home/who/ours", "hub/theirs")
        for row in [{"question": "What is 3 + 4?", "answer": "7", "response": "7"}]
    ]
    run, _ = write_run(imported(write(tmp_path / "a.jsonl", *rows)), tmp_path / "runs")
    export_run(Source(RunDir.open(run.path)), form, tmp_path / "out")  # type: ignore[arg-type]
    said = everything(tmp_path / "out")
    assert "home/who" not in said
    assert "ours" in said
    assert "hub/theirs" in said


def test_several_files_under_one_policy_are_told(tmp_path: Path) -> None:
    row = {"question": "What is 3 + 4?", "answer": "7", "response": "7"}
    one, two = (write(tmp_path / f"{name}.jsonl", row) for name in "ab")
    assert any("several files answer the same questions" in note for note in imported(one, two).parts.notes)
    assert not imported(write(tmp_path / "c.jsonl", row, row)).parts.notes


def test_questions_whose_text_was_left_out_are_not_one_question(tmp_path: Path) -> None:
    rows = [{"question": f"Secret {i}?", "answer": "7", "response": "7", "source": "gpqa"} for i in range(2)]
    mixed = [*rows, {"question": "What is 3 + 4?", "answer": "7", "response": "7"}]
    run, _ = write_run(imported(write(tmp_path / "a.jsonl", *mixed), name="mixed"), tmp_path / "runs")
    export_run(Source(RunDir.open(run.path)), "inspect", tmp_path / "out")
    found = imported(tmp_path / "out")
    assert [q.text for q in found.parts.questions] == ["What is 3 + 4?"]
    assert found.reading.left_out == {"the question's text was left out when this was exported": 2}


def test_a_file_named_after_gpqa_is_withheld_whatever_the_import_is_called(tmp_path: Path) -> None:
    row = {"question": "Secret?", "target": "7", "response": "7", "score": "Secret, perhaps"}
    found = imported(write(tmp_path / "gpqa_out.jsonl", row), name="science")
    run, _ = write_run(found, tmp_path / "runs")
    export_run(Source(RunDir.open(run.path), "jsonl"), "hf", tmp_path / "out")
    assert "Secret" not in everything(tmp_path / "out")
