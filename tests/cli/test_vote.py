"""`s1 vote`: over stored samples, nothing generated, every token that was spent counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Run
from s1kit.store.run import RunDir
from unit.compare.comparing import sums

REJECTION = {"kind": "rejection", "max_thinking": 8, "tries": 6, "max_answer": 6}
PLAIN = {"kind": "budget_forcing", "max_thinking": 40, "max_answer": 6}
TREE = {"kind": "tree_search", "width": 2, "scorer": "random", "max_thinking": 20, "max_answer": 6}


def evaluated(s1: Run, folder: Path, *policies: dict[str, Any], samples: int = 4) -> Path:
    """A run of the scripted engine over six sums."""
    recipe = folder / "eval.yaml"
    sums(folder)
    content = {
        "benchmark": "sums.jsonl",
        "engine": {"kind": "scripted", "slots": 4, "context_len": 300},
        "sampling": {"temperature": 1.0 if samples > 1 else 0.0},
        "samples": samples,
        "policies": list(policies),
    }
    recipe.write_text(yaml.safe_dump(content))
    return folder / s1("eval", "eval.yaml").stdout.split()[-1]


def voted(s1: Run, run: Path, *flags: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(s1("vote", str(run), *flags, "--json").stdout)["points"]
    return found


def test_one_table_for_every_k_and_rule_and_rejected_tries_are_paid_for(s1: Run, tmp_path: Path) -> None:
    run = evaluated(s1, tmp_path, REJECTION, PLAIN)
    found = voted(s1, run, "--rule", "majority", "--rule", "pass_at_k", "--k", "1", "--k", "4")
    assert [p["label"] for p in found] == ["k = 1", "k = 4"] * 4
    spent = {"reject6": 0, "bf": 0}
    for row in RunDir.open(run).generations():
        spent[row.policy_id.split("-")[0]] += row.n_thinking_model + row.n_discarded
    for point in found:
        if point["label"] == "k = 4":
            kind = "reject6" if "rejection" in point["method"] else "bf"
            assert sum(cost["thinking"] for cost in point["cost"]) == pytest.approx(spent[kind])
    assert "majority" in s1("vote", str(run)).stdout


def test_what_cannot_be_voted_on_is_refused_with_a_hint(s1: Run, tmp_path: Path) -> None:
    alone = evaluated(s1, tmp_path, PLAIN, samples=1)
    assert "hint: s1 eval --samples 16" in s1("vote", str(alone), check=2).stderr
    several = evaluated(s1, tmp_path, PLAIN)
    assert "k = 5 is more than the 4 samples" in s1("vote", str(several), "--k", "5", check=2).stderr.replace("\n", " ")
    assert "needs a scorer" in s1("vote", str(several), "--rule", "weighted", check=2).stderr
    assert "majorty" in s1("vote", str(several), "--rule", "majorty", check=2).stderr
    trees = evaluated(s1, tmp_path, TREE)
    assert "leaves of trees" in s1("vote", str(trees), check=2).stderr.replace("\n", "")


def test_a_vote_by_a_control_scores_once_and_keeps_the_scores(s1: Run, tmp_path: Path) -> None:
    run = evaluated(s1, tmp_path, PLAIN)
    flags = ("--rule", "best_of_n", "--scorer", "oracle", "--k", "4")
    first = voted(s1, run, *flags)
    (scores,) = (run / "scores").glob("*.jsonl")
    before = scores.read_bytes()
    assert len(before.splitlines()) == 6 * 4
    assert voted(s1, run, *flags) == first
    assert scores.read_bytes() == before
