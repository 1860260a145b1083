"""``s1 nano``: the embedded world.

Knows its verbs' flags. World, teacher and pretraining are ``s1kit.nano``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s1kit.cli import options as o

app = typer.Typer(no_args_is_help=True, help="The embedded world: a real, tiny setting in which everything runs.")


@app.command("demo")
def demo(
    questions: Annotated[int, typer.Option(help="How many questions of nano_mixed.")] = 200,
    out: Annotated[str, typer.Option(help="Where run directories go.")] = "runs",
    slots: Annotated[int, typer.Option(help="Rows that run at once.")] = 64,
    curation: Annotated[bool, typer.Option(help="Show too where a training set comes from.")] = True,
) -> None:
    """The paper in miniature: accuracy against thinking tokens, cut at seven budgets and extended by "Wait"; then its
    other half, from a pool of questions to a training set."""
    import time

    from s1kit.cli.console import hint, say
    from s1kit.cli.running import decoder_of, run_policies
    from s1kit.config import SweepConfig, load
    from s1kit.nano.demo import DEMO
    from s1kit.report.build import build_report
    from s1kit.store.run import RunDir

    began = time.monotonic()
    say("s1kit demo: a 2M-parameter model that was fine-tuned on 1,000 reasoning traces thinks for as long as you say.")
    values = {**DEMO, "limit": questions, "out": out, "engine.slots": slots}
    config, _ = load(SweepConfig, None, values)
    run = run_policies(config, config.points, kind="sweep", resume=False, dry_run=False, as_json=False)
    assert run is not None
    opened = RunDir.open(run.path)
    page = build_report(opened, None, decode=decoder_of(opened))
    curated = _curate(out) if curation else None
    say(f"\n{time.monotonic() - began:.0f} s on this machine.")
    for text in (
        's1 ask "How many r in raspberry?" --wait 1   watch a forced "Wait" (black on yellow)',
        f"s1 runs verify {run.path}   derive every number again",
        *([f"s1 curate {curated} --explain '#5'   one question's whole life"] if curated else []),
        f's1 query "select label, accuracy, thinking_mean from points" --root {out}',
        "s1 sweep --benchmark yours.jsonl --model your/model --format qwen3 --budgets 512,2048,8192 --extensions 1,2",
    ):
        hint(text)
    say("\nThe report: what did more thinking buy, was it controlled, what did each “Wait” change, show me one.")
    print(page)


def _curate(out: str) -> Path:
    """The nano curation, told as it goes; its folder."""
    from s1kit.cli import curate
    from s1kit.cli.console import say
    from s1kit.config import load
    from s1kit.curate.recipe import CurateConfig
    from s1kit.nano.demo import CURATION
    from s1kit.report.curation import build_curation_report

    say("\nAnd where such a training set comes from: 1,200 questions with planted faults, filtered down to 100.")
    config, _ = load(CurateConfig, None, {**CURATION, "out": out})
    folder = curate.run_config(config, "build")
    curate.show_funnel(folder.path, as_json=False)
    say(f"The page: {build_curation_report(folder.path)}")
    return folder.path


@app.command("questions")
def questions(
    name: Annotated[str, typer.Argument(help="nano_mixed, nano_hard, nano_choice or nano_dev.")] = "nano_mixed",
    limit: Annotated[int, typer.Option(min=0, help="0: all.")] = 10,
    as_json: o.Json = False,
) -> None:
    """Questions of a set, as JSON lines with --json."""
    from s1kit.benchmarks.registry import load

    for q in load(name, limit or None):
        print(q.model_dump_json() if as_json else f"{q.meta.get('family', '')}\t{q.text}\t{q.answer}")


@app.command("traces")
def traces(
    limit: Annotated[int, typer.Option(help="How many.")] = 5,
    seed: Annotated[int, typer.Option(help="Which ones; the shipped model saw those of 1.")] = 1,
    as_json: o.Json = False,
) -> None:
    """What the noisy teacher writes: a quick look, and sometimes "Wait" and a careful second one."""
    from s1kit.nano.traces import load

    for question, trace in load(limit, seed):
        if as_json:
            print(trace.model_dump_json())
        else:
            print(f"{question.text}\n{trace.thinking.rstrip()}\n=> {trace.answer} (reference {question.answer})\n")


@app.command("pretrain")
def pretrain(
    out: Annotated[Path, typer.Argument(help="Folder for weights, log and the resumable state.")] = Path(
        "nano-runs/base"
    ),
    minutes: Annotated[float, typer.Option(help="Wall-clock budget; the decay at its end included.")] = 75.0,
    tokens: Annotated[int | None, typer.Option(help="Stop after so many tokens.")] = None,
    decay: Annotated[float, typer.Option(help="Last share of the run in which the learning rate falls to 0.")] = 0.2,
    start: Annotated[Path | None, typer.Option(help="Go on from these weights, with a short re-warm-up.")] = None,
    seed: Annotated[int, typer.Option(help="Of data and weights.")] = 1,
    threads: Annotated[int, typer.Option(help="Processor threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto: an accelerator where there is one.")] = "auto",
) -> None:
    """Train the base model from scratch (resumes by itself where the folder holds an unfinished run)."""
    import sys

    from s1kit.cli.console import say
    from s1kit.nano.pretrain import PretrainConfig
    from s1kit.nano.pretrain import pretrain as run
    from s1kit.nano.stream import LAST, Plan

    config = PretrainConfig(
        out=out,
        plan=Plan(seed=seed) if start is None else Plan(seed=seed, stages=((1 << 62, LAST),)),
        minutes=minutes,
        tokens=1 << 60 if tokens is None else tokens,
        start=start,
        decay=decay,
        threads=threads,
        device=device,
        command="s1 " + " ".join(sys.argv[1:]),
    )
    say(f"pretraining into {out}; the log is {out / 'log.jsonl'}")
    run(config)
    print(out)


@app.command("prm")
def prm(
    out: Annotated[Path, typer.Option(help="Folder for weights, tokenizer and manifest.")] = Path("nano-runs/prm"),
    size: Annotated[int, typer.Option(min=32, help="How many solutions it learns from.")] = 5000,
    from_model: Annotated[float, typer.Option(min=0, max=1, help="Share drawn by the shipped model itself.")] = 0.3,
    start: Annotated[str, typer.Option(help="Weights to begin with: nano, nano-base, or a folder.")] = "nano",
    seed: Annotated[int, typer.Option(help="Of questions, solutions and batches.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 2,
) -> None:
    """Train the process reward model that tells right lines of a thought from wrong ones (layout trl)."""
    import sys

    from s1kit.cli.console import say
    from s1kit.nano.prm import PrmConfig, train_prm

    command = "s1 " + " ".join(sys.argv[1:])
    config = PrmConfig(
        out=out, size=size, from_model=from_model, start=start, seed=seed, threads=threads, command=command
    )
    print(train_prm(config, say))
