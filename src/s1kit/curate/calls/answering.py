"""Calls answered from the cache where it can, by a caller where it must, and counted.

Knows the order: look up, ask, store, count, hand over. Refuses to know prompts and progress bars. Nothing is paid for
twice: neither after a crash, nor where the same call is there twice, nor by two processes that share the cache in turn.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field

from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.call import Answer, Call, Caller, CallerError, Reply
from s1kit.curate.calls.ledger import Ledger


@dataclass(slots=True)
class Tally:
    """How far a stage is."""

    total: int | None = None
    done: int = 0
    cached: int = 0
    """Of those: answered without asking."""
    errors: int = 0
    """Of those: errors, cached ones included."""
    prompt: int = 0
    """Tokens paid for in this run of the stage."""
    completion: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float | None:
        """Calls asked and answered per second; None before the first."""
        asked, seconds = self.done - self.cached, time.monotonic() - self.started
        return asked / seconds if asked and seconds > 0 else None

    @property
    def left(self) -> float | None:
        """Seconds until the end if nothing of what is left is in the cache: the most it should take."""
        rate = self.rate
        return None if self.total is None or rate is None else (self.total - self.done) / rate

    def add(self, reply: Reply, cached: bool) -> None:
        """Count one reply."""
        self.done += 1
        self.cached += cached
        self.errors += reply.error is not None
        if not cached:
            self.prompt += reply.usage.get("prompt", 0)
            self.completion += reply.usage.get("completion", 0)


def answered(
    caller: Caller,
    calls: Iterable[Call],
    cache: Cache,
    ledger: Ledger | None = None,
    tell: Callable[[Tally], None] | None = None,
    total: int | None = None,
) -> Generator[Answer, None, None]:
    """Yield every call with its reply, in the order in which they are known.

    Errors come from the cache too (``Cache.forget_errors`` makes them calls again). ``calls`` is read lazily. Raises
    CallerError when the caller cannot go on; the errors since its last success are then forgotten, since they say
    nothing about those calls. Raises CacheError.
    """
    tally = Tally(total)
    asked: dict[str, list[Call]] = {}
    """In flight: key -> the same call again, which waits for its answer."""
    suspect: list[Call] = []

    def handed(call: Call, reply: Reply, cached: bool) -> Answer:
        tally.add(reply, cached)
        if ledger is not None:
            ledger.add(call, reply, cached=cached, prices=caller.prices)
        if tell is not None:
            tell(tally)
        return call, reply

    def known() -> Iterator[Call | Answer]:
        for call in calls:
            if call.key in asked:
                asked[call.key].append(call)
            elif (reply := cache.get(call)) is not None:
                yield call, reply
            else:
                asked[call.key] = []
                yield call

    try:
        with contextlib.closing(caller.answer(known())) as answers:
            for call, said in answers:
                again = asked.pop(call.key, None)
                if again is None:
                    yield handed(call, said, True)
                    continue
                reply = cache.put(call, said)
                if reply.error is None:
                    suspect.clear()
                else:
                    suspect.append(call)
                yield handed(call, reply, False)
                for other in again:
                    yield handed(other, reply, True)
    except CallerError:
        cache.forget(suspect)
        raise
