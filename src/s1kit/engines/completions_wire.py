"""One POST to a model server, and the JSON objects that come back, streamed or whole.

Knows HTTP, server-sent events and which failures another try may mend. Refuses to know what the objects mean, how
often to try and how long to wait: ``completions_server`` does. Everything here was written by a stranger.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

LARGEST = 256 << 20
"""Bytes of one answer, or of one line of it."""
SHOWN = 300
"""Characters of a server's own words that an error keeps."""
MAY_MEND = frozenset({408, 409, 425, 429})
"""4xx answers that another try may do better than."""


class Failed(Exception):
    """A try that came to nothing.

    ``again``: another try may do better. ``server``: the server is to blame rather than this request. ``lost``: the
    connection broke, so whoever answers next may be another. ``status``: HTTP. ``wait``: seconds the server asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        again: bool = False,
        server: bool = False,
        lost: bool = False,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.again = again
        self.server = server
        self.lost = lost
        self.status = status
        self.wait = wait


async def payloads(
    client: httpx.AsyncClient, url: str, body: bytes, opened: Callable[[], None] = lambda: None
) -> AsyncGenerator[dict[str, Any], None]:
    """Every JSON object of the answer, in order; leaving early closes the connection, which ends the generation.

    ``opened`` is called when the request needed a new connection: another server may be at its end. Raises Failed for
    anything but a whole answer, also where an object says ``error``. Whether the answer was complete is for the reader
    to see: a stream that is cut between two events looks like one that ended.
    """

    async def trace(event: str, _: object) -> None:
        if event == "connection.connect_tcp.complete":
            opened()

    try:
        async with client.stream("POST", url, content=body, extensions={"trace": trace}) as response:
            if not response.is_success:
                said = (await _whole(response, SHOWN * 64)).decode(errors="replace")
                raise refused(response.status_code, said, retry_after(response.headers.get("retry-after")))
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                async for line in _data_lines(response):
                    yield _object(line)
            else:
                yield _object(await _whole(response, LARGEST))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Failed(f"no connection: {_words(error)}", again=True, server=True, lost=True) from error
    except httpx.TimeoutException as error:
        raise Failed("the server said nothing for too long", again=True, server=True, lost=True) from error
    except httpx.TransportError as error:
        raise Failed(f"the connection broke: {_words(error)}", again=True, server=True, lost=True) from error
    except httpx.DecodingError as error:
        raise Failed(f"the answer's compression is broken: {_words(error)}", again=True) from error


async def fetch(client: httpx.AsyncClient, url: str) -> Any:
    """The JSON that a GET brings, or None where the server has no such page. Raises Failed."""
    try:
        response = await client.get(url)
    except httpx.TransportError as error:
        raise Failed(f"no answer from {url}: {_words(error)}", again=True, server=True, lost=True) from error
    if response.status_code in (404, 405):
        return None
    if not response.is_success:
        raise refused(response.status_code, response.text, retry_after(response.headers.get("retry-after")))
    try:
        return response.json()
    except ValueError as error:
        raise Failed(f"{url} answered something that is not JSON: {shorten(response.text)}", server=True) from error


def refused(status: int, said: str, wait: float | None = None) -> Failed:
    """The failure that an HTTP status other than 2xx means, in the server's own words."""
    again = status >= 500 or status in MAY_MEND
    everybody = status >= 500 or status in (401, 402, 403, 404, 429)
    return Failed(f"HTTP {status}: {shorten(_told(said))}", again=again, server=everybody, status=status, wait=wait)


def retry_after(value: str | None) -> float | None:
    """Seconds from now that a ``Retry-After`` header (a number or an HTTP date) asks for; None: it says nothing."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def shorten(text: str) -> str:
    """A stranger's words on one line, at most ``SHOWN`` characters, none of which is a control character."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: SHOWN * 64]).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


async def _data_lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """The data of every event until ``[DONE]``. On bytes: in text, U+2028 inside an answer would end a line.

    What comes behind is read too, since only a connection that was read to its end can be used again.
    """
    rest = b""
    done = False
    async for chunk in response.aiter_bytes():
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > LARGEST:
            raise Failed(f"a line of the answer is longer than {LARGEST >> 20} MiB")
        for line in lines:
            name, _, data = line.rstrip(b"\r").partition(b":")
            if name not in (b"data", b"error"):  # comments keep a silent connection alive; error is llama.cpp's own
                continue
            done = done or data.strip() == b"[DONE]"
            if not done:
                yield data


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        shown = shorten(data[: SHOWN * 4].decode(errors="replace"))
        raise Failed(f"the server answered something that is not JSON: {shown!r}", again=True, server=True) from error
    if not isinstance(found, dict):
        raise Failed(f"the server answered {type(found).__name__} where an object belongs", again=True, server=True)
    if told := found.get("error"):
        fields = told if isinstance(told, dict) else {}
        code = str(fields.get("code") or found.get("code") or "")
        status = int(code) if code.isdecimal() and 400 <= int(code[:4]) <= 599 else 500
        raise refused(status, json.dumps(found))
    return found


async def _whole(response: httpx.Response, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            if limit == LARGEST:
                raise Failed(f"the answer is longer than {LARGEST >> 20} MiB")
            break
    return b"".join(parts)[:limit]


def _told(body: str) -> str:
    """The message inside an error's body: what servers put under ``error``, ``detail`` or ``message``."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body
    for name in ("error", "detail", "message"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else json.dumps(found)


def _words(error: Exception) -> str:
    return shorten(str(error)) or type(error).__name__
