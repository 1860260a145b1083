"""``s1 compare`` as a user calls it: tables, JSON, files, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conftest import Run

BF = {"method": "budget_forcing", "budgets": [8, 16], "natural": True, "max_thinking": 40}
HOT = {"method": "vote", "k": [1, 2, 9], "samples": 4, "max_thinking": 40}
NANO = {"model": "nano", "benchmark": "nano_mixed", "limit": 2, "max_answer": 8, "seeds": 1}
NANO |= {"engine": {"slots": 16}}


@pytest.fixture
def recipe(tmp_path: Path, tiny_model: Path, questions: Path) -> Any:
    """Writes a recipe on the scripted engine; what is given overrides."""

    def write(*methods: dict[str, Any], **settings: Any) -> Path:
        shared = {
            "name": "duel",
            "model": str(tiny_model),
            "benchmark": str(questions),
            "limit": 3,
            "max_answer": 6,
            "engine": {"kind": "scripted", "slots": 4, "context_len": 300},
        }
        file = tmp_path / "recipe.yaml"
        file.write_text(yaml.safe_dump({**shared, "methods": list(methods), **settings}))
        return file

    return write


def strict(text: str) -> Any:
    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_tables_go_to_people_the_folder_to_stdout_and_everything_into_the_folder(
    s1: Run, recipe: Any, tmp_path: Path
) -> None:
    done = s1("compare", recipe(BF, HOT, {**BF, "name": "again"}))
    assert done.stdout.strip() == "runs/duel"
    for said in ("method", "control", "points per doubling", "majority", "k = 2", "no difference shown", "tokens"):
        assert said in done.stderr, said
    assert "majority, k = 9: 9 samples asked for, 4 are stored" in done.stderr
    folder = tmp_path / "runs/duel"
    found = strict((folder / "compare.json").read_text())
    text = (folder / "compare.md").read_text()
    assert text.startswith("# duel: ")
    for heading in ("Methods", "Settings", "At equal tokens", "At equal seconds", "Frontier", "Notes"):
        assert f"\n## {heading}\n" in text
    for picture in ("frontier-tokens", "frontier-seconds", "tokens-by-kind"):
        assert (folder / f"{picture}.svg").read_text().lstrip().startswith("<svg")
        assert (folder / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({picture}.png)" in text
    assert [p["label"] for p in found["points"]] == [
        *("max 8", "max 16", "max 40", "k = 1", "k = 2", "k = 9", "max 8", "max 16", "max 40"),
    ]


def test_json_has_the_documented_keys_and_is_what_the_folder_holds(s1: Run, recipe: Any, tmp_path: Path) -> None:
    found = strict(s1("compare", recipe(BF, {**BF, "name": "again"}), "--json").stdout)
    stored = strict((tmp_path / "runs/duel/compare.json").read_text())
    assert {"folder": "runs/duel", **stored} == found
    assert set(stored) == {
        "name", "benchmark", "n_questions", "points", "methods", "settings", "tokens", "seconds", "frontier",
        "frontier_seconds", "ledger", "shared", "runs", "notes", "bounds",
    }  # fmt: skip
    assert stored["n_questions"] == 3
    assert all((tmp_path / "runs/duel" / run / "manifest.json").exists() for run in stored["runs"])
    (pair,) = stored["tokens"]["pairs"]
    assert "no difference shown between BF and again" in pair["verdict"]  # the same under another name
    assert all(test["comparison"]["difference"] == 0 for test in pair["tests"])
    assert stored["shared"]["generated"] < stored["shared"]["alone"]


def test_a_dry_run_says_what_would_be_generated_and_generates_nothing(s1: Run, recipe: Any, tmp_path: Path) -> None:
    tree = {"method": "tree_search", "widths": [4], "scorer": "random", "seeds": 2}
    found = strict(s1("compare", recipe(BF, HOT, tree), "--dry-run", "--json").stdout)
    rows = [(s["method"], s["setting"], s["rows"]) for s in found["settings"]]
    assert found["questions"] == 3
    assert rows[0] == ("BF", "max 8", 3)
    assert rows[-2:] == [("majority", "k = 9", 12), ("REBASE", "width 4", 24)]
    assert "REBASE" in s1("compare", recipe(BF, HOT, tree), "--dry-run").stderr
    assert not (tmp_path / "runs").exists()


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "setting": ([BF], {"bugdets": 1}, "bugdets"),
    "field": ([{"method": "budget_forcing", "budget": [8]}], {}, "did you mean 'budgets'"),
    "method": ([{"method": "budget_forcng", "budgets": [8]}], {}, "budget_forcing"),
    "names": ([BF, BF], {}, "two methods are called 'BF'"),
    "twice": ([{**BF, "budgets": [8, 8]}], {}, "has the setting 'max 8' twice"),
    "nothing": ([{"method": "budget_forcing"}], {}, "without a setting"),
    "baseline": ([BF], {"baseline": "RS"}, "baseline 'RS' is no method here: BF"),
    "chat": ([BF], {"engine": {"kind": "chat", "url": "http://127.0.0.1:9"}}, "s1 eval --engine chat"),
    "context": ([{**BF, "budgets": [1000]}], {}, "does not fit the context of 300 tokens"),
    "temperature": (
        [{"method": "rejection", "limits": [8], "temperature": 0}],
        {},
        "at temperature 0 all draws are one",
    ),
    "reward": ([BF, {**HOT, "rule": "weighted", "scorer": "./no-such-model"}], {}, "reward model './no-such-model'"),
    "tree": ([BF, {"method": "tree_search", "widths": [2], "scorer": "gone"}], {}, "reward model 'gone'"),
    "benchmark": ([BF], {"benchmark": "nano_mixd"}, "nano_mixed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_refused_in_words_before_anything_is_generated(
    name: str, s1: Run, recipe: Any, tmp_path: Path
) -> None:
    methods, settings, said = REFUSED[name]
    done = s1("compare", recipe(*methods, **settings), check=2)
    assert said in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("runs/**/manifest.json"))


@pytest.mark.slow
def test_the_same_recipe_in_another_order_with_other_slots_gives_the_same_points(s1: Run, recipe: Any) -> None:
    pytest.importorskip("torch")
    methods = [
        {"method": "budget_forcing", "budgets": [12], "natural": True, "extensions": [1], "max_thinking": 40},
        {"method": "rejection", "limits": [24], "tries": 3},
        {"method": "vote", "rule": "best_of_n", "scorer": "length", "k": [1, 3], "max_thinking": 40},
        {"method": "vote", "rule": "confidence", "k": [3], "window": 8, "max_thinking": 40},
        {"method": "tree_search", "widths": [3], "scorer": "length", "steps": {"text": "\n"}, "max_thinking": 40},
    ]
    first = strict(s1("compare", recipe(*methods, **NANO, name="a"), "--json").stdout)
    second = strict(s1("compare", recipe(*methods[::-1], **NANO, name="b"), "--slots", "3", "--json").stdout)
    assert len(first["points"]) == 8
    assert told(first) == told(second)
    assert {p["accuracy"][0] for p in first["points"]} > {0.0}  # it answers, and not always wrongly


def told(found: dict[str, Any]) -> dict[str, Any]:
    """Points by name, without seconds."""
    for point in found["points"]:
        for cost in point["cost"]:
            cost.pop("seconds")
    return {f"{p['method']}, {p['label']}": p for p in found["points"]}
