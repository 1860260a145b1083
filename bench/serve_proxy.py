"""What ``s1 serve`` costs in front of vLLM's own server, against asking that server directly. Both share the cores.

    python bench/serve_proxy.py [--tokens 256] [--runs 5] [--first 100]

Three processes: vLLM's server on the nano model, ``s1 serve --url`` in front of it, and this one, which asks the one or
the other by turns with the same light client: /v1/completions, streamed, the same prompts in ids, greedy, the same
number of tokens, and the same text, which is asserted. Prompts are those after which the model writes ``--tokens``
tokens and its turn does not end. Three figures:

- tokens per second at 8 streams (goal: at least 90% of the direct ones) and at 64, and the processor milliseconds that
  the process in front takes per 1,000 tokens;
- the same at 8 streams for clients that do not stream ("whole");
- at 1 stream, the median time to the first event that the process in front adds (goal: under 20 ms).

A fourth is no comparison of equals: "budget" asks s1 serve to think for exactly half of the tokens, which its upstream
sees as two requests. JSON on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from http_load import Body, Reply, load
from pairs import interval, median, ratio
from processes import cpu_seconds, free_port, running
from s1kit.benchmarks.registry import load as questions_of
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.tokenizer import Tokenizer

PATH = "/v1/completions"
FRONT, DIRECT = "front", "direct"


@dataclass
class Ports:
    """Where the two listen, and the process in front."""

    direct: int
    front: int
    pid: int


@dataclass
class Run:
    """One measurement, turn by turn."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {FRONT: [], DIRECT: []})
    cpu_ms: list[float] = field(default_factory=list)
    """Of the process in front, per 1,000 tokens."""
    tokens: int = 0


