"""Recipes, flags and overrides become one checked config; every value knows where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from s1kit.config import VERBS, ConfigError, EvalConfig, SweepConfig, config_hash, load
from s1kit.curate.recipe import CurateConfig
from s1kit.nano.demo import CURATION, DEMO

RECIPES = Path(__file__).parents[2] / "recipes"


def recipe(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return file


def test_set_beats_flag_beats_recipe_beats_default(tmp_path: Path) -> None:
    file = recipe(tmp_path, "seed: 1\nsamples: 2\nlimit: 3\n")
    config, settings = load(EvalConfig, file, {"samples": 4, "limit": 5, "sampling.temperature": 1.0}, ("limit=6",))
    assert (config.seed, config.samples, config.limit) == (1, 4, 6)
    origins = {s.key: s.origin for s in settings}
    assert origins["seed"] == str(file)
    assert origins["samples"] == "--samples"
    assert origins["limit"] == "--set limit=6"
    assert origins["model"] == "default"


def test_dotted_overrides_reach_into_groups(tmp_path: Path) -> None:
    config, _ = load(EvalConfig, None, {"engine.slots": 4}, ("sampling.temperature=0.5",))
    assert config.engine.slots == 4
    assert config.sampling.temperature == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("benchmrk: x\n", "did you mean 'benchmark'?"),
        ("engine: {slotz: 3}\n", "did you mean 'slots'?"),
        ("policies: [{kind: budget_forcing, extension: 1}]\n", "did you mean 'extensions'?"),
        ("policies: [{kind: budget_forcing, max_thinking: -1}]\n", "max_thinking"),
        ("policies: [{kind: budget_forcing, min_thinking: 9, max_thinking: 3}]\n", "larger than max_thinking"),
        ("policies: [{kind: budget_forcing, nudges: []}]\n", "nudges is empty"),
        ("- a\n- b\n", "not a mapping"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_broken_recipe_is_answered_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(EvalConfig, recipe(tmp_path, text))
    assert said in str(caught.value)


@pytest.mark.parametrize("item", ["", "=1", "seed"])
def test_a_set_without_key_or_value_is_refused(item: str) -> None:
    with pytest.raises(ConfigError, match="key=value"):
        load(EvalConfig, None, None, (item,))


def test_the_hash_changes_with_outputs_and_not_with_the_number_of_slots() -> None:
    base = EvalConfig()
    other = EvalConfig.model_validate({"engine": {"slots": 2}})
    ignore = frozenset({"engine.slots"})
    assert config_hash(base, ignore) == config_hash(other, ignore)
    assert config_hash(base) != config_hash(other)
    assert config_hash(base, ignore) != config_hash(EvalConfig(seed=1), ignore)


def test_a_sweep_has_its_points_longest_first_and_each_placebo_at_each_step() -> None:
    config = SweepConfig.model_validate({"budgets": [4, 16], "extensions": [1, 2], "placebos": ["Hmm"], "fresh": {}})
    points = config.points({"name": "s1"})
    assert [role for _, role, _ in points] == [
        "extension", "extension", "natural", "budget", "budget", "placebo", "placebo", "fresh", "fresh",
    ]  # fmt: skip
    assert [p.extensions for p, role, _ in points if role == "extension"] == [2, 1]
    assert [p.max_thinking for p, role, _ in points if role == "budget"] == [16, 4]
    assert all(p.equal_to for p, role, _ in points if role == "fresh")


def test_every_probes_up_to_the_largest_budget() -> None:
    config = SweepConfig.model_validate({"budgets": [10], "every": 3})
    assert [p.max_thinking for p, role, _ in config.points({}) if role == "anytime"] == [3, 6, 9]


def test_the_shipped_recipe_is_the_demo() -> None:
    config, _ = load(SweepConfig, RECIPES / "nano-sweep.yaml")
    assert config == SweepConfig.model_validate({**DEMO, "limit": 200})
    curation, _ = load(CurateConfig, RECIPES / "nano-curate.yaml")
    assert curation == CurateConfig.model_validate(CURATION)


@pytest.mark.parametrize("file", sorted(RECIPES.rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_says_its_command_and_loads(file: Path) -> None:
    command = next(line for line in file.read_text().splitlines() if line.startswith("#   s1 "))
    verb = command.split()[2]
    config, settings = load(VERBS[verb], file)
    assert any(s.origin == str(file) for s in settings), "a recipe that says nothing"
    assert type(config) is VERBS[verb]


def test_there_are_recipes() -> None:
    assert len(list(RECIPES.rglob("*.yaml"))) >= 3
