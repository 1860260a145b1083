"""When to stop asking a server at all: what its failures say about the calls that were not made yet.

Knows counts and kinds of failures. Refuses to wait and to ask: ``endpoint`` does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from s1kit.curate.calls.call import CallerError
from s1kit.curate.calls.exchange import Unreachable
from s1kit.curate.calls.message import Failed, shorten

DENIED = frozenset({401, 402, 403, 404})
"""What a server answers to every call rather than to this one."""


@dataclass(slots=True)
class Health:
    """What the calls of one run have told about their server."""

    server: str
    """Address and model, for messages."""
    key: str
    """Taken out of whatever the server says, since some echo it."""
    key_env: str | None
    give_up: int
    succeeded: bool = False
    failing: int = 0
    """Calls that failed for good one after another, since the last success."""
    not_before: float = 0.0
    """No request before this (monotonic): when one call is told to wait, all do."""

    def well(self) -> None:
        """A call succeeded."""
        self.succeeded, self.failing = True, 0

    def hold(self, seconds: float) -> None:
        """The server asked for a pause."""
        self.not_before = max(self.not_before, time.monotonic() + seconds)

    def try_failed(self, failed: Failed) -> None:
        """Raises CallerError where no call can succeed: nothing was reached, or nobody may ask, from the start."""
        if not self.succeeded and (isinstance(failed, Unreachable) or failed.status in DENIED):
            raise self._stop(failed, "") from failed

    def call_failed(self, failed: Failed) -> None:
        """Raises CallerError when ``give_up`` calls in a row have failed.

        Once there was a success, what a call alone may be to blame for (a filter, a 4xx) does not count.
        """
        own = failed.kind == "refused" or (failed.kind == "http_4xx" and failed.status not in DENIED)
        if own and self.succeeded:
            return
        self.failing += 1
        if self.failing >= self.give_up:
            raise self._stop(failed, f"{self.failing} calls in a row failed; the last: ") from failed

    def told(self, failed: Failed) -> str:
        """A failure's message as it may be shown and stored: short, on one line, without the key."""
        return shorten(failed.message.replace(self.key, "[key]") if self.key else failed.message)

    def _stop(self, failed: Failed, count: str) -> CallerError:
        return CallerError(f"{self.server}: {count}{self.told(failed)}\nhint: {self._hint(failed)}")

    def _hint(self, failed: Failed) -> str:
        if isinstance(failed, Unreachable):
            return "is the server running, and the base URL right?"
        if failed.status in (401, 402, 403):
            if self.key:
                return f"is the key in {self.key_env} right, and may it use this model?"
            return f"no key was sent: set {self.key_env or 'key_env, and the variable it names'}"
        if failed.status == 404 or failed.kind in ("malformed", "http_3xx"):
            return "check the base URL (it usually ends in /v1) and the model's name"
        if failed.kind == "http_4xx":
            return "the server does not take these requests: check the model's name and the sampling fields"
        return "the server may be overloaded or gone: try again later, or with a lower concurrency"
