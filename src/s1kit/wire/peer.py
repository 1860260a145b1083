"""A server as many requests see it: its address, the key, and the patience with it.

Knows how often to try, how long to wait, and what to tell people. Refuses to know what is asked, and to keep the key
anywhere but in the header: no error and no file holds it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from s1kit.wire.address import LOCAL, Settings, base_url, key_from
from s1kit.wire.failed import Failed, Unreachable
from s1kit.wire.words import shorten


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and tries.

    ``silence``: without a byte. ``longest``: for one request, all its tries together, so that a server that trickles
    ends too. ``connect``: until a connection is made. ``tries``: in a row that brought the request no further; between
    them what ``Retry-After`` says, else ``back_off`` doubled each time, at most ``longest_wait``. Raises ValueError for
    a number that leaves no time or no try.
    """

    silence: float = 300.0
    longest: float = 7200.0
    connect: float = 10.0
    tries: int = 6
    back_off: float = 0.5
    longest_wait: float = 60.0

    def __post_init__(self) -> None:
        if self.tries < 1 or min(self.silence, self.longest, self.connect) <= 0:
            raise ValueError("at least one try, and more than no time for it")


class Peer:
    """One server. Its ``client`` belongs to one event loop."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        slots: int,
        key_env: str | None,
        patience: Patience,
        names: Settings,
        version: str = "/v1",
    ) -> None:
        """``slots``: requests at once. ``names``, ``version``: see ``address``. Raises AddressError."""
        self.base = base_url(url, names, version)
        self.model = model
        self.patience = patience
        self.succeeded = False
        """Whether any request did."""
        self.failing = 0
        """Requests in a row that failed for good because of the server, as far as somebody counts them."""
        self._names = names
        self._key_env = key_env
        self._key = key_from(key_env)
        self._not_before = 0.0
        self._slots = slots
        self.client = self.new_client()

    def new_client(self) -> httpx.AsyncClient:
        """Connections of their own, kept alive: one client must not be used from two event loops."""
        headers = {"content-type": "application/json"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(self.patience.silence, connect=self.patience.connect, pool=None),
            limits=httpx.Limits(max_connections=self._slots + 1, max_keepalive_connections=self._slots + 1),
            trust_env=httpx.URL(self.base).host not in LOCAL,  # a server on this machine is never behind a proxy
        )

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()

    async def persist(self, once: Callable[[], Awaitable[None]], progress: Callable[[], int] = lambda: 0) -> None:
        """Run ``once`` until it succeeds, within the patience. Raises Failed, the last one, in words for people.

        ``progress`` grows with a try that failed and brought the request further all the same.
        """
        failures, reached = 0, progress()
        try:
            async with asyncio.timeout(self.patience.longest):
                while True:
                    while (wait := self._not_before - time.monotonic()) > 0:  # it may grow in the meantime
                        await asyncio.sleep(wait)
                    try:
                        await once()
                    except Failed as failed:
                        failures = 1 if progress() > reached else failures + 1
                        reached = progress()
                        if not failed.again or failures >= self.patience.tries:
                            raise self._for_people(failed, failures) from failed
                        await asyncio.sleep(self._pause(failed, failures))
                    else:
                        self.succeeded, self.failing = True, 0
                        return
        except TimeoutError as error:
            what = f"no whole answer within {self.patience.longest:g} seconds"
            raise Failed("timeout", f"{what}; fewer {self._names.slots}, a smaller budget, or more time") from error

    def shown(self, failed: Failed) -> str:
        """A failure's message as it may be shown and stored: short, on one line, without the key."""
        # the key first: shortened, half of it could be left
        return shorten(failed.message.replace(self._key, "[key]") if self._key else failed.message)

    def hint(self, failed: Failed) -> str:
        """What the user may do about it; "" where the message says so."""
        if failed.status in (401, 402, 403):
            if self._key:
                return f"is the key in {self._key_env} right, and may it use this model?"
            return f"no key was sent: set {self._key_env or f'{self._names.key_env}, and the variable it names'}"
        if failed.status == 429:
            return f"the server is too busy: lower {self._names.slots}"
        if failed.kind == "http_5xx":
            return "see the server's log"
        if failed.status == 404 or failed.kind == "http_3xx":
            return f"check {self._names.url} (it usually ends in /v1) and the model's name, {self.model!r}"
        if failed.kind == "http_4xx":
            return "the server does not take this request: check the model's name and the sampling"
        if isinstance(failed, Unreachable):
            return f"is the server running, and {self._names.url} right?"
        lost = failed.kind in ("connection", "timeout", "cut")
        return f"is the server running at {self.base}, and well?" if lost else ""

    def _pause(self, failed: Failed, failures: int) -> float:
        """Seconds before the next try. Told to wait, all wait; a little is random, so that not all return at once."""
        patience = self.patience
        if failed.wait is not None:
            wait = min(failed.wait, patience.longest_wait)
            self._not_before = max(self._not_before, time.monotonic() + wait)
            return wait + random.uniform(0.0, min(0.5, patience.back_off))
        return min(patience.longest_wait, patience.back_off * float(2 ** (failures - 1))) * random.uniform(0.5, 1.0)

    def _for_people(self, failed: Failed, failures: int) -> Failed:
        tried = f" ({failures} tries)" if failures > 1 else ""
        hint = self.hint(failed)
        message = f"{self.shown(failed)}{tried}" + (f"; {hint}" if hint else "")
        return Failed(failed.kind, message, status=failed.status)
