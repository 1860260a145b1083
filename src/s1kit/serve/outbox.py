"""Events on their way from the scheduler's thread to one request's coroutine.

Knows one event loop and a count. Refuses to block the thread that fills it: whoever fills it looks at ``backlog`` and
stops by itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from s1kit.serve.errors import ApiError
from s1kit.serve.live import Event


class Outbox:
    """Filled by one thread, emptied by one coroutine."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._error: ApiError | None = None
        self._called = False  # the loop was asked to wake the reader, who has not looked yet

    @property
    def backlog(self) -> int:
        """Events that nobody has taken yet."""
        return len(self._events)

    def put(self, events: Sequence[Event]) -> None:
        """Append, from any thread."""
        with self._lock:
            self._events.extend(events)
            called, self._called = self._called, True
        if not called:
            self._wake()

    def fail(self, error: ApiError) -> None:
        """Nothing more will come."""
        with self._lock:
            self._error = self._error or error
            self._called = True
        self._wake()

    async def take(self, seconds: float) -> list[Event]:
        """All events that are there, or, after ``seconds`` without any, none. Raises the error that ended the row."""
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return []
        self._ready.clear()
        with self._lock:
            events, self._events = self._events, []
            self._called, error = False, self._error
        if error is not None and not events:
            raise error
        if error is not None:
            self._ready.set()  # raised the next time
        return events

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the loop is closed: nobody is left to read
            return
