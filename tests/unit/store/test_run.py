"""Create, append, finish, read: what goes in comes out, and errors say what, where and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1kit.store.errors import StoreError
from s1kit.store.manifest import read_manifest
from s1kit.store.run import RunDir
from s1kit.types import Generation, Grade, Question, RunManifest, Segment
from unit.store.samples import CONFIG, finished, new_run, questions, small_row

big = st.integers(0, 2**62)
words = st.text(max_size=12)  # NUL, lone combining marks, emoji; surrogates are not text
segments = st.builds(
    Segment,
    phase=st.sampled_from(["think", "answer"]),
    origin=st.sampled_from(["model", "forced"]),
    why=st.sampled_from(["open", "think", "nudge", "close", "cutoff", "answer"]),
    start=big,
    end=big,
    stop_id=st.none() | big,
    text=st.none() | words,
)
generations = st.builds(
    Generation,
    question_id=st.just("replaced"),
    policy_id=words,
    sample=big,
    n_prompt=big,
    token_ids=st.none() | st.lists(big, max_size=5).map(tuple),
    segments=st.lists(segments, max_size=3).map(tuple),
    ended=st.sampled_from(["model", "cutoff", "context", "no_room", "stuck"]),
    answer_ended=st.none() | st.sampled_from(["turn_end", "length", "reopened"]),
    extensions=big,
    min_met=st.booleans(),
    looped=st.booleans(),
    n_thinking_model=big,
    n_thinking_forced=big,
    n_answer=big,
    n_paid=big,
    n_paid_thinking=big,
    exact=st.booleans(),
    engine_ms=st.floats(allow_nan=False, allow_infinity=False),
    thinking_text=words,
    answer_text=words,
    error=st.none() | words,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(generations, max_size=6, unique_by=lambda g: (g.policy_id, g.sample)))
def test_any_rows_survive_jsonl_and_parquet(tmp_path: Path, rows: list[Generation]) -> None:
    asked = questions(1)
    rows = [row.model_copy(update={"question_id": asked[0].id}) for row in rows]
    policies = {row.policy_id: {} for row in rows} or None
    with new_run(tmp_path, asked, policies) as run:
        run.append_many(rows)
        assert list(RunDir.open(run.path).generations()) == rows
        run.finish()
    again = list(RunDir.open(run.path).generations())
    assert sorted(again, key=lambda row: row.key) == sorted(rows, key=lambda row: row.key)
    assert not (run.path / "generations.jsonl").exists()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=words,
    answer=st.none() | words,
    choices=st.lists(words, max_size=3).map(tuple),
    meta=st.dictionaries(words, st.none() | st.booleans() | big | words | st.lists(words)),
)
def test_any_question_survives(tmp_path: Path, **fields: Any) -> None:
    question = Question.make(answer_kind="text", **fields)
    with new_run(tmp_path, [question]) as run:
        assert list(run.questions()) == [question]


def test_a_new_run_says_what_it_is(tmp_path: Path) -> None:
    with new_run(tmp_path, questions(2), header="s1 eval nano\nsecond line", config_typed={"seed": 7}) as run:
        stub = RunManifest.model_validate_json((run.path / "manifest.json").read_text())
        text = (run.path / "config.yaml").read_text()
    assert (stub.status, stub.kind, stub.id) == ("running", "eval", run.path.name)
    assert stub.config == {"samples": 1, "engine": {"name": "scripted"}, "seed": 7}, "non-output fields stay out"
    assert text.startswith("# s1 eval nano\n# second line\n")
    assert yaml.safe_load(text) == CONFIG
    assert stub.packages["pyarrow"]


def test_the_same_experiment_twice_gets_a_number(tmp_path: Path) -> None:
    with new_run(tmp_path, questions(2)) as one, new_run(tmp_path, questions(2)) as two:
        assert two.path.name == one.path.name + "-2"
        assert two.manifest.id == two.path.name
    with new_run(tmp_path, questions(3)) as three:
        assert three.path.name[-6:] != one.path.name[-6:]


def test_finish_orders_rows_and_hashes_files(tmp_path: Path) -> None:
    asked = questions(5)
    rows = [small_row(q, sample=s) for q in asked for s in (0, 1)]
    with new_run(tmp_path, asked, {"p": {"samples": 2}}) as run:
        for row in reversed(rows):
            run.append(row)
        run.finish({"refused": 3})
    reader = RunDir.open(run.path)
    assert list(reader.generations()) == rows
    assert reader.manifest.status == "finished"
    assert reader.manifest.counts == {"refused": 3, "questions": 5, "generations": 10, "errors": 0}
    assert set(reader.manifest.hashes) == {"config.yaml", "questions.parquet", "generations.parquet"}
    assert sorted(p.name for p in run.path.iterdir()) == [
        ".lock", "config.yaml", "generations.parquet", "manifest.json", "questions.parquet"
    ]  # fmt: skip


def test_a_run_without_rows_finishes(tmp_path: Path) -> None:
    with new_run(tmp_path, questions(1)) as run:
        run.finish()
    assert list(RunDir.open(run.path).generations()) == []


def test_leaving_early_marks_the_run_interrupted(tmp_path: Path) -> None:
    asked = questions(2)
    run = new_run(tmp_path, asked)

    def press_ctrl_c() -> None:
        with run:
            run.append(small_row(asked[0]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()
    manifest = RunDir.open(run.path).manifest
    assert (manifest.status, manifest.counts["generations"]) == ("interrupted", 1)


def test_a_killed_session_leaves_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds per token would be too few if the rows of a killed session counted and its time did not."""
    monkeypatch.setattr("s1kit.store.run.HEARTBEAT", 0.0)
    asked = questions(2)
    run = new_run(tmp_path, asked)
    run.append(small_row(asked[0]))
    before = read_manifest(run.path)
    assert (before.status, before.seconds is not None and before.seconds >= 0) == ("running", True)
    time.sleep(0.01)
    run.append(small_row(asked[1]))
    run.close()  # as a kill leaves it
    assert (read_manifest(run.path).seconds or 0) > (before.seconds or 0)


