"""What a comparison's folder holds is used again, and nothing else is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from s1kit.compare.folder import folder_of, run_config
from s1kit.compare.settings import RunKey, policies, settings
from s1kit.engines.base import Chunk
from s1kit.engines.scripted import ScriptedEngine
from s1kit.store.run import RunDir
from s1kit.tokenizer import Tokenizer
from unit.compare.comparing import SUMS, Compare, Watched, comparer, sums
from unit.compare.planted import SPEC, recipe

BF = {"method": "budget_forcing", "budgets": [8], "natural": True, "max_thinking": 40}
HOT = {"method": "vote", "k": [1, 2], "max_thinking": 40, "seeds": 1}
TREE = {"method": "tree_search", "widths": [2], "scorer": "random", "steps": {"by": "tokens", "size": 5}}
TREE |= {"max_thinking": 20, "seeds": 1}


@pytest.fixture
def compared(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    sums(tmp_path)
    call = comparer(tmp_path, capsys)
    copy = shutil.copytree(tiny_model, tmp_path / "model")
    return lambda *methods, **rest: call(*methods, **{"model": str(copy), **rest})


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def runs_of(folder: Path) -> list[RunDir]:
    found = [RunDir.open(path.parent) for path in folder.glob("runs/compare/runs/*/*/manifest.json")]
    return sorted(found, key=lambda run: (run.manifest.started, run.id))


def test_a_second_run_opens_no_engine_and_finds_the_same(compared: Compare, watched: Watched) -> None:
    first = compared(BF, HOT, TREE)
    assert len(watched.engines) == 3  # greedy, sampled, the tree
    again = compared(BF, HOT, TREE)
    assert len(watched.engines) == 3
    assert again == first


def test_a_method_more_costs_only_its_own_rows(compared: Compare, watched: Watched, tmp_path: Path) -> None:
    before = compared(BF)
    watched.forget()
    after = compared(
        {**BF, "budgets": [8, 16]}, HOT, {"method": "token_conditional", "limits": [16], "max_thinking": 40}
    )
    assert watched.policies() == {"bf-max16", "bf-max40-ask16tokens", "bf-max40"}
    assert len(watched.rows) == 3 * (1 + 1 + 2)  # of bf-max40 the sampled ones
    assert [p for p in after["points"] if p["label"] in ("max 8", "max 40") and p["method"] == "BF"] == before["points"]
    assert len(runs_of(tmp_path)) == 3


def test_a_method_less_or_renamed_or_in_another_order_costs_nothing(compared: Compare, watched: Watched) -> None:
    compared(BF, HOT, TREE)
    watched.forget()
    compared({**TREE, "name": "tree"}, {**HOT, "name": "vote", "rule": "shortest_majority", "k": [2]})
    compared({**BF, "budgets": [8], "natural": False}, engine={"kind": "scripted", "slots": 2, "context_len": 300})
    assert (watched.engines, watched.rows) == ([], [])


def test_fewer_samples_are_read_from_those_that_are_there_and_more_are_generated(
    compared: Compare, watched: Watched, tmp_path: Path
) -> None:
    compared(HOT)
    compared({**HOT, "k": [1]})
    assert len(watched.engines) == 1
    more = compared({**HOT, "k": [1, 4]})
    assert len(watched.engines) == 2
    assert [p["draws"] for p in more["points"]] == [4, 1]
    # more samples are drawn anew, and are the same samples
    few, many = sorted(runs_of(tmp_path), key=lambda run: len(list(run.generations())))
    ours = {g.key: g.token_ids for g in many.generations()}
    assert all(ours[g.key] == g.token_ids for g in few.generations())


def test_a_method_that_wants_fewer_samples_of_what_another_stores_shares_them(
    compared: Compare, tmp_path: Path
) -> None:
    hot = {"method": "budget_forcing", "natural": True, "max_thinking": 40, "temperature": 1.0, "seeds": 2}
    compared(hot, {**HOT, "k": [4]})
    (run,) = runs_of(tmp_path)
    assert len(list(run.generations())) == 3 * 4


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 4},
        {"seed": 1},
        {"system": "Be brief."},
        {"engine": {"kind": "scripted", "slots": 4, "context_len": 300, "seed": 5}},
        {"format": "other.yaml"},
        {"max_answer": 7},
    ],
    ids=["limit", "seed", "system", "engine", "format", "answer"],
)
def test_rows_of_other_settings_are_never_used(
    change: dict[str, Any], compared: Compare, watched: Watched, tmp_path: Path
) -> None:
    if "format" in change:
        file = tmp_path / "other.yaml"
        file.write_text(yaml.safe_dump({**SPEC, "name": "other", "nudge": "Hmm"}))
        change = {"format": str(file)}
    compared(BF)
    (old,) = runs_of(tmp_path)
    compared(BF, **change)
    assert len(watched.engines) == 2
    (new,) = [run for run in runs_of(tmp_path) if run.path != old.path]
    assert {g.policy_id for g in new.generations()} == set(new.manifest.policies)
    assert len(list(new.generations())) == 2 * (change.get("limit") or 3)


def test_other_weights_under_the_same_name_are_not_mixed_with_the_old_ones(
    compared: Compare, watched: Watched, tmp_path: Path
) -> None:
    compared(BF)
    weights = tmp_path / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    compared(BF)
    assert len(watched.engines) == 2
    old, new = runs_of(tmp_path)
    assert old.manifest.inputs["model"] != new.manifest.inputs["model"]
    compared(BF)
    data[-1] ^= 1
    weights.write_bytes(data)
    compared(BF)
    assert len(watched.engines) == 2  # both are there


@pytest.mark.parametrize(("old", "new"), [("5 + 5", "5 + 4"), ("1 + 1", "1 + 3"), ('"2"', '"3"')])
def test_a_benchmark_file_that_has_changed_is_another_benchmark_its_answers_too(
    old: str, new: str, compared: Compare, watched: Watched, tmp_path: Path
) -> None:
    compared(BF)
    sums(tmp_path, SUMS.replace(old, new))
    found = compared(BF)
    asked = len(watched.engines) - 1
    assert asked == (0 if old == "5 + 5" else 1)  # the sixth question is beyond the limit
    assert all(a is not None for point in found["points"] for a in point["accuracy"])


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_comparison_goes_on_and_equals_an_undisturbed_one(
    at: int, compared: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = [{**BF, "budgets": [4, 8]}, {**HOT, "k": [1, 4]}, {**TREE, "seeds": 2}]
    calm = compared(*methods, name="calm", limit=6)
    with monkeypatch.context() as patched:
        died = Watched(patched)
        died.dies = (at, 2)
        with pytest.raises(RuntimeError, match="no power"):
            compared(*methods, limit=6)
    (torn,) = [run for run in runs_of(tmp_path) if run.manifest.status == "interrupted"]
    stored = {g.key for g in torn.generations()}
    assert stored
    watched = Watched(monkeypatch)
    found = compared(*methods, limit=6)
    assert len(watched.engines) == 4 - at
    assert len(runs_of(tmp_path)) == 3
    assert not stored & {row.key for row in watched.rows if row.policy_id in torn.manifest.policies}
    assert timeless(found) == timeless(calm)


def test_an_interrupted_run_of_other_weights_is_left_alone(
    compared: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        Watched(patched).dies = (1, 2)
        with pytest.raises(RuntimeError, match="no power"):
            compared({**BF, "budgets": [4, 8, 12]})
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    compared({**BF, "budgets": [4, 8, 12]})
    assert sorted(run.manifest.status for run in runs_of(tmp_path)) == ["finished", "interrupted"]


def test_rows_that_failed_are_made_again(compared: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, first = ScriptedEngine.collect, Tokenizer.load(tmp_path / "model").encode("What is 0 + 0?")

    def failing(engine: ScriptedEngine) -> list[Chunk]:
        bad = {r.id for r in engine.submitted if str(first)[1:-1] in str(r.prompt_ids)}
        failed = {"tokens": (), "finish": "error", "stop_id": None, "error": "out of memory"}
        return [replace(c, **failed) if c.request_id in bad else c for c in real(engine)]

    with monkeypatch.context() as patched:
        patched.setattr(ScriptedEngine, "collect", failing)
        broken = compared({**BF, "natural": False, "budgets": [8, 16]})
    assert [p["accuracy"].count(None) for p in broken["points"]] == [1, 1]
    assert len(runs_of(tmp_path)) == 1
    whole = compared({**BF, "natural": False, "budgets": [8, 16]})
    assert len(runs_of(tmp_path)) == 1
    assert all(a is not None for point in whole["points"] for a in point["accuracy"])


def test_two_models_of_the_same_last_name_have_folders_of_their_own() -> None:
    config = recipe(BF)
    (own,) = policies(settings(config)).values()
    names = {run_config(config, RunKey(model, "s1", "greedy"), own).out for model in ("a/nano", "b/nano", "nano")}
    assert len(names) == 3
    assert all(Path(name).parent == folder_of(config) / "runs" for name in names)


def timeless(found: dict[str, Any]) -> dict[str, Any]:
    """A comparison without what a clock says, and without where it lies."""
    kept: dict[str, Any] = json.loads(json.dumps(found))
    for name in ("folder", "name", "runs", "seconds", "frontier_seconds", "shared"):
        kept.pop(name)
    for row in [*(c for p in kept["points"] for c in p["cost"]), *kept["settings"]]:
        row.pop("seconds")
    for row in kept["methods"]:
        row.pop("best_seconds")
    return kept
