"""REBASE with a width of 16 against 16 plain samples: generated tokens per second, the reward model's time apart (hf).

    python bench/rebase.py [--questions 24] [--width 16] [--slots 32] [--spare 32] [--turns 5] [--scorer random]

Same engine, questions, temperature and bounds; the plain samples go through the driver of every run, the trees through
the searches' own. The engine keeps as many finished prefixes as it has slots (``--spare``): while a depth waits for its
longest step, the nodes that are done are nobody's parents yet, and a small cache drops them. Turn by turn in one
process, each turn in the other order, the engine's cache emptied before each. A second of a search is a wall second
less the scorer's. Forward passes, and tokens that had to be run through the model again at the seams between steps, are
counted beside the clock. JSON on stdout.

Goal: 0.8 of the plain samples' tokens per second.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pairs import by_turns, interval, median
from s1kit.benchmarks.registry import load
from s1kit.engines.hf import HFEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, StepsBy, TreeSearch, row_seed
from s1kit.search.from_policy import search_of
from s1kit.search.run import run_searches
from s1kit.search.scorers import Opening, open_scorer
from s1kit.search.tree import tree_search
from s1kit.types import Question

ANSWER = 24
LONGEST = 160
"""Tokens of a thought: nano rarely thinks longer."""


@dataclass
class Side:
    """What one way came to, turn by turn."""

    tokens: list[int] = field(default_factory=list)
    scoring: list[float] = field(default_factory=list)
    prefilled: list[int] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)


class Counted(HFEngine):
    """The engine, with its passes counted."""

    passes = 0

    def _prefill(self, late: Any) -> Any:
        self.passes += 1
        return super()._prefill(late)

    def _decode(self, ready: Any) -> Any:
        self.passes += 1
        return super()._decode(ready)

    def empty_cache(self) -> None:
        """Forget every prefix."""
        self._table = self._fresh_table()


def sample(engine: Counted, plan: Plan, rows: Sequence[Row], width: int, side: Side) -> None:
    """Plain samples of every question."""
    apart = [replace(r, sample=n, seed=row_seed(0, r.question_id, n)) for r in rows for n in range(width)]
    read = 0

    def watch(_: object, chunk: Any) -> None:
        nonlocal read
        read += chunk.prefilled

    done = list(drive((machine(plan, row) for row in apart), engine, watch=watch))
    assert all(row.error is None for row in done), "a row failed"
    side.tokens.append(sum(row.n_paid for row in done))
    side.scoring.append(0.0)
    side.prefilled.append(read)


def search(
    engine: Counted, plan: Plan, rows: Sequence[Row], questions: Sequence[Question], scorer: Any, side: Side
) -> None:
    """A tree of every question."""
    assert isinstance(plan.policy, TreeSearch)
    how = search_of(plan.policy, plan.format)
    growing = (tree_search(plan, row, q.prompt(), how, scorer) for row, q in zip(rows, questions, strict=True))
    trees = list(run_searches(growing, engine))
    assert all(len(tree.leaves) == plan.policy.width for tree in trees), "a tree has lost leaves"
    side.tokens.append(sum(row.n_paid for tree in trees for row in tree.generations))
    side.scoring.append(sum(tree.reward.seconds for tree in trees))
    side.prefilled.append(sum(tree.prefilled for tree in trees))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Both ways by turns."""
    engine = Counted(resolve_model("nano"), slots=args.slots, spare=args.spare)
    fmt = load_format("s1").resolve(engine.tokenizer)
    questions = load("nano_mixed", args.questions)
    rows = []
    for question in questions:
        prompt, opening = fmt.render([{"role": "user", "content": question.prompt()}])
        rows.append(Row(question.id, prompt, opening, seed=row_seed(0, question.id, 0)))
    tree = TreeSearch(
        search=args.search,
        width=args.width,
        scorer=args.scorer,
        steps=StepsBy(text="\n", size=64),
        max_thinking=LONGEST,
        max_answer=ANSWER,
    )
    plain = BudgetForcing(max_thinking=LONGEST, max_answer=ANSWER)
    hot = Sampling(temperature=1.0)
    plans = {"plain": Plan.make(plain, fmt, hot, engine.info), "search": Plan.make(tree, fmt, hot, engine.info)}
    scorer = open_scorer(args.scorer, Opening(questions, resolve_model, device="cpu"))
    sides = {"plain": Side(), "search": Side()}

    def work(name: str) -> None:
        before = engine.passes
        if name == "plain":
            sample(engine, plans[name], rows, args.width, sides[name])
        else:
            search(engine, plans[name], rows, questions, scorer, sides[name])
        sides[name].passes.append(engine.passes - before)

    clocks = by_turns(
        {"plain": lambda: work("plain"), "search": lambda: work("search")}, args.turns, engine.empty_cache
    )
    engine.close()
    rates = {
        name: [
            tokens / (wall - scoring)
            for tokens, wall, scoring in zip(side.tokens, clocks[name].wall, side.scoring, strict=True)
        ]
        for name, side in sides.items()
    }
    per_cpu = {
        name: [
            tokens / (cpu - scoring)
            for tokens, cpu, scoring in zip(side.tokens, clocks[name].cpu, side.scoring, strict=True)
        ]
        for name, side in sides.items()
    }
    ratios = [a / b for a, b in zip(rates["search"], rates["plain"], strict=True)]
    return {
        "tokens_per_second": {name: median(rate) for name, rate in rates.items()},
        "ratio": {"median": median(ratios), "interval": interval(ratios)},
        "processor_ratio": median([a / b for a, b in zip(per_cpu["search"], per_cpu["plain"], strict=True)]),
        "tokens": {name: side.tokens[0] for name, side in sides.items()},
        "tokens_per_pass": {name: round(sum(side.tokens) / sum(side.passes), 2) for name, side in sides.items()},
        "prefilled_per_token": {name: round(sum(side.prefilled) / sum(side.tokens), 3) for name, side in sides.items()},
        "scoring_seconds": median(sides["search"].scoring),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=24)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--spare", type=int, default=32, help="rows of the cache that keep finished prefixes")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--scorer", default="random")
    parser.add_argument("--search", default="rebase", choices=["rebase", "beam", "dvts"])
    args = parser.parse_args()
    result = measure(args)
    goal = 0.8
    print(
        json.dumps(
            {
                "bench": "rebase",
                **{
                    name: getattr(args, name)
                    for name in ("questions", "width", "slots", "spare", "turns", "scorer", "search")
                },
                "threads": os.environ.get("OMP_NUM_THREADS"),
                **result,
                "goal": {"ratio": goal},
            }
        )
    )
    assert args.turns < 5 or result["ratio"]["median"] >= goal, "a share of the plain samples' speed was promised"


if __name__ == "__main__":
    main()
