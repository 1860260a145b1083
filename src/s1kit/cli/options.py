"""Flags that several verbs share, each said once.

Knows names and helps. Refuses to know defaults: a flag that is not given is None, and the recipe or the config decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Recipe = Annotated[Path | None, typer.Argument(help="Recipe (YAML); flags below override it.", show_default=False)]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Any setting: key=value, dotted (engine.slots=8).")]
Benchmark = Annotated[
    str | None, typer.Option(help="A name (s1 benchmarks ls), NAME=FILE, or a .jsonl/.json/.csv/.parquet file.")
]
Limit = Annotated[int | None, typer.Option(help="Only the first N questions (0: all).")]
Model = Annotated[str | None, typer.Option(help="Model folder or hub id; nano ships with s1kit.")]
FormatName = Annotated[
    str | None, typer.Option("--format", help="s1, qwen3, qwq, r1, harmony, plain, or a .yaml file.")
]
EngineName = Annotated[
    str | None,
    typer.Option("--engine", help="hf, vllm, completions, scripted; chat (eval only). Of a --url: completions."),
]
Url = Annotated[
    str | None,
    typer.Option(help="A server's address; its dialect and tokenizer: --set engine.profile=, engine.tokenizer=."),
]
Slots = Annotated[int | None, typer.Option(help="Rows that run at once.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, auto.")]
Dtype = Annotated[str | None, typer.Option(help="float32, bfloat16, float16.")]
Temperature = Annotated[float | None, typer.Option(help="0 is greedy.")]
Samples = Annotated[int | None, typer.Option(help="Samples per question and policy.")]
Seed = Annotated[int | None, typer.Option(help="The run's seed.")]
Out = Annotated[str | None, typer.Option(help="Where run directories go.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished run of this configuration.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be generated, and generate nothing.")]
Explain = Annotated[bool, typer.Option("--explain", help="Print every setting and where it came from.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout instead of tables.")]
RunPath = Annotated[Path, typer.Argument(help="A run directory.")]
Root = Annotated[Path, typer.Option(help="Where run directories are.")]
GraderName = Annotated[str, typer.Option(help="default or s1_compat.")]


def overrides(
    *,
    benchmark: str | None,
    limit: int | None,
    model: str | None,
    format_name: str | None,
    engine: str | None,
    url: str | None,
    slots: int | None,
    device: str | None,
    dtype: str | None,
    temperature: float | None,
    samples: int | None,
    seed: int | None,
    out: str | None,
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The shared flags as config values, and as ``--set`` items where None has to be set (``--limit 0``)."""
    values: dict[str, object] = {
        "benchmark": benchmark,
        "limit": limit or None,
        "model": model,
        "format": format_name,
        "engine.kind": engine or ("completions" if url else None),
        "engine.url": url,
        "engine.slots": slots,
        "engine.device": device,
        "engine.dtype": dtype,
        "sampling.temperature": temperature,
        "samples": samples,
        "seed": seed,
        "out": out,
    }
    return values, (("limit=null",) if limit == 0 else ())
