"""Worker processes are killed when they hang, and the pool goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from s1kit.grading.pool import MathVerifyPool
from s1kit.grading.ruling import Comparison

HANG = Comparison("5", "2003^{2002^{2001}}", "box")


def pair(gold: str, answer: str) -> Comparison:
    return Comparison(gold, answer, "box")


def test_a_hang_is_killed_and_the_others_are_answered_in_order() -> None:
    pairs = [pair("x^2+2x", "x(x+2)"), HANG, pair("1", "2"), pair("\\frac{1}{2}", "0.5"), HANG, pair("a", "b")]
    with MathVerifyPool(workers=2, seconds=3.0) as pool:
        outcomes = pool.compare(pairs)
    assert outcomes == ["equal", "timeout", "unequal", "equal", "timeout", "unequal"]


def test_closing_leaves_no_process_behind() -> None:
    with MathVerifyPool(workers=1) as pool:
        pool.compare([pair("1", "1.0")])
        pids = [worker.process.pid for worker in pool._workers]
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_dies_is_replaced() -> None:
    with MathVerifyPool(workers=1) as pool:
        assert pool.compare([pair("1", "1.0")]) == ["equal"]
        pool._workers[0].process.kill()
        assert pool.compare([pair("1", "1.0"), pair("2", "2.0")]) == ["died", "equal"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits an address space")
def test_memory_is_limited() -> None:
    code = (
        "from s1kit.grading.worker import limit_memory\n"
        "limit_memory(256)\n"
        "try:\n    bytearray(300 << 20)\n"
        "except MemoryError:\n    print('refused')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "refused"


def test_an_orphaned_worker_is_ended_by_the_kernel() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [
        sys.executable,
        "-m",
        "s1kit.grading.worker",
        "600",
        "-4",
        "1024",
    ]  # one second by the clock, grace included
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    worker.stdin.write(b'{"gold": "5", "answer": "2003^{2002^{2001}}"}\n')
    worker.stdin.flush()
    assert worker.wait(timeout=120) == -signal.SIGALRM
    worker.stdin.close()
    worker.stdout.close()


def test_a_worker_that_waits_instead_of_computing_is_stopped_by_the_wall_clock() -> None:
    with MathVerifyPool(workers=1) as pool:
        assert pool.compare([pair("1", "1.0")]) == ["equal"]
        os.kill(pool._workers[0].process.pid, signal.SIGSTOP)
        pool._workers[0].wall = 0.5
        assert pool.compare([pair("1", "1.0"), pair("2", "2.0")]) == ["timeout", "equal"]


def test_no_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MathVerifyPool(workers=0)


def test_the_parent_never_imports_the_parser() -> None:
    code = "import sys, s1kit.grading; print('math_verify' in sys.modules, 'sympy' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["False", "False"]
