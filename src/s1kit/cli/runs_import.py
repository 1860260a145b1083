"""``s1 runs import``: results that other tools wrote become a run.

Knows its flags. Reading and writing are ``s1kit.imports``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.imports.run import Imported


def import_(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files, or folders to search.", show_default=False)] = None,
    kind: Annotated[
        str | None, typer.Option("--as", help="lm-eval, inspect, s1-reference, jsonl; default: seen from the file.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH: a file or folder and what its point is called (repeat).")
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", help="How thinking is marked: auto, s1, think, harmony, plain.")
    ] = "auto",
    tokenizer: Annotated[
        Path | None, typer.Option(help="Model folder whose tokenizer counts the rows that state no counts.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Only these questions, with these references.")] = None,
    name: Annotated[str | None, typer.Option(help="What the set of questions is called.")] = None,
    out: Annotated[Path, typer.Option(help="Where run directories go.")] = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported, and write nothing.")] = False,
    as_json: o.Json = False,
) -> None:
    """Make a run of results that lm-evaluation-harness, Inspect, the s1 reference code or a script wrote.

    Rows are text without tokens (exact is false). The verdicts in the files are kept as grades of a grader named after
    their source, beside `s1 grade`. The same files again give the same run.
    """
    import sys

    from s1kit.benchmarks.registry import load
    from s1kit.cli.console import say
    from s1kit.imports.run import Wanted, prepare, write

    labels = dict(map(_pair, label or []))
    wanted = Wanted(
        paths=tuple(paths or ()),
        labels=labels,
        kind=_kind(kind),
        format=format_name,
        name=name,
        tokenizer=tokenizer,
        benchmark=benchmark,
    )
    if not (wanted.paths or wanted.labels):
        raise typer.BadParameter("name at least one file or folder", param_hint="PATH")
    imported = prepare(wanted, None if benchmark is None else load(benchmark), tell=say)
    run, new = (None, True) if dry_run else write(imported, out, header="s1 " + " ".join(sys.argv[1:]))
    _tell(imported, None if run is None else run.path, new, as_json)


def _kind(value: str | None) -> Any:
    from s1kit.imports.errors import ImportRefused
    from s1kit.imports.found import KINDS

    if value is not None and value not in KINDS:
        raise ImportRefused(f"unknown kind of results {value!r}", f"--as one of {', '.join(KINDS)}")
    return value


def _pair(text: str) -> tuple[Path, str]:
    from s1kit.imports.errors import ImportRefused

    name, equals, path = text.partition("=")
    if not (name.strip() and equals and path):
        raise ImportRefused(f"--label {text!r} is not NAME=PATH", '--label "max 500"=results/forcing500')
    return Path(path), name.strip()


def _tell(imported: Imported, path: Path | None, new: bool, as_json: bool) -> None:
    """What was made of the files; the run's path on stdout, or all of it as JSON."""
    from s1kit.cli.console import hint, print_json, say

    parts, reading = imported.parts, imported.reading
    if as_json:
        print_json(_facts(imported, path, new))
        return
    say(f"{imported.kind}: {len(parts.generations)} rows of {len(parts.questions)} questions")
    for entry in parts.policies.values():
        tokens = f"tokens {entry['tokens']}" if entry["tokens"] != "not counted" else "tokens not counted"
        say(f"  {entry['label']} ({entry['role']}, {tokens})")
    for reason, number in reading.left_out.items():
        say(f"{number} rows left out: {reason} (the first: {reading.example[reason]})", style="yellow")
    for note in parts.notes:
        say(note, style="yellow")
    if any(entry["tokens"] == "not counted" for entry in parts.policies.values()):
        hint("--tokenizer FOLDER counts tokens; without counts there is no curve")
    if parts.grades:
        say(f"verdicts in the files are kept as grades of {', '.join(parts.grades)}")
    if path is None:
        return
    if not new:
        say("these files were imported before: nothing is written")
    else:
        hint(f"s1 grade {path} && s1 metrics {path}")
    print(path)


def _facts(imported: Imported, path: Path | None, new: bool) -> dict[str, Any]:
    """Everything that ``_tell`` says, for a program."""
    parts, reading = imported.parts, imported.reading
    return {
        "run": None if path is None else str(path),
        "new": new and path is not None,
        "kind": imported.kind,
        "questions": len(parts.questions),
        "rows": len(parts.generations),
        "policies": {
            name: {key: entry[key] for key in ("label", "role", "model", "samples", "tokens")}
            for name, entry in parts.policies.items()
        },
        "graders": list(parts.grades),
        "formats": parts.formats,
        "left_out": {
            reason: {"rows": number, "first": reading.example[reason]} for reason, number in reading.left_out.items()
        },
        "notes": parts.notes,
        "inputs": imported.inputs,
    }
