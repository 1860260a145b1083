"""What only a server's own answer shows: whether the tokenizer is its model's, and whether its own budget really cuts.

Knows each dialect's budget field and the two requests that show what it does. Refuses to use that budget: it is no
engine's business here, and the maximum only. What is seen of it is text, so its counts are approximate.

Sources: vLLM's chat request (``thinking_token_budget``), SGLang's documentation of thinking budgets
(``custom_params``), the README of llama.cpp's server (``reasoning_budget_tokens``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from s1kit.engines.base import Request
from s1kit.engines.chat_exchange import exchange
from s1kit.engines.chat_message import Message
from s1kit.engines.completions_profile import PROFILES, body, read
from s1kit.engines.completions_server import Server
from s1kit.engines.probe_ask import Finding, Ids, finding
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo
from s1kit.wire.failed import Failed
from s1kit.wire.peer import Patience
from s1kit.wire.post import payloads

T = TypeVar("T")
BUDGET = 16
"""Thinking tokens asked for: what any model exceeds."""
SLACK = 32
"""Tokens more that still count as cut: a server may close with a sentence, and its tokens are not quite ours."""
LONGEST = 512
"""Tokens of a reply, thinking and answer."""
SHORT = Patience(silence=120.0, longest=300.0, tries=2)


@dataclass(frozen=True, slots=True)
class Native:
    """A dialect's own thinking budget: the field of a chat request, and when it is known to do nothing."""

    fields: Mapping[str, Any]
    needs: str


NATIVE: dict[str, Native] = {
    "vllm": Native(
        {"thinking_token_budget": BUDGET},
        "vLLM needs --reasoning-parser (and --reasoning-config); with speculative decoding it may do nothing",
    ),
    "sglang": Native(
        {"custom_params": {"thinking_budget": BUDGET}},
        "SGLang needs --enable-strict-thinking and --reasoning-parser; its chat endpoint may drop the field in silence",
    ),
    "llamacpp": Native(
        {"reasoning_budget_tokens": BUDGET},
        "llama.cpp needs a reasoning format that it knows (--reasoning-format)",
    ),
}
INSTEAD = "s1 serve in front of this server, or --engine completions, keeps a budget whatever the server does"


def offline(info: EngineInfo) -> list[Finding]:
    """What there is to say of the native budget of an engine in this process: only vLLM has one, and it is not used."""
    if info.name != "vllm":
        return []
    detail = "vLLM has one only with a reasoning_config, which this engine does not set"
    return [finding("native budget", None, None, detail, "budgets are forced here; s1 doctor URL tries a server's own")]


class ServerProbe:
    """Two questions to one server."""

    def __init__(
        self, url: str, profile: str, *, served: str, tokenizer: Tokenizer, api_key_env: str | None = None
    ) -> None:
        """``profile``: a dialect of ``completions_profile``. Raises EngineError for an address that is none."""
        self._profile = PROFILES[profile]
        self._tokenizer = tokenizer
        native = self._profile.native
        self._server = Server(url, served, slots=1, key_env=api_key_env, patience=SHORT, native=native)

    def tokens_match(self, prompt: Ids) -> Finding:
        """The server's text is what ``tokenizer`` makes of its ids: two vocabularies of one size differ here."""
        name, hint = "tokenizer", "it is not this model's: --tokenizer must be the folder or hub id of what is served"
        if not self._profile.exact:
            return finding(name, None, None, "the server returns no token ids to compare its text with", "")
        try:
            text, ids = _run(self._continue(prompt))
        except Failed as failed:
            return finding(name, None, None, self._server.shown(failed), "")
        found = any(
            _agree(text, self._tokenizer.decode(kept))
            for kept in (ids, [i for i in ids if i not in self._tokenizer.special_ids])
        )
        detail = f"{len(ids)} ids give the server's own text" if found else f"the server says {text[:24]!r}"
        if not found:
            detail += f", its ids are {self._tokenizer.decode(ids)[:24]!r}"
        return finding(name, None, found, detail, hint)

    def native_budget(self, messages: Sequence[Mapping[str, str]]) -> Finding:
        """One question without and with the server's own budget: is it refused, ignored, or is the thinking cut?"""
        name = "native budget"
        native = NATIVE.get(self._profile.name)
        if native is None:
            return finding(
                name, None, None, f"profile {self._profile.name} has no field for a number of tokens", INSTEAD
            )
        [spelled] = native.fields
        try:
            free = self._thinking(_run(self._answer(messages, {})))
        except Failed as failed:
            return finding(
                name, None, None, f"a chat request fails without a budget: {self._server.shown(failed)}", INSTEAD
            )
        if free <= BUDGET + SLACK:
            shown = f"about {free} tokens of thinking are shown without a budget: too few to cut"
            return finding(name, None, None, shown, native.needs)
        try:
            kept = self._thinking(_run(self._answer(messages, native.fields)))
        except Failed as failed:
            if failed.status is None or not 400 <= failed.status < 500:
                return finding(name, None, None, f"with {spelled}: {self._server.shown(failed)}", INSTEAD)
            return finding(
                name,
                False,
                False,
                f"absent: {spelled} is refused: {self._server.shown(failed)}",
                f"{native.needs}; {INSTEAD}",
            )
        counted = f"{spelled} for {BUDGET} tokens: about {kept} of thinking, {free} without (text, counted here)"
        if kept <= BUDGET + SLACK:
            return finding(name, None, True, f"cuts: {counted}", "")
        ignored = finding(name, False, False, f"ignored: {counted}", f"{native.needs}; {INSTEAD}")
        return ignored.model_copy(update={"accepted": True})

    def _thinking(self, message: Message) -> int:
        return len(self._tokenizer.encode(message.thinking)) if message.thinking else 0

    async def _answer(self, messages: Sequence[Mapping[str, str]], fields: Mapping[str, Any]) -> Message:
        asked = {
            "model": self._server.model,
            "messages": [dict(message) for message in messages],
            "temperature": 0.0,
            "max_tokens": LONGEST,
            "stream": False,
            **fields,
        }
        async with self._server.new_client() as client:
            return await exchange(client, f"{self._server.base}/chat/completions", json.dumps(asked).encode())

    async def _continue(self, prompt: Ids) -> tuple[str, list[int]]:
        request = Request("probe", prompt, BUDGET)
        asked = body(self._profile, self._server.model, request, list(prompt), self._tokenizer.decode)
        server, native = self._server, self._profile.native
        text, ids = "", list[int]()
        async with server.new_client() as client:
            url = f"{server.root}/completion" if native else f"{server.base}/completions"
            async with aclosing(payloads(client, url, json.dumps(asked).encode())) as answer:
                async for payload in answer:
                    piece = read(self._profile, payload)
                    text += piece.text
                    ids += piece.ids or []
        return text, ids


def _run(work: Coroutine[Any, Any, T]) -> T:
    """On a thread of its own, since a notebook has an event loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _agree(text: str, ours: str) -> bool:
    """Equal but for white space and for a character that is not complete yet; one may be longer than the other."""
    left, right = ("".join(t.replace("\ufffd", "").split()) for t in (text, ours))
    return left.startswith(right) or right.startswith(left) if left and right else left == right
