"""A chat endpoint evaluated: what goes out, that a resumed run asks for nothing twice, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from s1kit.engines.base import EngineError
from s1kit.engines.chat import ChatEngine
from s1kit.evaluate import Progress, grade_run, measure_run, role_of
from s1kit.evaluate_chat import ChatJob, describe_chat, execute_chat, prepare_chat
from s1kit.policies import BudgetForcing, NativeBudget, Sampling, Unforced
from s1kit.store.run import RunDir
from s1kit.store.verify import verify
from s1kit.types import Question
from s1kit.wire.peer import Patience
from unit.curate.calls.fake_server import Act, FakeServer, Seen, status, whole

QUICK = Patience(silence=2.0, longest=10.0, tries=2, back_off=0.001, longest_wait=0.2)
QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(4)]
LOW, SOME = NativeBudget(fields={"reasoning_effort": "low"}), NativeBudget(fields={"budget": 9}, max_thinking=9)


def job_of(*policies: NativeBudget | Unforced | BudgetForcing, samples: int = 1) -> ChatJob:
    return prepare_chat(
        QUESTIONS, [(p, role_of(p), Sampling(temperature=0.7)) for p in policies], samples=samples, seed=3
    )


def sums(seen: Seen) -> Act:
    """Right for every question but the last, which the provider refuses."""
    [number] = set(re.findall(r"\d+", seen.asked))
    return status(400) if number == "3" else whole(content=f"The answer is {2 * int(number)}.", reasoning_content="hm")


def run_of(root: Path, job: ChatJob) -> RunDir:
    return RunDir.create(
        root, "eval", "chat", config_resolved={"a": 1}, questions=list(job.questions), policies=describe_chat(job)
    )


def test_every_row_is_asked_for_once_graded_and_verified_as_far_as_text_goes(tmp_path: Path) -> None:
    job = job_of(LOW, SOME, Unforced(), samples=2)
    assert [p.role for p in job.points] == ["unforced", "budget", "unforced"]
    with FakeServer(sums) as server:
        engine = ChatEngine("m", url=server.url, api_key_env=None, patience=QUICK)
        with run_of(tmp_path, job) as run:
            execute_chat(job, engine, run, progress := Progress(job.size))
            run.finish()
        engine.close()
        asked = [seen.body for seen in server.script.seen]
    assert (progress.done, progress.errors) == (24, 6)
    assert {(body["messages"][0]["content"], body.get("reasoning_effort"), body.get("budget")) for body in asked} == {
        (q.prompt(), *fields) for q in QUESTIONS for fields in (("low", None), (None, 9), (None, None))
    }
    seeds = {body["messages"][0]["content"]: set[int]() for body in asked}
    for body in asked:
        seeds[body["messages"][0]["content"]].add(body["seed"])
    assert all(len(own) == 2 for own in seeds.values())  # of row and sample, never of the policy
    grade_run(run)
    points = {p.label: p for p in measure_run(run).points}
    assert [p.n_correct for p in points.values()] == [6, 6, 6]
    assert (points["budget 9"].max_thinking, points["budget 9"].share_within) == (9, 1.0)
    assert {f.message.partition(":")[0] for f in verify(RunDir.open(run.path)) if f.level == "unverifiable"} == {
        "tokens"
    }
    assert not [f for f in verify(RunDir.open(run.path)) if f.level == "error"]


def test_a_resumed_run_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    job = job_of(LOW)
    with FakeServer(sums) as server:
        engine = ChatEngine("m", url=server.url, api_key_env=None, patience=QUICK)
        with run_of(tmp_path, job) as run:
            execute_chat(job, engine, run, Progress(job.size))
            first = len(server.script.seen)
            run.interrupt()
        run, _ = RunDir.resume(tmp_path, {"a": 1})
        with run:
            execute_chat(job, engine, run, progress := Progress(job.size))
            run.finish()
        engine.close()
        again = [seen.body["messages"][0]["content"] for seen in server.script.seen[first:]]
    assert set(again) == {QUESTIONS[3].prompt()}  # the row that failed
    assert progress.done == 4


def test_policies_that_place_tokens_are_refused_before_the_first_request() -> None:
    with pytest.raises(EngineError, match=r"place tokens(?s:.)*native_budget"):
        job_of(LOW, BudgetForcing(extensions=1))
