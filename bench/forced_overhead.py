"""What forcing costs: rows with nudges, a close and a suffix against rows that write as many tokens undisturbed.

    python bench/forced_overhead.py [--model DIR] [--rows 64] [--runs 7] [--threads 2] [--slots 32]

A forced row thinks in four stretches, each ended by a stop of the model's own, with a nudge of one token after the
first three and a close with suffix of seven tokens after the last, and then answers. An unforced row is one request
from the same prompt. Stops are found beforehand in an untimed run, so both kinds of row have known lengths. Two
baselines are timed: as many tokens in the sequence (the goal is stated for this one: 1.05 or less), and as many
tokens drawn from the model. Asserted exactly, per row: prompt tokens run again = nudges + close + suffix.
Prints a table to stderr and JSON, with 95% bootstrap intervals of the paired ratios, to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from hf_throughput import model_folder
from s1kit.engines.base import Chunk, Request
from s1kit.engines.hf import HFEngine
from s1kit.policies import Sampling

NUDGE, CLOSING = 1, 7


@dataclass
class Script:
    """One forced row: per stretch the stop that ends it and the ids forced after it."""

    name: str
    prompt: tuple[int, ...]
    seed: int
    stops: list[int] = field(default_factory=list)
    forced: list[tuple[int, ...]] = field(default_factory=list)
    sequence: int = 0
    """Tokens behind the prompt, forced ones included."""
    drawn: int = 0


def request(script: Script, turn: int, context: tuple[int, ...], length: int, answer: int) -> Request:
    """The row's request number ``turn``: a stretch of thinking, or the answer."""
    thinking = turn < len(script.stops)
    return Request(
        f"{script.name}/{turn}",
        context,
        2 * length if thinking else answer,
        stop_ids=(script.stops[turn],) if thinking else (),
        sampling=Sampling(temperature=1.0, seed=script.seed),
        continues=f"{script.name}/{turn - 1}" if turn else None,
    )


def write_scripts(engine: HFEngine, count: int, stretches: int, length: int, answer: int) -> list[Script]:
    """Choose stops: in a free run, the first token after ``length`` that has not occurred in its stretch."""
    rng = np.random.default_rng(1)
    vocab = engine.tokenizer.vocab_size
    prompts = [tuple(rng.integers(0, vocab, rng.integers(20, 81)).tolist()) for _ in range(count)]
    scripts = [Script(f"row{i}", ids, i) for i, ids in enumerate(prompts)]
    contexts = {s.name: s.prompt for s in scripts}
    for turn in range(stretches):
        for s in scripts:
            sampling = Sampling(temperature=1.0, seed=s.seed)
            engine.submit(Request(s.name, contexts[s.name], 2 * length, sampling=sampling, continues=s.name))
        free: dict[str, tuple[int, ...]] = {}
        while chunks := engine.collect():
            free |= {chunk.request_id: chunk.tokens for chunk in chunks}
        for s in scripts:
            ids = free[s.name]
            at = next(k for k in range(length, len(ids)) if ids[k] not in ids[:k])
            s.stops.append(ids[at])
            s.forced.append(tuple(rng.integers(0, vocab, NUDGE if turn < stretches - 1 else CLOSING).tolist()))
            s.drawn += at
            contexts[s.name] += ids[:at] + s.forced[-1]
    for s in scripts:
        s.drawn += answer
        s.sequence = len(contexts[s.name]) - len(s.prompt) + answer
    return scripts


