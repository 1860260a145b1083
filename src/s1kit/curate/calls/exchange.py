"""One try of one call: a POST, and the answer read from what comes back.

Knows HTTP, streamed or whole, and which failures another try may mend. Refuses to know keys, counts of tries and
waits: ``endpoint`` has those.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from s1kit.curate.calls.call import Reply
from s1kit.curate.calls.message import LARGEST_ERROR, Failed, Gathered, malformed, refused_by, said_by
from s1kit.curate.calls.sse import Events

LARGEST = 256 << 20
"""Bytes of one answer. A stream spends about 300 on a token, so this is room for some 800,000."""
LINGER = 5.0
"""Seconds that a server has, after the answer ended, to send the bill and to end the stream."""


class Unreachable(Failed):
    """No connection at all: nothing listens there, or the name is unknown."""


async def exchange(client: httpx.AsyncClient, url: str, body: bytes, longest: float) -> Reply:
    """Send ``body`` and read the answer, in at most ``longest`` seconds all told. Raises Failed.

    A try that took longer is not to be repeated: the next one would be paid for, and as long.
    """
    gathered = Gathered()
    answering = False
    try:
        async with asyncio.timeout(longest) as clock, client.stream("POST", url, content=body) as response:
            if not response.is_success:
                said = said_by(await _read(response, LARGEST_ERROR))
                raise refused_by(response.status_code, said, retry_after(response.headers.get("retry-after")))
            answering = True
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "text/event-stream":
                await _follow(response, gathered, clock)
            else:
                await _whole(response, gathered, kind)
    except httpx.TransportError as error:
        if not gathered.done:
            raise _broken(error, answering) from error
    except httpx.DecodingError as error:
        raise malformed("the answer's compression is broken") from error
    except TimeoutError as error:
        if not gathered.done:
            raise Failed("timeout", f"no whole answer within {longest:g} seconds", again=False) from error
    return gathered.reply()


async def _follow(response: httpx.Response, gathered: Gathered, clock: asyncio.Timeout) -> None:
    """Read a stream of events until it ends, or a little after it said that it is over."""
    events = Events()
    size = 0
    over = False
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > LARGEST:
            raise _too_long()
        for data in events.feed(chunk):
            over = over or data.strip() == b"[DONE]"
            if not over:
                gathered.add(data)
        gathered.done = gathered.done or over
        if gathered.done:
            clock.reschedule(min(clock.when() or 0.0, asyncio.get_running_loop().time() + LINGER))
    last = events.end()
    if last is None or gathered.done:
        return
    if last.strip() == b"[DONE]":
        gathered.done = True
        return
    try:
        gathered.add(last)
    except Failed as failed:
        if failed.kind != "malformed":  # half an object is what a cut leaves behind; ``reply`` says so
            raise


async def _whole(response: httpx.Response, gathered: Gathered, kind: str) -> None:
    """Read an answer in one piece, whatever the server calls its type."""
    data = await _read(response, LARGEST + 1)
    if len(data) > LARGEST:
        raise _too_long()
    try:
        gathered.add(data)
    except Failed as failed:
        if failed.kind == "malformed" and kind != "application/json":
            raise malformed(f"{failed.message} (content type {kind or 'not given'})") from failed
        raise
    gathered.done = True


def _too_long() -> Failed:
    return Failed("malformed", f"the answer is longer than {LARGEST >> 20} MiB", again=False)


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The first ``limit`` bytes of a body."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if size >= limit:
            break
    return b"".join(parts)[:limit]


def _broken(error: httpx.TransportError, answering: bool) -> Failed:
    what = str(error) or type(error).__name__
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Unreachable("connection", f"no connection: {what}", again=True)
    if isinstance(error, httpx.TimeoutException):
        return Failed("timeout", f"the server said nothing for too long ({type(error).__name__})", again=True)
    if answering:
        return Failed("cut", f"the connection broke in the middle of the answer: {what}", again=True)
    return Failed("connection", f"the connection broke: {what}", again=True)


def retry_after(value: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks to wait, from now; a number or an HTTP date. None: it says nothing."""
    if value is None:
        return None
    text = value.strip()
    try:
        return max(0.0, float(text)) if text and text[0] in "0123456789.+-" else _until(text)
    except (ValueError, OverflowError):
        return None


def _until(date: str) -> float:
    at = parsedate_to_datetime(date)
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
