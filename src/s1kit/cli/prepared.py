"""What an engine needs before the first question: opened, tried out, policies resolved, prompts rendered.

Knows both kinds of engine: those that continue tokens, and chat endpoints. Refuses to generate: it hands out the
function that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s1kit.cli.console import hint, say

if TYPE_CHECKING:
    from s1kit.compare.recipe import CompareRun
    from s1kit.config import EvalConfig, SweepConfig
    from s1kit.engines.base import Engine
    from s1kit.engines.probe import Finding
    from s1kit.engines.settings import EngineConfig
    from s1kit.evaluate import Job, Point, Progress
    from s1kit.formats import ResolvedFormat
    from s1kit.search.reward import Scorer
    from s1kit.store.run import RunDir
    from s1kit.tokenizer import Tokenizer
    from s1kit.types import EngineInfo, Question


@dataclass(frozen=True, slots=True)
class Prepared:
    """An open engine, and everything that is decided before the first question."""

    engine: EngineInfo
    inputs: dict[str, str]
    """What a resumed run has to find unchanged: name -> identity."""
    policies: dict[str, dict[str, Any]]
    """The manifest's."""
    findings: Sequence[Finding]
    """What the engine was found to honour; empty for a chat endpoint, of which nothing is asked."""
    size: int
    facts: dict[str, Any]
    """What a dry run tells."""
    generate: Callable[[RunDir, Progress], None]
    close: Callable[[], None]


def forcing(
    config: EvalConfig | SweepConfig | CompareRun, points: Callable[..., Any], questions: Sequence[Question]
) -> Prepared:
    """An engine that continues tokens, tried out first: a policy that needs what it does not honour is refused."""
    from s1kit.engines.fingerprint import fingerprint
    from s1kit.evaluate import describe, prepare
    from s1kit.evaluate_search import searches
    from s1kit.formats import load_format
    from s1kit.nano.shipped import resolve_model
    from s1kit.search.scorers import Opening, open_scorers

    engine, tokenizer = opened(config.engine, config.model, trees=_grows_trees(config))
    try:
        fmt = load_format(config.format).resolve(tokenizer)
        info, findings = tried(engine, fmt)
        policies = points(fmt.spec.model_dump(mode="json"))
        job = prepare(questions, policies, fmt, info, samples=config.samples, seed=config.seed, system=config.system)
        scorers = open_scorers(searches(job), Opening(questions, resolve_model))
    except BaseException:
        engine.close()
        raise
    folder = Path(resolve_model(config.model))
    identity = fingerprint(folder) if folder.is_dir() else info.revision or info.model
    return Prepared(
        engine=info,
        inputs={"tokenizer": fmt.tokenizer.hash, "model": identity, **_weights(job)},
        policies=describe(job),
        findings=findings,
        size=job.size,
        facts=_extent(job),
        generate=lambda run, progress: _carry_out(job, engine, run, progress, scorers),
        close=engine.close,
    )


def _weights(job: Job) -> dict[str, str]:
    """The weights of the reward models that a job's trees read."""
    from s1kit.evaluate_scores import weights_of
    from s1kit.evaluate_search import searches

    found = {policy.scorer: weights_of(policy.scorer) for policy in searches(job)}
    return {f"scorer:{name}": weights for name, weights in found.items() if weights is not None}


def _carry_out(job: Job, engine: Engine, run: RunDir, progress: Progress, scorers: Mapping[str, Scorer]) -> None:
    """Every thought of a job, then its trees."""
    from s1kit.evaluate import execute
    from s1kit.evaluate_search import execute_searches

    execute(job, engine, run, progress)
    if scorers:
        execute_searches(job, engine, run, progress, scorers)


def _grows_trees(config: EvalConfig | SweepConfig | CompareRun) -> bool:
    from s1kit.policies import TreeSearch

    given = getattr(config, "policies", ())
    return any(isinstance(getattr(each, "policy", each), TreeSearch) for each in given)