def run_forced(engine: HFEngine, scripts: list[Script], length: int, answer: int) -> int:
    """All forced rows, each going on as soon as it can.

    Returns how many stretches missed their stop: a draw within rounding error of a boundary may fall to the other
    side in another batch. Such a stretch is cut, and its last token has to be run again.
    """
    by_name = {s.name: s for s in scripts}
    contexts = {s.name: s.prompt for s in scripts}
    again = dict.fromkeys(by_name, 0)
    missed = dict.fromkeys(by_name, 0)
    for s in scripts:
        engine.submit(request(s, 0, s.prompt, length, answer))
    while chunks := engine.collect():
        for chunk in chunks:
            name, turn = chunk.request_id.split("/")
            script, n = by_name[name], int(turn)
            again[name] += chunk.prefilled if n else 0  # the first request's prompt is run for the first time
            if n == len(script.stops):
                continue
            missed[name] += chunk.finish == "length"
            contexts[name] += chunk.tokens + script.forced[n]
            engine.submit(request(script, n + 1, contexts[name], length, answer))
    for s in scripts:
        assert again[s.name] == sum(map(len, s.forced)) + missed[s.name], (s.name, again[s.name])
    return sum(missed.values())


def run_unforced(engine: HFEngine, scripts: list[Script], lengths: list[int]) -> int:
    """The same prompts, one request each."""
    done: list[Chunk] = []
    for s, n in zip(scripts, lengths, strict=True):
        engine.submit(Request(s.name, s.prompt, n, sampling=Sampling(temperature=1.0, seed=s.seed)))
    while chunks := engine.collect():
        done += chunks
    assert sum(len(c.tokens) for c in done) == sum(lengths)
    return 0


def flush(engine: HFEngine) -> None:
    """Fill every slot with something else: a run must not find the sequences of the run before."""
    rng = np.random.default_rng(2)
    for i in range(2 * engine.info.slots):
        engine.submit(Request(f"flush{i}", tuple(rng.integers(0, engine.tokenizer.vocab_size, 20).tolist()), 1))
    while engine.collect():
        pass


def interval(ratios: list[float]) -> list[float]:
    """95% percentile bootstrap interval of the median ratio."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(ratios, (10_000, len(ratios))), axis=1)
    return [round(float(q), 4) for q in np.quantile(medians, (0.025, 0.975))]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--length", type=int, default=60, help="least tokens per stretch")
    parser.add_argument("--answer", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        engine = HFEngine(model_folder(args.model, Path(scratch)), slots=args.slots)
    scripts = write_scripts(engine, args.rows, 4, args.length, args.answer)
    work = {
        "forced": lambda: run_forced(engine, scripts, args.length, args.answer),
        "same_sequence": lambda: run_unforced(engine, scripts, [s.sequence for s in scripts]),
        "same_drawn": lambda: run_unforced(engine, scripts, [s.drawn for s in scripts]),
    }
    wall: dict[str, list[float]] = {name: [] for name in work}
    cpu: dict[str, list[float]] = {name: [] for name in work}
    missed = 0
    for i in range(args.runs):
        for name in sorted(work, reverse=bool(i % 2)):
            flush(engine)
            start, used = time.perf_counter(), time.process_time()
            missed += work[name]()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - used)
        print(f"run {i + 1}: " + "  ".join(f"{name} {t[-1]:.2f} s" for name, t in wall.items()), file=sys.stderr)
    result: dict[str, object] = {
        "bench": "forced_overhead",
        "rows": len(scripts),
        "runs": args.runs,
        "slots": args.slots,
        "threads": args.threads,
        "tokens_in_sequence": sum(s.sequence for s in scripts),
        "tokens_drawn": sum(s.drawn for s in scripts),
        "prefilled_again_per_row": sum(map(len, scripts[0].forced)),
        "stops_missed": missed,
        "goal": 1.05,
    }
    for label, clock in (("wall", wall), ("cpu", cpu)):
        for base in ("same_sequence", "same_drawn"):
            ratios = [a / b for a, b in zip(clock["forced"], clock[base], strict=True)]
            median = round(float(np.median(ratios)), 4)
            result[f"{label}_ratio_{base}"] = {"median": median, "interval": interval(ratios)}
            print(f"{label} seconds, forced / {base}: {median} {interval(ratios)}", file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
