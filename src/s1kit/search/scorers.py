"""From the name that a policy or a recipe gives to the scorer.

Knows the three controls by name, and how a folder tells which layout its reward model reads. Refuses to know where the
models that ship with s1kit lie: whoever calls passes the function that finds them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from s1kit.policies import StepsBy, TreeSearch
from s1kit.search.reward import RewardError, Scorer
from s1kit.search.reward_controls import LengthReward, OracleReward, RandomReward
from s1kit.search.reward_model import LayoutName, RewardModel
from s1kit.types import Question, canonical_json, sha256_hex

Resolve = Callable[[str], str]
"""A model's name to its folder or hub id."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a scorer may need to be opened."""

    questions: Sequence[Question] = ()
    """Those that the oracle is to know."""
    resolve: Resolve = field(default=str)
    device: str = "auto"
    dtype: str = "float32"
    seed: int = 0
    """Of the random control."""


def scorer_name(name: str, layout: str | None = None, steps: StepsBy | None = None, weights: str | None = None) -> str:
    """What a scorer is called in a run's files: two layouts of one model are two scorers, and so are two ways to split
    stored thoughts for it. A tree's steps are its policy's, so a tree names none. ``weights``: the hash of a
    model's, so that scores of a retrained one are not taken for its own."""
    called = name if layout is None else f"{name}@{layout}"
    if steps is not None and steps != StepsBy():
        called += f"/{sha256_hex(canonical_json(steps.model_dump(mode='json')))[:6]}"
    return called if weights is None else f"{called}#{weights[:6]}"


def open_scorer(name: str, opening: Opening, layout: str | None = None) -> Scorer:
    """The scorer of this name: ``oracle``, ``random``, ``length``, or a reward model.

    A model is read through the tokenizer in its own folder, whatever the model that thinks is read through: steps come
    as text. Raises RewardError for a layout that is unknown or cannot be told, and for weights that do not fit.
    """
    if name == "oracle":
        return OracleReward(opening.questions)
    if name == "random":
        return RandomReward(opening.seed)
    if name == "length":
        return LengthReward()
    if layout is not None and layout not in get_args(LayoutName):
        raise RewardError(f"unknown reward-model layout {layout!r}\nhint: one of {', '.join(get_args(LayoutName))}")
    model = opening.resolve(name)
    chosen = cast(LayoutName, layout) if layout is not None else layout_of(model)
    return RewardModel.load(model, chosen, device=opening.device, dtype=opening.dtype)


def open_scorers(policies: Iterable[TreeSearch], opening: Opening) -> dict[str, Scorer]:
    """Every scorer that some searches ask for, once, by ``scorer_name``. Raises RewardError."""
    asked = {scorer_name(policy.scorer, policy.layout): policy for policy in policies}
    return {name: open_scorer(policy.scorer, opening, policy.layout) for name, policy in asked.items()}


def layout_of(model: str) -> LayoutName:
    """How the reward model of a folder is asked, where its config.json says it: a token classifier is TRL's.

    Raises RewardError for any other architecture, which several layouts share, and for what is no folder here.
    """
    try:
        config: Any = json.loads((Path(model) / "config.json").read_bytes())
    except (OSError, ValueError):
        config = None
    named = (config.get("architectures") or []) if isinstance(config, dict) else []
    if named and all(name.endswith("ForTokenClassification") for name in named):
        return "trl"
    why = f"its config.json names {', '.join(named)}" if named else "it is no folder with a config.json"
    raise RewardError(
        f"reward model {model!r} does not say how it is asked: {why}\n"
        f"hint: name the layout, one of {', '.join(get_args(LayoutName))}"
    )
