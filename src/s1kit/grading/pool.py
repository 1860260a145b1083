"""Worker processes that can be killed: the only place where untrusted LaTeX is parsed.

Knows clocks and processes: one pair per worker at a time, a limit of processor time and a wall clock for each, a new
worker for every one that was killed or died. Refuses to know mathematics. No threads: Math-Verify guards itself with
SIGALRM, which works in no thread, and ``2003^{2002^{2001}}`` sits in C code that no exception interrupts; a killed
process is the only guard that holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import IO, Literal, Self, cast

from s1kit.grading.ruling import Comparison

Outcome = Literal[
    "equal", "unequal", "unparsed", "gold_unparsed", "uncomparable", "memory", "recursion", "timeout", "died"
]
SECONDS = 5.0
"""Processor time per pair, so that a busy machine gives the same verdicts as an idle one. The slowest honest pair of
MATH-500 takes well under a second."""
WALL_FACTOR = 24.0
"""The wall clock per pair is this many times the processor time: for a worker that waits instead of computing, and
far enough away that a starved machine does not turn honest answers into timeouts."""
MEBIBYTES = 1024
"""Address space per worker. Python with sympy needs about a quarter of it."""
START_SECONDS = 300.0
"""How long a new worker may take to import its libraries on a busy machine."""
_TO_OUTCOME = frozenset({"equal", "unequal", "unparsed", "gold_unparsed", "uncomparable", "memory", "recursion"})


class WorkerStartError(RuntimeError):
    """A grading worker did not come up; the message has its last words."""


class _Worker:
    """One child process and the pair it is busy with."""

    def __init__(self, seconds: float, mebibytes: int) -> None:
        self.wall = seconds * WALL_FACTOR
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "s1kit.grading.worker", str(seconds), str(self.wall), str(mebibytes)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self.ready = False
        self.task: int | None = None
        self.deadline = time.monotonic() + START_SECONDS

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def give(self, index: int, pair: Comparison) -> None:
        """Send one pair and start its clock. A worker that is already gone is noticed when its output ends."""
        self.task, self.deadline = index, time.monotonic() + self.wall
        line = json.dumps({"gold": pair.gold, "answer": pair.answer}) + "\n"
        with contextlib.suppress(BrokenPipeError):
            stdin = cast(IO[bytes], self.process.stdin)
            stdin.write(line.encode())
            stdin.flush()

    def end(self) -> None:
        """Kill, reap, close."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


class MathVerifyPool:
    """``workers`` processes that compare pairs; a context manager. Processes start with the first comparison.

    ``seconds`` is the processor time per pair (`WALL_FACTOR` times as much by the clock), ``mebibytes`` the address
    space per worker.
    """

    def __init__(self, workers: int = 2, seconds: float = SECONDS, mebibytes: int = MEBIBYTES) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._size, self._seconds, self._mebibytes = workers, seconds, mebibytes
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every worker."""
        for worker in list(self._workers):
            self._drop(worker)
        self._selector.close()

    def compare(self, pairs: Iterable[Comparison]) -> list[Outcome]:
        """The outcome of every pair, in order. Raises `WorkerStartError` where no worker comes up at all."""
        tasks = list(pairs)
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(tasks)))[::-1]
        while len(outcomes) < len(tasks):
            open_tasks = len(tasks) - len(outcomes)
            while len(self._workers) < min(self._size, open_tasks):
                self._start()
            for worker in self._workers:
                if worker.ready and worker.task is None and waiting:
                    index = waiting.pop()
                    worker.give(index, tasks[index])
            self._wait(outcomes)
        return [outcomes[index] for index in range(len(tasks))]

    def _start(self) -> None:
        worker = _Worker(self._seconds, self._mebibytes)
        self._workers.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _drop(self, worker: _Worker) -> None:
        self._selector.unregister(worker.stdout)
        self._workers.remove(worker)
        worker.end()

    def _wait(self, outcomes: dict[int, Outcome]) -> None:
        """Sleep until a worker speaks, dies or is out of time, and note what happened."""
        clocks = [worker.deadline for worker in self._workers if worker.task is not None or not worker.ready]
        events = self._selector.select(max(0.0, min(clocks) - time.monotonic()))
        for key, _ in events:
            self._hear(key.data, outcomes)
        now = time.monotonic()
        for worker in [w for w in self._workers if w.task is not None and w.deadline <= now]:
            outcomes[cast(int, worker.task)] = "timeout"
            self._drop(worker)
        if any(not worker.ready and worker.deadline <= now for worker in self._workers):
            raise WorkerStartError(f"a grading worker was not ready after {START_SECONDS:.0f} seconds")

    def _hear(self, worker: _Worker, outcomes: dict[int, Outcome]) -> None:
        """Read one line from a worker that has something to say, or has ended."""
        word = worker.stdout.readline().decode().strip()
        if word == "ready":
            worker.ready = True
        elif word in _TO_OUTCOME and worker.task is not None:
            outcomes[worker.task] = cast(Outcome, word)
            worker.task = None
        else:
            if not worker.ready:
                raise WorkerStartError("a grading worker ended before it was ready: is math-verify installed?")
            if worker.task is not None:
                by_clock = worker.process.wait() in (-signal.SIGPROF, -signal.SIGALRM)
                outcomes[worker.task] = "timeout" if by_clock else "died"
            self._drop(worker)
