"""What TRL is given: every value has a source, every field of TRL's is given or left for a reason, an upgrade shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from s1kit.config import load
from s1kit.train.arguments import FIXED, LEFT, OF_SETTING, explained, source
from s1kit.train.recipe import TrainConfig
from s1kit.train.settings import Settings

RECIPES = Path(__file__).parents[3] / "recipes"


def defaults(kind: Any) -> dict[str, str]:
    """Defaults as they print: enums and factories compare by their words."""
    return {
        f.name: repr(f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default)
        for f in dataclasses.fields(kind)
    }


def test_every_argument_has_a_source_and_no_source_lacks_its_argument() -> None:
    given = Settings().arguments()
    assert not OF_SETTING.keys() & FIXED.keys()
    assert given.keys() == OF_SETTING.keys() | FIXED.keys()
    assert {entry.setting for entry in OF_SETTING.values()} <= set(Settings.model_fields)
    assert all(fixed.why for fixed in FIXED.values())


def test_every_field_of_trl_is_given_or_left_for_a_reason() -> None:
    """Fails when TRL or transformers gain a field: somebody has to say what becomes of it."""
    from trl import SFTConfig

    left = [name for names in LEFT.values() for name in names]
    assert len(left) == len(set(left))
    assert not set(left) & Settings().arguments().keys()
    assert {f.name for f in dataclasses.fields(SFTConfig)} == Settings().arguments().keys() | set(left)


def test_where_trl_and_transformers_disagree_nothing_is_left_to_either() -> None:
    from transformers import TrainingArguments
    from trl import SFTConfig

    theirs, base = defaults(SFTConfig), defaults(TrainingArguments)
    other = {name for name in theirs.keys() & base.keys() if theirs[name] != base[name]}
    assert {"learning_rate", "bf16", "gradient_checkpointing"} <= other, "the comparison compares"
    assert other <= Settings().arguments().keys()


def test_a_setting_that_is_said_to_decide_decides() -> None:
    """Each argument of a setting changes with that setting and with no other."""
    changes: dict[str, Any] = {
        "epochs": 2, "per_device": 2, "batch_size": 64, "learning_rate": 1.0, "warmup": 0.5, "schedule": "linear",
        "weight_decay": 0.5, "betas": (0.5, 0.5), "max_grad_norm": 2.0, "precision": "bfloat16",
        "checkpointing": "recompute", "offload_activations": True, "save_every": 7, "log_every": 3,
        "report_to": ("wandb",), "seed": 5, "lm_head": "whole", "layout": "padded", "keep": 4, "save_dtype": "float16",
    }  # fmt: skip
    assert {entry.setting for entry in OF_SETTING.values()} <= changes.keys()
    plain = Settings(per_device=1).arguments()
    for name, value in changes.items():
        given = Settings.model_validate({"per_device": 1, name: value}).arguments()
        moved = {key for key in given if given[key] != plain[key]}
        said = {key for key, entry in OF_SETTING.items() if entry.setting == name}
        if name == "per_device":  # the batch stays: what is taken at once and how often move against each other
            said |= {"gradient_accumulation_steps"}
        assert moved == said, name


def test_the_paper_is_named_where_its_value_is_used_and_nowhere_else() -> None:
    assert source("learning_rate", 1e-5) == "setting learning_rate; the paper's (section 3)"
    assert source("learning_rate", 1e-3) == "setting learning_rate; the paper has 1e-05"
    config, _ = load(TrainConfig, RECIPES / "s1-32b.yaml")
    rows = {row.name: row for row in explained(config.arguments(16))}
    assert all("the paper has" not in row.source for row in rows.values()), "the paper's recipe is the paper's"
    assert sum("the paper's (section 3)" in row.source for row in rows.values()) == sum(
        entry.paper is not None for entry in OF_SETTING.values()
    )
    assert (rows["max_length"].value, rows["max_length"].trl, rows["max_length"].differs) == (None, 1024, True)
    assert (rows["lr_scheduler_type"].trl, rows["packing"].differs) == ("linear", False)


@pytest.mark.parametrize("name", sorted(FIXED))
def test_no_setting_moves_a_fixed_value(name: str) -> None:
    assert Settings(epochs=1, precision="bfloat16", lm_head="whole").arguments()[name] == FIXED[name].value
