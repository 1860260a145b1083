"""Tokens per second of the hf engine against ``model.generate``, on rows whose lengths nobody knows beforehand.

    python bench/hf_throughput.py [--model DIR] [--requests 256] [--runs 5] [--threads 2] [--slots 32]

256 requests with log-normal output lengths (median 60, sigma 1, at most 512, seed 0), greedy, no stops: a length is
the request's max_tokens for the engine, and a per-row stopping criterion for ``generate``, which runs batches of as
many rows, sorted by prompt length, until each batch's longest row is done. Same weights, dtype and threads; the two
take turns. The model is the shipped nano checkpoint if there is one, else a random one of about 2M parameters.
Prints a table to stderr and JSON to stdout. Goal: a ratio of at least 1.5.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList

from s1kit.engines.base import Request
from s1kit.engines.hf import HFEngine

ROOT = Path(__file__).resolve().parent.parent


class PerRow(StoppingCriteria):  # type: ignore[misc]  # transformers is untyped
    """A row is done when it has as many new tokens as it was given."""

    def __init__(self, start: int, lengths: list[int]) -> None:
        self.ends = start + torch.tensor(lengths)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        return torch.full((len(self.ends),), input_ids.shape[1]) >= self.ends


def workload(count: int, vocab: int, seed: int = 0) -> list[Request]:
    """Requests with random prompts of 20 to 80 ids and the stated output lengths."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(np.rint(rng.lognormal(np.log(60), 1.0, count)), 1, 512).astype(int)
    return [
        Request(f"r{i}", tuple(rng.integers(0, vocab, rng.integers(20, 81)).tolist()), int(n))
        for i, n in enumerate(lengths)
    ]


def run_engine(engine: HFEngine, requests: list[Request]) -> dict[str, tuple[int, ...]]:
    """All requests through the engine."""
    for request in requests:
        engine.submit(request)
    done = {}
    while chunks := engine.collect():
        done |= {chunk.request_id: chunk.tokens for chunk in chunks}
    return done


def run_generate(model: Any, requests: list[Request], batch: int) -> dict[str, tuple[int, ...]]:
    """All requests through ``model.generate``, left-padded batches sorted by prompt length."""
    done = {}
    ordered = sorted(requests, key=lambda r: len(r.prompt_ids))
    for at in range(0, len(ordered), batch):
        rows = ordered[at : at + batch]
        width = max(len(r.prompt_ids) for r in rows)
        ids = torch.tensor([[0] * (width - len(r.prompt_ids)) + list(r.prompt_ids) for r in rows])
        mask = torch.tensor([[0] * (width - len(r.prompt_ids)) + [1] * len(r.prompt_ids) for r in rows])
        stop = StoppingCriteriaList([PerRow(width, [r.max_tokens for r in rows])])
        with torch.inference_mode():
            out = model.generate(
                ids, attention_mask=mask, do_sample=False, max_new_tokens=512, stopping_criteria=stop,
                eos_token_id=None, pad_token_id=0,
            )  # fmt: skip
        for row, r in zip(out[:, width:].tolist(), rows, strict=True):
            done[r.id] = tuple(row[: r.max_tokens])
    return done


def timed(work: Callable[[], dict[str, tuple[int, ...]]]) -> tuple[dict[str, tuple[int, ...]], float, float]:
    """Result, wall seconds, processor seconds (all threads; meaningful on a busy machine too)."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, time.perf_counter() - wall, time.process_time() - cpu


def model_folder(asked: str | None, scratch: Path) -> Path:
    """The folder asked for, the shipped nano model, or a random one."""
    shipped = ROOT / "src" / "s1kit" / "nano" / "weights" / "s1"
    if asked or shipped.is_dir():
        return Path(asked) if asked else shipped
    sys.path.insert(0, str(ROOT / "tests"))
    from tiny_model import build

    return build(scratch / "random", hidden=192, layers=6, heads=6, kv_heads=6, vocab=800, context=1024, spread=0.1)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--dtype", default="float32")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(args.model, Path(scratch))
        engine = HFEngine(folder, slots=args.slots, dtype=args.dtype)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, args.dtype)).eval()
    requests = workload(args.requests, engine.tokenizer.vocab_size)
    total = sum(r.max_tokens for r in requests)
    run_engine(engine, requests[: args.slots])
    run_generate(model, requests[: args.slots], args.slots)
    rows, same = [], 0
    for i in range(args.runs):
        ours, engine_s, engine_cpu = timed(lambda: run_engine(engine, requests))
        theirs, generate_s, generate_cpu = timed(lambda: run_generate(model, requests, args.slots))
        same = sum(ours[r.id] == theirs[r.id] for r in requests)
        row = {
            "engine_s": engine_s,
            "generate_s": generate_s,
            "ratio": generate_s / engine_s,
            "cpu_ratio": generate_cpu / engine_cpu,
        }
        rows.append(row)
        print(f"run {i + 1}: " + "  ".join(f"{k} {v:.2f}" for k, v in row.items()), file=sys.stderr)
    result = {
        "bench": "hf_throughput",
        "model": args.model or folder.name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "dtype": args.dtype,
        "threads": args.threads,
        "requests": len(requests),
        "slots": args.slots,
        "tokens": total,
        "equal_outputs": same,
        "engine_tokens_per_s": round(total / statistics.median(r["engine_s"] for r in rows), 1),
        "generate_tokens_per_s": round(total / statistics.median(r["generate_s"] for r in rows), 1),
        "ratio_median": round(statistics.median(r["ratio"] for r in rows), 3),
        "cpu_ratio_median": round(statistics.median(r["cpu_ratio"] for r in rows), 3),
        "ratio_min_max": [round(f(r["ratio"] for r in rows), 3) for f in (min, max)],
        "goal": 1.5,
    }
    print(
        f"engine {result['engine_tokens_per_s']} tokens/s, generate {result['generate_tokens_per_s']} tokens/s, "
        f"ratio {result['ratio_median']} (goal 1.5); {same} of {len(requests)} outputs equal",
        file=sys.stderr,
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
