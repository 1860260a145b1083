"""What a prompt asks for and rejection sampling, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from cli.conftest import Run
from s1kit.nano.shipped import resolve_model
from s1kit.policies import AskAmount, Policy
from s1kit.tokenizer import Tokenizer

REJECT = "{kind: rejection, max_thinking: 32, max_answer: 16}"
SHORT = "{kind: rejection, max_thinking: 1, max_answer: 16, tries: 5}"


def rows_of(s1: Run, run: str, columns: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(s1("query", f"select {columns} from generations", "--json").stdout)
    assert run
    return found


def test_rejection_sampling_is_run_verified_and_shows_its_tries(s1: Run, scripted: list[str]) -> None:
    chosen = f"policies=[{REJECT}, {SHORT}]"
    run = s1("eval", *scripted, "--set", chosen, "--temperature", "1", "--limit", "8").stdout.strip().splitlines()[-1]
    rows = rows_of(s1, run, "policy_id, tries, ended, n_thinking, n_discarded, answer_ended")
    assert len(rows) == 16
    for row in rows:
        limit = 32 if "max32" in str(row["policy_id"]) else 1
        assert row["ended"] == ("model" if int(str(row["n_thinking"])) <= limit else "unmet")
        assert int(str(row["n_discarded"])) >= (limit + 1) * (int(str(row["tries"])) - 1)
        assert (row["answer_ended"] is None) == (row["ended"] == "unmet")
    assert any(int(str(row["tries"])) > 1 for row in rows)
    assert "error" not in s1("runs", "verify", run).stdout


def test_rejection_sampling_without_chance_is_refused_before_anything_is_written(
    s1: Run, scripted: list[str], tmp_path: Path
) -> None:
    done = s1("eval", *scripted, "--set", f"policies=[{REJECT}]", "--temperature", "0", "--limit", "8", check=2)
    assert "at temperature 0 all draws are one" in done.stderr
    assert "hint: sample, e.g. temperature=1.0" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"kind": "rejection"}, "max_thinking"),
        ({"kind": "rejection", "max_thinking": 0}, "max_thinking"),
        ({"kind": "rejection", "max_thinking": 8, "tries": 0}, "tries"),
        ({"kind": "budget_forcing", "max_steps": 0}, "max_steps"),
        ({"kind": "budget_forcing", "max_steps": 4, "extensions": 1}, "max_steps"),
        ({"kind": "budget_forcing", "ask": {"amount": "medium"}}, "amount"),
    ],
    ids=str,
)
def test_nonsense_in_a_policy_names_the_field(policy: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        TypeAdapter(Policy).validate_python(policy)


def test_a_policy_that_makes_no_sense_is_refused_by_name(s1: Run, scripted: list[str]) -> None:
    policy = "policies=[{kind: rejection, max_thinking: 8, tries: 0}]"
    done = s1("eval", *scripted, "--set", policy, "--temperature", "1", check=2)
    assert "tries" in done.stderr
    assert "Traceback" not in done.stderr


PAPER = {
    "short": "Answer after a short amount of thinking. Do not spend excessive time double-checking your work.",
    "long": "Answer after a long amount of thinking. If you feel like you are finished early, spend the extra time "
    "trying to double-check your work until you are absolutely sure that you have the correct answer.",
}


@pytest.mark.parametrize("amount", PAPER)
def test_a_class_prompt_is_the_paper_s_words(amount: str) -> None:
    asked = AskAmount.model_validate({"amount": amount}).prompt("What is 2 + 2?")
    assert asked == f"What is 2 + 2?\n\n{PAPER[amount]}"


def test_class_and_step_prompts_are_points_of_one_run(s1: Run, scripted: list[str], tiny_model: Path) -> None:
    policies = "[{kind: budget_forcing, max_thinking: 16, max_answer: 8, ask: {amount: short}}, "
    policies += "{kind: budget_forcing, max_thinking: 16, max_answer: 8, ask: {amount: long}}, "
    policies += "{kind: budget_forcing, max_thinking: 16, max_answer: 8}]"
    run = s1("eval", *scripted, "--set", f"policies={policies}", "--limit", "3").stdout.strip().splitlines()[-1]
    rows = rows_of(s1, run, "question_id, label, n_prompt")
    words = Tokenizer.load(tiny_model)
    lengths = {
        question: {str(row["label"]): int(str(row["n_prompt"])) for row in rows if row["question_id"] == question}
        for question in {row["question_id"] for row in rows}
    }
    assert len(lengths) == 3
    for by_label in lengths.values():
        plain = by_label["max 16"]
        for amount, text in PAPER.items():
            [asked] = [n for label, n in by_label.items() if f"{amount} thought" in label]
            assert asked - plain == len(words.encode(f"\n\n{text}"))


@pytest.mark.slow
def test_the_shipped_model_is_sampled_until_a_thought_is_short_enough(s1: Run, questions: Path) -> None:
    assert resolve_model("nano")
    common = ["--engine", "hf", "--model", "nano", "--benchmark", str(questions), "--temperature", "1", "--limit", "4"]
    policies = "[{kind: rejection, max_thinking: 24, max_answer: 16, tries: 6}, "
    policies += "{kind: budget_forcing, max_answer: 16, max_thinking: 200}]"
    run = s1("eval", *common, "--set", f"policies={policies}").stdout.strip().splitlines()[-1]
    columns = "question_id, policy_id, tries, ended, n_thinking, thinking_text, answer_text"
    rows = rows_of(s1, run, columns)
    plain = {row["question_id"]: row for row in rows if str(row["policy_id"]).startswith("bf")}
    reject = {row["question_id"]: row for row in rows if str(row["policy_id"]).startswith("reject")}
    assert len(plain) == len(reject) == 4
    for question, row in reject.items():
        other = plain[question]
        fits = other["ended"] == "model" and int(str(other["n_thinking"])) <= 24
        assert (row["tries"] == 1 and row["ended"] == "model") == fits
        if fits:
            assert (row["thinking_text"], row["answer_text"]) == (other["thinking_text"], other["answer_text"])
    assert "error" not in s1("runs", "verify", run).stdout
