"""What of HTTP every route needs: reading a body within limits, the key, leaving when the client leaves.

Knows ASGI messages. Refuses to know what the bodies say.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from s1kit.serve.errors import ApiError

T = TypeVar("T")
MOST_HEADER_BYTES = 32_768
MOST_DRAINED = 64 * 2**20
"""Bytes of an outsized body that are read and thrown away before its connection is cut."""


class ClientGone(Exception):
    """The client has left: there is nobody to answer."""


def check_key(request: Request, key: str | None) -> None:
    """Raise ApiError (401) unless the request carries the key, where there is one; and 431 for outsized headers."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > MOST_HEADER_BYTES:
        raise ApiError(f"the headers hold more than {MOST_HEADER_BYTES} bytes; send fewer", status=431)
    if key is None:
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not secrets.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode()):
        raise ApiError(
            "the API key is missing or wrong; send the header Authorization: Bearer <key>",
            status=401,
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


async def read_body(request: Request, most: int, seconds: float) -> bytes:
    """The body, at most ``most`` bytes and within ``seconds``. Raises ApiError: 415, 413, 408."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a page of another origin may send anything else without asking
        raise ApiError(
            f"the content type is {kind[:80] or 'missing'}; send the header Content-Type: application/json", status=415
        )
    length = request.headers.get("content-length", "")
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            if length.isdigit() and (len(length) > 12 or int(length) > MOST_DRAINED):
                raise _too_large(most, {"Connection": "close"})
            async for chunk in request.stream():
                size += len(chunk)
                if size <= most:
                    body += chunk
                elif size > MOST_DRAINED:
                    raise _too_large(most, {"Connection": "close"})
    except TimeoutError as error:
        raise ApiError(f"the body did not arrive within {seconds:g} seconds; send it faster", status=408) from error
    if size > most:  # read to its end all the same: a client that is still sending cannot hear a refusal
        raise _too_large(most, {})
    return bytes(body)


def _too_large(most: int, headers: dict[str, str]) -> ApiError:
    return ApiError(
        f"the body is larger than {most} bytes; shorten the prompt, or start the server with a larger --max-body",
        status=413,
        headers=headers,
    )


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which is cancelled when the client leaves; then ClientGone is raised."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientGone
    finally:
        for task in (doing, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((doing, leaving))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Stalled(Exception):
    """The client takes nothing."""


class EventStream(Response):
    """Server-sent events from an iterator, which is closed when the client leaves or takes nothing for too long.

    A stream that is cut ends without its last part, so the server closes the line and the client knows.
    """

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes, None], stall_seconds: float, ended: Callable[[BaseException | None], None]
    ) -> None:
        """``ended``: called once with None, ClientGone or Stalled, however the stream ends."""
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._stall = stall_seconds
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send; every part has to be taken within the stall time."""
        pump, leaving = asyncio.ensure_future(self._pump(send)), asyncio.ensure_future(_gone(receive))
        why: BaseException | None = None
        try:
            await asyncio.wait((pump, leaving), return_when=asyncio.FIRST_COMPLETED)
            why = pump.exception() if pump.done() and not pump.cancelled() else ClientGone()
        finally:
            pump.cancel()
            leaving.cancel()
            await asyncio.wait((pump, leaving))
            self._ended(why)
        if why is not None and not isinstance(why, (ClientGone, Stalled)):
            raise why

    async def _pump(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            async for part in self._events:
                await self._part(send, part, True)
            await self._part(send, b"", False)
        finally:
            await self._events.aclose()

    async def _part(self, send: Send, part: bytes, more: bool) -> None:
        try:
            async with asyncio.timeout(self._stall):
                await send({"type": "http.response.body", "body": part, "more_body": more})
        except TimeoutError as error:
            raise Stalled from error
