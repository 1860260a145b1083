"""The paper on a model of one's own: comparisons that compare takes, under the names that claims and rows look for."""

from __future__ import annotations

from pathlib import Path

import pytest

from s1kit.compare.recipe import CompareConfig, name_of
from s1kit.config import SweepConfig, load
from s1kit.reproduce.beside import beside, recipe_of
from s1kit.reproduce.cells import Cell, Scale, measuring, questions_of
from s1kit.reproduce.claims import judged
from s1kit.reproduce.dry import NATURAL, would
from s1kit.reproduce.paper import RECIPES, Versus, comparisons
from s1kit.reproduce.published import PUBLISHED
from s1kit.reproduce.real import Benchmarks, Models, PaperConfig
from s1kit.reproduce.real_plan import needs, planned
from unit.reproduce.planted import of_recipe

RECIPE = Path(__file__).parents[3] / "recipes" / "paper" / "s1-32b.yaml"
WHOLE = Models(s1="m/s1", base="m/base", token="m/token", step="m/step", reward="m/reward")
FULL = PaperConfig(name="x", models=WHOLE, out="o")
LEAST = PaperConfig(name="x", models=Models(s1="m/s1"), benchmarks=Benchmarks(math=None, gpqa=None))


def versus(config: PaperConfig) -> list[Versus]:
    return [one for one in planned(config) if isinstance(one, Versus)]


def own(one: Versus) -> CompareConfig:
    return CompareConfig.model_validate(recipe_of(one, Scale(), Path("o")))


@pytest.mark.parametrize("one", [v for v in versus(FULL) if not v.shared], ids=lambda one: one.recipe)
def test_claims_and_printed_rows_find_what_they_speak_of(one: Versus) -> None:
    found = of_recipe(own(one).model_dump(mode="json"))
    for claim in judged(one.part, found):
        if one.part in ("table3", "table11", "table12", "table13", "table4"):
            assert "was not run" not in claim.why, claim.claim
    told = beside(one, found)
    assert told.published == PUBLISHED.get(one.printed or "", told.published)
    for row in told.published.rows:
        settings = [setting for setting in told.settings if setting.method == row.method]
        assert settings, row.method
        assert row.place is None or row.place < len(settings)


def test_the_same_methods_as_in_the_nano_world_under_the_same_names() -> None:
    nano = {one.part: RECIPES[one.part][0] for one in comparisons()}
    for one in versus(FULL):
        names = [name_of(method) for method in own(one).methods]
        theirs = [name_of(method) for method in CompareConfig.model_validate(nano[one.part]).methods]
        extra = {"rotation", "penalty", "temperature", "REBASE random", "REBASE oracle"}
        assert names == [name for name in theirs if name not in extra], one.part
    assert {one.part for one in planned(FULL)} - {one.part for one in comparisons()} == {"figure3"}
    assert {one.part for one in comparisons()} <= {one.part for one in planned(FULL)}


def test_what_has_no_model_says_which() -> None:
    assert set(needs(FULL)) == {"table2", "table7", "figure2", "figure9"}
    lacks = needs(LEAST)
    assert lacks["table11"] == "needs a model: token"
    assert lacks["figure7"] == "needs a model: reward"
    parts = {one.part for one in planned(LEAST)}
    assert not parts & set(lacks)
    [table3] = [one for one in versus(LEAST) if one.part == "table3"]
    assert table3.lacking == ("TCC", "TCC+BF", "SCC", "SCC+BF")
    assert {name_of(method) for method in own(table3).methods} == {"BF", "CCC", "RS"}
    without = needs(LEAST.model_copy(update={"benchmarks": Benchmarks(aime=None)}))
    assert without["table3"] == "needs a benchmark: aime"


def test_the_shipped_recipe_has_the_papers_settings() -> None:
    config, _ = load(PaperConfig, RECIPE)
    plain = PaperConfig(name=config.name, models=config.models, engine=config.engine)
    assert config == plain, "what it spells out are the defaults"
    [table3] = [one for one in versus(config.model_copy(update={"models": WHOLE})) if one.part == "table3"]
    printed = {row.method: row.values[3] for row in PUBLISHED["table3-nano"].rows}
    found = of_recipe(own(table3).model_dump(mode="json"))
    assert {row.method: row.n_points for row in found.methods} == printed, "as many runs as the paper's"


def test_the_raspberry_is_asked_with_the_recipes_engine(tmp_path: Path) -> None:
    [cell] = [one for one in planned(FULL) if isinstance(one, Cell)]
    verb, recipe = measuring(cell, Scale(), tmp_path)
    config = SweepConfig.model_validate(recipe)
    assert (verb, config.model, config.max_answer) == ("sweep", "m/s1", FULL.max_answer)
    file, text = questions_of(cell, tmp_path) or (None, "")
    assert str(file) == config.benchmark
    assert "raspberry" in text


def test_a_dry_run_counts_rows_and_one_thought_for_all_budgets() -> None:
    config = PaperConfig(name="x", models=Models(s1="m/s1"), limit=10)
    figure1, table4 = (next(one for one in versus(config) if one.part == part) for part in ("figure1", "table4"))
    facts = would(figure1, Scale(), Path("o"), done=False, priced=True)
    assert facts.rows == 10 * (5 + 1 + 3)
    assert facts.tokens == 10 * (3 * NATURAL + 1024), "six Wait hold all shorter points"
    facts = would(table4, Scale(), Path("o"), done=False, priced=True)
    assert facts.rows == 50
    assert facts.tokens == pytest.approx(10 * (4 * 2 * NATURAL + NATURAL + 5 * 1024))
    assert facts.card_hours is not None
    assert facts.card_hours > 0
    assert would(table4, Scale(), Path("o"), done=False, priced=False).tokens is None
