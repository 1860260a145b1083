"""The paper's comparisons: recipes and package say the same, every claim and every printed row finds its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from s1kit.compare.recipe import CompareConfig, name_of
from s1kit.config import load
from s1kit.metrics.scaling import scaling
from s1kit.reproduce.beside import beside, compared, folder_of, mark_done, recipe_of, text, unmark
from s1kit.reproduce.cells import Scale
from s1kit.reproduce.claims import CLAIMS, judged
from s1kit.reproduce.paper import RECIPES, Versus, comparing, comparisons
from s1kit.reproduce.published import PUBLISHED
from s1kit.reproduce.results import is_done, write_results
from unit.reproduce.planted import N, comparison, method, of_recipe

FOLDER = Path(__file__).parents[3] / "recipes" / "paper"
ALL = [versus for versus in comparisons() if not versus.shared]
NAMES = [versus.recipe for versus in ALL]
SCALE = Scale()


@pytest.mark.parametrize("versus", ALL, ids=NAMES)
def test_the_recipe_is_what_the_package_runs(versus: Versus) -> None:
    config, _ = load(CompareConfig, FOLDER / f"{versus.recipe}.yaml")
    assert config == CompareConfig.model_validate({**comparing(versus, None, "runs")})
    assert config.name == versus.recipe


def test_every_recipe_is_run_but_those_beside_the_nano_world() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} - set(NAMES) == {
        "table3-nano-200", "after-s1-nano", "s1-32b",
    }  # fmt: skip
    small, large = (yaml.safe_load((FOLDER / f"{n}.yaml").read_text()) for n in ("table3-nano", "table3-nano-200"))
    assert large == {**small, "name": "table3-nano-200", "limit": 200}


def test_parts_that_read_the_same_rows_share_the_comparison() -> None:
    shared = [versus for versus in comparisons() if versus.shared]
    assert {versus.part for versus in shared} == {"table1", "figure4a", "figure5"}
    assert {versus.recipe for versus in shared} == {f"figure1-nano-{name}" for name in ("hard", "mixed", "choice")}
    out = Path("o")
    assert len({folder_of(versus, out) for versus in shared}) == 3


def test_table3_has_the_papers_methods_and_as_many_runs() -> None:
    config = CompareConfig.model_validate(RECIPES["table3"][0])
    assert [name_of(m) for m in config.methods] == ["BF", "TCC", "TCC+BF", "SCC", "SCC+BF", "CCC", "RS"]
    found = of_recipe(RECIPES["table3"][0])
    printed = {row.method: row.values[3] for row in PUBLISHED["table3-nano"].rows}
    assert {row.method: row.n_points for row in found.methods} == printed


@pytest.mark.parametrize("versus", ALL, ids=NAMES)
def test_every_claim_and_every_printed_row_finds_what_it_speaks_of(versus: Versus) -> None:
    found = of_recipe(comparing(versus, None, "runs"))
    for one in judged(versus.part, found):
        for missing in ("was not run", "was not tested", "has no ", "counts no steps", "no common cost"):
            assert missing not in one.why, one.claim
    own = beside(versus, found)
    for row in own.published.rows:
        settings = [s for s in own.settings if s.method == row.method]
        assert settings, row.method
        assert row.place is None or row.place < len(settings)
        assert len(row.values) == len(own.published.columns)
    for field in own.published.ours if own.published.rows else ():
        assert hasattr(own.methods[0] if own.published.rows[0].place is None else own.settings[0], field)


def test_the_printed_tables_agree_with_each_other() -> None:
    """Table 3's scaling and control of TCC and SCC follow from Tables 11 and 12, of CCC from Table 13."""
    table3 = {row.method: row.values for row in PUBLISHED["table3-nano"].rows}

    def columns(recipe: str, name: str, *heads: str) -> list[list[float]]:
        printed = PUBLISHED[recipe]
        places = [printed.columns.index(head) for head in heads]
        rows = [row for row in printed.rows if row.method == name]
        return [
            [float(row.setting or 0) for row in rows],
            *([float(row.values[p] or 0) for row in rows] for p in places),
        ]

    for recipe, per, names in (("table11-nano", 1, ("TCC", "TCC+BF")), ("table12-nano", 100, ("SCC", "SCC+BF"))):
        for name in names:
            asked, thinking, right = columns(recipe, name, "thinking", "AIME24")
            share = sum(used <= per * limit for used, limit in zip(thinking, asked, strict=True)) / len(asked)
            assert table3[name][0] == pytest.approx(100 * share)
            value = scaling(thinking, [r / 100 for r in right]).value
            assert value is not None
            assert table3[name][1] == pytest.approx(value, abs=1)
            assert table3[name][2] == max(right)
    (short, _), (long, used_long), (_, usual) = (row.values for row in PUBLISHED["table13-nano-hard"].rows)
    assert (short, long) == (30.0, table3["CCC"][2])
    assert used_long is not None
    assert usual is not None
    assert used_long > usual


