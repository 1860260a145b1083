"""Diverse verifier tree search: beam search split into subtrees that do not compete (Beeching et al. 2024).

Knows that DVTS is a beam of one in each of several subtrees. Refuses to know more: ``tree`` carries it out.
"""

from __future__ import annotations

from s1kit.search.allocate import SearchError
from s1kit.search.beam import Beam
from s1kit.search.steps import StepRule
from s1kit.search.tree import MAX_DEPTH, Search


def dvts(width: int, steps: StepRule, expand: int = 4, *, max_depth: int = MAX_DEPTH) -> Search:
    """``width / expand`` subtrees, in each of which the best node alone lives on with ``expand`` children.

    Raises SearchError where ``expand`` does not divide ``width``.
    """
    if expand < 1 or width % expand:
        raise SearchError(
            f"width {width} cannot be split into subtrees of {expand}\nhint: let expand divide width, e.g. 16 and 4"
        )
    return Search(width, steps, Beam(expand), max_depth=max_depth, subtrees=width // expand)
