"""Cells and tables: every cell once, questions as the unit, differences against the baseline alone."""

from __future__ import annotations

from collections import Counter

import pytest

from s1kit.curate.recipe import CurateConfig
from s1kit.reproduce.cells import Cell, Scale, cells, curation, training
from s1kit.reproduce.tables import markdown, table

SCALE = Scale(seeds=(0, 1))


def test_every_cell_has_a_selection_that_the_curation_makes() -> None:
    recipe = CurateConfig.model_validate(curation(SCALE))
    made = {s.label for s in (recipe.select, *recipe.comparisons)}
    found = list(cells(SCALE))
    assert {cell.selection for cell in found} <= made
    assert len({cell.name for cell in found}) == len(found) == 2 * (5 + 2)
    assert Counter(cell.table for cell in found) == {"table2": 10, "table7": 4}
    assert recipe.train.comparisons, "every selection becomes a training set"


def test_only_the_ablation_cuts_rows() -> None:
    from pathlib import Path

    for cell in cells(SCALE):
        recipe = training(cell, SCALE, Path("c"), Path("o"))
        assert (recipe["on_overflow"] == "cut") == (cell.row == f"cut-at-{SCALE.cut}")


def test_a_table_averages_over_seeds_and_pairs_by_question() -> None:
    def cell(row: str, seed: int) -> Cell:
        return Cell(table="table2", row=row, seed=seed, selection="x")

    def said(natural: list[float], waited: list[float]) -> dict[str, tuple[list[float], float]]:
        return {"natural": (natural, 10.0), "extension": (waited, 20.0)}

    done = {
        cell("random", 0): said([0, 0, 1, 1], [1, 1, 1, 1]),
        cell("random", 1): said([0, 1, 1, 0], [1, 1, 1, 1]),
        cell("s1K", 0): said([1, 1, 1, 1], [0, 0, 0, 1]),
        cell("s1K", 1): said([1, 1, 1, 0], [0, 0, 0, 1]),
    }
    rows = table("table2", done)
    assert [(r.row, r.role, r.seeds) for r in rows] == [
        ("s1K", "natural", 2),
        ("random", "natural", 2),
        ("s1K", "extension", 2),
        ("random", "extension", 2),
    ]
    assert rows[0].accuracy == pytest.approx(87.5)
    assert rows[0].difference is None
    assert rows[1].difference == pytest.approx(50 - 87.5)
    assert rows[3].difference == pytest.approx(75)
    text = markdown(rows)
    assert "| s1K | 2 | 87.5% |  | 25.0% |  | 10 |" in text
    assert "| random | 2 | 50.0% | -37.5 [" in text


def test_without_the_baseline_nothing_is_compared() -> None:
    done = {Cell(table="table2", row="random", seed=0, selection="x"): {"natural": ([1.0], 1), "extension": ([1.0], 1)}}
    assert [row.difference for row in table("table2", done)] == [None, None]  # type: ignore[arg-type]
