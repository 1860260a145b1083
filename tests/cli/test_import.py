"""``s1 runs import`` as a user calls it, and the verbs from its grades to its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run

GOLDEN = Path(__file__).parents[1] / "golden" / "imports"


def test_results_of_the_reference_become_a_graded_curve_and_a_page(s1: Run, tmp_path: Path) -> None:
    said = s1("runs", "import", GOLDEN / "reference", "--tokenizer", _nano(), "--out", "runs")
    path = said.stdout.strip()
    assert "s1-reference: 9 rows of 3 questions" in said.stderr
    assert "max 500 (budget, tokens counted)" in said.stderr
    s1("grade", path)
    points = json.loads(s1("metrics", path, "--json").stdout)["points"]
    assert {point["label"]: point["n_correct"] for point in points} == {"natural": 2, "max 500": 1, "Wait x2": 3}
    page = Path(tmp_path / s1("report", path).stdout.strip()).read_text()
    assert "Wait x2" in page


def test_a_dry_run_writes_nothing_and_json_says_what_would_be(s1: Run, tmp_path: Path) -> None:
    labelled = ("--label", f"mine={GOLDEN / 'lm_eval'}")
    found = json.loads(s1("runs", "import", *labelled, "--dry-run", "--json").stdout)
    assert (found["kind"], found["rows"], found["run"], found["new"]) == ("lm-eval", 4, None, False)
    assert [policy["label"] for policy in found["policies"].values()] == ["mine"]
    assert found["graders"] == ["lm-eval", "lm-eval.exact_match.flexible-extract"]
    assert not (tmp_path / "runs").exists()


def test_samples_can_be_voted_over(s1: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(f'{{"question": "3 + 4?", "answer": "7", "response": "The answer is {n}."}}\n' for n in (7, 7, 8))
    )
    path = s1("runs", "import", rows).stdout.strip()
    s1("grade", path)
    points = json.loads(s1("vote", path, "--k", "3", "--json").stdout)["points"]
    assert [point["accuracy"] for point in points] == [[1.0]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name at least one file"),
        (["--label", "rows.jsonl"], "is not NAME=PATH"),
        (["rows.jsonl"], "rows.jsonl:1: not JSON"),
    ],
    ids=str,
)
def test_what_cannot_be_imported_is_refused_with_a_hint(
    s1: Run, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "rows.jsonl").write_text("{")
    done = s1("runs", "import", *arguments, check=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def _nano() -> str:
    from s1kit.nano.shipped import resolve_model

    return resolve_model("nano")
