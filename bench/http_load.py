"""A light HTTP client for load: keep-alive connections, one request at a time on each, times of first and last byte.

Knows HTTP/1.1 (h11) and server-sent events. Refuses to know what a reply means. Read by the benchmarks here; it is
none itself. A heavier client would take from the servers the processor time that is to be measured.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import h11

Body = dict[str, Any]


@dataclass
class Reply:
    """One answer, with when it came."""

    status: int
    seconds: float = 0.0
    first: float | None = None
    """Seconds until the first event of a stream, or the first byte of a whole reply."""
    events: list[Body] = field(default_factory=list)
    """Of a stream, in order; of a whole reply the one object."""

    @property
    def tokens(self) -> int:
        """What the server counted."""
        usages = [event["usage"] for event in self.events if event.get("usage")]
        return int(usages[-1]["completion_tokens"])

    @property
    def text(self) -> str:
        """What a completion says."""
        return "".join(choice["text"] for event in self.events for choice in event.get("choices", ()))


class Connection:
    """One connection, opened again where the server closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._state = h11.Connection(h11.CLIENT)

    async def post(self, path: str, body: Body, leave_after: int | None = None) -> Reply:
        """Ask. ``leave_after``: hang up after so many events of a stream."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._state = h11.Connection(h11.CLIENT)
        sent = json.dumps(body).encode()
        headers = [("host", "127.0.0.1"), ("content-type", "application/json"), ("content-length", str(len(sent)))]
        started = time.perf_counter()
        for event in (h11.Request(method="POST", target=path, headers=headers), h11.Data(sent), h11.EndOfMessage()):
            self._writer.write(self._state.send(event) or b"")
        reply = await self._answer(started, bool(body.get("stream")), leave_after)
        reply.seconds = time.perf_counter() - started
        if leave_after is not None or self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            await self.close()
        else:
            self._state.start_next_cycle()
        return reply

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _answer(self, started: float, stream: bool, leave_after: int | None) -> Reply:
        assert self._reader is not None
        reply, rest = Reply(0), b""
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._state.receive_data(await self._reader.read(65536))
            elif isinstance(event, h11.Response):
                reply.status = event.status_code
            elif isinstance(event, h11.Data):
                rest += bytes(event.data)
                if stream and reply.status == 200:
                    *lines, rest = rest.split(b"\n")
                    reply.events += [json.loads(x[6:]) for x in lines if x.startswith(b"data: {")]
                if reply.first is None and (reply.events or not stream):
                    reply.first = time.perf_counter() - started
                if leave_after is not None and len(reply.events) >= leave_after:
                    return reply
            elif isinstance(event, h11.EndOfMessage):
                if not stream or reply.status != 200:
                    reply.events = [json.loads(rest)]
                return reply
            else:
                raise ConnectionError(f"the server hung up: {event!r}")


async def load(port: int, path: str, bodies: list[Body], streams: int) -> list[Reply]:
    """Every body once, over ``streams`` connections that each ask again as soon as they have their answer."""
    replies: list[Reply | None] = [None] * len(bodies)
    left = iter(enumerate(bodies))

    async def one() -> None:
        connection = Connection(port)
        for number, body in left:
            replies[number] = await connection.post(path, body)
        await connection.close()

    await asyncio.gather(*(one() for _ in range(min(streams, len(bodies)))))
    done = [reply for reply in replies if reply is not None]
    refused = [reply for reply in done if reply.status != 200]
    assert not refused, refused[0].events
    return done
