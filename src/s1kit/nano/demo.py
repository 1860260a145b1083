"""What the demo sweeps and curates: recipes/nano-sweep.yaml and nano-curate.yaml, inside the package so that it runs
anywhere.

Knows values only; a test holds the recipes to this.
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

_SETS = ("nano_mixed", "nano_hard", "nano_choice")
CURATION: dict[str, Any] = {
    "name": "nano",
    "sources": [{"source": "nano_pool", "limit": 1200}],
    "decontaminate": {
        "evaluations": {name: name for name in _SETS},
        "mode": "coverage",
        "least_coverage": 0.6,
        "boilerplate": 3,
        "near": 0.8,
    },
    "trace": {"teacher": {"kind": "nano_teacher", "fails": 0.02}, "tokenizer": "nano"},
    "domain": {"by": "column"},
    "difficulty": {
        "solvers": {
            "nano-base": {"kind": "local", "model": "nano-base", "format": "plain", "max_answer": 24},
            "nano": {"kind": "local", "model": "nano", "format": "s1", "max_answer": 16},
        }
    },
    "select": {"rule": "paper", "size": 100, "seed": 0},
    "comparisons": [{"rule": rule, "size": 100} for rule in ("random", "diverse", "longest")],
    "train": {"format": "s1", "model": "nano", "max_tokens": 2048},
}
