"""Memory of ``s1 serve`` over thousands of small requests: flat, or growing?

    python bench/serve_memory.py [--requests 5000] [--streams 8] [--engine hf]

A real server on the nano model, and four kinds of request in turn: a chat with a budget and one "Wait", the same as a
stream, a plain completion, and a stream whose reader hangs up after two events. Resident memory of the process is read
every 100 requests. The first 1,000 (a fifth, where there are fewer) fill caches and pools; after them the slope of the
least-squares line is the figure. Asserted: every request answered and, at full size, below 1 MiB per 1,000 requests.
JSON on stdout.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import numpy as np

from http_load import Body, Connection
from processes import cpu_seconds, free_port, peak_bytes, resident_bytes, running

EVERY = 100
MOST = 1.0
"""MiB per 1,000 requests."""
MIB = 2**20


def request(number: int) -> tuple[str, Body, int | None]:
    """Path, body, and after how many events the reader leaves."""
    kind = number % 4
    chat: Body = {
        "messages": [{"role": "user", "content": f"What is {number % 97} + {number % 89}?"}],
        "thinking_token_budget": 8,
        "wait": 1,
        "max_tokens": 12,
    }
    if kind == 2:
        return "/v1/completions", {"prompt": f"Case {number}: ", "max_tokens": 8}, None
    if kind == 0:
        return "/v1/chat/completions", chat, None
    return "/v1/chat/completions", {**chat, "stream": True}, 2 if kind == 3 else None


async def ask_all(port: int, pid: int, requests: int, streams: int) -> tuple[list[int], list[int], list[float]]:
    """Ask; statuses of all, requests answered and MiB at every reading."""
    statuses: list[int] = []
    at: list[int] = []
    memory: list[float] = []
    left = iter(range(requests))

    async def one() -> None:
        connection = Connection(port)
        for number in left:
            path, body, leave_after = request(number)
            statuses.append((await connection.post(path, body, leave_after)).status)
            if len(statuses) % EVERY == 0:
                at.append(len(statuses))
                memory.append(resident_bytes(pid) / MIB)
                print(f"{at[-1]} requests: {memory[-1]:.1f} MiB", file=sys.stderr)
        await connection.close()

    await asyncio.gather(*(one() for _ in range(streams)))
    return statuses, at, memory


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--streams", type=int, default=8)
    # the scripted engine keeps every request it ever had, for tests to look at: it grows by design
    parser.add_argument("--engine", default="hf", choices=("hf", "vllm"))
    args = parser.parse_args()
    port = free_port()
    flags = ("serve", "--engine", args.engine, "--model", "nano", "--format", "s1", "--port", str(port))
    with running("s1kit.cli.main", *flags, "--slots", "8", port=port) as pid:
        began, before = time.perf_counter(), cpu_seconds(pid)
        statuses, at, memory = asyncio.run(ask_all(port, pid, args.requests, args.streams))
        seconds, used, peak = time.perf_counter() - began, cpu_seconds(pid) - before, peak_bytes(pid) / MIB
    wrong = [status for status in statuses if status != 200]
    assert not wrong, f"{len(wrong)} of {len(statuses)} requests failed, the first with {wrong[0]}"
    warm = min(1000, args.requests // 5)
    settled = [(n / 1000, m) for n, m in zip(at, memory, strict=True) if n >= warm]
    slope = float(np.polyfit([n for n, _ in settled], [m for _, m in settled], 1)[0])
    result: dict[str, Any] = {
        "bench": "serve_memory",
        "engine": args.engine,
        "requests": args.requests,
        "streams": args.streams,
        "seconds": round(seconds, 1),
        "cpu_ms_per_request": round(1000 * used / args.requests, 2),
        "mib": {str(n): round(m, 1) for n, m in zip(at, memory, strict=True) if n % (5 * EVERY) == 0 or n == at[0]},
        "peak_mib": round(peak, 1),
        "warm_requests": warm,
        "mib_per_1000_requests": round(slope, 3),
        "goal": MOST,
    }
    print(json.dumps(result))
    assert warm < 1000 or slope < MOST, f"the server grows by {slope:.2f} MiB per 1,000 requests"


if __name__ == "__main__":
    main()
