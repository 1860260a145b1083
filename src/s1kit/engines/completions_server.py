"""A model server as many requests see it: address, key, patience, and whether it is still the same model.

Knows how often to try and how long to wait. Refuses to know tokens, and to keep the key anywhere but in the header: no
error and no file holds it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from s1kit.engines.base import EngineError
from s1kit.engines.completions_wire import Failed, fetch

LOCAL = ("localhost", "127.0.0.1", "::1")
GIVE_UP = 16
"""Requests that fail for good one after another, for a reason that is the server's, before the engine gives up."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and tries.

    ``silence``: without a byte. ``longest``: for one request, all its tries together. ``tries``: in a row that brought
    the request no further; between them what ``Retry-After`` says, else ``back_off`` doubled each time, at most
    ``longest_wait``.
    """

    silence: float = 300.0
    longest: float = 7200.0
    connect: float = 10.0
    tries: int = 6
    back_off: float = 0.5
    longest_wait: float = 60.0


class Server:
    """One server under one model name. Used from one event loop."""

    def __init__(
        self, url: str, model: str, *, slots: int, key_env: str | None, patience: Patience, native: bool = False
    ) -> None:
        """Raises EngineError for an address that is none, or a key that no header can carry."""
        self.base = base_url(url)
        self.model = model
        self.native = native
        """llama.cpp's own endpoints."""
        self.patience = patience
        self._key_env = key_env
        self._key = _key(key_env)
        self.failing = 0
        """Requests in a row that failed for good because of the server."""
        self.card: dict[str, Any] | None = None
        """What the server said of its model when it was opened; None: it says nothing."""
        self._doubtful = False
        """A connection was opened, so another server may have taken the first one's place."""
        self._checking = asyncio.Lock()
        self._answered_as: str | None = None
        self._not_before = 0.0
        self._slots = slots
        self.client = self.new_client()

    def new_client(self) -> httpx.AsyncClient:
        """Connections of their own: one client must not be used from two event loops."""
        return httpx.AsyncClient(
            headers={
                "content-type": "application/json",
                **({"authorization": f"Bearer {self._key}"} if self._key else {}),
            },
            timeout=httpx.Timeout(self.patience.silence, connect=self.patience.connect, pool=None),
            limits=httpx.Limits(max_connections=self._slots + 1, max_keepalive_connections=self._slots + 1),
            trust_env=httpx.URL(self.base).host not in LOCAL,  # a server on this machine is never behind a proxy
        )

    @property
    def root(self) -> str:
        """The address without ``/v1``."""
        return self.base.removesuffix("/v1")

    async def persist(self, once: Callable[[], Awaitable[None]], progress: Callable[[], int]) -> None:
        """Run ``once`` until it succeeds, within the patience. Raises Failed, the last one, shown without the key."""
        failures, reached = 0, progress()
        try:
            async with asyncio.timeout(self.patience.longest):
                while True:
                    await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
                    try:
                        await once()
                        await self._same_model()
                        self.failing = 0
                        return
                    except Failed as failed:
                        failures = 1 if progress() > reached else failures + 1
                        reached = progress()
                        if not failed.again or failures >= self.patience.tries:
                            raise self._for_people(failed, failures) from failed
                        await asyncio.sleep(self._pause(failed, failures))
        except TimeoutError as error:
            raise Failed(
                f"no whole answer within {self.patience.longest:g} seconds; fewer slots, a smaller budget, or more time"
            ) from error

    def answered_as(self, model: str | None) -> None:
        """Take note of the name that an answer carries. Raises Failed when it is no longer the first one."""
        if model is None:
            return
        if self._answered_as is None:
            self._answered_as = model
        if model != self._answered_as:
            raise Failed(
                f"the server now answers as {model!r}, before as {self._answered_as!r}: the rows would come from two "
                "models; restore the first, or begin a new run"
            )

    def opened(self) -> None:
        """A request needed a new connection: who answers there is looked at before any row is called finished."""
        self._doubtful = True

    async def ask_for_card(self, client: httpx.AsyncClient) -> dict[str, Any] | None:
        """The entry of ``/models`` for the model; llama.cpp's server says which file it serves. Raises Failed."""
        if not self.native:
            return await model_card(client, self.base, self.model)
        props = await fetch(client, f"{self.root}/props")
        if not isinstance(props, dict):
            raise Failed("the server has no /props, which llama.cpp's has")
        return {"root": props.get("model_path"), **props}

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()

    async def _same_model(self) -> None:
        """Behind a new connection: is it still the model that was opened?"""
        if not self._doubtful or self.card is None:
            return
        async with self._checking:
            if not self._doubtful:
                return
            self._doubtful = False
            try:
                card = await self.ask_for_card(self.client)
            except Failed:
                self._doubtful = True
                raise
            if identity(card) != identity(self.card):
                self._doubtful = True
                raise Failed(
                    f"the server came back with another model behind {self.model!r} "
                    f"({identity(self.card)}, now {identity(card)}): restore the first, or begin a new run"
                )

    def _pause(self, failed: Failed, failures: int) -> float:
        """Seconds before the next try. Told to wait, all wait; a little is random, so that not all return at once."""
        patience = self.patience
        if failed.wait is not None:
            wait = min(failed.wait, patience.longest_wait)
            self._not_before = max(self._not_before, time.monotonic() + wait)
            return wait + random.uniform(0.0, min(0.5, patience.back_off))
        return min(patience.longest_wait, patience.back_off * float(2 ** (failures - 1))) * random.uniform(0.5, 1.0)

    def _for_people(self, failed: Failed, failures: int) -> Failed:
        said = failed.message.replace(self._key, "[key]") if self._key else failed.message
        tried = f" ({failures} tries)" if failures > 1 else ""
        hint = self._hint(failed)
        message = f"{said}{tried}" + (f"; {hint}" if hint else "")
        return Failed(message, server=failed.server, lost=failed.lost, status=failed.status)

    def _hint(self, failed: Failed) -> str:
        if failed.status in (401, 402, 403):
            return f"is the key in {self._key_env} right?" if self._key else "no key was sent: set engine.api_key_env"
        if failed.status == 404:
            return f"check {self.base} and the model's name, {self.model!r}"
        if failed.status == 429:
            return "the server is too busy: lower engine.slots"
        if failed.status is not None:
            return "see the server's log" if failed.status >= 500 else "the server does not take this request"
        return f"is the server at {self.base} well? Start it again and go on with --resume" if failed.lost else ""


