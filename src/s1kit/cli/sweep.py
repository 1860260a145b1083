"""``s1 sweep``: one trace per question, cut and extended at many points.

Knows its flags. The points are ``SweepConfig.policies``; that no prefix is paid twice is ``s1kit.forcing.sweep``.
"""

from __future__ import annotations

from typing import Annotated

import typer

from s1kit.cli import options as o


def sweep(
    recipe: o.Recipe = None,
    budgets: Annotated[str | None, typer.Option(help="Maximum thinking tokens, comma separated: 16,64,256.")] = None,
    extensions: Annotated[str | None, typer.Option(help='Numbers of "Wait", comma separated: 1,2,4.')] = None,
    placebos: Annotated[
        str | None, typer.Option(help='Other nudges, comma separated: Hmm, (an empty one is "").')
    ] = None,
    every: Annotated[int | None, typer.Option(help="Anytime curve: probe the forced answer every N tokens.")] = None,
    upto: Annotated[int | None, typer.Option(help="Last token that --every probes.")] = None,
    max_answer: Annotated[int | None, typer.Option(help="Tokens reserved for the answer.")] = None,
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
    """Cut one trace per question at several budgets and extend it by several "Wait"s, sharing every prefix.

    The whole curve pays for the thinking of its longest point plus short answers.
    """
    from s1kit.cli.running import explain as show_settings
    from s1kit.cli.running import run_policies
    from s1kit.config import SweepConfig, load

    values, nulls = o.overrides(
        benchmark=benchmark, limit=limit, model=model, format_name=format_name, engine=engine, url=url,
        slots=slots, device=device, dtype=dtype, temperature=temperature, samples=samples, seed=seed, out=out,
    )  # fmt: skip
    values |= {
        "budgets": _numbers("--budgets", budgets),
        "extensions": _numbers("--extensions", extensions),
        "placebos": None if placebos is None else [p.strip() for p in placebos.split(",")],
        "every": every,
        "upto": upto,
        "max_answer": max_answer,
    }
    config, settings = load(SweepConfig, recipe, values, (*nulls, *(sets or ())))
    if explain:
        show_settings(settings)
    run_policies(config, config.points, kind="sweep", resume=resume, dry_run=dry_run, as_json=as_json)


def _numbers(flag: str, text: str | None) -> list[int] | None:
    from s1kit.config import ConfigError

    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"{flag} {text!r}: write whole numbers with commas between, for example 16,64,256") from None
