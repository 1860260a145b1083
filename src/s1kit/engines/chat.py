"""The chat engine: any OpenAI-compatible chat endpoint, for evaluation only.

Knows messages and a provider's own budget fields (``NativeBudget``). Refuses every policy that has to place a token:
a chat endpoint takes no ids, returns none, and goes on from nothing, so it is not an ``Engine`` of token sequences, and
its rows are text with ``exact=False``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from s1kit.engines.base import EngineError, Finish
from s1kit.engines.chat_exchange import exchange
from s1kit.engines.chat_message import Message
from s1kit.engines.completions_server import Server
from s1kit.policies import BudgetForcing, NativeBudget, Sampling, Unforced, label
from s1kit.types import AnswerEnded, Ended, EngineInfo, Generation, Segment
from s1kit.wire.desk import Desk
from s1kit.wire.failed import Failed
from s1kit.wire.peer import Patience

CONTEXT = 1 << 20
"""What a chat endpoint holds is not told; a prompt that is too long is refused by it."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One conversation to be answered."""

    id: str
    messages: tuple[Mapping[str, str], ...]
    policy: NativeBudget
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The answer, or why there is none. ``usage``: tokens ``prompt``, ``completion``, ``thinking`` as far as told."""

    request_id: str
    finish: Finish
    thinking: str = ""
    answer: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    elapsed: float = 0.0


@dataclass(slots=True, eq=False)
class _Live:
    request: ChatRequest
    begun: float


class ChatEngine:
    """Answers conversations, up to ``slots`` at once; with the four verbs of every engine."""

    def __init__(
        self,
        model: str,
        *,
        url: str | None,
        api_key_env: str | None = "OPENAI_API_KEY",
        slots: int = 8,
        patience: Patience | None = None,
    ) -> None:
        """``url``: what ``/chat/completions`` follows. Raises EngineError; nothing is asked yet."""
        if not url:
            raise EngineError("engine chat needs engine.url\nhint: --set engine.url=https://api.example.com/v1")
        if slots < 1:
            raise EngineError(f"slots={slots}: at least 1")
        self._server = Server(url, model, slots=slots, key_env=api_key_env, patience=patience or Patience())
        self.info = EngineInfo(
            name="chat",
            model=model,
            version="openai",
            slots=slots,
            context_len=CONTEXT,
            vocab_size=1,
            exact=False,
            min_tokens=False,
            stop_seqs=False,
            banned_ids=False,
            crn=False,
        )
        self._live: dict[str, _Live] = {}
        self._closed = False
        self._desk: Desk[_Live, tuple[_Live, ChatReply]] = Desk(
            slots, self._run, lambda live: self._tell(live, ChatReply(live.request.id, "cancelled"))
        )

    def submit(self, request: ChatRequest) -> None:
        """Queue a conversation. Raises ValueError for an id that is live, EngineError after ``close``."""
        if self._closed:
            raise EngineError("the engine is closed")
        if request.id in self._live:
            raise ValueError(f"request id {request.id!r} is still live")
        live = self._live[request.id] = _Live(request, time.perf_counter())
        self._desk.put(live)

    def collect(self) -> list[ChatReply]:
        """Block until something was answered; ``[]`` only when nothing is in flight. Raises EngineError when the
        endpoint is gone for good."""
        replies: list[ChatReply] = []
        while self._live and not replies:
            for live, reply in self._desk.hear():
                if self._live.get(reply.request_id) is live:
                    del self._live[reply.request_id]
                    replies.append(reply)
        return replies

    def cancel(self, request_id: str) -> None:
        """End a request early; an unknown or finished id is ignored."""
        if (live := self._live.get(request_id)) is not None:
            self._desk.drop(live)

    def close(self) -> None:
        """End every request and the thread; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._live.clear()
            self._desk.close(self._server.close)

    async def _run(self, live: _Live) -> None:
        messages: list[Message] = []
        try:
            await self._server.persist(lambda: self._try(live, messages))
        except Failed as failed:
            self._tell(live, ChatReply(live.request.id, "error", error=failed.message))
            if (given_up := self._server.given_up(failed)) is not None:
                self._desk.say(given_up)
            return
        got = messages[-1]
        finish: Finish = "length" if got.finish == "length" else "stop"
        self._tell(live, ChatReply(live.request.id, finish, got.thinking, got.answer, got.usage))

    async def _try(self, live: _Live, messages: list[Message]) -> None:
        """One request; a try that was cut leaves nothing behind. Raises Failed."""
        bits = json.dumps(body(self._server.model, live.request)).encode()
        message = await exchange(self._server.client, f"{self._server.base}/chat/completions", bits)
        self._server.answered_as(message.served)
        messages.append(message)

    def _tell(self, live: _Live, reply: ChatReply) -> None:
        elapsed = time.perf_counter() - live.begun
        self._desk.say((live, replace(reply, elapsed=elapsed)))


