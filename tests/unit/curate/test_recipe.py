"""A recipe that cannot work is refused before anything is read; what changes no row changes no folder."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from s1kit.config import ConfigError, load
from s1kit.curate.pipeline import cache_path, steps_until, where
from s1kit.curate.recipe import CurateConfig, SelectConfig
from s1kit.errors import UserError
from unit.curate.nano_run import recipe

RECIPES = Path(__file__).parents[3] / "recipes"
ENDPOINT: dict[str, Any] = {"kind": "endpoint", "model": "m"}
FULL = recipe(
    steps=["quality", "duplicates", "decontaminate", "trace", "domain", "difficulty"],
    trace={"teacher": ENDPOINT},
    domain={"by": "model", "model": ENDPOINT},
    difficulty={"solvers": {"small": ENDPOINT, "large": {"kind": "local", "model": "nano"}}, "judge": ENDPOINT},
)
MODELS = ("trace.teacher", "domain.model", "difficulty.judge", "difficulty.solvers.small")


def changed(key: str, value: Any) -> CurateConfig:
    said = yaml.safe_dump(value, default_flow_style=True).splitlines()[0]
    return load(CurateConfig, None, deepcopy(FULL), (f"{key}={said}",))[0]


SAME = [
    ("out", "."),
    ("data", "elsewhere"),
    ("cache", "other.sqlite"),
    ("select", {"rule": "random", "size": 5}),
    ("select.seed", 9),
    ("comparisons", [{"rule": "longest", "size": 5}]),
    ("train", {"format": "qwen3"}),
    *((f"{model}.base_url", "http://127.0.0.1:9/v1") for model in MODELS),
    *((f"{model}.key_env", "OTHER") for model in MODELS),
    *((f"{model}.concurrency", 3) for model in MODELS),
    *((f"{model}.tries", 1) for model in MODELS),
    *((f"{model}.timeout", 5) for model in MODELS),
    *((f"{model}.stream", False) for model in MODELS),
    *((f"{model}.price_out", 2.5) for model in MODELS),
    ("difficulty.solvers.large.slots", 2),
    ("difficulty.solvers.large.device", "cuda"),
]
OTHER = [
    ("name", "another"),
    ("sources", [{"source": "nano_pool", "limit": 61}]),
    ("sources", [{"source": "nano_pool", "limit": 60, "licence": "MIT"}]),
    ("skip_unreachable", True),
    ("steps", ["quality"]),
    ("quality.reference", True),
    ("duplicates.near", None),
    ("decontaminate.mode", "paper"),
    ("decontaminate.n", 9),
    ("decontaminate.evaluations", {"nano_mixed": "nano_mixed"}),
    ("trace.judged", True),
    ("trace.tokenizer", "nano-base"),
    ("domain.asks", 2),
    ("difficulty.undecided", "keep"),
    ("difficulty.asks", 1),
    *((f"{model}.model", "n") for model in MODELS),
    *((f"{model}.temperature", 0.5) for model in MODELS),
    *((f"{model}.max_tokens", 10) for model in MODELS),
    *((f"{model}.seed", 4) for model in MODELS),
    *((f"{model}.extra", {"reasoning_effort": "high"}) for model in MODELS),
    ("difficulty.solvers.large.dtype", "float16"),
]


@pytest.mark.parametrize(("key", "value"), SAME, ids=[key for key, _ in SAME])
def test_what_changes_no_row_before_the_selection_stays_in_the_folder(key: str, value: Any) -> None:
    assert where(changed(key, value)).name == where(load(CurateConfig, None, FULL)[0]).name


@pytest.mark.parametrize(("key", "value"), OTHER, ids=[f"{key}={value}" for key, value in OTHER])
def test_what_may_change_a_row_is_another_folder(key: str, value: Any) -> None:
    assert where(changed(key, value)).name != where(load(CurateConfig, None, FULL)[0]).name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": []}, "sources is empty"),
        ({"sources": [{"limit": 3}]}, "`source` .* or `path`"),
        ({"sources": [{"source": "math", "path": "x", "mapping": {}}]}, "mapping of its own"),
        ({"sources": [{"source": "math", "limit": 0}]}, "limit"),
        ({"steps": ["quality", "quality"]}, "twice"),
        ({"steps": ["qualities"]}, "steps"),
        ({"trace": {}}, "needs trace.teacher"),
        ({"trace": {"file": "x.jsonl", "teacher": ENDPOINT}}, "one of"),
        ({"trace": {"teacher": {"kind": "oracle"}}}, "kind"),
        ({"decontaminate": {}}, "needs decontaminate.evaluations"),
        ({"steps": ["difficulty"]}, "needs difficulty.solvers"),
        ({"domain": {"by": "model"}}, "needs `model`"),
        ({"domain": {"by": "lexical", "model": ENDPOINT}}, "only then"),
        ({"select": {"rule": "notebook"}}, "needs `shape`"),
        ({"select": {"rule": "paper", "shape": {"math": 1.0}}}, "no other rule"),
        ({"select": {"rule": "random", "preselect": [{"source": "math"}]}}, "no preselected"),
        ({"select": {"rule": "papr"}}, "papr|rule"),
        ({"select": {"size": 0}}, "size"),
        ({"select": {"size": "many"}}, "size"),
        ({"select": {"name": "../x"}}, "name"),
        ({"name": "a/b"}, "name"),
        ({"comparisons": [{"rule": "paper", "size": 12}]}, "same name"),
        ({"duplicates": {"near": 0.5}}, "near"),
        ({"decontaminate": {"evaluations": {"a": "b"}, "least_coverage": 2}}, "least_coverage"),
    ],
)
def test_a_recipe_that_cannot_work_says_where(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump(recipe(**changes)))
    with pytest.raises(ConfigError, match=said) as error:
        load(CurateConfig, file)
    assert "r.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("stps", "steps"),
        ("select.sze", "size"),
        ("decontaminate.evalutions", "evaluations"),
        ("trace.techer", "teacher"),
    ],
)
def test_an_unknown_key_is_guessed_at(key: str, meant: str, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(yaml.safe_dump(recipe()))
    with pytest.raises(ConfigError, match=f"did you mean '{meant}'"):
        load(CurateConfig, file, {}, (f"{key}=1",))


@pytest.mark.parametrize("content", [None, "{}", "out: here"])
def test_a_recipe_without_sources_misses_its_sources(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(content or "")
    with pytest.raises(ConfigError) as error:
        load(CurateConfig, None if content is None else file, {"name": "x"})
    assert "another verb" not in str(error.value)


@pytest.mark.parametrize(
    "file", [f for f in sorted(RECIPES.glob("*.yaml")) if "\nsources:" in f.read_text()], ids=lambda f: f.name
)
def test_every_recipe_that_ships_is_a_recipe(file: Path) -> None:
    read, _ = load(CurateConfig, file)
    assert read.steps


@pytest.mark.parametrize(
    ("config", "label"),
    [
        ({}, "paper-1000-seed0"),
        ({"rule": "random", "size": 7, "seed": 3}, "random-7-seed3"),
        ({"rule": "full"}, "full"),
        ({"rule": "full", "name": "all"}, "all"),
    ],
)
def test_a_selection_is_called_what_it_is(config: dict[str, Any], label: str) -> None:
    assert SelectConfig(**config).label == label


def test_until_names_the_steps_that_are_taken() -> None:
    config = load(CurateConfig, None, FULL)[0]
    steps = ("pool", *config.steps)
    assert {steps_until(config, until) for until in ("filter", "select", "build")} == {steps}
    assert steps_until(config, "free") == ("pool", "quality", "duplicates", "decontaminate")
    assert steps_until(config, "pool") == ("pool",)
    assert steps_until(config, "trace") == steps[:5]
    unpaid = load(CurateConfig, None, recipe(steps=["quality", "domain"]))[0]
    assert steps_until(unpaid, "free") == ("pool", "quality", "domain"), "a step that calls no model is free"
    with pytest.raises(UserError, match="no step trace\nhint: its steps are pool, quality, domain"):
        steps_until(unpaid, "trace")


def test_curations_in_one_place_share_their_calls() -> None:
    configs = [changed("name", "a"), changed("name", "b"), changed("cache", "x.sqlite")]
    assert [cache_path(c) for c in configs] == [Path("runs/calls.sqlite")] * 2 + [Path("x.sqlite")]
