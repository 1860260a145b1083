"""What the demo sweeps: the same values as recipes/nano-sweep.yaml, inside the package so that it runs anywhere.

Knows points and limits only; a test holds the recipe to this.
"""

from __future__ import annotations

from typing import Any

DEMO: dict[str, Any] = {
    "benchmark": "nano_mixed",
    "model": "nano",
    "format": "s1",
    "budgets": [4, 8, 16, 32, 64, 96, 128],
    "extensions": [1, 2, 4],
    "placebos": ["Hmm", ""],
    "fresh": {"temperature": 1.0},
    "max_answer": 16,
}
