"""What sharing prefixes saves: the demo's eleven points as one sweep, and as eleven separate runs. JSON on stdout.

    python bench/sweep_savings.py [--questions 64]

Asserts that thinking tokens paid equal those of the longest point of each question (ratio 1.00, greedy), and that every
generation is the same token for token. Seconds: medians over interleaved repetitions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from s1kit.benchmarks.registry import load
from s1kit.engines.open import open_engine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sweep import SweepEngine
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling
from s1kit.types import Generation

BUDGETS, EXTENSIONS = (4, 8, 16, 32, 64, 96, 128), (4, 2, 1)


def bare(generation: Generation) -> Generation:
    """Without what depends on who else ran."""
    return generation.model_copy(update={"n_paid": 0, "n_paid_thinking": 0, "engine_ms": 0.0})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    engine, tokenizer = open_engine("hf", resolve_model("nano"), slots=64)
    fmt = load_format("s1").resolve(tokenizer)
    policies = [BudgetForcing(extensions=n, max_answer=16) for n in EXTENSIONS]
    policies += [BudgetForcing(max_answer=16)] + [BudgetForcing(max_thinking=b, max_answer=16) for b in BUDGETS]
    plans = [Plan.make(p, fmt, Sampling(), engine.info) for p in policies]
    rows = []
    for q in load("nano_mixed", options.questions):
        prompt, opening = fmt.render([{"role": "user", "content": q.prompt()}])
        rows.append(Row(q.id, prompt, opening))

    def shared() -> list[Generation]:
        return list(drive((machine(p, r) for r in rows for p in plans), SweepEngine(engine)))

    def separate() -> list[Generation]:
        return [g for p in plans for g in drive((machine(p, r) for r in rows), engine)]

    took: dict[str, list[float]] = defaultdict(list)
    got: dict[str, list[Generation]] = {}
    kinds: tuple[tuple[str, Callable[[], list[Generation]]], ...] = (("shared", shared), ("separate", separate))
    for _ in range(options.repeats):
        for name, run in kinds:
            began = time.perf_counter()
            got[name] = run()
            took[name].append(time.perf_counter() - began)
    print(json.dumps(record(got, took, options.questions, len(plans)), indent=2))


def record(
    got: dict[str, list[Generation]], took: dict[str, list[float]], questions: int, points: int
) -> dict[str, Any]:
    """The numbers; raises AssertionError where the claim does not hold."""
    same = {g.key: bare(g) for g in got["shared"]} == {g.key: bare(g) for g in got["separate"]}
    assert same, "a sweep differs from separate runs"
    longest: dict[str, int] = defaultdict(int)
    for g in got["shared"]:
        longest[g.question_id] = max(longest[g.question_id], g.n_thinking_model)
    paid = sum(g.n_paid_thinking for g in got["shared"])
    alone = sum(g.n_paid_thinking for g in got["separate"])
    assert paid == sum(longest.values()), f"paid {paid}, the longest points have {sum(longest.values())}"
    seconds = {k: statistics.median(v) for k, v in took.items()}
    return {
        "bench": "sweep_savings",
        "questions": questions,
        "points": points,
        "thinking_paid": paid,
        "thinking_of_longest_points": sum(longest.values()),
        "ratio_paid_to_longest": paid / sum(longest.values()),
        "thinking_paid_separately": alone,
        "tokens_ratio_separate_to_shared": round(alone / paid, 2),
        "answer_tokens_shared": sum(g.n_paid - g.n_paid_thinking for g in got["shared"]),
        "answer_tokens_separate": sum(g.n_paid - g.n_paid_thinking for g in got["separate"]),
        "seconds_ratio_separate_to_shared": round(seconds["separate"] / seconds["shared"], 2),
        "all_generations_equal": same,
    }


if __name__ == "__main__":
    main()
