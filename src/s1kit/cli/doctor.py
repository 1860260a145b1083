"""``s1 doctor``: what an engine really honours, before anybody trusts it.

Knows its flags and how findings are shown. The trying is ``s1kit.engines.probe`` and ``s1kit.doctor``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Sequence

    from s1kit.doctor import Kept, Spread
    from s1kit.engines.probe import Finding
    from s1kit.forcing.determinism import Compared
    from s1kit.types import EngineInfo

COLOURS = {"ok": "green", "more than claimed": "green", "absent": "yellow", "not tried": "dim", "wrong": "bold red"}


def doctor(
    model: Annotated[
        str, typer.Argument(help="Model folder or hub id (nano ships with s1kit), or a server's URL.")
    ] = "nano",
    engine: Annotated[str | None, typer.Option(help="hf, vllm or scripted; of a URL it is completions.")] = None,
    profile: Annotated[str, typer.Option(help="Of a URL, its dialect: vllm, sglang, llamacpp, openai.")] = "vllm",
    tokenizer: Annotated[str | None, typer.Option(help="Of a URL: folder or hub id of the model's tokenizer.")] = None,
    served: Annotated[
        str | None, typer.Option(help="Of a URL: the model's name there; default: the tokenizer's.")
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Of a URL: environment variable that holds the key.")] = None,
    format_name: Annotated[str, typer.Option("--format", help="The model's think format; its prompt is tried.")] = "s1",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16.")] = "float32",
    determinism: Annotated[
        bool, typer.Option("--determinism", help="The same rows batched, cut and without hints: what differs?")
    ] = False,
    conformance: Annotated[
        bool, typer.Option("--conformance", help="Six policies on real questions: does every row keep every rule?")
    ] = False,
    benchmark: Annotated[str, typer.Option(help="Questions of the two checks above.")] = "nano_dev",
    limit: Annotated[int, typer.Option(min=1, help="How many of them.")] = 32,
    as_json: o.Json = False,
) -> None:
    """Try what an engine honours: token ids, stops, bans, seeds, context; exit code 1 where a claim does not hold."""
    from s1kit import doctor as checks
    from s1kit.benchmarks.registry import load
    from s1kit.cli.console import FAILED, fail, print_json, say
    from s1kit.engines.open import open_engine
    from s1kit.engines.probe import probe
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model

    if model.startswith(("http://", "https://")):
        if tokenizer is None:
            fail("whose tokens does it speak?\nhint: --tokenizer FOLDER (or the hub id) of the model that it serves")
        own = resolve_model(tokenizer)
        options: dict[str, Any] = {"url": model, "profile": profile, "served": served, "tokenizer": own}
        opened, spelled = open_engine("completions", tokenizer, **options, api_key_env=api_key_env)
    else:
        say(f"loading {model} ...", style="dim")
        opened, spelled = open_engine(engine or "hf", resolve_model(model), device=device, dtype=dtype)
    try:
        fmt = load_format(format_name).resolve(spelled)
        prompt, opening = fmt.render([{"role": "user", "content": "How many r in raspberry?"}])
        findings = probe(opened, prompt + opening)
        questions = load(benchmark, limit) if determinism or conformance else []
        kept = checks.rules_kept(opened, fmt, questions) if conformance else []
        compared, spread = checks.determinism(opened, fmt, questions, tell=say) if determinism else ([], [])
        info = opened.info
    finally:
        opened.close()
    if as_json:
        named: dict[str, Any] = {"findings": findings, "conformance": kept, "determinism": compared, "accuracy": spread}
        records = {name: [record.model_dump(mode="json") for record in found] for name, found in named.items()}
        for record, finding in zip(records["findings"], findings, strict=True):
            record["verdict"] = finding.verdict
        print_json({"engine": info.model_dump(mode="json"), **records})
    else:
        _show(info, findings, kept, compared, spread)
    if any(f.verdict == "wrong" for f in findings) or any(k.broken for k in kept):
        raise SystemExit(FAILED)


def _show(
    info: EngineInfo,
    findings: Sequence[Finding],
    kept: Sequence[Kept],
    compared: Sequence[Compared],
    spread: Sequence[Spread],
) -> None:
    from rich.table import Table

    from s1kit.cli.console import data_console, escape
    from s1kit.forcing.determinism import strict_mode

    console = data_console()
    version = f"{info.name} {info.version}, {info.dtype or 'unknown precision'}, context {info.context_len:,}"
    console.print(f"{info.model} on {version}", markup=False)
    table = Table(box=None, padding=(0, 2))
    for name in ("", "tried", "seen", "what it means"):
        table.add_column(name, overflow="fold")
    for f in findings:
        verdict = f"[{COLOURS[f.verdict]}]{f.verdict}[/]"
        table.add_row(verdict, f.probe.replace("_", " "), escape(f.detail), escape(f.hint))
    console.print(table)
    for k in kept:
        said = f"refused: {k.refused}" if k.refused else f"{k.rows} rows, {len(k.broken) or 'no'} broken rules"
        console.print(f"{k.policy}: {said}", markup=False)
        for line in k.broken:
            console.print(f"  {line}", markup=False)
    accuracy = {s.setting: s.accuracy for s in spread}
    for c in compared:
        first = "" if c.first is None else f", the first at token {c.first} of question {c.where}"
        console.print(
            f"{c.setting}: {c.identical} of {c.rows} rows as alone{first}; "
            f"{accuracy[c.setting]:.1f}% right (alone {accuracy['1 at once']:.1f}%)",
            markup=False,
        )
    if any(c.identical < c.rows for c in compared):
        console.print(f"what removes it: {strict_mode(info)}", markup=False)
