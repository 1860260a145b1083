"""Any OpenAI-compatible chat endpoint: many calls at once, each tried a bounded number of times.

Knows the request's body, the key's environment variable, and how long to wait between tries. Refuses to keep the key:
it is read when answering begins and sent in a header, and no error or file holds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import httpx

from s1kit.curate.calls.background import Background
from s1kit.curate.calls.call import Answer, Call, CallerError, Prices, Reply
from s1kit.curate.calls.exchange import exchange
from s1kit.curate.calls.health import Health
from s1kit.curate.calls.message import Failed

OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "n"})
"""Fields of the body that ``Call.extra`` may not set."""
CONNECT_SECONDS = 30.0


@dataclass(slots=True)
class Endpoint:
    """A chat endpoint, as a Caller.

    ``base_url``: what ``/chat/completions`` follows, usually ending in ``/v1``. ``key_env``: the environment variable
    with the key; None, or an unset one: no key is sent. ``concurrency``: calls in flight at once, per ``answer``.
    ``timeout``: seconds without a byte; ``longest``: seconds per try, so that a server that trickles ends too.
    ``tries``: per call, the first included. Waits between tries: what ``Retry-After`` says (and then all calls wait),
    else ``back_off`` seconds doubled each time, up to half of it taken off at random; none above ``longest_wait``.

    ``answer`` raises CallerError where the server cannot be reached or answers 401, 402, 403 or 404 before any call has
    succeeded, and when ``give_up`` calls in a row have failed: a whole pool must not be recorded as errors because of
    a wrong key or a server that went away.
    """

    base_url: str
    model: str
    key_env: str | None = "OPENAI_API_KEY"
    concurrency: int = 8
    timeout: float = 600.0
    longest: float = 7200.0
    tries: int = 5
    back_off: float = 1.0
    longest_wait: float = 60.0
    give_up: int = 32
    stream: bool = True
    prices: Prices | None = None
    _url: httpx.URL = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises CallerError for a base URL that cannot be used, ValueError for a number below 1."""
        if min(self.concurrency, self.tries, self.give_up) < 1:
            raise ValueError("concurrency, tries and give_up must be at least 1")
        try:
            url = httpx.URL(self.base_url.strip().rstrip("/").removesuffix("/chat/completions") + "/chat/completions")
        except httpx.InvalidURL as error:
            raise CallerError(f"the base URL cannot be read: {error}") from error
        if url.userinfo or url.query or url.fragment:
            raise CallerError(
                f"the base URL for {url.host} holds more than an address\n"
                "hint: a key belongs in an environment variable; URLs are written into manifests"
            )
        if url.scheme not in ("http", "https") or not url.host:
            raise CallerError(f"{self.base_url!r} is no base URL\nhint: one looks like http://127.0.0.1:8000/v1")
        self._url = url

    @property
    def identity(self) -> str:
        """The model's name. The address is no part of it: a server may move."""
        return self.model

    def close(self) -> None:
        """Nothing is held between two ``answer``."""

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        """As ``Caller.answer``. A reader that leaves early, Ctrl-C included, ends every request at once."""
        source = iter(calls)
        done: SimpleQueue[Future[Answer]] = SimpleQueue()
        flying = 0
        key = self._key()
        health = Health(f"{self._url} (model {self.model})", key, self.key_env, self.give_up)
        background = Background()
        client = self._client(key)
        try:
            while True:
                if flying < self.concurrency and done.empty() and (item := next(source, None)) is not None:
                    if isinstance(item, Call):
                        background.start(self._answer(client, health, item)).add_done_callback(done.put)
                        flying += 1
                    else:
                        yield item
                elif flying:
                    finished = done.get().result()
                    flying -= 1
                    yield finished
                else:
                    return
        finally:
            background.cancel()
            background.start(client.aclose()).result()
            background.close()

    async def _answer(self, client: httpx.AsyncClient, health: Health, call: Call) -> Answer:
        """One call with all its tries. Raises CallerError where going on makes no sense."""
        begun = time.monotonic()
        body = json.dumps(self._body(call)).encode()
        number = 0
        while True:
            number += 1
            while (wait := health.not_before - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            try:
                reply = await exchange(client, str(self._url), body, self.longest)
                health.well()
                break
            except Failed as failed:
                health.try_failed(failed)
                if not failed.again or number == self.tries:
                    health.call_failed(failed)
                    reply = Reply(error=health.told(failed), kind=failed.kind)
                    break
                await asyncio.sleep(self._wait(health, failed, number))
        return call, reply.model_copy(update={"tries": number, "seconds": round(time.monotonic() - begun, 3)})

    def _body(self, call: Call) -> dict[str, Any]:
        """The request's body. Raises ValueError for a call that is another's, or sets what is not its own."""
        if call.model != self.identity:
            raise ValueError(f"a call for {call.model!r} was given to {self.identity!r}")
        if taken := OWN_FIELDS.intersection(call.extra):
            raise ValueError(f"extra may not set {', '.join(sorted(taken))}")
        numbers = {name: getattr(call, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return {
            "model": self.model,
            "messages": [dict(message) for message in call.messages],
            **{name: value for name, value in numbers.items() if value is not None},
            **({"stream": True, "stream_options": {"include_usage": True}} if self.stream else {}),
            **call.extra,
        }

    def _wait(self, health: Health, failed: Failed, number: int) -> float:
        """Seconds before the next try; a little is random, so that calls that failed together do not return so."""
        if failed.wait is not None:
            wait = min(failed.wait, self.longest_wait)
            health.hold(wait)
            return wait + random.uniform(0.0, min(1.0, self.back_off))
        return min(self.longest_wait, self.back_off * float(2 ** (number - 1))) * random.uniform(0.5, 1.0)

    def _key(self) -> str:
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if not all("!" <= sign <= "~" for sign in key):
            raise CallerError(
                f"the key in {self.key_env} has signs that no header can carry\nhint: was it pasted with a line break?"
            )
        return key

    def _client(self, key: str) -> httpx.AsyncClient:
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        return httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(self.timeout, connect=min(self.timeout, CONNECT_SECONDS), pool=None),
            limits=httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency),
            # a server on this machine is never behind a proxy
            trust_env=self._url.host not in ("localhost", "127.0.0.1", "::1"),
        )
