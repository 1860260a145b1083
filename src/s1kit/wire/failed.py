"""Why a try at a server came to nothing, and whether another may do better.

Knows kinds of failures and what HTTP statuses mean. Refuses to wait, to count and to try again: ``peer`` does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

FailedKind = Literal[
    "http_3xx",
    "http_4xx",
    "http_5xx",
    "rate_limited",
    "timeout",
    "connection",
    "cut",
    "malformed",
    "refused",
    "unkept",
]
"""``cut``: the answer began and never ended. ``malformed``: not what the protocol says. ``refused``: this request could
not be asked (its text, its length) or was filtered. ``unkept``: the server did other than its profile promises."""
DENIED = frozenset({401, 402, 403, 404})
"""What a server answers to every request rather than to this one."""
_RETRIED_4XX = frozenset({408, 409, 425, 429})


class Failed(Exception):
    """A try that came to nothing, with the server's words as they came: ``Peer.shown`` is what people may read.

    ``again``: another try may do better. ``status``: HTTP. ``wait``: seconds that the server asked for.
    """

    def __init__(
        self,
        kind: FailedKind,
        message: str,
        *,
        again: bool = False,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.again = again
        self.status = status
        self.wait = wait

    @property
    def server(self) -> bool:
        """Whether the server is to blame rather than this request: the next one would fare no better."""
        return self.status in DENIED or self.kind not in ("refused", "unkept", "http_4xx")


class Unreachable(Failed):
    """No connection at all: nothing listens there, or the name is unknown."""


def malformed(what: str) -> Failed:
    """The server's answer is not what the protocol says; the next one may be."""
    return Failed("malformed", what, again=True)


def refused_by(status: int, said: str, wait: float | None = None) -> Failed:
    """The failure that an HTTP status other than 2xx means."""
    message = f"HTTP {status}: {said}" if said.strip() else f"HTTP {status}"
    again = status >= 500 or status in _RETRIED_4XX
    kind: FailedKind = "http_5xx"
    if status == 429:
        kind = "rate_limited"
    elif status < 500:
        kind = "http_4xx" if status >= 400 else "http_3xx"
    return Failed(kind, message, again=again, status=status, wait=wait)


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