def direct_body(prompt: tuple[int, ...], tokens: int, stream: bool, **more: Any) -> Body:
    """For vLLM's own server: nothing ends the text but its length."""
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    base = {"model": "nano", "prompt": list(prompt), "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    return {**base, "skip_special_tokens": False, "stream": stream, **usage, **more}


def front_body(prompt: tuple[int, ...], tokens: int, stream: bool, **more: Any) -> Body:
    """For s1 serve: a completion as it stands; its length is its maximum."""
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    base = {"prompt": list(prompt), "max_tokens": tokens, "temperature": 0}
    return {**base, "stream": stream, **usage, **more}


def candidates(tokenizer: Tokenizer, count: int) -> list[tuple[int, ...]]:
    """Prompts: half of a question, a few ids of nowhere, the other half."""
    rng = np.random.default_rng(0)
    made = []
    for question in questions_of("nano_mixed", 200):
        ids = tokenizer.encode(question.prompt())
        noise = tuple(rng.integers(0, 256, 8).tolist())
        made.append((*ids[: len(ids) // 2], *noise, *ids[len(ids) // 2 :]))
    return [made[i % len(made)][i // len(made) :] for i in range(count)]


async def endless(port: int, tokenizer: Tokenizer, tokens: int, count: int) -> list[tuple[int, ...]]:
    """``count`` prompts after which the model's turn goes on for ``tokens`` tokens. Raises RuntimeError: too few."""
    prompts = candidates(tokenizer, 8 * count)
    ends = list(load_format("s1").resolve(tokenizer).turn_end_ids)
    found: list[tuple[int, ...]] = []
    for at in range(0, len(prompts), 2 * count):
        part = prompts[at : at + 2 * count]
        replies = await load(port, PATH, [direct_body(p, tokens, False, stop_token_ids=ends) for p in part], 64)
        found += [p for p, reply in zip(part, replies, strict=True) if reply.tokens == tokens]
        if len(found) >= count:
            return found[:count]
    raise RuntimeError(f"only {len(found)} of {len(prompts)} prompts go on for {tokens} tokens; ask for fewer --tokens")


async def measured(ports: Ports, kind: str, bodies: list[Body], streams: int) -> tuple[list[Reply], float, float]:
    """Replies, wall seconds, and processor seconds of the process in front."""
    used, began = cpu_seconds(ports.pid), time.perf_counter()
    replies = await load(ports.front if kind == FRONT else ports.direct, PATH, bodies, streams)
    return replies, time.perf_counter() - began, cpu_seconds(ports.pid) - used


async def throughput(
    ports: Ports, prompts: list[tuple[int, ...]], tokens: int, streams: int, turns: int, stream: bool = True
) -> dict[str, Any]:
    """Both ways by turns, on the same prompts. Raises AssertionError where text or count differ."""
    bodies = {
        FRONT: [front_body(p, tokens, stream) for p in prompts],
        DIRECT: [direct_body(p, tokens, stream) for p in prompts],
    }
    run = Run()
    for turn in range(-1, turns):  # the first one warms up both, and does not count
        texts: dict[str, list[str]] = {}
        for kind in sorted(bodies, reverse=bool(turn % 2)):
            replies, seconds, used = await measured(ports, kind, bodies[kind], streams)
            run.tokens = sum(reply.tokens for reply in replies)
            assert run.tokens == tokens * len(prompts), f"{kind}: {run.tokens} tokens"
            texts[kind] = [reply.text for reply in replies]
            if turn >= 0:
                run.rates[kind].append(run.tokens / seconds)
                run.cpu_ms += [1e6 * used / run.tokens] if kind == FRONT else []
        assert texts[FRONT] == texts[DIRECT], "the two ways wrote different text"
        if turn < 0:
            continue
        print(f"{streams} streams: " + "  ".join(f"{k} {r[-1]:.0f} /s" for k, r in run.rates.items()), file=sys.stderr)
    return {
        "streams": streams,
        "requests": len(prompts),
        "tokens": run.tokens,
        "direct_tokens_per_s": median(run.rates[DIRECT]),
        "front_tokens_per_s": median(run.rates[FRONT]),
        "ratio": ratio(run.rates[FRONT], run.rates[DIRECT]),
        "front_cpu_ms_per_1000_tokens": median(run.cpu_ms),
    }


async def first_event(ports: Ports, prompts: list[tuple[int, ...]], count: int) -> dict[str, Any]:
    """Milliseconds to the first event, one request at a time, direct and in front by turns."""
    took: dict[str, list[float]] = {FRONT: [], DIRECT: []}
    made = {FRONT: (ports.front, front_body), DIRECT: (ports.direct, direct_body)}
    for turn in range(count):
        prompt = prompts[turn % len(prompts)]
        for kind in sorted(made, reverse=bool(turn % 2)):
            port, body = made[kind]
            reply = (await load(port, PATH, [body(prompt, 8, True)], 1))[0]
            assert reply.first is not None
            took[kind].append(1000 * reply.first)
    added = [front - direct for front, direct in zip(took[FRONT], took[DIRECT], strict=True)]
    return {
        "requests": count,
        "direct_ms": median(took[DIRECT]),
        "front_ms": median(took[FRONT]),
        "added_ms": {"median": median(added), "interval": interval(added)},
    }


async def budget(ports: Ports, prompts: list[tuple[int, ...]], tokens: int, streams: int, turns: int) -> dict[str, Any]:
    """s1 serve alone, with a budget: tokens per second and the processor time of the process in front."""
    bodies = [front_body(p, tokens, True, thinking_token_budget=tokens // 2, wait=4) for p in prompts]
    rates, cpu = [], []
    for _ in range(turns):
        replies, seconds, used = await measured(ports, FRONT, bodies, streams)
        written = sum(reply.tokens for reply in replies)
        rates.append(written / seconds)
        cpu.append(1e6 * used / written)
    return {"streams": streams, "front_tokens_per_s": median(rates), "front_cpu_ms_per_1000_tokens": median(cpu)}


async def measure(ports: Ports, args: argparse.Namespace) -> dict[str, Any]:
    """Everything."""
    tokenizer = Tokenizer.load(resolve_model("nano"))
    prompts = await endless(ports.direct, tokenizer, args.tokens, args.requests)
    few = prompts[: max(8, args.requests // 4)]
    for port, body in ((ports.direct, direct_body), (ports.front, front_body)):
        await load(port, PATH, [body(p, args.tokens, True) for p in few], 8)  # warm
    return {
        "streamed_8": await throughput(ports, few, args.tokens, 8, args.runs),
        "streamed_64": await throughput(ports, prompts, args.tokens, 64, args.runs),
        "whole_8": await throughput(ports, few, args.tokens, 8, args.runs, stream=False),
        "budget_8": await budget(ports, few, args.tokens, 8, args.runs),
        "first_event_1": await first_event(ports, prompts, args.first),
    }


def main() -> None:
    """Start the servers, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--requests", type=int, default=128, help="at 64 streams; a quarter of them at 8")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--first", type=int, default=100, help="requests at 1 stream")
    args = parser.parse_args()
    direct, front = free_port(), free_port()
    folder = resolve_model("nano")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    # as many threads as cores wait for each other by spinning: whatever else runs then halves the speed, both ways
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "1")
    vllm = ("--model", folder, "--served-model-name", "nano", "--dtype", "float32", "--port", str(direct))
    vllm += ("--host", "127.0.0.1", "--max-num-seqs", "64", "--enforce-eager", "--generation-config", "vllm")
    vllm += ("--distributed-executor-backend", "uni")  # two processes that wait by spinning take both cores
    ours = ("serve", "--url", f"http://127.0.0.1:{direct}", "--profile", "vllm", "--model", "nano", "--served", "nano")
    with (
        running("vllm.entrypoints.openai.api_server", *vllm, port=direct),
        running("s1kit.cli.main", *ours, "--format", "s1", "--slots", "64", "--port", str(front), port=front) as pid,
    ):
        figures = asyncio.run(measure(Ports(direct, front, pid), args))
    result = {
        "bench": "serve_proxy",
        "tokens_per_request": args.tokens,
        "runs": args.runs,
        "cores_left_free_by_vllm": int(os.environ["VLLM_CPU_NUM_OF_RESERVED_CPU"]),
        **figures,
        "goal": {"streamed_8_ratio": 0.9, "first_event_added_ms": 20},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
