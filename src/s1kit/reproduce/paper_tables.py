"""Recipes of the paper's comparison tables in miniature: 3, 4, 11, 12, 13.

Knows values only; recipes/paper/*.yaml are the same with their reasons, and a test holds them to this.
"""

from __future__ import annotations

from typing import Any

HARD: dict[str, Any] = {"benchmark": "nano_hard", "limit": 60, "model": "nano", "format": "s1", "max_answer": 16}
"""What stands for AIME24: the hard integers, with the model that was fine-tuned on 1,000 traces."""
TOKENS = [16, 32, 64, 128, 256]
STEPS = [1, 2, 4, 8, 16]
STEP_TOKENS = 64
"""What the paper's 100 tokens per step are in the nano world."""
WITHIN = [8, 32, 64, 96, 128]
"""Limits of rejection sampling. Thoughts here are a quick look (under 16 tokens) or a pass as well (over 40): 16 and 32
would keep the same ones."""

_TOKEN = {"method": "token_conditional", "model": "nano-token", "limits": TOKENS}
_STEP = {"method": "step_conditional", "model": "nano-step", "format": "s1-steps", "step_tokens": STEP_TOKENS}
REJECTION = {"method": "rejection", "limits": WITHIN, "tries": 16, "temperature": 1.0, "seeds": 5}

TABLE3: dict[str, Any] = {
    **HARD,
    "name": "table3-nano",
    "methods": [
        {"method": "budget_forcing", "budgets": [16, 64], "extensions": [1, 2, 4]},
        _TOKEN,
        {**_TOKEN, "forced": True},
        {**_STEP, "limits": [1, 2, 3, 4, 8]},
        {**_STEP, "limits": [1, 2, 3, 4, 8], "forced": True},
        {"method": "class_conditional"},
        REJECTION,
    ],
}


def twice(name: str, nudges: list[str], **more: Any) -> dict[str, Any]:
    """A row of Table 4: two ends suppressed, and what stands there."""
    return {"name": name, "method": "budget_forcing", "extensions": [2], "nudges": nudges, **more}


TABLE4: dict[str, Any] = {
    **HARD,
    "name": "table4-nano",
    "benchmark": "nano_mixed",
    "limit": 200,
    "baseline": "natural",
    "methods": [
        {"name": "natural", "method": "budget_forcing", "natural": True},
        twice("nothing", [""]),
        twice("Alternatively", ["Alternatively"]),
        twice("Hmm", ["Hmm"]),
        twice("Wait", ["Wait"]),
        twice("rotation", ["Wait", "Alternatively"]),
        twice("penalty", ["Wait"], frequency_penalty=0.1),
        twice("temperature", ["Wait"], after_nudge={"temperature": 1.0}),
    ],
}
TABLE11: dict[str, Any] = {**HARD, "name": "table11-nano", "methods": [_TOKEN, {**_TOKEN, "forced": True}]}
TABLE12: dict[str, Any] = {
    **HARD,
    "name": "table12-nano",
    "methods": [{**_STEP, "limits": STEPS}, {**_STEP, "limits": STEPS, "forced": True}],
}


def classes(benchmark: str) -> dict[str, Any]:
    """Table 13 on one set: both prompts, and none."""
    return {
        **HARD,
        "name": f"table13-{benchmark.replace('_', '-')}",
        "benchmark": benchmark,
        "limit": 200,
        "methods": [{"method": "class_conditional"}, {"name": "none", "method": "budget_forcing", "natural": True}],
    }
