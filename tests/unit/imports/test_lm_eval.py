"""Sample files of lm-evaluation-harness and of the reference's fork: one generation per answer, every verdict kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from s1kit.imports.errors import ImportRefused
from unit.imports.reading import GOLDEN, SAMPLES, imported, verdicts, write


def sample(number: int = 0, **more: Any) -> dict[str, Any]:
    """One line as the harness writes it."""
    return {
        "doc_id": number,
        "doc": {"question": f"What is {number} + 1?", "answer": str(number + 1)},
        "target": str(number + 1),
        "arguments": {"gen_args_0": {"arg_0": "the prompt", "arg_1": {"do_sample": True, "temperature": 0.6}}},
        "resps": [[f"{number + 1}"]],
        "filtered_resps": [f"{number + 1}"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        **more,
    }


def test_several_filters_are_several_verdicts_on_one_generation() -> None:
    found = imported(SAMPLES)
    assert found.kind == "lm-eval"
    assert len(found.parts.generations) == 4
    lines = [json.loads(line) for line in SAMPLES.read_text().splitlines()]
    for grader, kept in (("lm-eval", "strict-match"), ("lm-eval.exact_match.flexible-extract", "flexible-extract")):
        stated = {row["doc_id"]: row for row in lines if row["filter"] == kept}
        right = [verdict == "correct" for verdict in verdicts(found, grader)]
        assert right == [stated[i]["exact_match"] == 1.0 for i in range(4)]
        assert {grade.rule for grade in found.parts.grades[grader]} == {f"exact_match/{kept}"}
    assert verdicts(found, "lm-eval")[2:] == ["no_answer", "no_answer"], "the filter found nothing"


def test_model_references_and_settings_are_those_of_the_files() -> None:
    found = imported(SAMPLES)
    (entry,) = found.parts.policies.values()
    assert entry["model"] == "example/reasoner-1b"
    assert entry["policy"]["max_tokens"] == 256
    assert found.config["facts"]["lm_eval_version"] == "0.4.13"
    assert [q.answer for q in found.parts.questions] == ["7", "42", "\\frac{3}{4}", "5x"]
    assert set(found.inputs) == {SAMPLES.name, SAMPLES.name.replace("samples_sums", "results").replace("jsonl", "json")}
    assert found.parts.generations[0].thinking_text == "3 and 4 make 7.\n"
    assert not any(row.exact or row.token_ids for row in found.parts.generations)


def test_the_forks_budgets_are_policies_of_one_curve() -> None:
    found = imported(GOLDEN / "reference")
    assert found.kind == "s1-reference"
    entries = {entry["label"]: entry for entry in found.parts.policies.values()}
    assert {name: entry["role"] for name, entry in entries.items()} == {
        "natural": "natural",
        "max 500": "budget",
        "Wait x2": "extension",
    }
    assert entries["max 500"]["policy"]["max_thinking"] == 500
    assert all(entry["policy"]["compat"] == "s1" for entry in entries.values())
    cut = {row.answer_text for row in found.parts.generations if row.ended == "cutoff"}
    assert cut == {"Final Answer: \\boxed{40}", "Final Answer: 0.7"}
    assert verdicts(found, "s1-reference").count("correct") == 5
    for row in found.parts.generations:
        assert "<|im_start|>" not in row.thinking_text + row.answer_text
        shown = [s.text for s in row.segments if s.phase == "answer"]
        assert "".join(text or "" for text in shown) == row.answer_text


def test_a_run_of_the_fork_without_a_budget_belongs_to_the_others(tmp_path: Path) -> None:
    bare = sample(resps=[["The answer is \\boxed{1}."]])
    found = imported(GOLDEN / "reference", write(tmp_path / "samples_aime.jsonl", bare))
    assert found.kind == "s1-reference"
    assert "unforced" in {entry["label"].rpartition(": ")[2] for entry in found.parts.policies.values()}


def test_what_the_prompt_asks_for_is_the_policys(tmp_path: Path) -> None:
    settings = {"max_gen_toks": 99, "max_tokens_thinking": 64}
    prompt = "What is 0 + 1?\n\nThink for up to 2048 tokens."
    row = sample(arguments=[[prompt, settings]])
    (entry,) = imported(write(tmp_path / "samples_a.jsonl", row)).parts.policies.values()
    assert entry["policy"]["ask"] == {"unit": "tokens", "limit": 2048}
    assert entry["policy"]["max_thinking"] == 64


def test_each_of_several_samples_has_its_own_verdict_only_where_the_file_lists_them(tmp_path: Path) -> None:
    three = ["\\boxed{1}", "\\boxed{2}", "\\boxed{1}"]
    listed = sample(resps=[three], filtered_resps=[three], exact_matches=[1, 0, 1], extracted_answers=["1", "2", "1"])
    found = imported(write(tmp_path / "samples_a.jsonl", listed))
    assert [row.sample for row in found.parts.generations] == [0, 1, 2]
    assert verdicts(found, "s1-reference") == ["correct", "incorrect", "correct"]
    alone = imported(write(tmp_path / "samples_b.jsonl", sample(resps=[three], filtered_resps=["1"])))
    assert verdicts(alone, "lm-eval") == ["ungraded"] * 3
    assert "3 samples" in alone.parts.grades["lm-eval"][0].rule


def test_rows_that_nothing_is_made_of_are_counted_with_a_reason(tmp_path: Path) -> None:
    likelihood = sample(1, resps=[[["-3.1", "False"]], [["-1.0", "True"]]])
    path = write(tmp_path / "samples_a.jsonl", sample(0), likelihood, sample(0))
    found = imported(path)
    assert len(found.parts.generations) == 1
    assert found.reading.left_out == {
        "no generated text (a log-likelihood task)": 1,
        "the same document and filter again": 1,
    }
    assert found.reading.example["no generated text (a log-likelihood task)"] == f"{path}:2"
    with pytest.raises(ImportRefused, match=r"nothing to import: 1 rows: no generated text"):
        imported(write(tmp_path / "samples_b.jsonl", likelihood), kind="lm-eval")


@pytest.mark.parametrize("broken", ['{"doc_id": 1, "doc"', "[1]", '"text"', "\x00", '{"a": ' + "[" * 100_000])
def test_a_broken_line_is_named_with_its_number(tmp_path: Path, broken: str) -> None:
    path = write(tmp_path / "samples_a.jsonl", sample(0))
    path.write_text(path.read_text() + "\n" + broken + "\n")
    with pytest.raises(ImportRefused, match=r"samples_a.jsonl:3: "):
        imported(path)


def test_one_of_two_results_files_is_not_guessed(tmp_path: Path) -> None:
    for date in ("2026-01-01T00-00-00.1", "2026-01-02T00-00-00.1"):
        (tmp_path / f"results_{date}.json").write_text(json.dumps({"model_name": f"model {date}"}))
    assert imported(write(tmp_path / "samples_a.jsonl", sample())).config["model"] == "unnamed model"
    dated = write(tmp_path / "samples_a_2026-01-02T00-00-00.1.jsonl", sample())
    assert imported(dated).config["model"] == "model 2026-01-02T00-00-00.1"


def test_choices_are_kept_where_the_reference_names_one_of_them(tmp_path: Path) -> None:
    doc = {"Question": "Which is prime?", **{f"choice{i}": str(i + 3) for i in range(1, 5)}}
    found = imported(write(tmp_path / "samples_a.jsonl", sample(doc=doc, target="B")))
    (question,) = found.parts.questions
    assert (question.answer_kind, question.choices, question.answer) == ("choice", ("4", "5", "6", "7"), "B")
    other = imported(write(tmp_path / "samples_b.jsonl", sample(doc=doc, target="seven or so")))
    assert other.parts.questions[0].choices == ()
