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
    model: Annotated[str, typer.Option(help="Model folder or hub id; nano ships with s1kit.")] = "nano",
    format_name: Annotated[str, typer.Option("--format", help="s1, qwen3, qwq, r1, harmony, or a .yaml file.")] = "s1",
    engine: Annotated[str, typer.Option(help="hf or scripted.")] = "hf",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16.")] = "float32",
    temperature: Annotated[float, typer.Option(help="0 is greedy.")] = 0.0,
    seed: Annotated[int, typer.Option(help="For sampling.")] = 0,
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    as_json: o.Json = False,
) -> None:
    """Ask one question and watch the thinking, forced tokens in another colour; then budget, extensions, answer."""
    from s1kit.cli.console import fail, say
    from s1kit.config import validate
    from s1kit.engines.open import open_engine
    from s1kit.evaluate import refuse_overflow
    from s1kit.forcing.drive import drive
    from s1kit.forcing.machine import machine
    from s1kit.forcing.plan import Plan, Row
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model
    from s1kit.policies import BudgetForcing, Sampling, row_seed
    from s1kit.types import question_id

    knobs = {
        "max_thinking": max_thinking,
        "min_thinking": min_thinking,
        "extensions": wait,
        "nudges": nudge or None,
        "max_answer": max_answer,
    }
    if not question.strip() or (not question.isprintable() and any(0xD800 <= ord(c) < 0xE000 for c in question)):
        fail("the question is empty, or not UTF-8")
    policy = validate(BudgetForcing, knobs, "the command line")
    sampling = validate(Sampling, {"temperature": temperature}, "the command line")
    say(f"loading {model} ...", style="dim")
    opened, tokenizer = open_engine(engine, resolve_model(model), slots=1, dtype=dtype, device=device, seed=seed)
    try:
        fmt = load_format(format_name).resolve(tokenizer)
        plan = Plan.make(policy, fmt, sampling, opened.info)
        prompt, opening = fmt.render([{"role": "user", "content": question}], system)
        name = question_id(question)
        row = Row(name, prompt, opening, seed=row_seed(seed, name, 0))
        refuse_overflow(plan, [row])
        live = None if as_json else _Live(plan, row)
        [generation] = drive([machine(plan, row)], opened, stream=True, watch=live)
    finally:
        opened.close()
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
