"""The paper's comparisons in miniature: which recipes make which table or figure.

Knows names. Refuses to compare: `s1 compare` does, and one folder of it is one cell here.
"""

from __future__ import annotations

from typing import Any

from s1kit.reproduce.paper_figures import FIGURE4B, FIGURE6, FIGURE7
from s1kit.reproduce.paper_tables import TABLE3, TABLE4, TABLE11, TABLE12, classes
from s1kit.types import Record

RECIPES: dict[str, tuple[dict[str, Any], ...]] = {
    "table3": (TABLE3,),
    "table4": (TABLE4,),
    "table11": (TABLE11,),
    "table12": (TABLE12,),
    "table13": (classes("nano_hard"), classes("nano_mixed"), classes("nano_choice")),
    "figure4b": (FIGURE4B,),
    "figure6": (FIGURE6,),
    "figure7": (FIGURE7,),
}
"""Part -> the comparisons that it is made of."""


class Versus(Record):
    """One comparison of a part."""

    part: str
    recipe: str
    """Its name, which is its folder's too."""

    @property
    def name(self) -> str:
        """What `--only` calls it."""
        return self.recipe


def comparisons() -> list[Versus]:
    """Every comparison, in the order of the parts."""
    return [Versus(part=part, recipe=recipe["name"]) for part, own in RECIPES.items() for recipe in own]


def comparing(versus: Versus, limit: int | None, out: str) -> dict[str, Any]:
    """The recipe of `s1 compare`. ``limit``: at most so many questions; None: as many as the recipe says."""
    [recipe] = [one for one in RECIPES[versus.part] if one["name"] == versus.recipe]
    return {**recipe, "limit": recipe["limit"] if limit is None else min(limit, recipe["limit"]), "out": out}
