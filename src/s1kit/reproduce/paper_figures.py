"""Recipes of the paper's comparison figures in miniature: 1 (4a, 5 and Table 1 read the same rows), 4b, 6, 7.

Knows values only; recipes/paper/*.yaml are the same with their reasons, and a test holds them to this.
"""

from __future__ import annotations

from typing import Any

from s1kit.reproduce.paper_tables import HARD, REJECTION

BUDGETS = [8, 16, 32, 64, 128]
MOST = 256
"""Thinking tokens of a sampled thought: at temperature 1 some would go round in circles to the end of the context."""


def sequential(benchmark: str) -> dict[str, Any]:
    """Figures 1, 4a and 5 and Table 1 on one set: one thought cut, left alone and made longer; and the base."""
    return {
        **HARD,
        "name": f"figure1-{benchmark.replace('_', '-')}",
        "benchmark": benchmark,
        "limit": 200,
        "baseline": "BF",
        "methods": [
            {"method": "budget_forcing", "budgets": BUDGETS, "natural": True, "extensions": [2, 4, 6]},
            {
                "name": "base",
                "method": "policies",
                "model": "nano-base",
                "format": "plain",
                "policies": [{"kind": "unforced", "max_tokens": 400}],
            },
        ],
    }


FIGURE4B: dict[str, Any] = {
    **HARD,
    "name": "figure4b-nano",
    "baseline": "BF",
    "methods": [
        {"method": "budget_forcing", "natural": True, "extensions": [2, 4, 6]},
        {
            "method": "vote",
            "name": "majority of the base",
            "model": "nano-base",
            "format": "plain",
            "unforced": 400,
            "k": [2, 4, 8, 16, 32, 64],
            "samples": 64,
            "temperature": 1.0,
        },
        {"method": "vote", "k": [2, 4, 8, 16, 32, 64], "samples": 64, "temperature": 1.0, "max_thinking": MOST},
    ],
}
FIGURE6: dict[str, Any] = {**HARD, "name": "figure6-nano", "methods": [REJECTION]}


def _rebase(scorer: str, seeds: int) -> dict[str, Any]:
    return {
        "name": f"REBASE {scorer}",
        "method": "tree_search",
        "widths": [2, 4, 8, 16],
        "scorer": scorer,
        "steps": {"by": "text", "text": "\n"},
        "max_thinking": MOST,
        "seeds": seeds,
    }


FIGURE7: dict[str, Any] = {
    **HARD,
    "name": "figure7-nano",
    "methods": [
        {"method": "budget_forcing", "natural": True, "extensions": [1, 2, 4]},
        {"method": "vote", "k": [2, 4, 8, 16], "samples": 32, "temperature": 1.0, "max_thinking": MOST},
        {**_rebase("nano-prm", 5), "name": "REBASE"},
        _rebase("random", 2),
        _rebase("oracle", 2),
    ],
}
