"""What ``eval`` and ``sweep`` share: open the engine, create or resume the run, generate, grade, measure, tell.

Knows the order and what to say at each step. Refuses to know how the policies came about.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s1kit.cli.console import INTERRUPTED, data_console, hint, people, print_json, progress_bar, say

if TYPE_CHECKING:
    from s1kit.cli.prepared import Prepared
    from s1kit.config import EvalConfig, Setting, SweepConfig
    from s1kit.metrics.summary import Metrics
    from s1kit.policies import Sampling
    from s1kit.store.run import RunDir
    from s1kit.types import Question, Role

ENGINE_ONLY = (*("slots", "device", "url", "api_key_env", "timeout", "longest", "tries", "gpu_memory", "cache_bytes"),)
NON_OUTPUT = frozenset((*(f"engine.{name}" for name in ENGINE_ONLY), "out", "grader"))
"""Settings that change no generation: a run may be resumed with others."""


def explain(settings: Sequence[Setting]) -> None:
    """Every value and where it came from."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 2))
    for name in ("setting", "value", "from"):
        table.add_column(name, overflow="fold")  # never shortened: it is there to be read in full
    for setting in settings:
        table.add_row(setting.key, repr(setting.value), setting.origin)
    people().print(table)


def run_policies(
    config: EvalConfig | SweepConfig,
    points: Callable[[dict[str, Any]], Sequence[tuple[Any, Role, Sampling]]],
    *,
    kind: str,
    resume: bool,
    dry_run: bool,
    as_json: bool,
) -> RunDir | None:
    """Generate, grade and measure; prints the run's path on stdout (or a JSON summary). None after a dry run.

    ``points`` makes the policies, with what each is for and its sampling, from the dump of the run's format.
    """
    from s1kit.benchmarks.registry import load
    from s1kit.cli.prepared import chatting, forcing

    questions = load(config.benchmark, config.limit)
    warn_unanswerable(questions)
    prepare = chatting if config.engine.kind == "chat" else forcing
    prepared = prepare(config, points, questions)
    if dry_run:
        prepared.close()
        _tell_dry(prepared, as_json)
        return None
    run = generate(prepared, lambda: open_run(config, prepared, questions, kind, resume))
    _grade_and_tell(run, config.grader, as_json)
    return run


def warn_unanswerable(questions: Sequence[Question]) -> None:
    """Say how many questions have no reference answer."""
    if unknown := sum(q.answer is None for q in questions):
        say(
            f"{unknown} of {len(questions)} questions have no reference answer: their rows will be ungraded",
            style="yellow",
        )


AGAIN = "run the same command with --resume to go on"


def generate(prepared: Prepared, open_run: Callable[[], RunDir], again: str = AGAIN) -> RunDir:
    """Generate what the run does not have yet, finish it, and close the engine.

    Ctrl-C leaves it resumable; ``again`` says how to go on then.
    """
    from s1kit.evaluate import Progress

    try:
        with open_run() as run:
            progress = Progress(total=prepared.size)
            count = prepared.facts["questions"]
            say(f"{run.path}: {count} questions x {len(prepared.policies)} policies, {prepared.size} rows")
            try:
                with progress_bar("generating", progress):
                    prepared.generate(run, progress)
            except KeyboardInterrupt:
                run.interrupt()
                say(f"interrupted; {len(run.done)} of {prepared.size} rows are safe", style="yellow")
                hint(again)
                raise SystemExit(INTERRUPTED) from None
            run.finish()
    finally:
        prepared.close()
    return run


def open_run(
    config: Any, prepared: Prepared, questions: Sequence[Question], kind: str, resume: bool, at: Path | None = None
) -> RunDir:
    """A new run of this configuration, or the newest unfinished one below its folder (or ``at``)."""
    from s1kit.benchmarks.registry import title
    from s1kit.store.run import RunDir
    from s1kit.types import canonical_json, sha256_hex

    resolved = config.model_dump(mode="json")
    inputs = {
        "questions": sha256_hex("\n".join(q.id for q in questions)),
        **prepared.inputs,
        "policies": sha256_hex(canonical_json(sorted(prepared.policies))),
    }
    if resume:
        run, notes = RunDir.resume(at or Path(config.out), resolved, non_output=NON_OUTPUT, inputs=inputs)
        for note in notes:
            say(note, style="yellow")
        return run
    return RunDir.create(
        Path(config.out),
        "sweep" if kind == "sweep" else "eval",
        f"{title(config.benchmark)}-{kind}",
        config_resolved=resolved,
        config_typed=config.model_dump(mode="json", exclude_unset=True),
        questions=list(questions),
        inputs=inputs,
        engine=prepared.engine,
        findings=[{**f.model_dump(mode="json"), "verdict": f.verdict} for f in prepared.findings],
        policies=prepared.policies,
        seeds={"run": config.seed},
        non_output=NON_OUTPUT,
        header="s1 " + " ".join(sys.argv[1:]),
    )


def _tell_dry(prepared: Prepared, as_json: bool) -> None:
    """What would be generated, and at most how much."""
    if as_json:
        print_json(prepared.facts)
        return
    for key, value in prepared.facts.items():
        say(f"{key.replace('_', ' ')}: {value if not isinstance(value, list) else len(value)}")
    for name, entry in prepared.policies.items():
        say(f"  {entry['label']}  ({entry['role']}, {name})")


def _grade_and_tell(run: RunDir, grader: str, as_json: bool) -> None:
    from s1kit.evaluate import grade_run, measure_run

    people().print("grading ...") if not as_json else None
    grade_run(run, grader)
    measured = measure_run(run, grader)
    failed = int(run.manifest.counts.get("errors", 0))
    if failed:
        say(f"{failed} rows ended in an error; they are ungraded", style="yellow")
        hint("the same command with --resume tries them again")
    if as_json:
        print_json({"run": str(run.path), "metrics": measured.model_dump(mode="json")})
    else:
        show_metrics(measured, run.manifest.policies)
        print(run.path)


def show_metrics(measured: Metrics, policies: Mapping[str, Mapping[str, Any]]) -> None:
    """Curve and tables, for people."""
    from s1kit.report.terminal import curve_lines, facts_lines, ledger_table, points_table

    console = people() if not sys.stdout.isatty() else data_console()
    for line in curve_lines(measured, policies=policies):
        console.print(line, markup=False)
    console.print(points_table(measured, policies))
    if measured.ledger:
        console.print(ledger_table(measured, policies))
    for line in facts_lines(measured, policies):
        console.print(line, markup=False)
    for note in measured.notes:
        console.print(f"note: {note}", markup=False)


def decoder_of(run: RunDir) -> Callable[[Sequence[int]], str] | None:
    """Text of a run's tokens, where the model's tokenizer is still where it was; None otherwise.

    A tokenizer with another hash than the run's is never used: it would show words that nobody generated.
    """
    from s1kit.nano.shipped import resolve_model
    from s1kit.tokenizer import Tokenizer, TokenizerError

    model = run.manifest.config.get("model")
    if not isinstance(model, str) or run.manifest.kind == "import":  # imported rows are text
        return None
    try:
        tokenizer = Tokenizer.load(resolve_model(model))
    except TokenizerError as error:
        say(f"traces are shown without highlighted tokens: {error}", style="yellow")
        return None
    if tokenizer.hash != run.manifest.inputs.get("tokenizer"):
        say(f"traces are shown without highlighted tokens: the tokenizer in {model} has changed", style="yellow")
        return None
    return tokenizer.decode
