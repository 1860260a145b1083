"""An event loop on a thread of its own, where at most ``slots`` jobs run at once: what everything over HTTP needs.

Knows who waits, who runs and who hears of it. Refuses to know what a job is. A thread, because time-outs, retries and
other requests go on while the reader grades and stores; and a notebook has an event loop already.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

J = TypeVar("J")
S = TypeVar("S")


class Desk(Generic[J, S]):
    """Runs ``work(job)`` for every job put in; what a job ``say``s is heard on the reader's thread.

    ``dropped`` is called, on the loop's thread, for a job that was dropped before it was done, begun or not.
    """

    def __init__(
        self, slots: int, work: Callable[[J], Coroutine[Any, Any, None]], dropped: Callable[[J], None]
    ) -> None:
        self._slots = slots
        self._work = work
        self._dropped = dropped
        self._said: SimpleQueue[S | Exception] = SimpleQueue()
        # on the loop's thread only:
        self._first: deque[J] = deque()
        self._later: deque[J] = deque()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._closing = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="s1kit-http", daemon=True)
        self._thread.start()

    def put(self, job: J, *, first: bool = False) -> None:
        """Queue a job; ``first``: before all that are not."""
        self._loop.call_soon_threadsafe(self._queue, self._first if first else self._later, job)

    def drop(self, job: J) -> None:
        """End a job, whether it waits or runs."""
        self._loop.call_soon_threadsafe(self._end, job)

    def say(self, what: S | Exception) -> None:
        """Hand something to the reader, from any thread. An exception is raised there."""
        self._said.put(what)

    def hear(self, *, wait: bool = True) -> list[S]:
        """All that was said; ``wait``: block until there is something. Raises what was said to be raised, after all
        before it."""
        heard: list[S] = []
        with suppress(Empty):
            while True:
                item = self._said.get(block=wait and not heard)
                if isinstance(item, Exception) and heard:
                    self._said.put(item)
                    break
                if isinstance(item, Exception):
                    raise item
                heard.append(item)
        return heard

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End every job, run ``last``, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._shut(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _queue(self, queue: deque[J], job: J) -> None:
        queue.append(job)
        self._admit()

    def _admit(self) -> None:
        while len(self._tasks) < self._slots and (queue := self._first or self._later) and not self._closing:
            job = queue.popleft()
            task = self._loop.create_task(self._work(job))
            self._tasks[id(job)] = task
            task.add_done_callback(lambda task, job=job: self._done(job, task))  # type: ignore[misc]

    def _done(self, job: J, task: asyncio.Task[None]) -> None:
        del self._tasks[id(job)]
        if task.cancelled():
            self._dropped(job)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # a fault of this program: the reader must hear of it, or would wait for ever
            self.say(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        self._admit()

    def _end(self, job: J) -> None:
        if (task := self._tasks.get(id(job))) is not None:
            task.cancel()
            return
        for queue in (self._first, self._later):
            if job in queue:
                queue.remove(job)
                self._dropped(job)

    async def _shut(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._closing = True
        self._first.clear()
        self._later.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await last()
        await asyncio.sleep(0)  # what was closed is let go of in the loop's next turn
