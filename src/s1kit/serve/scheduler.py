"""One thread owns the engine: it runs every row's machine, and hands text to whoever waits for it.

Knows rows, engine requests and who reads too slowly. Refuses to know HTTP and time limits: a coroutine that has waited
long enough drops its job. A row whose reader is behind is taken out of the engine and its request taken up again, at
the same token, when the reader has caught up; the slot serves others in the meantime.

An engine over a network may have a method ``wake()``, callable from any thread, that makes a waiting ``collect`` return
at once, with nothing if need be: else what arrives meanwhile waits for its next token.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from s1kit.engines.base import Chunk, Engine
from s1kit.serve.errors import ApiError
from s1kit.serve.live import LiveRow
from s1kit.serve.metrics import Metrics
from s1kit.serve.outbox import Outbox
from s1kit.serve.prompts import Prepared

log = logging.getLogger(__name__)

BEHIND = 256
"""Events that a reader may leave lying before its rows are taken out of the engine."""
FAILING = 3
"""Rows that end in an error, one after the other, before the engine counts as failed."""


@dataclass(slots=True, eq=False)
class Job:
    """All rows of one HTTP request, and where their events go."""

    prepared: Prepared
    outbox: Outbox
    stop: tuple[str, ...] = ()
    stream: bool = True
    """Somebody reads along."""
    entries: list[_Entry] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Entry:
    """One row. ``asked``: the id under which the engine knows it. ``leaving``: the engine was told to cancel that."""

    job: Job
    live: LiveRow
    asked: str = ""
    leaving: bool = False
    over: bool = False


Command = tuple[Callable[..., None], tuple[object, ...]]


class Scheduler:
    """``offer``, ``drop`` and ``wake`` are for the event loop's thread; everything else happens in its own."""

    def __init__(self, engine: Engine, metrics: Metrics, *, concurrency: int, waiting: int) -> None:
        """At most ``concurrency`` rows in the engine at once and ``waiting`` more that are not."""
        self.metrics = metrics
        self.concurrency = concurrency
        self.capacity = concurrency + waiting
        self.failed: str | None = None
        """What the engine failed with, until it gives a token again."""
        self.draining = False
        self._engine = engine
        self._interrupt: Callable[[], None] | None = getattr(engine, "wake", None)
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0
        self._serial = itertools.count()
        self._waiting: deque[_Entry] = deque()
        self._paused: set[_Entry] = set()
        self._asked: dict[str, _Entry] = {}
        self._errors = 0  # rows in a row that the engine failed
        self._running = 0  # rows in the engine that have not been told to leave
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="s1-engine", daemon=True)

    # -- called from the event loop

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def offer(self, job: Job) -> None:
        """Queue a job. Raises ApiError: 429 when the queue is full, 503 when the server is about to end."""
        rows = len(job.prepared.rows)
        if self.draining:
            raise ApiError("the server is shutting down; ask another one, or later", status=503, code="shutting_down")
        with self._lock:
            if self._open + rows > self.capacity:
                self.metrics.count("s1_rejected_total")
                raise ApiError(
                    f"{self._open} rows are running or waiting, and {self.capacity} are allowed; "
                    "try again after the seconds in Retry-After",
                    status=429,
                    code="queue_full",
                    headers={"Retry-After": str(self.metrics.seconds_until_free(self._open, self.concurrency))},
                )
            self._open += rows
        self._command(self._add, job)

    def drop(self, job: Job) -> None:
        """Forget a job that is over, or that nobody waits for any more; its slots are free with the next token."""
        self._command(self._drop, job)

    def wake(self, job: Job) -> None:
        """The reader has caught up."""
        self._command(self._wake, job)

    def fail_all(self, message: str) -> None:
        """End every open job with an error: the time to finish is over."""
        self._command(self._fail_all, message, "shutting_down")

    def stop(self, seconds: float = 10.0) -> bool:
        """End the thread and close the engine. False where the engine did not answer in time."""
        self.draining = True
        if self._thread.ident is None:
            self._engine.close()
            return True
        self._command(self._halt)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def gauges(self) -> dict[str, int]:
        """Where the rows are, for /metrics."""
        return {
            "s1_rows_open": self._open,
            "s1_rows_running": self._running,
            "s1_rows_waiting": len(self._waiting),
            "s1_rows_paused": len(self._paused),
            "s1_engine_requests": len(self._asked),
        }

    def _command(self, act: Callable[..., None], *arguments: object) -> None:
        self._commands.put((act, arguments))
        if self._interrupt is not None:
            self._interrupt()

    # -- the thread

    def _run(self) -> None:
        while not self._stopped:
            self._obey()
            if self._stopped:
                break
            try:
                self._admit()
                chunks = self._engine.collect() if self._asked else []
                if self._asked and not chunks and self._interrupt is None:
                    raise RuntimeError(f"it has nothing to say about {len(self._asked)} open requests")
                for chunk in chunks:
                    self._hear(chunk)
            except Exception as error:  # whatever an engine raises, every open request has to hear of it
                log.exception("the engine failed")
                self._break(error)
        self._engine.close()

    def _obey(self) -> None:
        """Carry out what was asked for; wait for it when there is nothing else to do."""
        idle = not self._asked and not self._waiting
        try:
            while not self._stopped:
                act, arguments = self._commands.get(block=idle)
                idle = False
                act(*arguments)
        except queue.Empty:
            return

    def _add(self, job: Job) -> None:
        for index, row in enumerate(job.prepared.rows):
            # an engine that nothing can wake has to speak with every token, so that others are heard meanwhile
            stream = job.stream or self._interrupt is None
            live = LiveRow(job.prepared.plan, row, index, f"r{next(self._serial)}", job.stop, stream=stream)
            entry = _Entry(job, live)
            job.entries.append(entry)
            self._tell(entry)
            if not entry.over:
                self._waiting.append(entry)

    def _admit(self) -> None:
        while self._waiting and self._running < self.concurrency:
            self._submit(self._waiting.popleft())

    def _submit(self, entry: _Entry) -> None:
        request = entry.live.request
        assert request is not None
        entry.asked = request.id
        self._asked[request.id] = entry
        self._running += 1
        self._engine.submit(request)

    def _hear(self, chunk: Chunk) -> None:
        entry = self._asked.get(chunk.request_id)
        if entry is None:
            return
        self._judge(chunk)
        self.metrics.count("s1_engine_tokens_total", len(chunk.tokens))
        final, paused = chunk.finish is not None, entry.leaving
        if final:
            del self._asked[chunk.request_id]
            self._running -= not paused
        if entry.over:  # the rest of what a client or a stop string ended
            return
        if final and paused:
            entry.leaving = False
            entry.live.rest(chunk)
        else:
            entry.live.take(chunk)
        self._tell(entry)
        behind = entry.job.outbox.backlog > BEHIND
        if entry.over:
            self._leave(entry, final)
        elif final and behind:
            self._paused.add(entry)
        elif final and paused:
            self._waiting.appendleft(entry)
        elif final:
            self._submit(entry)  # it keeps its place
        elif behind:
            self._leave(entry, final)

    def _judge(self, chunk: Chunk) -> None:
        """Whether the engine is well. One row may fail by itself; several in a row are an upstream that is gone."""
        if chunk.finish == "error":
            self._errors += 1
            if self._errors >= FAILING:
                self.failed = f"the engine {self._engine.info.name} failed {self._errors} rows: {chunk.error}"
        elif chunk.tokens or chunk.finish != "cancelled":
            self._errors, self.failed = 0, None

    def _leave(self, entry: _Entry, gone: bool = False) -> None:
        """Take a row out of the engine; its slot counts as free from now on."""
        if not gone and not entry.leaving and entry.asked in self._asked:
            entry.leaving = True
            self._running -= 1
            self._engine.cancel(entry.asked)

    def _tell(self, entry: _Entry) -> None:
        """Send a row's news; count it when it is over."""
        events, entry.live.events = entry.live.events, []
        if entry.live.generation is not None:
            self._finish(entry)
            self.metrics.row_done(entry.live.generation)
        if events:
            entry.job.outbox.put(events)

    def _finish(self, entry: _Entry) -> None:
        entry.over = True
        self._close_rows(1)

    def _close_rows(self, rows: int) -> None:
        with self._lock:
            self._open -= rows

    def _wake(self, job: Job) -> None:
        for entry in job.entries:
            if entry in self._paused:
                self._paused.remove(entry)
                self._waiting.appendleft(entry)

    def _drop(self, job: Job) -> None:
        for entry in job.entries:
            if entry.over:
                continue
            self._finish(entry)
            entry.live.close()
            self._paused.discard(entry)
            if entry in self._waiting:
                self._waiting.remove(entry)
            self._leave(entry)

    def _fail_all(self, message: str, code: str) -> None:
        """Every open job hears an error."""
        for job in {entry.job for entry in (*self._asked.values(), *self._waiting, *self._paused) if not entry.over}:
            job.outbox.fail(ApiError(message, status=503, code=code))
            self._drop(job)

    def _break(self, error: Exception) -> None:
        """The engine failed: every open row hears of it. New ones are tried all the same; it may have recovered."""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        self.failed = f"the engine {self._engine.info.name} failed: {reason}"
        self.metrics.count("s1_engine_failures_total")
        stuck, self._asked = self._asked, {}  # what it still says about these is passed over
        self._running = 0
        for name, entry in stuck.items():
            entry.leaving = True
            with suppress(Exception):  # it may be unable to do even that
                self._engine.cancel(name)
        for job in {entry.job for entry in (*stuck.values(), *self._waiting, *self._paused) if not entry.over}:
            what_now = "ask again; if that fails too, restart the server"
            job.outbox.fail(ApiError(f"{self.failed}; {what_now}", status=503, code="engine_failed"))
            self._drop(job)

    def _halt(self) -> None:
        self._fail_all("the server has shut down", "shutting_down")
        self._stopped = True
