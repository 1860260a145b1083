"""Evaluation over a shared sweep: nothing is generated twice, not even across sessions, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from s1kit.engines.base import Chunk
from s1kit.engines.scripted import ScriptedEngine
from s1kit.evaluate import Job, Progress, describe, execute, prepare, role_of
from s1kit.forcing.check import PolicyError
from s1kit.forcing.plan import Row
from s1kit.forcing.replay import ReplayError, replay
from s1kit.formats import load_format
from s1kit.metrics.points import bounds
from s1kit.policies import Ask, BudgetForcing, Sampling, Unforced
from s1kit.store.run import RunDir
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation, Question, Role

QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(6)]


def engine_of(tokenizer: Tokenizer) -> ScriptedEngine:
    ends = {i: 0.06 for t in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(t)) is not None}
    return ScriptedEngine.random(4, stops=ends, vocab_size=tokenizer.vocab_size, context_len=400, slots=4)


def job_of(tokenizer: Tokenizer, engine: ScriptedEngine, temperature: float = 0.0) -> Job:
    fmt = load_format("s1").resolve(tokenizer)
    sampling = Sampling(temperature=temperature)
    policies: list[BudgetForcing | Unforced] = [BudgetForcing(extensions=n, max_answer=8) for n in (2, 1, 0)]
    policies += [BudgetForcing(max_thinking=b, max_answer=8) for b in (30, 9, 3)]
    policies += [BudgetForcing(ask=Ask(unit="tokens", limit=16), max_answer=8)]
    points: list[tuple[BudgetForcing | Unforced, Role, Sampling]] = [(p, role_of(p), sampling) for p in policies]
    first = prepare(QUESTIONS[:1], points, fmt, engine.info).points[1].plan.policy_id
    points.append((BudgetForcing(equal_to=first, max_answer=8), "fresh", Sampling(temperature=1.0)))
    return prepare(QUESTIONS, points, fmt, engine.info, samples=2, seed=3)


def new_run(root: Path, job: Job) -> RunDir:
    return RunDir.create(
        root, "sweep", "test", config_resolved={"a": 1}, questions=list(job.questions), policies=describe(job)
    )


def kept(run: RunDir) -> dict[tuple[str, str, int], Generation]:
    return {
        g.key: g.model_copy(update={"engine_ms": 0.0, "n_paid": 0, "n_paid_thinking": 0}) for g in run.generations()
    }


@pytest.fixture
def tokenizer(tiny_model: Path) -> Tokenizer:
    return Tokenizer.load(tiny_model)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_sharing_prefixes_changes_no_row_and_pays_the_longest_trace_once(
    tokenizer: Tokenizer, tmp_path: Path, temperature: float
) -> None:
    rows = {}
    for share in (True, False):
        engine = engine_of(tokenizer)
        job = job_of(tokenizer, engine, temperature)
        with new_run(tmp_path / str(share), job) as run:
            execute(job, engine, run, Progress(job.size), share=share)
            rows[share] = kept(run)
            if share:
                stored = list(run.generations())
            run.finish()
    assert rows[True] == rows[False]
    apart = {p.plan.policy_id for p in job.points if p.role == "fresh" or p.policy.ask}
    for question in job.questions:
        for sample in range(2):
            own = [g for g in stored if (g.question_id, g.sample) == (question.id, sample) and g.policy_id not in apart]
            assert sum(g.n_paid_thinking for g in own) == max(g.n_thinking_model for g in own)


def test_a_fresh_sample_thinks_no_longer_than_the_row_it_is_held_against(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    with new_run(tmp_path, job) as run:
        execute(job, engine, run, Progress(job.size))
        rows = kept(run)
    [fresh] = [p for p in job.points if p.role == "fresh"]
    assert isinstance(fresh.policy, BudgetForcing)
    assert fresh.policy.equal_to is not None
    lengths = []
    for (question, policy, sample), g in rows.items():
        if policy == fresh.plan.policy_id:
            limit = rows[question, fresh.policy.equal_to, sample].n_thinking
            assert g.n_thinking <= limit
            assert (g.ended == "cutoff") == (g.n_thinking == limit)
            lengths.append(g.n_thinking == limit)
    assert any(lengths)
    assert not all(lengths)


def test_a_resumed_sweep_pays_for_no_token_twice(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    with new_run(tmp_path / "whole", job) as run:
        execute(job, engine, run, Progress(job.size))
        whole = {g.key: g for g in run.generations()}
        wanted = kept(run)
    half = [g for key, g in sorted(whole.items()) if not key[1].startswith("bf-equal")][::2]
    again = engine_of(tokenizer)
    with new_run(tmp_path / "half", job) as run:
        run.append_many(half)
        execute(job, again, run, Progress(job.size))
        assert kept(run) == wanted
        added = [g for g in run.generations() if g.key not in {h.key for h in half}]
    asked = {p.plan.policy_id for p in job.points if p.policy.ask}
    longest_known: dict[tuple[str, int, bool], int] = {}
    for g in half:
        key = (g.question_id, g.sample, g.policy_id in asked)
        longest_known[key] = max(longest_known.get(key, 0), g.n_thinking_model)
    added = [g for g in added if not g.policy_id.startswith("bf-equal")]
    for key in product((q.id for q in job.questions), range(2), (False, True)):  # a prompt that asks shares nothing
        own = [g for g in added if (g.question_id, g.sample, g.policy_id in asked) == key]
        if own:
            most = max(g.n_thinking_model for g in own)
            assert sum(g.n_paid_thinking for g in own) == max(0, most - longest_known.get(key, 0))


class Failing(ScriptedEngine):
    """Fails every request of one kind, as an engine does that runs out of memory."""

    fails = True

    def collect(self) -> list[Chunk]:
        def broken(chunk: Chunk) -> bool:
            return self.fails and chunk.finish is not None and len(chunk.tokens) > 12

        return [
            replace(c, tokens=c.tokens[:3], finish="error", stop_id=None, error="out of memory") if broken(c) else c
            for c in super().collect()
        ]


def test_a_row_held_against_a_failed_one_fails_too_and_both_are_made_again(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    good = engine_of(tokenizer)
    job = job_of(tokenizer, good)
    with new_run(tmp_path / "good", job) as run:
        execute(job, good, run, Progress(job.size))
        wanted = kept(run)
    ends = {i: 0.06 for t in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(t)) is not None}
    bad = Failing.random(4, stops=ends, vocab_size=tokenizer.vocab_size, context_len=400, slots=4)
    with new_run(tmp_path / "bad", job) as run:
        execute(job, bad, run, Progress(job.size), share=False)
        rows = kept(run)
        run.finish()
    [fresh] = [p for p in job.points if p.role == "fresh"]
    assert isinstance(fresh.policy, BudgetForcing)
    assert fresh.policy.equal_to is not None
    held = {(q, s): g.error for (q, policy, s), g in rows.items() if policy == fresh.policy.equal_to}
    assert any(held.values())
    for (question, policy, sample), g in rows.items():
        if policy == fresh.plan.policy_id and held[question, sample]:
            assert g.error == f"the row of {fresh.policy.equal_to} that it refers to failed"
    run, notes = RunDir.resume(tmp_path / "bad", {"a": 1})
    assert any("made again" in note for note in notes)
    with run:
        execute(job, good, run, Progress(job.size))
        assert kept(run) == wanted


def test_a_reference_to_a_policy_that_is_not_there_is_refused_before_anything_is_paid(tokenizer: Tokenizer) -> None:
    engine = engine_of(tokenizer)
    point: tuple[BudgetForcing, Role, Sampling] = (BudgetForcing(equal_to="bf-nope-1"), "fresh", Sampling())
    with pytest.raises(PolicyError, match="refers to 'bf-nope-1', which this run does not have"):
        prepare(QUESTIONS, [point], load_format("s1").resolve(tokenizer), engine.info)


def test_where_draws_depend_on_the_batch_no_prefix_is_shared(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    engine.info = engine.info.model_copy(update={"crn": False})
    job = job_of(tokenizer, engine, temperature=1.0)
    with new_run(tmp_path, job) as run:
        execute(job, engine, run, Progress(job.size))
        assert all(g.n_paid_thinking == g.n_thinking_model for g in run.generations())


def test_a_run_with_the_reference_s_quirks_can_be_resumed(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    quirky = BudgetForcing(max_thinking=25, extensions=3, max_answer=8, compat="s1")
    points: list[tuple[BudgetForcing | Unforced, Role, Sampling]] = [(quirky, "extension", Sampling())]
    job = prepare(QUESTIONS, points, load_format("s1").resolve(tokenizer), engine.info, seed=3)
    with new_run(tmp_path / "whole", job) as run:
        execute(job, engine, run, Progress(job.size))
        wanted, rows = kept(run), list(run.generations())
    with new_run(tmp_path / "half", job) as run:
        run.append_many(rows[:3])
        execute(job, engine_of(tokenizer), run, Progress(job.size))
        assert kept(run) == wanted


def test_replay_makes_every_record_again(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    with new_run(tmp_path, job) as run:
        execute(job, engine, run, Progress(job.size))
        rows = list(run.generations())
    plans = {p.plan.policy_id: p.plan for p in job.points if p.role != "fresh"}
    for g in rows:
        if g.policy_id in plans:
            row = job.rows_of(next(p for p in job.points if p.plan.policy_id == g.policy_id))[g.question_id, g.sample]
            pairs = replay(plans[g.policy_id], row, g)
            assert sum(len(chunk.tokens) for _, chunk in pairs) == sum(
                s.end - s.start for s in g.segments if s.origin == "model"
            )


def test_replay_refuses_a_forged_record(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    with new_run(tmp_path, job) as run:
        execute(job, engine, run, Progress(job.size))
        victim = next(g for g in run.generations() if g.ended == "model" and g.token_ids and g.n_answer)
    plan = next(p.plan for p in job.points if p.plan.policy_id == victim.policy_id)
    row: Row = job.rows_of(job.points[0])[victim.question_id, victim.sample]
    with pytest.raises(ReplayError):
        replay(plan, row, victim.model_copy(update={"ended": "cutoff"}))


def test_rows_that_do_not_fit_are_named_before_the_first_request(tokenizer: Tokenizer) -> None:
    engine = engine_of(tokenizer)
    fmt = load_format("s1").resolve(tokenizer)
    point: tuple[BudgetForcing, Role, Sampling] = (BudgetForcing(max_thinking=390, max_answer=8), "budget", Sampling())
    with pytest.raises(PolicyError, match=QUESTIONS[0].id):
        prepare(QUESTIONS, [point], fmt, engine.info)
    assert not engine.submitted


def test_a_prompt_that_asks_is_another_prompt_and_a_maximum_to_be_measured_against(tokenizer: Tokenizer) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    asked = next(p for p in job.points if p.policy.ask)
    plain = job.points[0]
    for key, row in job.rows_of(asked).items():
        assert "Think for up to 16 tokens." in tokenizer.decode(row.prompt_ids)
        assert row.prompt_ids != job.rows_of(plain)[key].prompt_ids
        assert row.seed == job.rows_of(plain)[key].seed
    assert bounds(describe(job)[asked.plan.policy_id]["policy"]) == (None, 16)
    assert (asked.role, plain.role) == ("budget", "extension")