def test_a_comparison_is_done_for_its_recipe_and_its_scale_alone(tmp_path: Path) -> None:
    versus = ALL[0]
    assert not is_done(versus, SCALE, tmp_path)
    folder = folder_of(versus, tmp_path)
    folder.mkdir(parents=True)
    found = of_recipe(comparing(versus, None, "runs"))
    (folder / "compare.json").write_text(json.dumps(found.model_dump(mode="json")))
    assert not is_done(versus, SCALE, tmp_path), "it may have been stopped while it wrote"
    mark_done(versus, SCALE, tmp_path)
    read = compared(versus, SCALE, tmp_path)
    assert read is not None
    assert read.model_dump(mode="json") == found.model_dump(mode="json")
    assert not is_done(versus, Scale(compared=4), tmp_path)
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert is_done(versus, SCALE, moved)
    unmark(versus, moved)
    assert not is_done(versus, SCALE, moved)


def test_results_hold_our_tables_the_papers_and_the_verdicts(tmp_path: Path) -> None:
    for versus in (v for v in ALL if v.part == "table13"):
        folder = folder_of(versus, tmp_path)
        folder.mkdir(parents=True)
        found = of_recipe(recipe_of(versus, SCALE, tmp_path))
        (folder / "compare.json").write_text(json.dumps(found.model_dump(mode="json")))
        mark_done(versus, SCALE, tmp_path)
    texts = write_results(SCALE, ALL, tmp_path)
    assert list(texts) == ["table13"]
    assert (tmp_path / "table13.md").read_text() == texts["table13"]
    assert texts["table13"].count("### What the paper says") == 3
    content = json.loads((tmp_path / "results.json").read_text())
    assert set(content) == {"scale", "cells", "missing", "made", "table13"}
    assert content["missing"] == [v.name for v in ALL if v.part != "table13"]
    assert [len(cell["recipe_sha256"]) for cell in content["cells"].values()] == [64] * 3
    for one in content["table13"]:
        assert set(one) == {
            "recipe", "benchmark", "questions", "methods", "settings", "published", "claims", "notes", "lacking",
        }  # fmt: skip
        assert [claim["claim"] for claim in one["claims"]] == [claim.text for claim in CLAIMS["table13"]]
        assert {claim["verdict"] for claim in one["claims"]} <= {"holds", "does not hold", "cannot be told"}
        assert [row["method"] for row in one["published"]["rows"]] == ["CCC", "CCC", "none"]


def test_the_papers_numbers_stand_beside_ours() -> None:
    points = method("BF", [(16, 0.2), (64, 0.6)], bound=1.0) + method("TCC", [(20, 0.3), (40, 0.3)], bound=0.5)
    found = comparison(points)
    shown = text(beside(Versus(part="table3", recipe="table3-nano"), found))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.splitlines() if line.startswith("|")]
    assert ["BF", "–", "–", "100", "15", "56.7", "5", "100", "20", "60", "2"] in rows
    assert ["RS", "–", "–", "100", "-35", "40", "5", *["–"] * 4] in rows, "what was not run has no number of ours"
    assert "(paper: 100%): **holds**. control of BF 100%" in shown
    assert "(paper: -35): **cannot be told**. RS has no slope" in shown
    assert f"n = {N}" in shown
