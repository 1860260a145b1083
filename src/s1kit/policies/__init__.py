"""What to do with a model's thinking: the policies, and how tokens are drawn.

Knows every policy and what makes two of them the same. Refuses to carry any of them out: ``s1kit.forcing`` and
``s1kit.search`` do.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from s1kit.policies.asking import Ask, AskAmount, Asked
from s1kit.policies.confident import Confident
from s1kit.policies.early_exit import EarlyExit
from s1kit.policies.forcing import Bounded, BudgetForcing, Unforced
from s1kit.policies.native import NativeBudget
from s1kit.policies.no_thinking import NoThinking
from s1kit.policies.no_wait import NoWait
from s1kit.policies.rejection import Rejection
from s1kit.policies.sampling import Count, Sampling, row_seed
from s1kit.policies.soft_cutoff import SoftCutoff
from s1kit.policies.tree_search import StepsBy, TreeSearch
from s1kit.types import canonical_json, sha256_hex

__all__ = [
    "AnyPolicy", "Ask", "AskAmount", "Asked", "Bounded", "BudgetForcing", "Confident", "Count", "EarlyExit", "Forced",
    "NativeBudget", "NoThinking", "NoWait", "Policy", "Rejection", "Sampling", "SoftCutoff", "StepsBy", "TreeSearch",
    "Unforced", "label", "policy_id", "row_seed",
]  # fmt: skip

Forced = Unforced | BudgetForcing | Rejection | NoThinking | NoWait | EarlyExit | SoftCutoff | Confident | TreeSearch
"""Whatever an engine that continues tokens can carry out."""
AnyPolicy = Forced | NativeBudget
Policy = Annotated[AnyPolicy, Field(discriminator="kind")]

_LATER: dict[str, Any] = {"ask": None, "max_steps": None, "logprobs": 0}
"""Fields that came after the first release: they count only where they are used, so that older runs keep their
names."""


def label(policy: AnyPolicy) -> str:
    """What a table or a plot calls the policy: ``natural``, ``max 512``, ``Wait x2``, ``reasoning_effort high``."""
    return policy.label()


def policy_id(policy: AnyPolicy, format_spec: dict[str, Any], sampling: Sampling) -> str:
    """Identity of a policy in a run: slug, a dash, 8 hex digits.

    The digits are of SHA-256 over the canonical JSON of policy, format and sampling, without their seeds: two runs with
    other seeds share policy ids, two formats never do.
    """
    plain = policy.model_dump(mode="json", exclude={"after_nudge": {"seed"}})
    content = {
        "policy": {key: value for key, value in plain.items() if key not in _LATER or value != _LATER[key]},
        "format": format_spec,
        "sampling": sampling.model_dump(mode="json", exclude={"seed"}),
    }
    return f"{policy.slug()}-{sha256_hex(canonical_json(content))[:8]}"
