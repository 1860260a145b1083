"""``s1 compare``: every way of spending test-time compute, at equal cost.

Knows its flags and the order: generate what is missing, grade, score, compare, write, tell. Methods, settings and
statistics are ``s1kit.compare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s1kit.cli import options as o
from s1kit.cli.console import data_console, people, print_json, say

if TYPE_CHECKING:
    from s1kit.compare.recipe import CompareConfig
    from s1kit.compare.result import Comparison
    from s1kit.compare.rows import Collected
    from s1kit.compare.settings import RunKey, Setting
    from s1kit.evaluate import Wanted
    from s1kit.store.run import RunDir
    from s1kit.store.scores import Score
    from s1kit.types import Question


def compare(
    recipe: Annotated[Path, typer.Argument(help="YAML: methods, their settings, and what they share.")],
    benchmark: o.Benchmark = None,
    limit: o.Limit = None,
    model: o.Model = None,
    format_name: o.FormatName = None,
    engine: o.EngineName = None,
    url: o.Url = None,
    slots: o.Slots = None,
    device: o.Device = None,
    dtype: o.Dtype = None,
    seed: o.Seed = None,
    out: o.Out = None,
    sets: o.Sets = None,
    dry_run: o.DryRun = False,
    explain: o.Explain = False,
    as_json: o.Json = False,
) -> None:
    """Run every method of a recipe on the same questions and compare them at equal tokens and equal seconds.

    Rows of a finished run in the comparison's folder are not generated again: a method more costs only its own rows,
    and the same recipe goes on after an interruption. More samples of a policy are drawn anew. Prints the tables, and
    the folder that holds them with the pictures.
    """
    from s1kit.benchmarks.registry import load as load_questions
    from s1kit.cli.running import explain as show_settings
    from s1kit.cli.running import warn_unanswerable
    from s1kit.compare.folder import folder_of
    from s1kit.compare.recipe import CompareConfig
    from s1kit.compare.result import compared
    from s1kit.compare.settings import policies, settings
    from s1kit.config import load

    values, nulls = o.overrides(
        benchmark=benchmark, limit=limit, model=model, format_name=format_name, engine=engine, url=url,
        slots=slots, device=device, dtype=dtype, temperature=None, samples=None, seed=seed, out=out,
    )  # fmt: skip
    config, origins = load(CompareConfig, recipe, values, (*nulls, *(sets or ())))
    if explain:
        show_settings(origins)
    questions = load_questions(config.benchmark, config.limit)
    warn_unanswerable(questions)
    wanted = settings(config)
    _refuse_unknown_scorers(wanted)
    if dry_run:
        _tell_dry(wanted, questions, as_json)
        return
    needed = policies(wanted)
    runs = {key: _ensure(config, key, own, questions) for key, own in needed.items()}
    rows = {key: _collected(key, own, needed[key], questions, config.grader) for key, own in runs.items()}
    scores = _Scores(questions, rows, wanted)
    people().print("comparing ...") if not as_json else None
    found = compared(config, wanted, questions, rows, scores)
    folder = folder_of(config)
    _write(found, folder)
    if as_json:
        print_json({"folder": str(folder), **found.model_dump(mode="json")})
        return
    _tell(found)
    print(folder)


def _refuse_unknown_scorers(wanted: Sequence[Setting]) -> None:
    """A reward model that is not there is refused before anything is generated, not when its turn comes."""
    from s1kit.compare.recipe import TreeMethod, VoteMethod
    from s1kit.nano.shipped import resolve_model
    from s1kit.search.scorers import layout_of

    for method in dict.fromkeys(setting.method for setting in wanted):
        scorer = method.scorer if isinstance(method, TreeMethod | VoteMethod) else None
        if scorer in (None, "oracle", "random", "length") or getattr(method, "layout", None) is not None:
            continue
        layout_of(resolve_model(scorer))


def _tell_dry(wanted: Sequence[Setting], questions: Sequence[Question], as_json: bool) -> None:
    facts = [
        {
            "method": s.name,
            "setting": s.label,
            "run": f"{s.run.model}, {s.run.format}, {s.run.phase}",
            "rows": len(questions) * (s.wanted.samples or 1) * getattr(s.wanted.policy, "width", 1),
        }
        for s in wanted
    ]
    if as_json:
        print_json({"questions": len(questions), "settings": facts})
        return
    for fact in facts:
        say("  ".join(map(str, fact.values())))


def _ensure(
    config: CompareConfig, key: RunKey, wanted: Sequence[Wanted], questions: Sequence[Question]
) -> list[RunDir]:
    """The finished and graded runs that hold what is wanted; what is missing is generated first."""
    from s1kit.cli.prepared import forcing
    from s1kit.cli.running import NON_OUTPUT, generate, open_run
    from s1kit.compare.folder import Now, finished, missing, run_config, unfinished
    from s1kit.engines.fingerprint import fingerprint
    from s1kit.evaluate import grade_run
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model

    spec = load_format(key.format).model_dump(mode="json")
    weights = Path(resolve_model(key.model))
    identity = fingerprint(weights) if weights.is_dir() else None
    now = Now(tuple(questions), identity, NON_OUTPUT)
    usable = finished(run_config(config, key, wanted), now)
    lacking = missing(wanted, usable, spec)
    if lacking:
        say(f"{key.model}, {key.phase}: {len(lacking)} of {len(wanted)} policies to generate", style="bold")
        run = run_config(config, key, lacking)
        begun = unfinished(run, now)
        prepared = forcing(run, lambda _: lacking, questions)
        made = generate(
            prepared,
            lambda: open_run(run, prepared, questions, "compare", begun is not None, begun),
            "run the same command to go on",
        )
        grade_run(made, config.grader)  # also where it has grades: failed rows have been made again since
        usable.append(made)
    for each in usable:
        if not any(name.startswith(f"{config.grader}@") for name in each.grade_files()):
            grade_run(each, config.grader)
    return usable


def _collected(
    key: RunKey, runs: Sequence[RunDir], wanted: Sequence[Wanted], questions: Sequence[Question], grader: str
) -> Collected:
    """The rows that are wanted: a run may hold those of methods that the recipe has no more."""
    from s1kit.compare.rows import collect
    from s1kit.compare.settings import identity
    from s1kit.formats import load_format

    spec = load_format(key.format).model_dump(mode="json")
    return collect(runs, questions, grader, {identity(each, spec) for each in wanted})


class _Scores:
    """A reward model's scores of the rows of a run; those of plain samples are made where they are missing."""

    def __init__(self, questions: Sequence[Question], rows: dict[RunKey, Collected], wanted: Sequence[Setting]) -> None:
        self.questions, self.rows, self.wanted = questions, rows, wanted
        self.known: dict[tuple[RunKey, str], dict[tuple[str, str, int], Score]] = {}

    def __call__(self, key: RunKey, scorer: str) -> dict[tuple[str, str, int], Score]:
        """(question, policy, sample) -> score."""
        from s1kit.store.scores import read_scores

        if (key, scorer) not in self.known:
            for setting in self.wanted:
                self._score(setting, key, scorer)
            paths = {rows.path for rows in self.rows[key].policies.values()}
            self.known[key, scorer] = {row: score for path in paths for row, score in read_scores(path, scorer).items()}
        return self.known[key, scorer]

    def _score(self, setting: Setting, key: RunKey, scorer: str) -> None:
        """Score the samples that a vote reads; a tree's scores came with its rows."""
        from s1kit.cli.scoring import score_samples
        from s1kit.compare.recipe import VoteMethod
        from s1kit.compare.result import scorer_of
        from s1kit.compare.settings import identity
        from s1kit.formats import load_format
        from s1kit.store.run import RunDir

        if setting.run != key or scorer_of(setting) != scorer or not isinstance(setting.method, VoteMethod):
            return
        policy = identity(setting.wanted, load_format(key.format).model_dump(mode="json"))
        path = self.rows[key].policies[policy].path
        score_samples(RunDir.open(path), policy, setting.method, key.model, key.format, self.questions)


