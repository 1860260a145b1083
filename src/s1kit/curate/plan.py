"""Which steps call which models, and how often at most.

Knows the recipe and how far its folder is. Refuses to call anything.
"""

from __future__ import annotations

from s1kit.curate.folder import Folder
from s1kit.curate.recipe import CurateConfig


def planned_calls(config: CurateConfig, folder: Folder) -> dict[str, int]:
    """Role -> calls that the steps not done yet would make at most, judged and repeated ones aside."""
    done = folder.steps()
    rows = int(folder.alive(done).sum())
    calls: dict[str, int] = {}
    for step, roles in calling(config).items():
        if step not in done and step in config.steps:
            calls |= dict.fromkeys(roles, rows)
    return calls


def calling(config: CurateConfig) -> dict[str, list[str]]:
    """Steps that call models -> the roles they call."""
    found = {
        "trace": ["teacher"] if config.trace.teacher is not None else [],
        "domain": ["classifier"] if config.domain.model is not None else [],
        "difficulty": [f"solver {name}" for name in config.difficulty.solvers],
    }
    return {step: roles for step, roles in found.items() if roles}
