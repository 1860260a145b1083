"""A model server as the engines over HTTP see it: whether it is still the same model, and when to give it up.

Knows models' cards. Refuses to know tokens; ``wire.peer`` has address, key and patience.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from s1kit.engines.base import EngineError
from s1kit.wire.address import AddressError, Settings
from s1kit.wire.failed import Failed
from s1kit.wire.peer import Patience, Peer
from s1kit.wire.post import fetch

GIVE_UP = 16
"""Requests that fail for good one after another, for a reason that is the server's, before the engine gives up."""
NAMES = Settings(url="engine.url", key_env="engine.api_key_env", slots="engine.slots")


class Server(Peer):
    """One server under one model name. Used from one event loop."""

    def __init__(
        self, url: str, model: str, *, slots: int, key_env: str | None, patience: Patience, native: bool = False
    ) -> None:
        """``native``: llama.cpp's own endpoints. Raises EngineError for an address that is none, or a key that no
        header can carry."""
        try:
            super().__init__(url, model, slots=slots, key_env=key_env, patience=patience, names=NAMES)
        except AddressError as error:
            raise EngineError(str(error)) from error
        self.native = native
        self.card: dict[str, Any] | None = None
        """What the server said of its model when it was opened; None: it says nothing."""
        self._doubtful = False
        """A connection was opened, so another server may have taken the first one's place."""
        self._checking = asyncio.Lock()
        self._answered_as: str | None = None

    @property
    def root(self) -> str:
        """The address without ``/v1``."""
        return self.base.removesuffix("/v1")

    async def persist(self, once: Callable[[], Awaitable[None]], progress: Callable[[], int] = lambda: 0) -> None:
        """As ``Peer.persist``; a success counts only from the model that was opened."""

        async def checked() -> None:
            await once()
            await self._same_model()

        await super().persist(checked, progress)

    def given_up(self, failed: Failed) -> EngineError | None:
        """Count a request that failed for good. An error for the reader once ``GIVE_UP`` in a row have."""
        self.failing += failed.server
        if not failed.server or self.failing != GIVE_UP:
            return None
        return EngineError(
            f"{self.base}: {GIVE_UP} requests in a row failed, the last: {failed.message}\n"
            "hint: the rows that are done are safe; mend the server and go on with --resume"
        )

    def answered_as(self, model: str | None) -> None:
        """Take note of the name that an answer carries. Raises Failed when it is no longer the first one."""
        if model is None:
            return
        if self._answered_as is None:
            self._answered_as = model
        if model != self._answered_as:
            raise Failed(
                "unkept",
                "the rows would come from two models: restore the first, or begin a new run; "
                f"the server now answers as {model!r}, before as {self._answered_as!r}",
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
            raise Failed("unkept", "the server has no /props, which llama.cpp's has")
        return {"root": props.get("model_path"), **props}

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
                    "unkept",
                    f"the server came back with another model behind {self.model!r}: restore the first, or begin a "
                    f"new run (it was {identity(self.card)}, now {identity(card)})",
                )


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
    raise Failed("http_4xx", f"the server has no model {model!r}; it has: {names}", status=404)


def identity(card: dict[str, Any] | None) -> dict[str, Any]:
    """What of a model's card says which model it is; times and permissions change with every request."""
    kept = ("id", "root", "parent", "max_model_len", "meta")
    return {name: card[name] for name in kept if card and card.get(name) is not None}
