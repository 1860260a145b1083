"""What a model is asked, what comes back, and who can answer: the three shapes of a model call.

Knows which fields of a call change its answer, and makes the key from exactly those. Refuses to know prompts, servers
and files: roles write the messages, callers answer them, the cache keeps them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from pydantic import Field

from s1kit.errors import UserError
from s1kit.types import Ended, Record, canonical_json, sha256_hex
from s1kit.wire.failed import FailedKind
from s1kit.wire.words import whole

ErrorKind = FailedKind | Literal["engine"]
"""``engine``: a local engine failed on this row."""


class CallerError(UserError):
    """A caller that cannot go on at all: no server, no permission, no such model. One bad call is a Reply instead."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in whatever money; ``prompt`` in, ``completion`` (thinking included) out."""

    prompt: float
    completion: float


@dataclass(frozen=True)
class Call:
    """One question to one model. ``role`` and ``subject`` (a question's id) are for people and ledgers only.

    A None among the numbers is not sent. ``extra`` are further fields of a request's body. ``ask`` counts how often the
    same was asked before: asking again is another call. Half a surrogate pair in a message becomes U+FFFD, since no
    server and no file can take it.
    """

    role: str
    subject: str
    model: str
    """The ``identity`` of the caller that is to answer."""
    messages: tuple[Mapping[str, str], ...]
    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    ask: int = 0

    def __post_init__(self) -> None:
        cleaned = tuple({name: whole(text) for name, text in message.items()} for message in self.messages)
        object.__setattr__(self, "messages", cleaned)
        for name in ("temperature", "top_p"):  # 0 and 0.0 are the same question
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else float(value))

    def request(self) -> dict[str, Any]:
        """Everything that changes the answer, as canonical values; neither role, subject nor the server's address."""
        return {
            "model": self.model,
            "messages": [dict(message) for message in self.messages],
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "extra": dict(self.extra),
            "ask": self.ask,
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of the request: two calls with one key are the same call."""
        return sha256_hex(canonical_json(self.request()))


class Reply(Record):
    """What a call came to: an answer, or the error that its last try ended with."""

    text: str = ""
    """The answer, without the thinking."""
    thinking: str = ""
    finish: str | None = None
    """How the answer ended: ``stop``, ``length``, or another word of the server's."""
    thinking_ended: Ended | None = None
    """How the thinking ended; only a local engine knows."""
    usage: dict[str, int] = Field(default_factory=dict)
    """Tokens: ``prompt``, ``completion`` (thinking included) and, where it is told, ``thinking``. Empty: unknown."""
    served: str | None = None
    """The model's name as the server gave it, which may be more exact than the one asked for."""
    error: str | None = None
    kind: ErrorKind | None = None
    tries: int = 1
    seconds: float = 0.0
    """From the beginning of the first try to the end of the last, waits included."""


Answer = tuple[Call, Reply]


class Caller(Protocol):
    """Anything that answers calls."""

    @property
    def identity(self) -> str:
        """What its answers depend on, as ``Call.model``."""

    @property
    def prices(self) -> Prices | None:
        """None: unknown."""

    def answer(self, calls: Iterable[Call | Answer]) -> Generator[Answer, None, None]:
        """Yield every call with its reply, as each finishes.

        ``calls`` is read lazily, in the reader's own thread, never further ahead than what is being answered. An
        Answer among them is known already and passes through at once, so that a reader with many of those stays in
        step. A call that fails yields a Reply with its error. Closing the generator ends whatever is being answered.
        Raises CallerError when no call can be answered.
        """

    def close(self) -> None:
        """Give back what it holds; it cannot be used afterwards."""
