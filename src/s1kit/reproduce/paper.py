"""The paper's comparisons in miniature: which recipes make which table or figure.

Knows names. Refuses to compare: `s1 compare` does, and one folder of it is one cell here.
"""

from __future__ import annotations

import json
from typing import Any

from s1kit.reproduce.paper_figures import FIGURE4B, FIGURE6, FIGURE7, sequential
from s1kit.reproduce.paper_tables import TABLE3, TABLE4, TABLE11, TABLE12, classes
from s1kit.types import Record

_SEQUENTIAL = tuple(sequential(name) for name in ("nano_hard", "nano_mixed", "nano_choice"))
RECIPES: dict[str, tuple[dict[str, Any], ...]] = {
    "figure1": _SEQUENTIAL,
    "table1": _SEQUENTIAL,
    "figure4a": _SEQUENTIAL,
    "figure5": _SEQUENTIAL,
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
    printed: str | None = None
    """Name in ``published`` of what the paper printed; None: ``recipe``."""
    given: str | None = None
    """Its recipe as JSON, where it is none of `RECIPES`."""
    lacking: tuple[str, ...] = ()
    """Methods of the paper's that it leaves out for want of a model."""

    @property
    def name(self) -> str:
        """What `--only` calls it."""
        return self.recipe

    @property
    def shared(self) -> bool:
        """Whether it is another part's comparison, of which this part reads the rows."""
        return not self.recipe.startswith(f"{self.part}-")


def comparisons() -> list[Versus]:
    """Every comparison, in the order of the parts."""
    return [Versus(part=part, recipe=recipe["name"]) for part, own in RECIPES.items() for recipe in own]


def comparing(versus: Versus, limit: int | None, out: str) -> dict[str, Any]:
    """The recipe of `s1 compare`. ``limit``: at most so many questions; None: as many as the recipe says."""
    if versus.given is not None:
        recipe = json.loads(versus.given)
    else:
        [recipe] = [one for one in RECIPES[versus.part] if one["name"] == versus.recipe]
    most = [number for number in (limit, recipe["limit"]) if number is not None]
    return {**recipe, "limit": min(most, default=None), "out": out}
