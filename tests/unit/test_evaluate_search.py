"""Trees as rows of a run: whole or not at all, charged once, scored before they are stored; and stored rows scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1kit.engines.base import Chunk, Request
from s1kit.engines.scripted import ScriptedEngine
from s1kit.evaluate import Job, Progress, Wanted, describe, execute, prepare
from s1kit.evaluate_scores import BATCH, score_rows, score_run, shares, splitter, stored_name, weights_of
from s1kit.evaluate_search import execute_searches, searches
from s1kit.formats import load_format
from s1kit.nano.shipped import resolve_model
from s1kit.policies import BudgetForcing, Sampling, StepsBy, TreeSearch
from s1kit.search.from_policy import search_of
from s1kit.search.reward import RewardError, Scorer
from s1kit.search.reward_controls import RandomReward
from s1kit.search.run import run_searches
from s1kit.search.scorers import Opening, open_scorer, open_scorers
from s1kit.search.tree import tree_search
from s1kit.store import layout
from s1kit.store.run import RunDir
from s1kit.store.scores import read_scores, scores_file
from s1kit.store.verify import verify
from s1kit.tokenizer import Tokenizer
from s1kit.types import Generation, Question
from unit.search.trees import Scorer as ByRule

QUESTIONS = [Question.make(text=f"What is {i} + {i}?", answer=str(2 * i), answer_kind="integer") for i in range(4)]
STEPS = StepsBy(by="tokens", size=4)
HOT = Sampling(temperature=1.0)
TREES = (
    TreeSearch(width=4, steps=STEPS, max_thinking=40, max_answer=6),
    TreeSearch(width=4, steps=STEPS, max_thinking=40, max_answer=6, search="dvts", expand=2, scorer="length"),
    TreeSearch(width=9, steps=STEPS, max_thinking=40, max_answer=6, rounding="round", temperature_b=0.3),
)
CONFIG = {"a": 1}


@pytest.fixture
def tokenizer(tiny_model: Path) -> Tokenizer:
    return Tokenizer.load(tiny_model)


class Slow(ScriptedEngine):
    """Says one chunk at a time, may fail some requests, and may die: what it was asked before is kept."""

    fails: Callable[[str], bool] = staticmethod(lambda name: False)  # type: ignore[assignment]
    left: int | None = None

    def collect(self) -> list[Chunk]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return [
            replace(c, tokens=(), finish="error", stop_id=None, error="out of memory")
            if self.fails(c.request_id)
            else c
            for c in super().collect()
        ]


def engine_of(tokenizer: Tokenizer) -> Slow:
    ends = {i: 0.02 for t in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(t)) is not None}
    return Slow.random(4, stops=ends, vocab_size=tokenizer.vocab_size, context_len=400, slots=4)


def job_of(tokenizer: Tokenizer, engine: ScriptedEngine, policies: Sequence[Any] = TREES, samples: int = 2) -> Job:
    fmt = load_format("s1").resolve(tokenizer)
    wanted = [Wanted(policy, "other", HOT) for policy in policies]
    return prepare(QUESTIONS, wanted, fmt, engine.info, samples=samples, seed=3)


def new_run(root: Path, job: Job) -> RunDir:
    policies = describe(job)
    return RunDir.create(
        root, "eval", "trees", config_resolved=CONFIG, questions=list(job.questions), policies=policies
    )


def scorers(job: Job) -> dict[str, Scorer]:
    return open_scorers(searches(job), Opening(job.questions))


def grow(job: Job, engine: ScriptedEngine, run: RunDir, with_scorers: dict[str, Scorer] | None = None) -> Progress:
    progress = Progress(job.size)
    execute_searches(job, engine, run, progress, scorers(job) if with_scorers is None else with_scorers)
    return progress


def kept(run: RunDir) -> dict[tuple[str, str, int], Generation]:
    return {g.key: g.model_copy(update={"engine_ms": 0.0}) for g in run.generations()}


def problems(run: RunDir, tokenizer: Tokenizer) -> list[str]:
    return [f.message for f in verify(run, decode=tokenizer.decode) if f.level == "error"]


def test_trees_are_rows_that_verify_beside_the_other_policies_of_a_run(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [*TREES, BudgetForcing(max_thinking=40, max_answer=6)])
    with new_run(tmp_path, job) as run:
        progress = Progress(job.size)
        execute(job, engine, run, progress)
        assert progress.done == len(QUESTIONS) * 2
        execute_searches(job, engine, run, progress, scorers(job))
        rows = kept(run)
        run.finish()
    assert problems(RunDir.open(run.path), tokenizer) == []
    assert progress.done == job.size == len(QUESTIONS) * 2 * (4 + 4 + 9 + 1)
    for point in job.points[:2]:
        numbers = {sample for (_, policy, sample) in rows if policy == point.plan.policy_id}
        assert numbers == set(range(8))
    loose = [key for key in rows if key[1] == job.points[2].plan.policy_id]
    assert all(sample < 18 for *_, sample in loose)
    assert len(QUESTIONS) * 2 <= len(loose) < len(QUESTIONS) * 18  # the printed rounding has left some out
    texts = {rows[q.id, job.points[0].plan.policy_id, s].thinking_text for q in QUESTIONS for s in (0, 4)}
    assert len(texts) == 2 * len(QUESTIONS)  # another tree of the same question has another seed


def test_a_tree_costs_what_its_rows_paid_and_its_scores_say_what_was_read(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [TREES[0].model_copy(update={"temperature_b": 0.01})], samples=1)
    reader = ByRule(lambda step: len(step) % 7 / 7)
    with new_run(tmp_path, job) as run:
        progress = grow(job, engine, run, {"random": reader})
        rows = kept(run)
    assert sum(g.n_paid for g in rows.values()) == progress.tokens > 0
    assert any(g.n_discarded for g in rows.values())
    assert all(g.n_discarded <= g.n_paid for g in rows.values())
    stored = read_scores(run.path, "random")
    assert stored.keys() == rows.keys()
    assert sum(score.tokens for score in stored.values()) == reader.spent.tokens > 0
    assert sum(score.ms for score in stored.values()) == pytest.approx(reader.spent.seconds * 1000)
    split = splitter(STEPS, job.points[0].plan.format)
    for key, score in stored.items():
        assert list(score.steps) == [len(step) % 7 / 7 for step in split(rows[key])]


@pytest.mark.parametrize("policy", TREES, ids=["rebase", "dvts", "rebase-round"])
def test_a_run_that_dies_anywhere_goes_on_and_grows_no_stored_tree_again(
    tokenizer: Tokenizer, tmp_path: Path, policy: TreeSearch
) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [policy])
    with new_run(tmp_path / "calm", job) as calm:
        whole = grow(job, engine, calm)
        wanted = kept(calm)
        calm.finish()
    spent = 0
    run = new_run(tmp_path / "cut", job)
    for session in range(1000):
        over = engine_of(tokenizer)
        over.left = 7 + session
        before = kept(run)
        try:
            with run:
                execute_searches(job, over, run, progress := Progress(job.size), scorers(job))
                run.finish()
        except KeyboardInterrupt:
            pass
        asked = {request_of(request) for request in over.submitted}
        assert not asked & {(q, p, s) for q, p, s in before if s % policy.width == 0}
        spent += progress.tokens
        if run.manifest.status == "finished":
            break
        run, _ = RunDir.resume(run.path, CONFIG)
    assert session > 2
    assert kept(RunDir.open(run.path)) == wanted
    assert problems(RunDir.open(run.path), tokenizer) == []
    assert spent > whole.tokens
    with RunDir.resume(run.path, CONFIG)[0] as again:
        idle = engine_of(tokenizer)
        grow(job, idle, again)
        assert (idle.submitted, again.manifest.status) == ([], "finished")


def request_of(request: Request) -> tuple[str, str, int]:
    """The tree that a request was for, as the key of its first leaf."""
    question, policy, sample, *_ = request.id.split("/")
    return question, policy, int(sample)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_tree_that_a_crash_tore_apart_is_made_again_whole(tokenizer: Tokenizer, tmp_path: Path, rows: int) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [TREES[0]], samples=1)
    with new_run(tmp_path, job) as run:
        grow(job, engine, run)
        wanted = kept(run)
    journal = run.path / layout.JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-rows]) + lines[-rows][:50])  # the last tree lacks leaves, one is torn
    again, notes = RunDir.resume(run.path, CONFIG)
    with again:
        assert any("torn" in note or "unfinished" in note for note in notes)
        assert len(again.done) == len(wanted) - 4
        over = engine_of(tokenizer)
        grow(job, over, again)
        assert len({request_of(request) for request in over.submitted}) == 1
        assert kept(again) == wanted
        again.finish()
    assert problems(RunDir.open(run.path), tokenizer) == []


def test_a_tree_in_which_the_engine_failed_is_made_again_whole(tokenizer: Tokenizer, tmp_path: Path) -> None:
    good = engine_of(tokenizer)
    job = job_of(tokenizer, good, [TREES[0]], samples=1)
    with new_run(tmp_path / "good", job) as calm:
        grow(job, good, calm)
        wanted = kept(calm)
    bad = engine_of(tokenizer)
    bad.fails = lambda name: name.startswith(QUESTIONS[1].id) and "tree 2/" in name  # type: ignore[method-assign]
    with new_run(tmp_path / "bad", job) as run:
        progress = grow(job, bad, run)
        assert 0 < progress.errors <= 4
        run.finish()
    again, _ = RunDir.resume(run.path, CONFIG)
    with again:
        assert {key[0] for key in wanted.keys() - again.done} == {QUESTIONS[1].id}
        assert len(again.done) == len(wanted) - 4
        grow(job, engine_of(tokenizer), again)
        assert kept(again) == wanted


def test_scores_are_on_disk_before_their_rows(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [TREES[0]], samples=1)
    append = RunDir.append_many

    def checked(run: RunDir, rows: Sequence[Generation]) -> None:
        assert {row.key for row in rows} <= read_scores(run.path, "random").keys()
        append(run, rows)

    monkeypatch.setattr(RunDir, "append_many", checked)
    with new_run(tmp_path, job) as run:
        grow(job, engine, run)
        assert len(run.done) == 16


def test_a_score_that_is_none_names_question_and_step_and_keeps_what_is_stored(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [TREES[0]], samples=1)
    calls = iter(range(10**6))
    broken = ByRule(lambda step: float("nan") if next(calls) > 60 else 0.5)
    with (
        pytest.raises(RewardError, match=r"score nan at step \d of \d .* of question 'What is"),
        new_run(tmp_path, job) as run,
    ):
        grow(job, engine, run, {"random": broken})
    assert run.manifest.status == "interrupted"
    assert len(kept(run)) % 4 == 0


def test_a_scorer_that_was_not_opened_is_refused_before_the_first_request(tokenizer: Tokenizer, tmp_path: Path) -> None:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine)
    with new_run(tmp_path, job) as run, pytest.raises(RewardError, match="scored by 'length'"):
        grow(job, engine, run, {"random": RandomReward()})
    assert engine.submitted == []


# -- rows that are there already


@settings(max_examples=60, deadline=None)
@given(model=st.integers(0, 99), size=st.integers(1, 30), text=st.sampled_from(["\n", "a", "th", ". "]))
def test_a_stored_thought_is_split_as_the_search_split_it(tiny_model: Path, model: int, size: int, text: str) -> None:
    tokenizer = Tokenizer.load(tiny_model)
    fmt = load_format("s1").resolve(tokenizer)
    ends = {i: 0.04 for t in ("<|im_start|>", "<|im_end|>") if (i := tokenizer.id_of(t)) is not None}
    engine = ScriptedEngine.random(model, stops=ends, vocab_size=tokenizer.vocab_size, context_len=400, slots=4)
    for steps in (StepsBy(text=text, size=size), StepsBy(by="tokens", size=size)):
        policy = TreeSearch(width=3, steps=steps, max_thinking=60, max_answer=4, max_depth=60)
        job = job_of(tokenizer, engine, [policy], samples=1)
        point, question = job.points[0], QUESTIONS[0]
        row = job.rows_of(point)[question.id, 0]
        made = tree_search(point.plan, row, question.prompt(), search_of(policy, fmt), RandomReward())
        (tree,) = run_searches([made], engine)
        split = splitter(steps, fmt)
        for leaf in tree.leaves:
            assert split(leaf.generation) == leaf.steps


def test_a_row_of_text_alone_is_split_at_the_text(tokenizer: Tokenizer) -> None:
    fmt = load_format("s1").resolve(tokenizer)
    row = Generation(
        question_id="q", policy_id="p", ended="model", thinking_text="one\n\n two\n\n\n\n", answer_text=" 3 "
    )
    assert splitter(StepsBy(), fmt)(row) == ("one", "two", "3")
    assert splitter(StepsBy(by="tokens", size=2), fmt)(row) == ("one\n\n two", "3")


def stored_samples(tokenizer: Tokenizer, root: Path, samples: int = 12) -> RunDir:
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [BudgetForcing(max_thinking=40, max_answer=6)], samples=samples)
    with new_run(root, job) as run:
        execute(job, engine, run, Progress(job.size))
        run.finish()
    return RunDir.open(run.path)


def test_stored_rows_are_scored_once_and_a_killed_scoring_goes_on(tokenizer: Tokenizer, tmp_path: Path) -> None:
    run = stored_samples(tokenizer, tmp_path)
    split = splitter(STEPS, load_format("s1").resolve(tokenizer))
    rows = {g.key: g for g in run.generations()}
    assert len(rows) > BATCH

    class Dying(ByRule):
        def score_batch(self, items: Any) -> list[list[float]]:
            if self.spent.solutions:
                raise KeyboardInterrupt
            return super().score_batch(items)

    def rule(step: str) -> float:
        return len(step) % 5 / 5

    with pytest.raises(KeyboardInterrupt):
        score_run(run, Dying(rule), "words", split)
    first = read_scores(run.path, "words")
    assert len(first) == BATCH
    rest = ByRule(rule)
    assert score_run(run, rest, "words", split) == len(rows) - BATCH == rest.spent.solutions
    scores = read_scores(run.path, "words")
    assert scores.keys() == rows.keys()
    assert all(list(score.steps) == [rule(step) for step in split(rows[key])] for key, score in scores.items())
    assert all(scores[key] == score for key, score in first.items())
    assert sum(score.tokens for key, score in scores.items() if key not in first) == rest.spent.tokens
    assert score_run(run, rest, "words", split) == 0
    assert len(scores_file(run.path, "words").read_bytes().splitlines()) == len(rows)


def test_rows_that_failed_are_not_scored_and_other_policies_may_be_left_out(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    run = stored_samples(tokenizer, tmp_path, samples=1)
    split = splitter(STEPS, load_format("s1").resolve(tokenizer))
    rows = [g.model_copy(update={"ended": "error"}) if i else g for i, g in enumerate(run.generations())]
    assert [s.key for s in score_rows(RandomReward(), "random", QUESTIONS, rows, split)] == [rows[0].key]
    assert score_run(run, RandomReward(), "random", split, policies=[]) == 0


@given(st.integers(0, 10**6), st.lists(st.integers(0, 50), min_size=1, max_size=9))
def test_shares_add_up_and_go_by_size(total: int, sizes: list[int]) -> None:
    parts = shares(total, sizes)
    assert sum(parts) == total
    whole = sum(sizes)
    if whole:
        assert all(abs(part - total * size / whole) <= 1 for part, size in zip(parts, sizes, strict=True))


# -- scorers by name


def test_controls_and_models_by_name(tiny_model: Path, tmp_path: Path) -> None:
    opening = Opening(QUESTIONS)
    assert open_scorer("oracle", opening).score(QUESTIONS[1].prompt(), ["The answer is 2"]) == [1.0]
    assert open_scorer("random", Opening(seed=1)).info.name == "random(1)"
    assert open_scorer("length", opening).score("q", ["a", "b" * 99])[0] > 0.9
    with pytest.raises(RewardError, match="was not given question"):
        open_scorer("oracle", Opening()).score("what?", ["x"])
    with pytest.raises(RewardError, match=r"does not say how it is asked: .*\nhint: name the layout"):
        open_scorer("prm", Opening(resolve=lambda name: str(tmp_path)))
    with pytest.raises(RewardError, match=r"its config.json names Qwen2ForCausalLM\nhint"):
        open_scorer(str(tiny_model), opening)
    with pytest.raises(RewardError, match="unknown reward-model layout 'gguf'"):
        open_scorer("prm", opening, "gguf")


def test_a_token_classifier_says_itself_how_it_is_asked_and_reads_by_its_own_tokenizer(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    folder = tmp_path / "prm"
    base = resolve_model("nano-base")  # another tokenizer than that of the model that thinks
    AutoModelForTokenClassification.from_pretrained(base, num_labels=2).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["Qwen2ForTokenClassification"]
    policy = TREES[0].model_copy(update={"scorer": "my-prm"})
    policies = [policy, policy.model_copy(update={"width": 2}), policy.model_copy(update={"layout": "trl"})]
    found = open_scorers(policies, Opening(QUESTIONS, lambda name: str(folder), device="cpu"))
    assert sorted(found) == ["my-prm", "my-prm@trl"]
    engine = engine_of(tokenizer)
    job = job_of(tokenizer, engine, [policy], samples=1)
    with new_run(tmp_path, job) as run:
        grow(job, engine, run, found)
        assert {len(s.steps) > 0 for s in read_scores(run.path, "my-prm").values()} == {True}
        assert sum(score.tokens for score in read_scores(run.path, "my-prm").values()) == found["my-prm"].spent.tokens


def test_scores_of_other_weights_other_steps_or_another_layout_have_another_name(tmp_path: Path) -> None:
    """A reward model that is trained again under its old name is another one."""
    folder = tmp_path / "prm"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"one")
    names = [stored_name(str(folder), None, StepsBy()), stored_name(str(folder), "trl", StepsBy())]
    names.append(stored_name(str(folder), None, StepsBy(text="\n")))
    (folder / "model.safetensors").write_bytes(b"two")
    weights_of.cache_clear()
    names.append(stored_name(str(folder), None, StepsBy()))
    assert len(set(names)) == 4
    assert stored_name("oracle", None, StepsBy()) == "oracle"