def _write(found: Comparison, folder: Path) -> None:
    """``compare.json``, ``compare.md`` and the pictures."""
    import json

    from s1kit.compare.text import frontier_grid, ledger_grid, markdown, method_grid, pair_lines, point_grid
    from s1kit.report.frontier import composition_picture, frontier_picture
    from s1kit.store.files import write_atomic

    write_atomic(folder / "compare.json", json.dumps(found.model_dump(mode="json"), indent=1) + "\n")
    parts = [f"# {found.name}: {found.benchmark}, {found.n_questions} questions"]
    parts += ["## Methods", markdown(method_grid(found.methods)), "## Settings", markdown(point_grid(found.settings))]
    parts += ["## At equal tokens", "\n".join(f"- {line}" for line in pair_lines(found.tokens))]
    parts += ["## At equal seconds", "\n".join(f"- {line}" for line in pair_lines(found.seconds))]
    parts += ["## Frontier", markdown(frontier_grid(found.frontier))]
    if found.ledger:
        parts += ["## What each extension changed", markdown(ledger_grid(found.ledger))]
    pictures = {
        "frontier-tokens": frontier_picture(found.settings, found.frontier),
        "frontier-seconds": frontier_picture(found.settings, found.frontier_seconds),
        "tokens-by-kind": composition_picture(found.settings),
    }
    for name, picture in pictures.items():
        if picture is not None:
            write_atomic(folder / f"{name}.svg", picture.svg())
            (folder / f"{name}.png").write_bytes(picture.png())
            parts.append(f"![{name.replace('-', ' ')}]({name}.png)")
    if found.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in found.notes)]
    write_atomic(folder / "compare.md", "\n\n".join(parts) + "\n")


def _tell(found: Comparison) -> None:
    """Tables for people."""
    import sys

    from s1kit.compare.text import frontier_grid, ledger_grid, method_grid, pair_lines, point_grid, terminal

    console = people() if not sys.stdout.isatty() else data_console()
    for grid in (method_grid(found.methods), point_grid(found.settings), frontier_grid(found.frontier)):
        console.print(terminal(grid))
    for line in pair_lines(found.tokens):
        console.print(line, markup=False, highlight=False)
    if found.ledger:
        console.print(terminal(ledger_grid(found.ledger)))
    saved = 1 - found.shared.generated / found.shared.alone if found.shared.alone else 0.0
    console.print(
        f"{found.shared.generated:,} tokens generated; every setting by itself: {found.shared.alone:,} "
        f"({100 * saved:.0f}% saved)"
    )
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
