"""One connection: uvicorn's HTTP/1.1, with a limit on silence and with errors in the shape that clients expect.

Knows what happens before an application sees a request and after it has answered. Refuses to know paths, bodies and
replies: how long those may take is said elsewhere.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from s1kit.serve.errors import ApiError


class Connection(H11Protocol):
    """Ends where no request begins for ``seconds``, and where a reply that is over is not taken for as long.

    uvicorn alone waits for ever for a head that comes byte by byte, for the rest of a body that was refused, and for
    readers of what is left in its buffer.
    """

    seconds: ClassVar[float] = 20.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._seen: tuple[RequestResponseCycle | None, bool, int] = (None, True, 0)
        self._next = self.loop.call_later(self.seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to look at."""
        self._next.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in JSON. Called by uvicorn while it handles h11's error, which knows the status."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        what = "the headers are too large; send fewer" if status == 431 else f"this is no HTTP/1.1 request: {error}"
        self._refuse(ApiError(what, status=status))

    def _look(self) -> None:
        """Compare with what was seen one period ago."""
        cycle: RequestResponseCycle | None = self.cycle
        between = cycle is None or cycle.response_complete
        left, closing = self.transport.get_write_buffer_size(), self.transport.is_closing()
        (old_cycle, was_between, old_left), self._seen = self._seen, (cycle, between, left)
        self._next = self.loop.call_later(self.seconds, self._look)
        if 0 < left < old_left:  # it is being read
            return
        if closing or (left and between):
            if old_left:
                self.transport.abort()
        elif between and was_between and cycle is old_cycle:
            self._too_slow()

    def _too_slow(self) -> None:
        begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if begun:
            message = f"the headers did not arrive within {self.seconds:g} seconds; send them faster"
            self._refuse(ApiError(message, status=408))
        else:
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Say it if a reply may begin here, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps(error.body()).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=error.status, headers=headers, reason=b"Refused"),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