async def model_card(client: httpx.AsyncClient, base: str, model: str) -> dict[str, Any] | None:
    """The entry of ``/models`` for ``model``, or None where the server has no such list. Raises Failed if it lists
    models and this one is not among them."""
    listed = await fetch(client, f"{base}/models")
    if listed is None:
        return None
    entries = listed.get("data") if isinstance(listed, dict) else None
    cards = [card for card in entries or [] if isinstance(card, dict)] if isinstance(entries, list) else []
    for card in cards:
        if card.get("id") == model:
            return card
    names = ", ".join(str(card.get("id")) for card in cards[:8]) or "none"
    raise Failed(f"the server has no model {model!r}; it has: {names}", status=404)


def identity(card: dict[str, Any] | None) -> dict[str, Any]:
    """What of a model's card says which model it is; times and permissions change with every request."""
    kept = ("id", "root", "parent", "max_model_len", "meta")
    return {name: card[name] for name in kept if card and card.get(name) is not None}


def base_url(url: str) -> str:
    """``http://host:8000``, with or without ``/v1`` and the endpoint behind it, as ``http://host:8000/v1``.

    Raises EngineError for anything that is no such address, or that holds a key.
    """
    text = url.strip().rstrip("/")
    for tail in ("/chat/completions", "/completions"):
        text = text.removesuffix(tail)
    try:
        found = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise EngineError(
            f"engine.url cannot be read: {error}\nhint: one looks like http://127.0.0.1:8000/v1"
        ) from error
    if found.scheme not in ("http", "https") or not found.host:
        raise EngineError(f"{url!r} is no address of a server\nhint: one looks like http://127.0.0.1:8000/v1")
    if found.userinfo or found.query or found.fragment:
        raise EngineError(
            f"engine.url for {found.host} holds more than an address\n"
            "hint: a key belongs in an environment variable (engine.api_key_env); URLs are written into manifests"
        )
    return text if found.path.strip("/") else f"{text}/v1"


def _key(name: str | None) -> str:
    key = os.environ.get(name, "").strip() if name else ""
    if not all("!" <= sign <= "~" for sign in key):
        raise EngineError(
            f"the key in {name} has signs that no header can carry\nhint: was it pasted with a line break?"
        )
    return key
