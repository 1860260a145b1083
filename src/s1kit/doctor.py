"""What a user should know of an engine before trusting it: what it honours, and whether its rows keep the rules.

Knows the probes, the comparison of ways of running, and the rules that stored rows are held to. Refuses to repair: it
says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from s1kit.engines.base import Chunk, Engine, Request
from s1kit.evaluate import Job, describe, prepare, role_of, with_text
from s1kit.forcing.check import PolicyError
from s1kit.forcing.conformance import load, run
from s1kit.forcing.determinism import Compared, compare
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.owed import owed
from s1kit.forcing.replay import ReplayError, replay
from s1kit.formats import ResolvedFormat
from s1kit.grading.grader import grade_all
from s1kit.policies import BudgetForcing, Sampling, Unforced
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.types import EngineInfo, Generation, Question, Record

POLICIES: tuple[BudgetForcing | Unforced, ...] = (
    BudgetForcing(max_thinking=0, max_answer=16),
    BudgetForcing(max_thinking=16, max_answer=16),
    BudgetForcing(max_answer=16),
    BudgetForcing(extensions=1, max_answer=16),
    BudgetForcing(min_thinking=48, max_thinking=96, max_answer=16),
    Unforced(max_tokens=128),
)
"""Both sides of budget forcing, the natural end, and no forcing at all."""


SHOWN = 10
"""Broken rules that are kept in words."""
Tell = Callable[[str], None]


class Vectors(Record):
    """Whether this installation's state machine keeps the published vectors: no engine takes part."""

    total: int
    """0 where the vectors are not installed."""
    broken: tuple[str, ...]
    """``name: difference``."""


class Kept(Record):
    """Whether the rows of one policy keep the rules, and whether the engine kept its word on every request."""

    policy: str
    rows: int
    requests: int = 0
    broken: tuple[str, ...]
    """What was wrong, at most ten; empty where every row keeps every rule."""
    refused: str | None = None
    """Why the policy cannot run on this engine at all."""


class Spread(Record):
    """Accuracy under one way of running: equal for all where the engine is deterministic."""

    setting: str
    accuracy: float
    """Per cent of the questions with a reference answer."""


def vectors(folder: Path | None = None) -> Vectors:
    """Run the forcing vectors (``conformance/README.md``) through the machine that every engine is driven by.

    A vector scripts what the model says, which no real engine can be made to say: ``rules_kept`` is the engine's half.
    """
    own = Path(__file__).parent / "conformance"
    found = folder or (own if own.is_dir() else Path(__file__).parents[2] / "conformance")
    every = load(found) if found.is_dir() else []
    return Vectors(total=len(every), broken=tuple(f"{v.name}: {said}" for v in every for said in run(v)))


def rules_kept(
    engine: Engine,
    fmt: ResolvedFormat,
    questions: Sequence[Question],
    *,
    info: EngineInfo | None = None,
    tell: Tell = lambda _: None,
) -> list[Kept]:
    """Six policies over ``questions``, greedy: every request against what an engine owes it, every row against every
    rule, and made again from its own record. ``info``: what the engine was found to honour (default: what it claims).
    """
    kept = []
    for policy in POLICIES:
        tell(policy.slug())
        try:
            job = prepare(questions, [(policy, role_of(policy), Sampling())], fmt, info or engine.info)
        except PolicyError as error:
            kept.append(Kept(policy=policy.slug(), rows=0, broken=(), refused=str(error).splitlines()[0]))
            continue
        [point] = job.points
        rows, requests, broken = _rows(job, engine)
        broken += [message for row in rows for message in _wrong(job, row)]
        label = point.plan.label
        kept.append(Kept(policy=label, rows=len(rows), requests=requests, broken=tuple(broken[:SHOWN])))
    return kept


def determinism(
    engine: Engine,
    fmt: ResolvedFormat,
    questions: Sequence[Question],
    *,
    info: EngineInfo | None = None,
    others: Mapping[str, Callable[[], Engine]] | None = None,
    tell: Tell = lambda _: None,
) -> tuple[list[Compared], list[Spread]]:
    """Natural stopping over ``questions`` in every way of running, against one at a time, with the accuracy of each.

    ``others``: engines that have to agree, made when their turn comes, last. Raises PolicyError where thinking cannot
    be controlled here.
    """
    known_of = info or engine.info
    job = prepare(questions, [(BudgetForcing(max_answer=64), "natural", Sampling())], fmt, known_of)
    [point] = job.points
    rows = [job.rows_of(point)[q.id, 0] for q in questions]
    compared, found = compare(engine, point.plan, rows, others=others, logprobs=known_of.logprobs, tell=tell)
    known = [q for q in questions if q.answer is not None]
    return compared, [Spread(setting=name, accuracy=_accuracy(known, made, fmt)) for name, made in found.items()]


def _rows(job: Job, engine: Engine) -> tuple[list[Generation], int, list[str]]:
    """The rows of a job of one policy, how many requests they took, and what the engine owed and did not give."""
    [point] = job.points
    wrong: list[str] = []
    requests: set[str] = set()

    def watch(request: Request, chunk: Chunk) -> None:
        requests.add(request.id)
        wrong.extend(f"request {request.id}: {said}" for said in owed(request, chunk, engine.info))

    machines = (machine(point.plan, row) for row in job.rows_of(point).values())
    return list(drive(machines, engine, watch=watch)), len(requests), wrong


def _wrong(job: Job, row: Generation) -> list[str]:
    """What is wrong with one row, in words that name its question."""
    if row.error is not None:
        return [f"{row.question_id}: {row.error}"]
    [point] = job.points
    terms = Terms.of(describe(job)[point.plan.policy_id])
    found = [f"{row.question_id}: {name}: {said}" for name, rule in ROW_RULES.items() for said in rule(row, terms)]
    if row.token_ids is None:
        return found
    try:
        replay(point.plan, job.rows_of(point)[row.question_id, row.sample], row)
    except ReplayError as error:
        found.append(f"{row.question_id}: {error}")
    return found


def _accuracy(questions: Sequence[Question], made: Sequence[Generation], fmt: ResolvedFormat) -> float:
    by_question = {g.question_id: with_text(g, fmt.tokenizer.decode) for g in made}
    grades = grade_all(list(questions), [by_question[q.id] for q in questions], workers=1)
    return 100 * sum(g.verdict == "correct" for g in grades) / max(1, len(questions))
