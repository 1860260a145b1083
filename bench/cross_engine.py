"""The same generations in two engines? Share identical, and the first token where they part, with both sides' logits.

    python bench/cross_engine.py [--questions 50] [--temperature 0] [--model nano] [--slots 16] [--dtype float32]

Runs six policies on the same questions in transformers (engine hf) and in vLLM (engine vllm, `make vllm-cpu`), one
after the other. Where a generation differs, both models are asked for the log-probabilities at the position where it
first does: those of the token that each engine chose, and how far apart the two are (a near-tie, or an error).
JSON on stdout, a table on stderr. Exits with 1 where anything differs and --strict is given.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

from s1kit.benchmarks.registry import load
from s1kit.engines.base import Request
from s1kit.engines.open import open_engine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, Unforced, row_seed
from s1kit.types import Generation

POLICIES = (
    BudgetForcing(max_thinking=32),
    BudgetForcing(max_thinking=128),
    BudgetForcing(),
    BudgetForcing(extensions=1),
    BudgetForcing(extensions=4),
    Unforced(),
)
ALTERNATIVES = 20


@dataclass
class Side:
    """One engine's generations, in order of policy and question, and what its model thinks at chosen places."""

    name: str
    version: str
    rows: list[tuple[Plan, Row]]
    done: list[Generation]
    seconds: float

    @property
    def tokens(self) -> int:
        return sum(g.n_paid for g in self.done)


def generate(engine: Any, name: str, questions: list[Any], sampling: Sampling) -> Side:
    """Every policy on every question, separately: nothing is shared, so each generation is the engine's own."""
    fmt = load_format("s1").resolve(engine.tokenizer)
    plans = [Plan.make(policy, fmt, sampling, engine.info) for policy in POLICIES]
    rows = []
    for question in questions:
        ids, opening = fmt.render([{"role": "user", "content": question.prompt()}], None)
        rows.append(Row(question.id, ids, opening, seed=row_seed(0, question.id, 0)))
    pairs = [(plan, row) for plan in plans for row in rows]
    began = time.perf_counter()
    done = {g.key: g for g in drive((machine(plan, row) for plan, row in pairs), engine)}
    seconds = time.perf_counter() - began
    ordered = [done[row.question_id, plan.policy_id, row.sample] for plan, row in pairs]
    return Side(name, engine.info.version, pairs, ordered, seconds)


def first_difference(a: Generation, b: Generation) -> int | None:
    """Position behind the prompt of the first token that differs; None where all are the same."""
    ours, theirs = a.token_ids or (), b.token_ids or ()
    if ours == theirs:
        return None
    return next((i for i, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), min(len(ours), len(theirs)))


def opinions(engine: Any, contexts: list[tuple[int, ...]]) -> list[dict[int, float]]:
    """Log-probabilities of the most likely ids after each context."""
    found: dict[str, dict[int, float]] = {}
    for number, context in enumerate(contexts):
        engine.submit(Request(f"opinion {number}", context, 1, top_logprobs=ALTERNATIVES))
    while chunks := engine.collect():
        for chunk in chunks:
            found[chunk.request_id] = dict(chunk.logprobs[0]) if chunk.logprobs else {}
    return [found[f"opinion {number}"] for number in range(len(contexts))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--benchmark", default="nano_mixed")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    questions, sampling = load(options.benchmark, options.questions), Sampling(temperature=options.temperature)
    sides: list[Side] = []
    places: list[tuple[int, int]] = []
    thoughts: list[list[dict[int, float]]] = []

    def opened(kind: str) -> Any:
        folder, slots = resolve_model(options.model), options.slots
        return open_engine(kind, folder, slots=slots, dtype=options.dtype, device=options.device)[0]

    for kind in ("hf", "vllm"):
        engine = opened(kind)
        sides.append(generate(engine, kind, questions, sampling))
        print(f"{kind}: {sides[-1].tokens} tokens in {sides[-1].seconds:.1f} s", file=sys.stderr)
        engine.close()
    for i, (a, b) in enumerate(zip(sides[0].done, sides[1].done, strict=True)):
        if (at := first_difference(a, b)) is not None:
            places.append((i, at))
    if places:
        contexts = [(*sides[0].rows[i][1].prompt_ids, *(sides[0].done[i].token_ids or ())[:at]) for i, at in places]
        for kind in ("hf", "vllm"):
            engine = opened(kind)
            thoughts.append(opinions(engine, contexts))
            engine.close()
    result = report(sides, places, thoughts, vars(options))
    print(json.dumps(result, indent=1))
    if options.strict and places:
        sys.exit(1)


def report(
    sides: list[Side], places: list[tuple[int, int]], thoughts: list[list[dict[int, float]]], options: dict[str, Any]
) -> dict[str, Any]:
    """The numbers, and a table for people on stderr."""
    differing = {i for i, _ in places}
    policies: dict[str, list[bool]] = {}
    for i, (plan, _) in enumerate(sides[0].rows):
        policies.setdefault(plan.label, []).append(i not in differing)
    for label, same in policies.items():
        print(f"{label:32} {sum(same):4} of {len(same)} identical", file=sys.stderr)
    cases = []
    for number, (i, at) in enumerate(places):
        plan, row = sides[0].rows[i]
        chosen = [(side.done[i].token_ids or ())[at : at + 1] for side in sides]
        case: dict[str, Any] = {"question": row.question_id, "policy": plan.label, "position": at}
        for side, token, thought in zip(sides, chosen, (views[number] for views in thoughts), strict=True):
            own = {t: thought.get(t) for pair in chosen for t in pair}
            case[side.name] = {"token": token[0] if token else None, "logprobs": own}
        cases.append(case)
        print(f"  {case}", file=sys.stderr)
    identical = len(sides[0].done) - len(places)
    lengths = [len(g.token_ids or ()) for g in sides[0].done]
    return {
        "options": options,
        "engines": {s.name: {"version": s.version, "tokens": s.tokens, "seconds": round(s.seconds, 2)} for s in sides},
        "generations": len(sides[0].done),
        "identical": identical,
        "share_identical": round(identical / len(sides[0].done), 5),
        "median_tokens": statistics.median(lengths),
        "by_policy": {label: round(sum(same) / len(same), 4) for label, same in policies.items()},
        "first_divergences": cases,
    }


if __name__ == "__main__":
    main()
