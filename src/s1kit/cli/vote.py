"""``s1 vote``: majority, best-of-N and their like over the samples that a run has stored.

Knows its flags. Nothing is generated: a k beyond the stored samples is refused. Rules are ``s1kit.compare.votes``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from s1kit.cli import options as o
from s1kit.cli.console import data_console, people, print_json

if TYPE_CHECKING:
    from s1kit.compare.point import MethodPoint
    from s1kit.compare.rows import Collected
    from s1kit.store.run import RunDir


def vote(
    run: Annotated[Path, typer.Argument(help="A graded run with several samples per question (s1 eval --samples 16).")],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="majority (default), weighted, best_of_n, shortest_majority, short_m, pass_at_k, adaptive, "
            "confidence, online; repeat for several."
        ),
    ] = None,
    k: Annotated[list[int] | None, typer.Option(help="Samples per vote (repeat); default: powers of two.")] = None,
    scorer: Annotated[
        str | None,
        typer.Option(help="Of weighted and best_of_n: oracle, random, length, nano-prm, a folder."),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="How that model is asked, where its folder does not say.")] = None,
    grader: Annotated[str, typer.Option(help="Whose verdicts count.")] = "default",
    sets: o.Sets = None,
    as_json: o.Json = False,
) -> None:
    """Vote over stored samples, for every policy of the run that has more than one; expected over all subsets of k."""
    from s1kit.compare.recipe import VoteMethod
    from s1kit.compare.rows import collect
    from s1kit.compare.table import point_rows
    from s1kit.compare.text import point_grid, terminal
    from s1kit.config import ConfigError, parse_set, validate
    from s1kit.store.run import RunDir

    opened = RunDir.open(run)
    held = collect([opened], list(opened.questions()), grader)
    stored = {name: min(map(len, rows.by_question.values())) for name, rows in held.policies.items()}
    trees = {name for name, entry in opened.manifest.policies.items() if entry["policy"]["kind"] == "tree_search"}
    several = {name: count for name, count in stored.items() if count > 1 and name not in trees}
    if not several:
        what = "leaves of trees, which s1 compare aggregates" if trees else "one sample per question"
        raise ConfigError(f"{run} has {what}\nhint: s1 eval --samples 16 --temperature 1 makes samples to vote over")
    points: list[MethodPoint] = []
    for name in rule or ["majority"]:
        weighs = name in ("weighted", "best_of_n")
        content: dict[str, Any] = {"method": "vote", "rule": name, "layout": layout if weighs else None}
        content |= {"scorer": scorer if weighs else None, **dict(map(parse_set, sets or ()))}
        for policy, count in several.items():
            asked = k or [1 << i for i in range(count.bit_length())]
            if beyond := [each for each in asked if each > count]:
                raise ConfigError(
                    f"k = {beyond[0]} is more than the {count} samples per question that {run} has\n"
                    f"hint: s1 eval --samples {beyond[0]} makes so many"
                )
            method = validate(VoteMethod, {**content, "k": asked}, "the command line")
            points += _points(method, policy, count, held, opened, many=len(several) > 1)
    if as_json:
        print_json({"run": str(run), "points": [point.model_dump(mode="json") for point in points]})
        return
    console = data_console() if points else people()
    console.print(terminal(point_grid(point_rows(points))))
    for note in dict.fromkeys(point.note for point in points if point.note):
        console.print(f"note: {note}", markup=False)


def _points(method: Any, policy: str, count: int, held: Collected, run: RunDir, *, many: bool) -> list[MethodPoint]:
    """The rule at every k over one policy's samples."""
    from pydantic import TypeAdapter

    from s1kit.cli.scoring import score_samples
    from s1kit.compare.outcomes import point_of
    from s1kit.compare.recipe import name_of
    from s1kit.compare.settings import RunKey, Setting
    from s1kit.evaluate import Wanted
    from s1kit.evaluate_scores import stored_name
    from s1kit.grading.pool import MathVerifyPool
    from s1kit.policies import AnyPolicy, Forced, Policy, Sampling
    from s1kit.store.scores import read_scores

    entry = run.manifest.policies[policy]
    config = run.manifest.config
    known: Any = {}
    if method.scorer is not None:
        score_samples(run, policy, method, str(config["model"]), str(config["format"]), held.questions)
        known = read_scores(run.path, stored_name(method.scorer, method.layout, method.steps))
    # whatever drew the samples, a native budget too: only their bounds are read from now on
    asked = cast("Forced", TypeAdapter[AnyPolicy](Policy).validate_python(entry["policy"]))
    wanted = Wanted(asked, "other", Sampling(**entry["sampling"]), count)
    if many:  # two policies of one run: their names tell the votes apart
        method = method.model_copy(update={"name": f"{name_of(method)}, {entry['label']}"})
    with MathVerifyPool(1) as pool:
        return [
            point_of(
                Setting(method, f"k = {k}", k, RunKey("", "", ""), wanted, k=k),
                held.policies[policy],
                held.questions,
                known,
                pool,
            )
            for k in method.k
        ]