def opened(config: EngineConfig, model: str, *, trees: bool = False) -> tuple[Engine, Tokenizer]:
    """The engine that a config names, and its model's tokenizer; says that it loads, which may take a while.

    ``trees``: room in the cache for as many finished steps as there are slots, which wait for the rest of their depth.
    """
    from s1kit.engines.open import open_engine
    from s1kit.nano.shipped import resolve_model

    say(f"loading {model} ..." if config.url is None else f"asking {config.url} ...", style="dim")
    options = config.model_dump(exclude={"kind"})
    options["spare"] = config.slots if trees else None
    options["served"] = config.served or model  # as it was typed: nano's folder is no name that a server knows
    if config.tokenizer is not None:
        options["tokenizer"] = resolve_model(config.tokenizer)
    return open_engine(config.kind, resolve_model(model), **options)


def tried(engine: Engine, fmt: ResolvedFormat) -> tuple[EngineInfo, Sequence[Finding]]:
    """What the engine claims without what it was found not to honour, and the findings; tells what does not hold.

    Raises EngineError where no policy could keep its budget.
    """
    from s1kit.engines.base import EngineError
    from s1kit.engines.probe import corrected, ends_of, quick, refusal

    prompt, opening = fmt.render([{"role": "user", "content": "How many r in raspberry?"}])
    findings = quick(engine, prompt + opening, ends_of(fmt))
    for finding in findings:
        if finding.verdict == "wrong":
            say(f"{engine.info.name}: {finding.probe.replace('_', ' ')}: {finding.detail}", style="yellow")
            hint(finding.hint)
    if (reason := refusal(findings)) is not None:
        raise EngineError(reason)
    return corrected(engine.info, findings), findings


def chatting(config: EvalConfig | SweepConfig, points: Callable[..., Any], questions: Sequence[Question]) -> Prepared:
    """A chat endpoint: its own budgets only."""
    from s1kit.engines.chat import ChatEngine
    from s1kit.evaluate_chat import describe_chat, execute_chat, prepare_chat
    from s1kit.wire.peer import Patience

    job = prepare_chat(questions, points({}), samples=config.samples, seed=config.seed, system=config.system)
    served = config.engine.served or config.model
    engine = ChatEngine(
        served,
        url=config.engine.url,
        slots=config.engine.slots,
        api_key_env=config.engine.api_key_env or "OPENAI_API_KEY",
        patience=Patience(silence=config.engine.timeout, longest=config.engine.longest, tries=config.engine.tries),
    )
    return Prepared(
        engine=engine.info,
        inputs={"model": served},
        policies=describe_chat(job),
        findings=(),
        size=job.size,
        facts={
            "questions": len(questions),
            "policies": list(describe_chat(job)),
            "samples": job.samples,
            "generations": job.size,
        },
        generate=lambda run, progress: execute_chat(job, engine, run, progress),
        close=engine.close,
    )


def _extent(job: Job) -> dict[str, Any]:
    from s1kit.policies import Bounded, Rejection, TreeSearch

    def most(point: Point) -> int:
        plan, policy, rows = (
            point.plan,
            point.policy,
            [r for r in job.rows_of(point).values() if r.sample < point.samples],
        )
        if not isinstance(policy, Bounded):
            return sum(max(0, plan.room(r)) for r in rows)
        times = policy.tries if isinstance(policy, Rejection) else 1
        times = policy.width if isinstance(policy, TreeSearch) else times
        return times * sum(min(plan.room(r), policy.max_thinking or plan.room(r)) + policy.max_answer for r in rows)

    return {
        "questions": len(job.questions),
        "policies": [p.plan.policy_id for p in job.points],
        "samples": max(p.samples for p in job.points),
        "generations": job.size,
        "longest_prompt": max(len(r.prompt_ids) + len(r.open_ids) for rows in job.rows.values() for r in rows.values()),
        "at_most_tokens_if_run_separately": sum(most(p) for p in job.points),
    }
