"""What forcing costs on vLLM: rows with four "Wait" against plain vLLM writing as many tokens from the same prompts.

    python bench/forced_vllm.py [--rows 64] [--runs 7] [--slots 32]

Forced rows are s1kit's whole path: a machine per row, the driver, the engine, nano's own ends of thinking (about 50
tokens a stretch), four nudges, a close, an answer: six requests to vLLM. Baselines are one request per row. "plain" is
vLLM's own ``add_request`` and ``step`` and nothing of s1kit; "engine" is the same through ``VLLMEngine``. Both write as
many tokens as the forced row's sequence has ("sequence"; the goal of 1.03 is stated for plain_sequence); "plain_drawn"
writes as many as its model drew, so nudges and closes come on top. Greedy; the prefix cache is on, and emptied before
each turn.

Asserted for every continuation: vLLM runs at most one block of its cache and the forced tokens again. JSON on stdout.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from pairs import by_turns, median, ratio
from s1kit.benchmarks.registry import load
from s1kit.engines.base import Chunk, Request
from s1kit.engines.vllm import VLLMEngine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling
from s1kit.types import Generation

EXTENSIONS = 4


class Again:
    """How many tokens of each continuation vLLM ran again, and how many of them were forced."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.contexts: dict[str, int] = {}
        self.most = self.continuations = self.tokens = self.forced = 0

    def __call__(self, request: Request, chunk: Chunk) -> None:
        """Watch one chunk. Raises AssertionError where more than a block and the forced tokens ran again."""
        row, turn = request.id.rsplit("/", 1)
        if turn != "0":
            forced = len(request.prompt_ids) - self.contexts[row]
            assert chunk.prefilled <= self.block + forced, (request.id, chunk.prefilled, forced)
            self.most = max(self.most, chunk.prefilled - forced)
            self.continuations += 1
            self.tokens += chunk.prefilled
            self.forced += forced
        self.contexts[row] = len(request.prompt_ids) + len(chunk.tokens)


def plain(llm: Any, prompts: Sequence[tuple[int, ...]], lengths: Sequence[int]) -> None:
    """vLLM alone, as a user of ``LLMEngine`` would write it."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
        params = SamplingParams(
            temperature=0.0,
            max_tokens=length,
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        llm.add_request(str(number), {"prompt_token_ids": list(prompt)}, params)
    written = 0
    while llm.has_unfinished_requests():
        written += sum(len(output.outputs[0].token_ids) for output in llm.step())
    assert written == sum(lengths)


def through(engine: VLLMEngine, prompts: Sequence[tuple[int, ...]], lengths: Sequence[int]) -> None:
    """The same by this project's engine."""
    for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
        engine.submit(Request(str(number), prompt, length))
    written = 0
    while chunks := engine.collect():
        written += sum(len(chunk.tokens) for chunk in chunks)
    assert written == sum(lengths)


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--slots", type=int, default=32)
    args = parser.parse_args()
    engine = VLLMEngine(resolve_model("nano"), slots=args.slots)
    llm = engine._running.llm
    fmt = load_format("s1").resolve(engine.tokenizer)
    plan = Plan.make(BudgetForcing(extensions=EXTENSIONS), fmt, Sampling(), engine.info)
    rows = []
    for question in load("nano_mixed", args.rows):
        ids, opening = fmt.render([{"role": "user", "content": question.prompt()}])
        rows.append(Row(question.id, ids, opening))
    again = Again(engine.block_size)

    def forced() -> list[Generation]:
        return list(drive((machine(plan, row) for row in rows), engine, watch=again))

    written = {g.question_id: g for g in forced()}  # untimed: it says how long the rows are
    assert not any(g.error for g in written.values())
    ordered = [written[row.question_id] for row in rows]
    prompts = [(*row.prompt_ids, *row.open_ids) for row in rows]
    sequence = [len(g.token_ids or ()) - len(row.open_ids) for g, row in zip(ordered, rows, strict=True)]
    drawn = [g.n_paid for g in ordered]
    works = {
        "forced": forced,
        "plain_sequence": lambda: plain(llm, prompts, sequence),
        "plain_drawn": lambda: plain(llm, prompts, drawn),
        "engine_sequence": lambda: through(engine, prompts, sequence),
    }
    plain(llm, prompts, sequence)  # warm
    clocks = by_turns(works, args.runs, llm.reset_prefix_cache)
    bases = [name for name in works if name != "forced"]
    result = {
        "bench": "forced_vllm",
        "rows": len(rows),
        "runs": args.runs,
        "slots": args.slots,
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "vllm": engine.info.version,
        "extensions": EXTENSIONS,
        "tokens_in_sequence": sum(sequence),
        "tokens_drawn": sum(drawn),
        "block": again.block,
        "continuations": again.continuations // (args.runs + 1),
        "prefilled_again_per_continuation": round(again.tokens / again.continuations, 2),
        "forced_per_continuation": round(again.forced / again.continuations, 2),
        "most_prefilled_again_beyond_forced": again.most,
        "seconds": {name: median(clock.wall) for name, clock in clocks.items()},
        **{f"wall_ratio_{name}": ratio(clocks["forced"].wall, clocks[name].wall) for name in bases},
        **{f"cpu_ratio_{name}": ratio(clocks["forced"].cpu, clocks[name].cpu) for name in bases},
        "goal": {"wall_ratio_plain_sequence": 1.03},
    }
    engine.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
