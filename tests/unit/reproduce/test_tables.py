"""Cells and tables: every cell once, questions as the unit, differences against the baseline alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from s1kit.config import EvalConfig, SweepConfig
from s1kit.curate.recipe import CurateConfig
from s1kit.errors import UserError
from s1kit.reproduce.cells import Cell, Model, Scale, cells, curation, measuring, training
from s1kit.reproduce.results import RESULTS, refuse_another_scale
from s1kit.reproduce.tables import Scored, markdown, table
from s1kit.train.recipe import TrainConfig

SCALE = Scale(seeds=(0, 1))


def test_every_cell_has_a_selection_that_the_curation_makes() -> None:
    recipe = CurateConfig.model_validate(curation(SCALE))
    made = {s.label for s in (recipe.select, *recipe.comparisons)}
    found = list(cells(SCALE))
    assert {cell.model.data for cell in found if cell.model and cell.model.condition == "none"} <= made
    assert len({cell.name for cell in found}) == len(found)
    assert Counter(cell.part for cell in found) == {
        "main": 1, "table2": 10, "table7": 4, "variants": 4, "figure2": 3, "figure3": 1, "figure9": 1,
    }  # fmt: skip
    assert recipe.train.comparisons, "every selection becomes a training set"


def test_cells_share_what_is_the_same() -> None:
    found = {cell.name: cell for cell in cells(SCALE)}
    main, first = found["main-s1K-seed0"], found["table2-s1K-seed0"]
    assert main.model == first.model
    assert main.run != first.run, "the main run has more points"
    assert found["table7-whole-seed1"].run == found["table2-longest-seed1"].run
    assert found["figure9-s1K-seed0"].run == main.run
    assert found["figure2-base-seed0"].run == found["variants-base-seed0"].run
    assert found["figure2-s1K-seed0"].run == first.run
    trainings = {cell.model for cell in found.values() if cell.model}
    assert len({model.name for model in trainings}) == len(trainings) == 10 + 2 + 2


@pytest.mark.parametrize("wrong", [{"seeds": ()}, {"curve": -1}, {"size": 0}, {"epochs": 0}, {"cut": 0}])
def test_a_scale_without_a_question_a_row_or_a_seed_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Scale(**wrong)


def test_a_folder_keeps_to_its_scale(tmp_path: Path) -> None:
    refuse_another_scale(tmp_path, SCALE)

    def say(cells: dict[str, Any]) -> None:
        (tmp_path / RESULTS).write_text(json.dumps({"scale": SCALE.model_dump(mode="json"), "cells": cells}))

    say({})
    refuse_another_scale(tmp_path, SCALE.model_copy(update={"curve": 20}))
    say({"main-s1K-seed0": {}})
    refuse_another_scale(tmp_path, SCALE.model_copy(update={"seeds": (0, 1, 2), "cut": 64, "compared": 5}))
    for other in ({"curve": 20}, {"size": 9}, {"benchmark": "nano_hard"}):
        with pytest.raises(UserError, match="another scale"):
            refuse_another_scale(tmp_path, SCALE.model_copy(update=other))


def test_recipes_are_what_their_verbs_take() -> None:
    for cell in cells(SCALE):
        verb, recipe = measuring(cell, SCALE, Path("o"))
        config = (SweepConfig if verb == "sweep" else EvalConfig).model_validate(recipe)
        asked = {"sweep": SCALE.curve, "raspberry": None}
        assert config.limit == asked.get(cell.measure, SCALE.questions)
        if cell.model is None:
            continue
        trained = TrainConfig.model_validate(training(cell.model, SCALE, Path("c"), Path("o")))
        assert config.model == trained.out
        assert config.format == trained.format
        assert (trained.on_overflow == "cut") == (cell.row == f"cut-at-{SCALE.cut}"), "only the ablation cuts rows"


def test_a_table_averages_over_seeds_and_pairs_by_question() -> None:
    def cell(row: str, seed: int) -> Cell:
        return Cell(part="table2", row=row, seed=seed, model=Model(data=row, seed=seed), measure="ends")

    def said(natural: tuple[float, ...], waited: tuple[float, ...]) -> Scored:
        right, thinking = {"natural": natural, "extension": waited}, {"natural": 10.0, "extension": 20.0}
        return Scored(right=right, thinking=thinking, rows=4, trained_tokens=400)

    done = {
        cell("random", 0): said((0, 0, 1, 1), (1, 1, 1, 1)),
        cell("random", 1): said((0, 1, 1, 0), (1, 1, 1, 1)),
        cell("s1K", 0): said((1, 1, 1, 1), (0, 0, 0, 1)),
        cell("s1K", 1): said((1, 1, 1, 0), (0, 0, 0, 1)),
    }
    rows = table("table2", done)
    assert [(r.row, r.role, r.seeds) for r in rows] == [
        ("s1K", "natural", 2),
        ("random", "natural", 2),
        ("s1K", "extension", 2),
        ("random", "extension", 2),
    ]
    assert rows[0].accuracy == pytest.approx(87.5)
    assert rows[0].by_seed == (100.0, 75.0)
    assert rows[0].difference is None
    assert rows[1].difference == pytest.approx(50 - 87.5)
    assert rows[3].difference == pytest.approx(75)
    text = markdown(rows)
    assert "| s1K | 4, 100 | 87.5% (100.0, 75.0) |  | 25.0% (25.0, 25.0) |  | 10 |" in text
    assert "| random | 4, 100 | 50.0% (50.0, 50.0) | -37.5 [" in text


def test_without_the_baseline_nothing_is_compared() -> None:
    cell = Cell(part="table2", row="random", seed=0, model=Model(data="x", seed=0), measure="ends")
    both = {"natural": (1.0,), "extension": (1.0,)}
    scored = Scored(right=both, thinking={"natural": 1.0, "extension": 1.0}, rows=1, trained_tokens=1)
    assert [row.difference for row in table("table2", {cell: scored})] == [None, None]
