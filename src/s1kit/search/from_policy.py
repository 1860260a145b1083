"""From the policy ``TreeSearch`` to the search that carries it out.

Knows which parts of the search each word of the policy names. Refuses to know scorers (``scorers``) and budgets, which
the policy's plan bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

from s1kit.formats import ResolvedFormat
from s1kit.policies import StepsBy, TreeSearch
from s1kit.search.allocate import Allocate, Rebase, ranked
from s1kit.search.beam import Beam
from s1kit.search.dvts import dvts
from s1kit.search.steps import StepRule, by_countdown, by_text, by_tokens
from s1kit.search.tree import Search


def search_of(policy: TreeSearch, fmt: ResolvedFormat) -> Search:
    """How a tree of this policy grows. Raises SearchError for steps that this format cannot tell from its own stops.

    A tree has at most ``width`` leaves. The printed rounding may hand out more children than there are; what is too
    much is then taken from the worst nodes.
    """
    steps = steps_of(policy.steps, fmt)
    if policy.search == "dvts":
        return dvts(policy.width, steps, policy.expand, max_depth=policy.max_depth)
    allocate: Allocate = Beam(policy.expand)
    if policy.search == "rebase":
        allocate = Rebase(policy.temperature_b, policy.rounding)
        if policy.rounding == "round":
            allocate = at_most(allocate)
    return Search(policy.width, steps, allocate, max_depth=policy.max_depth)


def steps_of(steps: StepsBy, fmt: ResolvedFormat) -> StepRule:
    """What ends a step. Raises SearchError."""
    if steps.by == "countdown":
        return by_countdown(fmt, steps.total, steps.size)
    return by_tokens(steps.size) if steps.by == "tokens" else by_text(fmt, steps.text, steps.size)


def at_most(allocate: Allocate) -> Allocate:
    """The same rule, without the children that it hands out beyond the budget: the worst nodes lose theirs first."""

    def rule(scores: Sequence[float], budget: int) -> list[int]:
        widths = allocate(scores, budget)
        over = sum(widths) - budget
        for i in reversed(ranked(scores)):
            taken = min(widths[i], max(0, over))
            widths[i] -= taken
            over -= taken
        return widths

    return rule
