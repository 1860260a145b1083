"""Any OpenAI-compatible chat endpoint: many calls at once, each tried a bounded number of times.

Knows the request's body, and when a server's failures say that no call can succeed. Refuses to know HTTP and waits
(``s1kit.wire``), and how an answer is written (``engines.chat_message``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from s1kit.curate.calls.call import Answer, Call, CallerError, Prices, Reply
from s1kit.engines.chat_exchange import exchange
from s1kit.engines.chat_message import Message
from s1kit.wire.address import AddressError, Settings, base_url
from s1kit.wire.desk import Desk
from s1kit.wire.failed import DENIED, Failed, Unreachable
from s1kit.wire.peer import Patience, Peer

OWN_FIELDS = frozenset({"model", "messages", "stream", "stream_options", "n"})
"""Fields of the body that ``Call.extra`` may not set."""
CONNECT_SECONDS = 30.0
NAMES = Settings(url="the base URL", key_env="key_env", slots="concurrency")


@dataclass(slots=True)
class Endpoint:
    """A chat endpoint, as a Caller.

    ``base_url``: what ``/chat/completions`` follows, usually ending in ``/v1``. ``key_env``: the environment variable
    with the key; None, or an unset one: no key is sent. ``concurrency``: calls in flight at once, per ``answer``.
    ``timeout``: seconds without a byte; ``longest``: seconds per call, all its tries together, so that a server that
    trickles ends too. ``tries``: per call, the first included. ``back_off``, ``longest_wait``: see ``Patience``.

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
    _url: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises CallerError for a base URL that cannot be used, ValueError for a number below 1."""
        if min(self.concurrency, self.tries, self.give_up) < 1:
            raise ValueError("concurrency, tries and give_up must be at least 1")
        try:
            self._url = base_url(self.base_url, NAMES, "") + "/chat/completions"
        except AddressError as error:
            raise CallerError(str(error)) from error

    @property
    def identity(self) -> str:
        """The model's name. The address is no part of it: a server may move."""
        return self.model

    def close(self) -> None:
        """Nothing is held between two ``answer``."""

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        """As ``Caller.answer``. A reader that leaves early, Ctrl-C included, ends every request at once."""
        source = iter(calls)
        peer = self._peer()

        async def work(job: tuple[Call, bytes]) -> None:
            desk.say(await self._answer(peer, *job))

        desk: Desk[tuple[Call, bytes], Answer] = Desk(self.concurrency, work, lambda job: None)
        flying, more = 0, True
        try:
            while flying or more:
                for finished in desk.hear(wait=flying == self.concurrency or not more):
                    flying -= 1
                    yield finished
                if flying == self.concurrency or not more:
                    continue
                item = next(source, None)
                if item is None:
                    more = False
                elif isinstance(item, Call):
                    desk.put((item, json.dumps(self._body(item)).encode()))
                    flying += 1
                else:
                    yield item
        finally:
            desk.close(peer.close)

    async def _answer(self, peer: Peer, call: Call, body: bytes) -> Answer:
        """One call with all its tries. Raises CallerError where going on makes no sense."""
        begun, tries = time.monotonic(), 0
        got: list[Message] = []

        async def once() -> None:
            nonlocal tries
            tries += 1
            try:
                got.append(await exchange(peer.client, self._url, body))
            except Failed as failed:
                if not peer.succeeded and (isinstance(failed, Unreachable) or failed.status in DENIED):
                    raise self._stop(peer.shown(failed), peer.hint(failed)) from failed
                raise

        try:
            await peer.persist(once)
            m = got[-1]
            reply = Reply(text=m.answer, thinking=m.thinking, finish=m.finish, usage=m.usage, served=m.served)
        except Failed as failed:
            # once there was a success, what a call alone may be to blame for (a filter, a 4xx) does not count
            peer.failing += failed.server or not peer.succeeded
            if peer.failing >= self.give_up:
                said = f"{peer.failing} calls in a row failed; the last: {failed.message}"
                raise self._stop(said, "mend the server or the calls; every answer so far is kept") from failed
            reply = Reply(error=failed.message, kind=failed.kind)
        return call, reply.model_copy(update={"tries": tries, "seconds": round(time.monotonic() - begun, 3)})

    def _stop(self, said: str, hint: str) -> CallerError:
        return CallerError(f"{self._url} (model {self.model}): {said}\nhint: {hint}")

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

    def _peer(self) -> Peer:
        patience = Patience(
            silence=self.timeout,
            longest=self.longest,
            connect=min(self.timeout, CONNECT_SECONDS),
            tries=self.tries,
            back_off=self.back_off,
            longest_wait=self.longest_wait,
        )
        try:
            return Peer(
                self.base_url,
                self.model,
                slots=self.concurrency,
                key_env=self.key_env,
                patience=patience,
                names=NAMES,
                version="",
            )
        except AddressError as error:
            raise CallerError(str(error)) from error
