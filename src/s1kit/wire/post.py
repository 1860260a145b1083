"""One request to a model server, and the JSON objects that come back, streamed or whole.

Knows HTTP, and which of its failures another try may mend. Refuses to know what the objects mean, how often to try and
how long to wait: ``peer`` does. Everything that arrives here was written by a stranger.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx

from s1kit.wire.failed import Failed, Unreachable, malformed, refused_by, retry_after
from s1kit.wire.sse import Events
from s1kit.wire.words import LARGEST_ERROR, said_by

LARGEST = 256 << 20
"""Bytes of one answer. A stream spends about 300 on a token, so this is room for some 800,000."""
DONE = b"[DONE]"


async def payloads(
    client: httpx.AsyncClient,
    url: str,
    body: bytes,
    opened: Callable[[], None] = lambda: None,
    done: Callable[[], None] = lambda: None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Every JSON object of the answer to a POST, in order; leaving early closes the connection, which ends the answer.

    ``opened`` is called when the request needed a new connection: another server may be at its end. ``done`` is called
    when the server says that this was all; what comes behind is read too, since only a connection that was read to its
    end can be used again. Raises Failed for anything that is no answer, also where an object says ``error``. A stream
    that just ends, without ``done``, looks the same whether it was whole or cut: that is for the reader to see.
    """

    async def trace(event: str, _: object) -> None:
        if event == "connection.connect_tcp.complete":
            opened()

    answering = False
    try:
        async with client.stream("POST", url, content=body, extensions={"trace": trace}) as response:
            await _check(response)
            answering = True
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "text/event-stream":
                yield _object(await _read(response), kind)
                done()
                return
            events, size, over = Events(), 0, False
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > LARGEST:
                    raise _too_long()
                for data in events.feed(chunk):
                    if data.strip() == DONE:
                        over = True
                        done()
                    elif not over:
                        yield _object(data)
            last = events.end()
            if last is None or over:
                return
            if last.strip() == DONE:
                done()
            elif (found := _unless_half(last)) is not None:
                yield found
    except httpx.RequestError as error:
        raise _broken(error, answering) from error


async def fetch(client: httpx.AsyncClient, url: str) -> Any:
    """The JSON that a GET brings, or None where the server has no such page. Raises Failed."""
    answering = False
    try:
        async with client.stream("GET", url) as response:
            if response.status_code in (404, 405):
                return None
            await _check(response)
            answering = True
            data = await _read(response)
    except httpx.RequestError as error:
        raise _broken(error, answering) from error
    return _json(data, response.headers.get("content-type", ""))


async def _check(response: httpx.Response) -> None:
    """Raises Failed for a status other than 2xx."""
    if not response.is_success:
        said = said_by(await _read(response, LARGEST_ERROR))
        raise refused_by(response.status_code, said, retry_after(response.headers.get("retry-after")))


async def _read(response: httpx.Response, limit: int | None = None) -> bytes:
    """All of a body; or its first ``limit`` bytes, whatever follows."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if limit is None and size > LARGEST:
            raise _too_long()
        if limit is not None and size >= limit:
            break
    return b"".join(parts)[:limit]


def _json(data: bytes, kind: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        doubt = "" if kind.startswith(("application/json", "text/event-stream")) else "; is the address right?"
        shown = data[:LARGEST_ERROR].decode(errors="replace")
        raise malformed(f"the server answered something that is not JSON{doubt}: {shown}") from error


def _object(data: bytes, kind: str = "text/event-stream") -> dict[str, Any]:
    """One object of an answer. Raises Failed for anything else, and for the error that it may hold."""
    found = _json(data, kind)
    if not isinstance(found, dict):
        raise malformed(f"the server answered {type(found).__name__} where an object belongs")
    if told := found.get("error"):
        fields = told if isinstance(told, dict) else {}
        code = str(fields.get("code") or fields.get("status") or found.get("code") or "")
        status = int(code) if code.isdecimal() and 400 <= int(code[:4]) <= 599 else 500
        raise refused_by(status, said_by(data))
    return found


def _unless_half(data: bytes) -> dict[str, Any] | None:
    """The object of an event that was never closed; None for half an object, which is what a cut leaves behind."""
    try:
        return _object(data)
    except Failed as failed:
        if failed.kind != "malformed":
            raise
        return None


def _too_long() -> Failed:
    return Failed("malformed", f"the answer is longer than {LARGEST >> 20} MiB")


def _broken(error: httpx.RequestError, answering: bool) -> Failed:
    what = str(error) or type(error).__name__
    if isinstance(error, httpx.DecodingError):
        return malformed(f"the answer's compression is broken: {what}")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return Unreachable("connection", f"no connection: {what}", again=True)
    if isinstance(error, httpx.TimeoutException):
        return Failed("timeout", f"the server said nothing for too long ({type(error).__name__})", again=True)
    if answering:
        return Failed("cut", f"the connection broke in the middle of the answer: {what}", again=True)
    return Failed("connection", f"the connection broke: {what}", again=True)
