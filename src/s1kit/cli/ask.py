"""``s1 ask``: one question, live.

Knows colours and the layout of a terminal. The method is ``s1kit.forcing``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.engines.base import Chunk, Request
    from s1kit.forcing.plan import Plan, Row
    from s1kit.types import Generation


def ask(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    max_thinking: Annotated[int | None, typer.Option(help="At most so many thinking tokens.")] = None,
    min_thinking: Annotated[int, typer.Option(help="At least so many thinking tokens.")] = 0,
    wait: Annotated[int, typer.Option(help="Suppress so many ends of thinking, each with a nudge.")] = 0,
    nudge: Annotated[list[str] | None, typer.Option(help="What to append (repeat to rotate); default: Wait.")] = None,
    max_answer: Annotated[int, typer.Option(help="Tokens reserved for the answer.")] = 256,
    model: o.Model = None,
    format_name: o.FormatName = None,
    engine: Annotated[
        str | None, typer.Option(help="hf, vllm, completions or scripted. Of a --url: completions.")
    ] = None,
    url: o.Url = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    temperature: o.Temperature = None,
    seed: Annotated[int | None, typer.Option(help="For sampling.")] = None,
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    sets: o.Sets = None,
    as_json: o.Json = False,
) -> None:
    """Ask one question and watch the thinking, forced tokens in another colour; then budget, extensions, answer."""
    from s1kit.cli.console import fail
    from s1kit.cli.prepared import opened, tried
    from s1kit.config import AskConfig, load, validate
    from s1kit.evaluate import refuse_overflow
    from s1kit.forcing.drive import drive
    from s1kit.forcing.machine import machine
    from s1kit.forcing.plan import Plan, Row
    from s1kit.formats import load_format
    from s1kit.policies import BudgetForcing, row_seed
    from s1kit.types import question_id

    if not question.strip() or (not question.isprintable() and any(0xD800 <= ord(c) < 0xE000 for c in question)):
        fail("the question is empty, or not UTF-8")
    knobs = {
        "max_thinking": max_thinking,
        "min_thinking": min_thinking,
        "extensions": wait,
        "nudges": nudge or None,
        "max_answer": max_answer,
    }
    policy = validate(BudgetForcing, knobs, "the command line")
    values = {
        "model": model,
        "format": format_name,
        "system": system,
        "engine.kind": engine or ("completions" if url else None),
        "engine.url": url,
        "engine.device": device,
        "engine.dtype": dtype,
        "engine.slots": 1,
        "engine.seed": seed,
        "sampling.temperature": temperature,
        "seed": seed,
    }
    config, _ = load(AskConfig, None, values, tuple(sets or ()))
    running, tokenizer = opened(config.engine, config.model)
    try:
        fmt = load_format(config.format).resolve(tokenizer)
        info = tried(running, fmt)[0] if config.engine.url is not None else running.info  # what runs here is known
        plan = Plan.make(policy, fmt, config.sampling, info)
        prompt, opening = fmt.render([{"role": "user", "content": question}], config.system)
        name = question_id(question)
        row = Row(name, prompt, opening, seed=row_seed(config.seed, name, 0))
        refuse_overflow(plan, [row])
        live = None if as_json else _Live(plan, row)
        [generation] = drive([machine(plan, row)], running, stream=True, watch=live)
    finally:
        running.close()
    _finish(generation, plan, live, as_json)


class _Live:
    """Prints tokens as they come. The forced ones are what a request's context holds beyond what was printed."""

    def __init__(self, plan: Plan, row: Row) -> None:
        from rich.console import Console

        self.console = Console(highlight=False, soft_wrap=True)
        self.decode = plan.format.tokenizer.decode
        self.shown = len(row.prompt_ids)
        self.pending: list[int] = []
        self.close = plan.format.close
        self.answering = False

    def __call__(self, request: Request, chunk: Chunk) -> None:
        self.forced(request.prompt_ids)
        self.shown += len(chunk.tokens)
        self.pending.extend(chunk.tokens)
        text = self.decode(self.pending)
        if chunk.finish is None and text.endswith("\ufffd"):
            return  # half a character: wait for its other bytes
        self.pending.clear()
        self._print(text, "bold" if self.answering else "dim")

    def forced(self, context: tuple[int, ...]) -> None:
        """Print what was put into the context by force since the last chunk."""
        new = context[self.shown :]
        text = self.decode(new)
        self.shown = max(self.shown, len(context))  # a later chunk of a request comes with the request's old context
        width = len(self.close)
        self.answering |= any(new[i : i + width] == self.close for i in range(len(new) - width + 1))
        if text:
            self._print(text, "bold black on yellow")

    def _print(self, text: str, style: str) -> None:
        from s1kit.cli.console import visible

        self.console.print(visible(text), style=style, end="", markup=False)
        sys.stdout.flush()


def _finish(generation: Generation, plan: Plan, live: Any, as_json: bool) -> None:
    """Budget used, extensions, answer."""
    from s1kit.cli.console import FAILED, fail, print_json
    from s1kit.evaluate import with_text

    decode = plan.format.tokenizer.decode
    tokens = generation.token_ids or ()
    answer = decode(
        [t for s in generation.segments if s.why in ("cutoff", "answer") for t in tokens[s.start : s.end]]
    ).strip()
    if as_json:
        print_json({"answer": answer, **with_text(generation, decode).model_dump(mode="json")})
    else:
        from rich.console import Console

        sys.stdout.write("\n")
        limit = plan.policy.max_thinking if plan.policy.kind == "budget_forcing" else None
        used = f"{generation.n_thinking} of {limit}" if limit is not None else str(generation.n_thinking)
        parts = f"thinking tokens {used} · extensions {generation.extensions} · ended by {generation.ended}"
        console = Console(stderr=True, highlight=False)
        console.print(f"\n{parts}", style="cyan", markup=False)
        console.print(f"answer: {answer}", style="bold cyan", markup=False)
    if generation.error:
        fail(generation.error, FAILED)
