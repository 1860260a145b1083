"""Settings: the paper's arithmetic, nothing left to a default, and what cannot be is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from pydantic import ValidationError

from s1kit.config import load
from s1kit.train.launch import LaunchError
from s1kit.train.overflow import cut_rows
from s1kit.train.plan_settings import setup_of
from s1kit.train.recipe import TrainConfig
from s1kit.train.settings import Settings
from s1kit.types import TrainRow

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_papers_recipe_is_315_steps_on_any_number_of_devices() -> None:
    config, _ = load(TrainConfig, RECIPES / "s1-32b.yaml")
    assert config.steps(1000) == 315
    for groups, accumulate in ((1, 16), (8, 2), (16, 1)):
        given = config.arguments(groups)
        assert given["per_device_train_batch_size"] * groups * given["gradient_accumulation_steps"] == 16
        assert given["gradient_accumulation_steps"] == accumulate
    assert (given["learning_rate"], given["weight_decay"], given["warmup_steps"]) == (1e-5, 1e-4, 0.05)
    assert (given["adam_beta1"], given["adam_beta2"], given["lr_scheduler_type"]) == (0.9, 0.95, "cosine")
    with pytest.raises(LaunchError, match="cannot be shared by 3 groups"):
        config.arguments(3)


def test_every_argument_exists_and_the_traps_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from trl import SFTConfig

    given = Settings().arguments()
    assert given.keys() <= {f.name for f in dataclasses.fields(SFTConfig)}
    traps = {"max_length": None, "gradient_checkpointing": False, "bf16": False, "logging_nan_inf_filter": False}
    assert traps.items() <= given.items()
    assert Settings(checkpointing="recompute").arguments()["gradient_checkpointing"] is True
    monkeypatch.setenv("FSDP_ACTIVATION_CHECKPOINTING", "true")
    assert Settings(checkpointing="recompute").arguments()["gradient_checkpointing"] is False, "FSDP does it"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layout": "flat"}, "needs attention that knows where rows end"),
        ({"weights": "bfloat16"}, "needs precision: bfloat16"),
        ({"adapter": {"targets": ("q_proj", "lm_head")}}, "TRL cannot train an adapter"),
        ({"adapter": {"targets": ".*head"}}, "TRL cannot train an adapter"),
        ({"adapter": {"targets": "(q_proj"}}, "no regular expression"),
        ({"batch_size": 0}, "greater than 0"),
        ({"epochs": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(values)


def test_rows_that_devices_share_are_padded_and_scored_in_tiles() -> None:
    Settings(layout="padded").check_context_parallel(4)
    Settings(layout="packed", lm_head="whole").check_context_parallel(1)
    with pytest.raises(LaunchError, match="layout: packed, whose rows would see each other\nhint: layout: padded"):
        Settings().check_context_parallel(2)
    with pytest.raises(LaunchError, match="hint: lm_head: chunked"):
        Settings(layout="padded", lm_head="whole").check_context_parallel(2)


def test_the_planner_is_told_what_the_recipe_says() -> None:
    assert setup_of(Settings(), "H100", 1).chunked_head
    assert not setup_of(Settings(lm_head="whole"), "H100", 1).chunked_head
    assert setup_of(Settings(batch_size=16), "H100", 8).per_device_batch == 2, "as it will run: 16 rows over 8 devices"
    assert setup_of(Settings(batch_size=16, per_device=1), "H100", 8).accumulate == 2


def test_cut_rows_are_named_and_say_whether_the_answer_is_gone() -> None:
    def row(name: str, prompt: int, thinking: int, answer: int) -> TrainRow:
        ids = (*[1] * prompt, *[2] * thinking, 7, *[3] * answer)
        labels = (*[-100] * prompt, *ids[prompt:])
        return TrainRow(id=name, question_id=name, format="s1", input_ids=ids, labels=labels, n_tokens=len(ids))

    rows = [row("short", 2, 3, 2), row("late", 2, 6, 4), row("lost", 2, 20, 2), row("asks", 30, 2, 2)]
    kept, cut = cut_rows(rows, 11, (7,))
    assert [(r.id, r.n_tokens) for r in kept] == [("short", 8), ("late", 11), ("lost", 11)]
    assert [(c["id"], c["tokens"], c["answer_lost"]) for c in cut] == [
        ("late", 13, False),
        ("lost", 25, True),
        ("asks", 35, True),
    ]
    assert cut_rows(rows, None, (7,)) == (rows, [])
