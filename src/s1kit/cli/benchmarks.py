"""``s1 benchmarks``: which question sets there are, what is sent of them, and how they are graded.

Knows its flags. The sets are ``s1kit.benchmarks``. Refuses the network unless asked for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.benchmarks.spec import Benchmark
    from s1kit.types import Question

app = typer.Typer(no_args_is_help=True, help="Question sets by name: what they are, and what is sent of them.")


@app.command("ls")
def ls(as_json: o.Json = False) -> None:
    """Every set that has a name."""
    from rich.table import Table

    from s1kit.benchmarks.named import NAMED
    from s1kit.benchmarks.registry import NANO
    from s1kit.cli.console import data_console, print_json
    from s1kit.nano.sets import PLANS

    kinds = {name: "integer" if p.integer_only else "choice" if p.choice == 1 else "all" for name, p in PLANS.items()}
    rows = [(name, PLANS[name].size, kinds[name], "ships with s1kit", about) for name, about in NANO.items()]
    rows += [(b.name, b.count, ", ".join(b.kinds), _place(b), b.title) for b in NAMED.values()]
    keys = ("name", "questions", "answers", "from", "what")
    if as_json:
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    table = Table(*keys, box=None, padding=(0, 2))
    for row in rows:
        table.add_row(*map(str, row))
    data_console().print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="NAME, NAME=FILE or FILE.", metavar="BENCHMARK")],
    number: Annotated[int, typer.Option(min=1, help="Which question's prompt to show.")] = 1,
    hub: Annotated[bool, typer.Option("--hub", help="Read a named set from the hub, to show its prompt too.")] = False,
    model: Annotated[str | None, typer.Option(help="Show the prompt inside this model's chat template.")] = None,
    format_name: o.FormatName = None,
    as_json: o.Json = False,
) -> None:
    """What a set is, and one prompt of it as it will be sent."""
    from s1kit.benchmarks.registry import NANO, load, named
    from s1kit.benchmarks.spec import BenchmarkError
    from s1kit.cli.console import data_console, escape, hint, print_json, visible

    spec, file = named(name)
    facts = _facts(spec) if spec is not None else {"name": name, **({"what": NANO[name]} if name in NANO else {})}
    if spec is None or file is not None or hub:
        questions = load(name)
        if number > len(questions):
            raise BenchmarkError(f"{name} has {len(questions)} questions, there is no number {number}")
        question = questions[number - 1]
        facts |= _seen(questions, question) | {"prompt": _sent(question, model, format_name)}
    if as_json:
        print_json(facts)
        return
    prompt = facts.pop("prompt", None)
    console = data_console()
    for key, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            console.print(f"[bold]{key.replace('_', ' ')}[/]: {escape(str(line))}", soft_wrap=True)
    if prompt is None:
        hint(f"s1 benchmarks show {name}=FILE shows a prompt; --hub reads the set from the hub")
        return
    console.print(f"\n[bold]prompt {number}[/]")
    console.print(visible(prompt), markup=False, soft_wrap=True)


def _place(spec: Benchmark) -> str:
    hub = spec.hub
    return f"{hub.dataset}{f' ({hub.config})' if hub.config else ''}, split {hub.split}"


def _facts(spec: Benchmark) -> dict[str, Any]:
    return {
        "name": spec.name,
        "what": spec.title,
        "questions": spec.count,
        "hub": _place(spec),
        "revision": spec.hub.revision or "not pinned; the one that is read is recorded with every question",
        "columns": ", ".join(spec.columns),
        "sent": spec.prompt,
        "answers": ", ".join(spec.kinds),
        "grading": spec.grading,
        "licence": spec.licence,
        "publish": "no: the texts stay in the run" if spec.gated else "under its licence",
        "mind": list(spec.caveats),
        "stated_by": spec.stated_by,
    }


def _seen(questions: list[Question], question: Question) -> dict[str, Any]:
    """What was found in the questions themselves."""
    from collections import Counter

    kinds = Counter(q.answer_kind for q in questions)
    return {
        "read": f"{len(questions)} questions ({', '.join(f'{n} {kind}' for kind, n in kinds.items())}), "
        f"{sum('[asy]' in q.text for q in questions)} with figures as Asymptote source",
        "reference": question.answer,
    }


def _sent(question: Question, model: str | None, format_name: str | None) -> str:
    """The user's turn, or all that the model reads before its first token."""
    if model is None and format_name is None:
        return question.prompt()
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model
    from s1kit.tokenizer import Tokenizer

    tokenizer = Tokenizer.load(resolve_model(model or "nano"))
    prompt, opening = (
        load_format(format_name or "s1").resolve(tokenizer).render([{"role": "user", "content": question.prompt()}])
    )
    return tokenizer.decode(prompt + opening)
