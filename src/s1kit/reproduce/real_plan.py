"""From a recipe of the paper on a real model to comparisons, part by part.

Knows which methods stand in which table or figure, and leaves out those whose model is not there. Refuses to know
lengths and cost. Methods are called as in the nano world, so that the same claims and printed rows find them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from s1kit.reproduce.cells import Cell
from s1kit.reproduce.paper import Versus
from s1kit.reproduce.paper_tables import classes, twice
from s1kit.reproduce.real import PaperConfig

_STANDS = {"aime": "hard", "math": "mixed", "gpqa": "choice"}
"""The nano set that stands for each of the paper's: what was printed is filed under it."""
_TRAINED = "needs models trained on other rows: s1 curate, s1 train"


def planned(config: PaperConfig) -> list[Cell | Versus]:
    """Everything that the recipe's models can make, in the order of the parts."""
    return [*_Plan(config).comparisons(), _raspberry(config)]


def needs(config: PaperConfig) -> dict[str, str]:
    """Part -> what it needs that the recipe does not name."""
    models, sets = config.models, config.benchmarks
    lacks = {
        "table11": "needs a model: token" if models.token is None else None,
        "table12": "needs a model: step" if models.step is None else None,
        "figure7": "needs a model: reward" if models.reward is None else None,
        "table2": _TRAINED,
        "table7": _TRAINED,
        "figure2": _TRAINED,
        "figure9": "the training log of the model: s1 train",
    }
    if sets.aime is None:
        of_aime = ("table3", "table11", "table12", "figure4b", "figure6", "figure7")
        lacks |= {part: lacks.get(part) or "needs a benchmark: aime" for part in of_aime}
    return {part: why for part, why in lacks.items() if why}


class _Plan:
    def __init__(self, config: PaperConfig) -> None:
        self.config = config
        self.sets = {name: own for name, own in config.benchmarks if own is not None}

    def comparisons(self) -> Iterator[Versus]:
        for part in ("figure1", "table1", "figure4a", "figure5"):
            for name in self.sets:
                yield self._versus(part, "figure1", name, self._sequential(), baseline="BF")
        if "aime" in self.sets:
            yield from self._on_aime()
        for name in self.sets:
            yield self._versus("table4", "table4", name, self._nudges(), baseline="natural")
        for name in self.sets:
            yield self._versus("table13", "table13", name, classes("")["methods"])

    def _on_aime(self) -> Iterator[Versus]:
        """What the paper shows on AIME24 alone."""
        models = self.config.models
        lacking = (*(() if models.token else ("TCC", "TCC+BF")), *(() if models.step else ("SCC", "SCC+BF")))
        yield self._versus("table3", "table3", "aime", self._controls(), lacking=lacking)
        if models.token:
            yield self._versus("table11", "table11", "aime", self._tokens())
        if models.step:
            yield self._versus("table12", "table12", "aime", self._steps())
        lacking = () if models.base else ("majority of the base",)
        yield self._versus("figure4b", "figure4b", "aime", self._votes(), baseline="BF", lacking=lacking)
        yield self._versus("figure6", "figure6", "aime", [self._rejection()])
        if models.reward:
            yield self._versus("figure7", "figure7", "aime", self._trees(models.reward))

    def _versus(
        self, part: str, own: str, name: str, methods: list[dict[str, Any]], lacking: tuple[str, ...] = (), **more: Any
    ) -> Versus:
        config = self.config
        recipe = {
            "name": f"{own}-{config.name}-{name}",
            "benchmark": self.sets[name],
            "limit": config.limit,
            "model": config.models.s1,
            "format": config.format,
            "engine": config.engine.model_dump(mode="json", exclude_defaults=True),
            "seed": config.seed,
            "max_answer": config.max_answer,
            "on_overflow": config.on_overflow,
            "methods": methods,
            **more,
        }
        by_set = own in ("table13", "figure1")
        printed = f"{own}-nano-{_STANDS[name]}" if by_set else f"{own}-nano"
        return Versus(part=part, recipe=recipe["name"], printed=printed, given=json.dumps(recipe), lacking=lacking)

    def _forcing(self, **settings: Any) -> dict[str, Any]:
        return {"method": "budget_forcing", "extensions": list(self.config.waits), **settings}

    def _sequential(self) -> list[dict[str, Any]]:
        config = self.config
        longest = {"kind": "unforced", "max_tokens": config.base_tokens}
        base = {"name": "base", "method": "policies", "model": config.models.base, "format": config.base_format}
        own = [{**base, "policies": [longest]}] if config.models.base else []
        return [self._forcing(natural=True, budgets=list(config.budgets)), *own]

    def _controls(self) -> list[dict[str, Any]]:
        own = [self._forcing(budgets=list(self.config.control_budgets))]
        own += self._tokens() if self.config.models.token else []
        own += self._steps() if self.config.models.step else []
        return [*own, {"method": "class_conditional"}, self._rejection()]

    def _tokens(self) -> list[dict[str, Any]]:
        config = self.config
        one = {"method": "token_conditional", "model": config.models.token, "limits": list(config.token_limits)}
        return [one, {**one, "forced": True}]

    def _steps(self) -> list[dict[str, Any]]:
        config = self.config
        one: dict[str, Any] = {"method": "step_conditional", "model": config.models.step, "format": config.step_format}
        one |= {"step_tokens": config.step_tokens, "limits": list(config.step_limits)}
        return [one, {**one, "forced": True}]

    def _rejection(self) -> dict[str, Any]:
        config = self.config
        limits = {"limits": list(config.rejection_limits), "tries": config.tries, "temperature": 1.0}
        return {"method": "rejection", **limits, "seeds": config.rejection_seeds}

    def _nudges(self) -> list[dict[str, Any]]:
        natural = {"name": "natural", "method": "budget_forcing", "natural": True}
        return [natural, *(twice(text or "nothing", [text]) for text in self.config.nudges)]

    def _votes(self) -> list[dict[str, Any]]:
        config = self.config
        vote = {"method": "vote", "k": list(config.votes), "samples": config.samples, "temperature": 1.0}
        base = {"name": "majority of the base", "model": config.models.base, "format": config.base_format}
        own = [{**vote, **base, "unforced": config.base_tokens}] if config.models.base else []
        return [self._forcing(natural=True), *own, {**vote, "max_thinking": config.sampled_thinking}]

    def _trees(self, reward: str) -> list[dict[str, Any]]:
        config = self.config
        most = {"max_thinking": config.sampled_thinking}
        widest = max(config.widths)
        vote = {"method": "vote", "k": list(config.widths), "samples": widest, "temperature": 1.0, **most}
        tree: dict[str, Any] = {"name": "REBASE", "method": "tree_search", "scorer": reward, **most}
        tree["widths"] = list(config.widths)
        tree |= {"steps": config.tree_steps.model_dump(mode="json"), "max_depth": config.max_depth, "seeds": 1}
        return [self._forcing(natural=True), vote, {**tree, "layout": config.layout}]


def _raspberry(config: PaperConfig) -> Cell:
    given = {
        "format": config.format,
        "engine": config.engine.model_dump(mode="json", exclude_defaults=True),
        "seed": config.seed,
        "max_answer": config.max_answer,
        "on_overflow": config.on_overflow,
    }
    model = config.models.s1
    return Cell(
        part="figure3", row="raspberry", seed=config.seed, model=None, measure="raspberry", weights=model,
        given=json.dumps(given),
    )  # fmt: skip
