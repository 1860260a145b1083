"""``s1 eval``: questions through one or more policies.

Knows its flags. Everything else is ``s1kit.evaluate``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from s1kit.cli import options as o


def evaluate(
    recipe: o.Recipe = None,
    max_thinking: Annotated[int | None, typer.Option(help="At most so many thinking tokens.")] = None,
    min_thinking: Annotated[int | None, typer.Option(help="At least so many thinking tokens.")] = None,
    wait: Annotated[int | None, typer.Option(help="Suppress so many ends of thinking, each with a nudge.")] = None,
    nudge: Annotated[list[str] | None, typer.Option(help="What to append (repeat to rotate); default: Wait.")] = None,
    max_answer: Annotated[int | None, typer.Option(help="Tokens reserved for the answer.")] = None,
    unforced: Annotated[bool, typer.Option("--unforced", help="Let the model write on its own.")] = False,
    native: Annotated[
        list[str] | None, typer.Option(help="Engine chat: a provider's own field, name=value (repeat).")
    ] = None,
    benchmark: o.Benchmark = None,
    limit: o.Limit = None,
    model: o.Model = None,
    format_name: o.FormatName = None,
    engine: o.EngineName = None,
    url: o.Url = None,
    slots: o.Slots = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    temperature: o.Temperature = None,
    samples: o.Samples = None,
    seed: o.Seed = None,
    out: o.Out = None,
    sets: o.Sets = None,
    resume: o.Resume = False,
    dry_run: o.DryRun = False,
    explain: o.Explain = False,
    as_json: o.Json = False,
) -> None:
    """Run questions through policies: generations, grades and metrics in a run directory, whose path is printed.

    A recipe may list several policies; the flags describe one.
    """
    from s1kit.cli.running import explain as show_settings
    from s1kit.cli.running import run_policies
    from s1kit.config import ConfigError, EvalConfig, load, parse_set, read_recipe
    from s1kit.evaluate import role_of

    values, nulls = o.overrides(
        benchmark=benchmark, limit=limit, model=model, format_name=format_name, engine=engine, url=url,
        slots=slots, device=device, dtype=dtype, temperature=temperature, samples=samples, seed=seed, out=out,
    )  # fmt: skip
    knobs = {
        "max_thinking": max_thinking,
        "min_thinking": min_thinking,
        "extensions": wait,
        "nudges": nudge or None,
        "max_answer": max_answer,
    }
    given = {k: v for k, v in knobs.items() if v is not None}
    ways = [name for name, said in (("a budget", given), ("--unforced", unforced), ("--native", native)) if said]
    if len(ways) > 1:
        raise ConfigError(f"{' and '.join(ways)} are different policies\nhint: leave one of the two out")
    if ways and recipe is not None and "policies" in read_recipe(recipe):
        raise ConfigError(
            f"{recipe} has policies of its own, and the flags describe one\nhint: leave one of the two out"
        )
    if given:
        values["policies"] = [{"kind": "budget_forcing", **given}]
    if native:
        values["policies"] = [{"kind": "native_budget", "fields": dict(map(parse_set, native))}]
    if unforced:
        values["policies"] = [{"kind": "unforced"}]
    config, settings = load(EvalConfig, recipe, values, (*nulls, *(sets or ())))
    if explain:
        show_settings(settings)
    policies = [(p, role_of(p), config.sampling) for p in config.policies]
    run_policies(config, lambda _: policies, kind="eval", resume=resume, dry_run=dry_run, as_json=as_json)
