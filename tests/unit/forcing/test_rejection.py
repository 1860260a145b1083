"""Rejection sampling draws plain samples until one is short enough, and counts what the others cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1kit.engines.base import Chunk
from s1kit.engines.scripted import ScriptedEngine
from s1kit.evaluate import Job, Progress, describe, execute, grade_run, prepare
from s1kit.forcing.check import PolicyError
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.rejection import try_seed
from s1kit.forcing.sweep import SweepEngine
from s1kit.forcing.tape import Machine
from s1kit.formats import BUILT_IN
from s1kit.policies import BudgetForcing, Rejection, Sampling
from s1kit.store.rules import ROW_RULES, Terms
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation, Question
from unit.byte_level import tokenizer
from unit.forcing.cases import CASES, RESOLVED, STOPS, VOCAB, outputs

WARM = Sampling(temperature=1.0)
CONTEXT = 60


def engine(model: int = 0, form: str = "one id", **options: int | bool) -> ScriptedEngine:
    return ScriptedEngine.random(model, stops=STOPS[form], **{"vocab_size": VOCAB, "context_len": CONTEXT, **options})


def plan(over: ScriptedEngine, limit: int, form: str = "one id", **rest: object) -> Plan:
    policy = Rejection.model_validate({"max_thinking": limit, "max_answer": 4, **rest})
    return Plan.make(policy, RESOLVED[form], WARM, over.info)


def plain(over: ScriptedEngine, form: str = "one id") -> Plan:
    return Plan.make(BudgetForcing(max_answer=4), RESOLVED[form], WARM, over.info)


def row(number: int = 0, seed: int = 0, form: str = "one id") -> Row:
    return Row(f"q{number}", (1, number), RESOLVED[form].open, seed=seed)


def run_all(machines: Iterable[Machine], over: ScriptedEngine, **options: int) -> list[Generation]:
    return list(drive(machines, over, **options))


def drawn_plainly(over: ScriptedEngine, at: Row, form: str, tries: int) -> list[Generation]:
    """What the tries of a row would be: plain samples with their seeds, in order."""
    return [
        run_all([machine(plain(over, form), replace(at, seed=try_seed(at.seed, k)))], over)[0] for k in range(tries)
    ]


@CASES
@given(
    model=st.integers(0, 9999),
    limit=st.integers(1, 9),
    tries=st.integers(1, 6),
    form=st.sampled_from(sorted(RESOLVED)),
    seed=st.integers(0, 9),
)
def test_it_is_the_first_plain_sample_that_is_short_enough(
    model: int, limit: int, tries: int, form: str, seed: int
) -> None:
    over, at = engine(model, form), row(seed=seed, form=form)
    [got] = run_all([machine(plan(over, limit, form, tries=tries), at)], over)
    samples = drawn_plainly(over, at, form, tries)
    short = [k for k, g in enumerate(samples) if g.ended == "model" and g.n_thinking <= limit]
    assert got.tries == (short[0] + 1 if short else tries)
    last = samples[got.tries - 1]
    if short:
        same = ("token_ids", "segments", "ended", "answer_ended", "n_thinking_model", "n_answer")
        assert [getattr(got, name) for name in same] == [getattr(last, name) for name in same]
    else:
        assert (got.ended, got.answer_ended, got.n_answer) == ("unmet", None, 0)
        assert got.n_thinking == limit + 1
        assert last.token_ids is not None
        assert got.token_ids == last.token_ids[: len(got.token_ids)]
    assert got.n_paid == got.n_thinking_model + got.n_answer + got.n_discarded
    assert got.n_paid_thinking == got.n_thinking_model + got.n_discarded
    assert got.n_discarded >= (got.tries - 1) * (limit + 1)
    stops = RESOLVED[form].think_stop_ids, RESOLVED[form].think_stop_seqs
    terms = Terms(plan(over, limit, form, tries=tries).policy, frozenset(stops[0]), stops[1])
    assert [m for rule in ROW_RULES.values() for m in rule(got, terms)] == []


def test_a_first_try_that_fits_is_the_plain_sample_and_costs_nothing_more() -> None:
    over = engine(3)
    got = {g.question_id: g for g in run_all((machine(plan(over, 4), row(n)) for n in range(20)), over)}
    at_once = [g for g in got.values() if g.tries == 1]
    assert 3 <= len(at_once) < 20
    same = {g.question_id: g for g in run_all((machine(plain(over), row(n)) for n in range(20)), over)}
    for g in at_once:
        assert g.model_copy(update={"policy_id": "", "engine_ms": 0.0}) == same[g.question_id].model_copy(
            update={"policy_id": "", "engine_ms": 0.0}
        )
    again = [g for g in got.values() if g.tries > 1 and g.ended == "model"]
    assert again
    assert all(g.token_ids != same[g.question_id].token_ids for g in again)


def test_requests_of_all_tries_have_their_own_ids_and_no_try_continues_another() -> None:
    over = engine(3)
    generations = run_all((machine(plan(over, 3), row(n)) for n in range(8)), over)
    assert max(g.tries for g in generations) > 2
    names = Counter(r.id for r in over.submitted)
    assert set(names.values()) == {1}
    by_id = {r.id: r for r in over.submitted}
    for request in over.submitted:
        if request.continues is not None:
            before = by_id[request.continues]
            assert request.sampling == before.sampling
            assert request.prompt_ids[: len(before.prompt_ids)] == before.prompt_ids
            assert len(request.prompt_ids) > len(before.prompt_ids)
    answers = [r for r in over.submitted if r.continues]
    assert len(answers) == sum(g.ended == "model" for g in generations)


def test_a_limit_that_no_sample_meets_ends_after_its_tries_without_an_answer() -> None:
    over = ScriptedEngine(lambda context, request: 1 + len(context) % 9, vocab_size=VOCAB, context_len=CONTEXT)
    [got] = run_all([machine(plan(over, 1, tries=5), row())], over)
    assert (got.ended, got.tries, got.n_thinking, got.n_discarded, got.n_answer) == ("unmet", 5, 2, 8, 0)
    assert (got.n_paid, got.error, got.answer_ended) == (10, None, None)
    assert [s.why for s in got.segments] == ["open", "think"]
    assert len({r.sampling.seed for r in over.submitted}) == 5


@pytest.mark.parametrize("form", sorted(RESOLVED))
def test_limits_in_one_sweep_share_their_tries_and_equal_separate_runs(form: str) -> None:
    over = engine(5, form, slots=4)
    points = [plan(over, limit, form, tries=6) for limit in (2, 4, 7, 11)]
    machines = [machine(p, row(n, form=form)) for n in range(6) for p in points]
    swept = run_all(machines, SweepEngine(over))  # type: ignore[arg-type]
    alone = [g for p in points for g in run_all((machine(p, row(n, form=form)) for n in range(6)), engine(5, form))]
    assert outputs(swept) == outputs(alone)
    assert len({g.tries for g in swept}) > 2
    assert sum(g.n_paid_thinking for g in swept) < sum(g.n_paid_thinking for g in alone)


def test_the_batch_changes_no_row_and_no_question_changes_another() -> None:
    over = engine(7)
    runs = [
        outputs(run_all((machine(plan(over, 4), row(n)) for n in range(12)), engine(7, slots=slots), in_flight=window))
        for slots, window in ((1, 1), (16, 16), (3, 7))
    ]
    assert runs[0] == runs[1] == runs[2]
    fewer = outputs(run_all((machine(plan(over, 4), row(n)) for n in range(12) if n != 5), engine(7)))
    assert fewer == {key: value for key, value in runs[0].items() if key[0] != "q5"}
    assert len(fewer) == 11


def test_a_thought_that_the_engine_cut_short_is_rejected_and_named() -> None:
    class Narrow(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            cut = [replace(c, tokens=c.tokens[:2], finish="length", stop_id=None) for c in super().collect()]
            return [c for c in cut if c.finish]

    over = Narrow(lambda context, request: 5, vocab_size=VOCAB, context_len=CONTEXT)
    [got] = run_all([machine(plan(over, 9, tries=3), row())], over)
    assert (got.ended, got.tries, got.n_thinking, got.n_discarded, got.n_answer) == ("context", 3, 2, 4, 0)


def test_a_failing_engine_ends_the_row_at_once_and_keeps_what_it_cost() -> None:
    class Failing(ScriptedEngine):
        def collect(self) -> list[Chunk]:
            chunks = super().collect()
            if len(self.submitted) < 2:
                return chunks
            return [replace(c, tokens=c.tokens[:1], finish="error", stop_id=None, error="gone") for c in chunks]

    over = Failing(lambda context, request: 5, vocab_size=VOCAB, context_len=CONTEXT)
    [got] = run_all([machine(plan(over, 3), row())], over)
    assert (got.ended, got.error, got.tries, got.n_discarded, got.n_paid) == ("error", "gone", 2, 4, 5)


@pytest.mark.parametrize("overflow", ["clamp", "refuse"])
def test_a_context_below_the_limit_is_the_limit_or_refused(overflow: str) -> None:
    over = ScriptedEngine(lambda context, request: 5, vocab_size=VOCAB, context_len=30)
    at = row()
    policy = plan(over, 28, on_overflow=overflow, tries=2)
    [got] = run_all([machine(policy, at)], over)
    if overflow == "refuse":
        assert (got.ended, len(over.submitted)) == ("error", 0)
        assert got.error is not None
        assert "max_thinking asks for 28" in got.error
    else:
        assert (got.ended, got.tries, got.n_thinking) == ("context", 2, policy.room(at) + 1)


def test_greedy_decoding_is_refused_where_it_would_draw_the_same_sample_again() -> None:
    over = engine()
    with pytest.raises(PolicyError, match="hint: sample"):
        Plan.make(Rejection(max_thinking=4), RESOLVED["one id"], Sampling(), over.info)
    assert Plan.make(Rejection(max_thinking=4, tries=1), RESOLVED["one id"], Sampling(), over.info)


# whole runs

QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(8)]


def job_of(over: ScriptedEngine, words: Tokenizer) -> Job:
    policies = [Rejection(max_thinking=limit, tries=2, max_answer=8) for limit in (3, 12)]
    points = [(p, "other", WARM) for p in policies]
    return prepare(QUESTIONS, points, BUILT_IN["s1"].resolve(words), over.info, samples=2, seed=3)  # type: ignore[arg-type]


def worded(words: Tokenizer) -> ScriptedEngine:
    ends = {i: 0.08 for t in ("<|im_start|>", "<|im_end|>") if (i := words.id_of(t)) is not None}
    return ScriptedEngine.random(4, stops=ends, vocab_size=words.vocab_size, context_len=400, slots=4)


def stored(run: RunDir) -> dict[tuple[str, str, int], Generation]:
    return {
        g.key: g.model_copy(update={"engine_ms": 0.0, "n_paid": 0, "n_paid_thinking": 0}) for g in run.generations()
    }


def made(root: Path, job: Job) -> RunDir:
    return RunDir.create(
        root, "eval", "test", config_resolved={"a": 1}, questions=list(job.questions), policies=describe(job)
    )


def test_a_run_is_resumed_verified_and_graded_and_a_planted_violation_is_found(tmp_path: Path) -> None:
    words = tokenizer()
    over = worded(words)
    job = job_of(over, words)
    with made(tmp_path / "whole", job) as run:
        execute(job, over, run, Progress(job.size))
        whole, rows = stored(run), list(run.generations())
        run.finish()
    grades = {g.key: g.verdict for g in grade_run(run)}
    assert [f for f in verify(RunDir.open(run.path), decode=words.decode) if f.level != "ok"] == []
    assert {g.ended for g in rows} == {"model", "unmet"}
    assert all(grades[g.key] == "no_answer" for g in rows if g.ended == "unmet")

    with made(tmp_path / "half", job) as run:
        run.append_many(rows[:7])
        execute(job, worded(words), run, Progress(job.size))
        assert stored(run) == whole

    unmet = next(g for g in rows if g.ended == "unmet")
    again = next(g for g in rows if g.ended == "model" and g.tries > 1)
    forged = {
        "only rejection": unmet.model_copy(update={"tries": 1}),
        "tries is 5": again.model_copy(update={"tries": 5}),
        "n_discarded": again.model_copy(update={"n_discarded": 1}),
        "the limit is": unmet.model_copy(update={"ended": "model"}),
    }
    terms = {p: Terms.of(entry) for p, entry in describe(job).items()}
    said = {"only rejection": "unmet after 1 of 2", "n_discarded": "too long hold at least"}
    for name, bad in forged.items():
        found = [m for rule in ROW_RULES.values() for m in rule(bad, terms[bad.policy_id])]
        assert any(said.get(name, name) in m for m in found), (name, found)
