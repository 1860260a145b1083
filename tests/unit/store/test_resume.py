"""Torn lines, kills, crashes at every step, failed rows, other configurations, second writers."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from s1kit.store.errors import StoreError
from s1kit.store.journal import drop_torn_tail
from s1kit.store.layout import expected_rows
from s1kit.store.listing import summary
from s1kit.store.lock import is_locked
from s1kit.store.run import RunDir
from s1kit.types import Generation
from unit.store.samples import CONFIG, NON_OUTPUT, finished, new_run, questions, small_row
from unit.store.test_run import grade, run_script


def resume(path: Path, config: dict[str, Any] | None = None, **more: Any) -> tuple[RunDir, list[str]]:
    return RunDir.resume(path, config or CONFIG, non_output=NON_OUTPUT, **more)


def interrupted(root: Path, rows: list[Generation], n_questions: int = 4) -> Path:
    with new_run(root, questions(n_questions)) as run:
        run.append_many(rows)
    return run.path


def test_a_last_line_torn_at_any_byte_is_dropped_and_told(tmp_path: Path) -> None:
    asked = questions(3)
    path = interrupted(tmp_path, [small_row(q) for q in asked[:2]])
    journal = path / "generations.jsonl"
    whole = journal.read_bytes()
    kept = whole.index(b"\n") + 1
    for end in range(kept, len(whole)):
        journal.write_bytes(whole[:end])
        assert list(RunDir.open(path).generations()) == [small_row(asked[0])], "readers see complete rows only"
        if end % 20 and kept + 1 < end < len(whole) - 1:  # the whole way round for some, its first step for all
            assert drop_torn_tail(journal) == end - kept
            assert journal.read_bytes() == whole[:kept]
            continue
        run, notes = resume(path)
        with run:
            assert run.done == {small_row(asked[0]).key}
            told = [note for note in notes if f"unfinished last line of generations.jsonl ({end - kept} bytes)" in note]
            assert len(told) == (end > kept)
            run.append(small_row(asked[1]))
        assert journal.read_bytes() == whole


def test_a_line_damaged_in_the_middle_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = interrupted(tmp_path, [small_row(q) for q in questions(3)])
    journal = path / "generations.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1].replace(b'"sample":0', b'"sample":x') + lines[2])
    with pytest.raises(StoreError, match=r"generations\.jsonl`, line 2: .*\n?hint: .*delete that line"):
        resume(path)
    assert not is_locked(path), "a refused resume gives the lock back"


FORKER = """
    import os, sys, traceback
    from samples import *

    path, n = Path(sys.argv[1]), int(sys.argv[2])
    rows = [small_row(q, n=200) for q in questions(n)]

    def write():
        run, notes = RunDir.resume(path, CONFIG, non_output=NON_OUTPUT)
        with run:
            todo = [row for row in rows if row.key not in run.done]
            for i in range(0, len(todo), 3):
                run.append_many(todo[i : i + 3])
            run.finish()

    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                write()
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def test_twenty_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    """One process imports everything, and forks a writer to be killed whenever it is told to."""
    n, source, kills = 600, random.Random(5), 0
    asked = questions(n)
    with new_run(tmp_path, asked) as run:
        path = run.path
    seen: list[int] = []
    with start(FORKER, path, n) as forker:
        while kills < 20:
            code = killed_writer(forker, path, source)
            assert code in (-signal.SIGKILL, 0)
            kills += code == -signal.SIGKILL
            state = summary(path)
            assert state.status in ("killed", "finished", "interrupted")
            seen.append(state.rows or 0)
            if state.status == "finished":  # the kill came too late: begin again with a part of the rows
                keep_only(path, source.randrange(n // 2))
        assert killed_writer(forker, path, None) == 0
    rows = list(RunDir.open(path).generations())
    assert rows == [small_row(q, n=200) for q in asked], "equal to an undisturbed run, no key twice"
    assert RunDir.open(path).manifest.counts == {"questions": n, "generations": n, "errors": 0}
    assert len(set(seen)) > 5, "the kills hit runs of different lengths"


def killed_writer(forker: subprocess.Popen[str], path: Path, source: random.Random | None) -> int:
    """Exit code of a writer, killed early by the clock or later by the size of the journal (None: left alone)."""
    assert forker.stdin is not None
    assert forker.stdout is not None
    print("go", file=forker.stdin, flush=True)
    pid = int(forker.stdout.readline())
    if source is not None:
        if source.random() < 0.3:
            time.sleep(source.uniform(0.0, 0.05))
        else:
            target = size(path) + source.randrange(100_000)
            while (path / "generations.jsonl").exists() and size(path) < target:
                time.sleep(0.0005)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return int(forker.stdout.readline())


def size(path: Path) -> int:
    journal = path / "generations.jsonl"
    return journal.stat().st_size if journal.exists() else 0


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process running ``script``, which has said that it is ready. Use it as a context manager."""
    here = Path(__file__)
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env={"PYTHONPATH": f"{here.parents[3] / 'src'}:{here.parent}", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def keep_only(path: Path, n: int) -> None:
    """As if the run had been interrupted after ``n`` rows."""
    rows = list(RunDir.open(path).generations())[:n]
    (path / "generations.parquet").unlink()
    (path / "generations.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows))


class Killed(BaseException):
    """Stands for the process ending at this very system call."""


STEPS = ("replace", "fsync", "unlink", "rename", "ftruncate", "write")


@pytest.mark.parametrize("state", ["running", "finished with failures"])
def test_a_crash_at_any_system_call_leaves_a_run_that_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    asked = questions(4)
    bad = small_row(asked[0], ended="error", error="the engine fell over")
    wanted = [small_row(q) for q in asked]
    with new_run(tmp_path, asked) as run:
        run.append_many([bad, wanted[1]] if state == "running" else [bad, *wanted[1:]])
        if state != "running":
            run.finish()
    for step in range(1, 200):
        path = Path(shutil.copytree(run.path, tmp_path / "copies" / str(step)))
        crashed = crash_after(step, monkeypatch, functools.partial(complete, path, wanted))
        assert [row for row in RunDir.open(path).generations() if row.question_id == asked[1].id] == [wanted[1]]
        complete(path, wanted)
        reader = RunDir.open(path)
        assert list(reader.generations()) == wanted
        assert reader.manifest.status == "finished"
        assert not [p for p in path.iterdir() if p.name.endswith((".tmp", ".jsonl"))]
        if not crashed:
            assert step > 15, "the steps were really counted"
            return
    raise AssertionError("never got through")


def complete(path: Path, wanted: list[Generation]) -> None:
    run, _ = resume(path)
    try:
        run.append_many([row for row in wanted if row.key not in run.done])
        run.finish()
    finally:  # what the kernel does for a killed process
        run.close()


def crash_after(step: int, monkeypatch: pytest.MonkeyPatch, action: Any) -> bool:
    """Run ``action``, ending it at the step-th system call that changes the disk; whether it got that far."""
    left = [step]

    def guard(real: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] <= 0:  # nor does anything else happen afterwards: a dead process cleans nothing up
                raise Killed
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, guard(getattr(os, name)))
        try:
            action()
        except Killed:
            return True
    return False


def test_failed_rows_are_made_again_and_their_grades_forgotten(tmp_path: Path) -> None:
    asked = questions(4)
    rows = [small_row(q) for q in asked]
    bad = [
        small_row(asked[0], ended="error", error="out of memory"),
        small_row(asked[3], answer_ended="error", error="connection lost"),
    ]
    with new_run(tmp_path, asked) as run:
        run.append_many([bad[0], rows[1], rows[2], bad[1]])
        run.finish()
    assert run.manifest.counts["errors"] == 2
    run.write_grades("math", [grade(row, "math", 2) for row in run.generations()])
    run.write_metrics({"points": []})
    again, notes = resume(run.path)
    with again:
        assert again.done == {rows[1].key, rows[2].key}
        assert "2 rows on which the engine failed are made again" in notes
        assert "removed metrics.json: it described fewer rows" in notes
        assert again.manifest.status == "running"
        assert "metrics.json" not in again.manifest.hashes
        again.append_many([rows[0], rows[3]])
        again.finish()
    assert list(again.generations()) == rows
    assert {g.key for g in again.grades("math")} == {rows[1].key, rows[2].key}


def test_a_whole_finished_run_is_left_alone(tmp_path: Path) -> None:
    run, rows = finished(tmp_path)
    assert expected_rows(run.manifest, 6) == len(rows)
    before = {p.name: p.read_bytes() for p in run.path.iterdir() if p.is_file() and p.name != ".lock"}
    again, notes = resume(run.path)
    with again:
        again.finish()
    assert notes == [f"already finished: {len(rows)} rows, nothing to do"]
    assert {p.name: p.read_bytes() for p in run.path.iterdir() if p.is_file() and p.name != ".lock"} == before


def test_another_configuration_is_refused_with_the_fields(tmp_path: Path) -> None:
    path = interrupted(tmp_path, [])
    other = {"samples": 4, "engine": {"name": "hf", "slots": 64}, "out": "elsewhere", "extra": [1]}
    with pytest.raises(StoreError) as caught:
        resume(path, other)
    text = str(caught.value)
    for line in ('engine.name: "scripted" -> "hf"', "samples: 1 -> 4", "seed: 7 -> (absent)", "extra: (absent) -> [1]"):
        assert f"\n  {line}\n" in text
    assert "slots" not in text
    assert "hint: resume with the configuration of the run" in text


def test_fields_that_change_no_row_may_differ(tmp_path: Path) -> None:
    path = interrupted(tmp_path, [])
    run, _ = resume(path, {**CONFIG, "engine": {"name": "scripted", "slots": 1}, "out": "x", "progress": False})
    run.close()


def test_changed_inputs_are_refused(tmp_path: Path) -> None:
    with new_run(tmp_path, questions(1), inputs={"model": "aa", "questions": "bb"}) as run:
        pass
    resume(run.path, inputs={"model": "aa", "questions": "bb"})[0].close()
    with pytest.raises(StoreError, match=r'inputs\.model: "aa" -> "cc"'):
        resume(run.path, inputs={"model": "cc", "questions": "bb"})


def test_resume_below_a_root_takes_the_newest_of_this_configuration(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no unfinished run"):
        resume(tmp_path)
    first = interrupted(tmp_path, [])
    second = interrupted(tmp_path, [])
    with new_run(tmp_path, questions(1), config_resolved={**CONFIG, "seed": 8}):
        pass
    run, _ = resume(tmp_path)
    with run:
        assert run.path == max(first, second)
        run.append_many([small_row(q) for q in questions(4)])
        run.finish()
    run, _ = resume(tmp_path)
    run.close()
    assert run.path == min(first, second), "a finished run is not resumed from a root"
    with pytest.raises(StoreError, match="seed: "):
        resume(tmp_path, {**CONFIG, "seed": 9})


def test_resume_below_a_root_takes_a_finished_run_with_failed_rows(tmp_path: Path) -> None:
    asked = questions(2)
    with new_run(tmp_path, asked) as run:
        run.append_many([small_row(asked[0]), small_row(asked[1], ended="error", error="out of memory")])
        run.finish()
    again, notes = resume(tmp_path)
    with again:
        assert again.path == run.path
        assert {key[0] for key in again.done} == {asked[0].id}
        assert any("1 rows on which the engine failed are made again" in note for note in notes)


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    path = interrupted(tmp_path, [])
    script = """
        import sys, time
        from samples import *
        run, _ = RunDir.resume(Path(sys.argv[1]), CONFIG, non_output=NON_OUTPUT)
        print("ready", flush=True)
        time.sleep(60)
    """
    with start(script, path) as first:
        with pytest.raises(StoreError, match=rf"is being written by process {first.pid}\nhint: wait for it"):
            resume(path)
        assert summary(path).status == "running"
        first.kill()
    assert summary(path).status == "killed"
    run, _ = resume(path)
    with run:
        refused = run_script(script, path)
        assert refused.returncode == 1
        assert "is being written by process" in refused.stderr


def test_a_forked_worker_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = interrupted(tmp_path, [])
    script = """
        import os, sys, time
        from samples import *
        run, _ = RunDir.resume(Path(sys.argv[1]), CONFIG, non_output=NON_OUTPUT)
        if os.fork() == 0:
            sys.stdin.read()  # until the test lets go of the pipe
            os._exit(0)
        print("ready", flush=True)
        time.sleep(60)
    """
    with start(script, path) as first:
        first.kill()
        first.wait()
        resume(path)[0].close()