def test_append_refuses_strays_and_repeats(tmp_path: Path) -> None:
    asked = questions(2)
    with new_run(tmp_path, asked) as run:
        run.append(small_row(asked[0]))
        for row, why in (
            (small_row(asked[0]), "already"),
            (small_row(asked[1], policy_id="other"), "policy"),
            (small_row(asked[1], question_id="0" * 16), "question"),
            (small_row(asked[1], engine_ms=float("nan")), "engine_ms"),
        ):
            with pytest.raises(StoreError, match=why):
                run.append(row)
        with pytest.raises(StoreError, match="already"):
            run.append_many([small_row(asked[1]), small_row(asked[1])])
        run.append(small_row(asked[1]))
        run.finish()
        with pytest.raises(StoreError, match="is finished"):
            run.append(small_row(asked[1], sample=1))
    assert len(list(run.generations())) == 2


def test_a_reader_cannot_append(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 1)
    with pytest.raises(StoreError, match="reading only"):
        run.append(small_row(next(run.questions())))


def test_questions_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there twice"):
        new_run(tmp_path, questions(1) * 2)
    assert list(tmp_path.iterdir()) == []


def test_grades_by_version(tmp_path: Path) -> None:
    run, rows = finished(tmp_path, 2)
    for version in (2, 10):
        run.write_grades("math", [grade(row, "math", version) for row in rows])
    run.write_grades("choice", [grade(rows[0], "choice", 1)])
    assert {g.version for g in run.grades("math")} == {10}, "newest by number, not by spelling"
    assert {g.version for g in run.grades("math@2")} == {2}
    assert len(list(run.grades())) == 2 * len(rows) + 1
    with pytest.raises(StoreError, match=r"no grades by 'judge' \(there are: choice@1, math@10, math@2\)"):
        list(run.grades("judge"))
    with pytest.raises(StoreError, match="one version"):
        run.write_grades("math", [grade(rows[0], "math", 1), grade(rows[1], "math", 2)])
    with pytest.raises(StoreError, match="cannot name a file"):
        run.write_grades("../x", [grade(rows[0], "../x", 1)])
    assert "grades/math@10.parquet" in RunDir.open(run.path).manifest.hashes


def grade(row: Generation, grader: str, version: int) -> Grade:
    key = {"question_id": row.question_id, "policy_id": row.policy_id, "sample": row.sample}
    return Grade(**key, grader=grader, version=version, verdict="correct", rule="last number", extracted="4")


def test_metrics_refuse_what_json_cannot_say(tmp_path: Path) -> None:
    run, _ = finished(tmp_path, 1)
    assert run.metrics() is None
    run.write_metrics({"points": [{"accuracy": 0.5}]})
    assert run.metrics() == {"points": [{"accuracy": 0.5}]}
    with pytest.raises(StoreError, match=r"metric points\.0\.pass_at_8 .* not a finite number"):
        run.write_metrics({"points": [{"pass_at_8": float("nan")}]})


def test_no_run_and_newer_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run at"):
        RunDir.open(tmp_path / "nowhere")
    run, _ = finished(tmp_path, 1)
    path = run.path / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(StoreError, match="schema version 99"):
        RunDir.open(run.path)
    path.write_text(json.dumps({**manifest, "surprise": 1}))
    with pytest.raises(StoreError, match="surprise"):
        RunDir.open(run.path)


def test_a_full_disk_names_file_and_space_and_leaves_a_resumable_run(tmp_path: Path) -> None:
    """A real limit: the kernel refuses to let any file grow beyond 64 KiB."""
    script = """
        import resource, sys
        from pathlib import Path
        from samples import *
        asked = questions(400)
        run = new_run(Path(sys.argv[1]), asked)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        with run:
            for question in asked:
                run.append(small_row(question, n=30))
    """
    done = run_script(script, tmp_path)
    assert done.returncode == 1
    assert "StoreError: cannot write `" in done.stderr
    assert "generations.jsonl`: File too large (" in done.stderr
    assert "MiB free)" in done.stderr
    assert "hint: make room and run the same command again, with --resume" in done.stderr
    (path,) = tmp_path.iterdir()
    assert (path / "generations.jsonl").read_bytes().endswith(b"\n"), "the torn row was cut off at once"
    asked = questions(400)
    run, notes = RunDir.resume(path, CONFIG, non_output=("engine.slots", "out"))
    with run:
        assert notes == [f"{len(run.done)} rows are there already"]
        assert len(run.done) > 50
        run.append_many([row for q in asked if (row := small_row(q, n=30)).key not in run.done])
        run.finish()
    assert list(run.generations()) == [small_row(q, n=30) for q in asked]


def test_no_space_left_on_the_device(tmp_path: Path) -> None:
    """/dev/full answers every write with ENOSPC, as a full disk does."""
    asked = questions(1)
    with new_run(tmp_path, asked) as run:
        journal = run.path / "generations.jsonl"
        journal.unlink()
        journal.symlink_to("/dev/full")
        with pytest.raises(StoreError, match=r"generations\.jsonl`: No space left on device \([\d.]+ MiB free\)"):
            run.append(small_row(asked[0]))
        assert run.done == frozenset()
        journal.unlink()


def run_script(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    here = Path(__file__)
    paths = f"{here.parents[3] / 'src'}:{here.parent}"
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env={"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