def body(model: str, request: ChatRequest) -> dict[str, Any]:
    """The request's JSON: sampling explicitly (unless the provider's own is asked for), then the budget's fields."""
    policy, sampling = request.policy, request.sampling
    drawn = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        **({"seed": sampling.seed} if sampling.temperature else {}),
        **({"frequency_penalty": sampling.frequency_penalty} if sampling.frequency_penalty else {}),
    }
    return {
        "model": model,
        "messages": [dict(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **({} if policy.own_sampling else drawn),
        **({} if policy.max_tokens is None else {"max_tokens": policy.max_tokens}),
        **policy.fields,
    }


def native(policy: Unforced | BudgetForcing | NativeBudget) -> NativeBudget:
    """The policy, if a chat endpoint can carry it out. Raises EngineError with the reason for any other."""
    if isinstance(policy, NativeBudget):
        return policy
    if isinstance(policy, Unforced) and policy.ask is None:
        return NativeBudget(fields={}, max_tokens=policy.max_tokens)
    raise EngineError(
        f"policy {label(policy)!r} has to place tokens inside the thinking, and a chat endpoint takes none: what it "
        "returns cannot be continued\n"
        "hint: use kind: native_budget with the provider's own field, or engine completions for budgets that are kept"
    )


def answers(engine: ChatEngine, rows: Iterable[tuple[tuple[str, str, int], ChatRequest]]) -> Iterator[Generation]:
    """The generation of every row ``((question id, policy id, sample), request)``, as each finishes.

    ``rows`` is read lazily, four per slot ahead. Leaving early cancels what is in flight.
    """
    source, waiting = iter(rows), dict[str, tuple[str, str, int]]()
    try:
        while True:
            while len(waiting) < 4 * engine.info.slots and (row := next(source, None)) is not None:
                key, request = row
                waiting[request.id] = key
                engine.submit(request)
            if not waiting:
                return
            for reply in engine.collect():
                yield generation(reply, waiting.pop(reply.request_id))
    finally:
        for name in waiting:
            engine.cancel(name)


def generation(reply: ChatReply, key: tuple[str, str, int]) -> Generation:
    """The record of one row: text in its segments, no ids, counts as the provider told them (0: it told none)."""
    completion, thinking = reply.usage.get("completion", 0), reply.usage.get("thinking", 0)
    thinking = min(thinking, completion)
    failed = reply.finish in ("error", "cancelled")
    ended: Ended = "error" if failed else "model"
    answer_ended: AnswerEnded | None = None if failed else "turn_end"
    if reply.finish == "length":
        ended, answer_ended = ("model", "length") if reply.answer else ("cutoff", None)
    segments = (
        Segment(phase="think", origin="model", why="think", start=0, end=thinking, text=reply.thinking),
        Segment(phase="answer", origin="model", why="answer", start=thinking, end=completion, text=reply.answer),
    )
    question_id, policy_id, sample = key
    return Generation(
        question_id=question_id,
        policy_id=policy_id,
        sample=sample,
        n_prompt=reply.usage.get("prompt", 0),
        segments=() if failed else segments,
        ended=ended,
        answer_ended=answer_ended,
        n_thinking_model=thinking,
        n_answer=completion - thinking,
        n_paid=completion,
        n_paid_thinking=thinking,
        exact=False,
        engine_ms=round(reply.elapsed * 1000, 3),
        thinking_text=reply.thinking,
        answer_text=reply.answer,
        error=(reply.error or f"the request was {reply.finish}") if failed else None,
    )
