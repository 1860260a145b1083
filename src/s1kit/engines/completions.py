"""The completions engine: token sequences continued by any server with ``/v1/completions``.

Knows which request is under way and what to tell its reader. Up to ``slots`` run at once (``wire.desk``),
continuations first: their context is still in the server's cache. Refuses to know dialects (``completions_profile``),
stops and limits (``completions_tape``), and when to try again (``wire.peer``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

from s1kit.engines.base import Chunk, EngineError, Finish, Request, refusal
from s1kit.engines.completions_profile import Profile, body, read
from s1kit.engines.completions_server import Server
from s1kit.engines.completions_tape import Tape, TextTape
from s1kit.tokenizer import Tokenizer
from s1kit.types import EngineInfo
from s1kit.wire.desk import Desk
from s1kit.wire.failed import Failed
from s1kit.wire.post import payloads

LINGER = 1.0
"""Seconds that a server has to end a stream whose row is over: a connection read to its end can be used again."""


@dataclass(slots=True, eq=False)
class _Live:
    """A request that is not over for its reader."""

    request: Request
    tape: Tape
    spoke: float
    cancelled: bool = False


class CompletionsEngine:
    """Continues token sequences over HTTP. Made by ``completions_open.open_completions``."""

    def __init__(self, server: Server, profile: Profile, tokenizer: Tokenizer, info: EngineInfo) -> None:
        """``info`` says what was found out about the server; the engine starts its thread at once."""
        self.info = info
        self.tokenizer = tokenizer
        self._server = server
        self._profile = profile
        eos = tokenizer.config.get("eos_token")
        found = tokenizer.id_of(eos["content"] if isinstance(eos, dict) else eos) if eos else None
        self._eos = frozenset() if found is None else frozenset({found})
        self._live: dict[str, _Live] = {}
        self._closed = False
        self._desk: Desk[_Live, tuple[_Live, Chunk] | None] = Desk(
            info.slots, self._run, lambda live: self._tell(live, len(live.tape.tokens), "cancelled")
        )

    def submit(self, request: Request) -> None:
        """Queue a request. Raises ValueError for an id that is live, EngineError after ``close``."""
        if self._closed:
            raise EngineError("the engine is closed")
        if request.id in self._live:
            raise ValueError(f"request id {request.id!r} is still live")
        live = _Live(request, self._tape(request), time.perf_counter())
        self._live[request.id] = live
        problem = refusal(request, self.info) or self._unable(request)
        if problem is not None:
            self._desk.say((live, Chunk(request.id, (), "error", error=problem, exact=self.info.exact)))
        else:
            self._desk.put(live, first=request.continues is not None)

    def collect(self) -> list[Chunk]:
        """Block until a server said something about a request; ``[]`` when nothing is in flight, or after ``wake``.

        Raises EngineError when the server is gone for good: many requests in a row failed because of it.
        """
        chunks: list[Chunk] = []
        woken = False
        while self._live and not chunks and not woken:
            said = self._desk.hear()
            woken = None in said
            chunks = [chunk for one in said if one is not None and (chunk := self._heard(*one)) is not None]
        return chunks

    def wake(self) -> None:
        """Let a waiting ``collect`` return with what there is, from any thread: its reader has something else to do."""
        self._desk.say(None)

    def cancel(self, request_id: str) -> None:
        """End a request early, at the server too: its connection is closed. An unknown or finished id is ignored."""
        live = self._live.get(request_id)
        if live is not None and not live.cancelled:
            live.cancelled = True
            self._desk.drop(live)

    def close(self) -> None:
        """End every request and the thread; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._live.clear()
        self._desk.close(self._server.close)

    # -- the reader's side

    def _heard(self, live: _Live, chunk: Chunk) -> Chunk | None:
        if self._live.get(live.request.id) is not live:
            return None  # the end of a request from before an error
        if chunk.finish is None:
            return chunk
        del self._live[live.request.id]
        if live.cancelled and chunk.finish != "error":  # it had ended already, but nobody knew
            return replace(chunk, finish="cancelled", stop_id=None)
        return chunk

    def _tape(self, request: Request) -> Tape:
        room = self.info.context_len - len(request.prompt_ids)
        if self._profile.exact:
            return Tape(request, self._profile, room, self.info.vocab_size, self._eos)
        return TextTape(request, self._profile, room, self.tokenizer.encode, self.tokenizer.decode)

    def _unable(self, request: Request) -> str | None:
        if request.sampling.top_k and not self._profile.top_k:
            return f"profile {self._profile.name} has no top_k: set sampling.top_k to 0"
        if request.top_logprobs and not self.info.logprobs:
            return f"profile {self._profile.name} gives no log-probabilities of token ids"
        return None

    # -- the loop's side

    async def _run(self, live: _Live) -> None:
        """One request with all its tries, up to its last chunk; the desk has the last word where it is dropped."""
        tape = live.tape
        try:
            await self._server.persist(lambda: self._try(live), lambda: tape.progress)
        except Failed as failed:
            self._tell(live, len(tape.tokens), "error", error=failed.message)
            if (given_up := self._server.given_up(failed)) is not None:
                self._desk.say(given_up)
        else:
            assert tape.ended is not None
            self._tell(live, len(tape.tokens), *tape.ended)

    async def _try(self, live: _Live) -> None:
        """One request to the server, or several where a text-only one runs out early. Raises Failed."""
        profile, tape = self._profile, live.tape
        url = f"{self._server.root}/completion" if profile.native else f"{self._server.base}/completions"
        while tape.ended is None:
            asked = tape.ask()
            prompt, decode = tape.prompt(asked), self.tokenizer.decode
            crowd = min(len(self._live), self.info.slots)
            sent = body(profile, self._server.model, asked, prompt, decode, crowd=crowd)
            finished = False
            bits = json.dumps(sent).encode()
            async with aclosing(payloads(self._server.client, url, bits, self._server.opened)) as answer:
                async for payload in answer:
                    piece = read(profile, payload)
                    self._server.answered_as(piece.model)
                    tape.take(piece, asked)
                    finished = finished or piece.finish is not None
                    if tape.ended is not None:
                        if finished or self._will_end(tape):
                            await self._read_to_the_end(answer, tape, asked)
                        break  # where the server does not know that it is over, closing the connection tells it
                    if live.request.stream and (fresh := tape.fresh()):
                        self._tell(live, tape.sent + len(fresh), None)
            if tape.ended is None and not finished:
                raise Failed("cut", "the answer was cut off", again=True)

    def _will_end(self, tape: Tape) -> bool:
        """Whether the server was told of what ended the row, and so ends it too."""
        assert tape.ended is not None
        finish, stop_id = tape.ended
        return finish == "length" or (self._profile.stop_ids and stop_id in tape.request.stop_ids)

    async def _read_to_the_end(self, answer: AsyncIterator[dict[str, Any]], tape: Tape, asked: Request) -> None:
        """What follows a row that is over: the bill, and the end of the stream. Nothing in it can fail the row."""
        with suppress(TimeoutError, Failed):
            async with asyncio.timeout(LINGER):
                async for payload in answer:
                    piece = read(self._profile, payload)
                    if piece.ids or piece.text:
                        return  # it goes on all the same
                    tape.take(piece, asked)

    def _tell(
        self, live: _Live, upto: int, finish: Finish | None, stop_id: int | None = None, error: str | None = None
    ) -> None:
        """Hand over what is new up to ``upto`` tokens."""
        tape, now, last = live.tape, time.perf_counter(), finish is not None
        start, upto = tape.sent, max(upto, tape.sent)
        prompt = len(live.request.prompt_ids)
        chunk = Chunk(
            request_id=live.request.id,
            tokens=tuple(tape.tokens[start:upto]),
            finish=finish,
            stop_id=stop_id,
            logprobs=tuple(tape.logprobs[start:upto]) if live.request.top_logprobs else None,
            error=error,
            exact=self.info.exact,
            elapsed=now - live.spoke,
            paid=upto - start + tape.thrown_away if last and tape.thrown_away else None,
            prefilled=(prompt if tape.prefilled is None else tape.prefilled) if last else 0,
        )
        tape.sent, live.spoke = upto, now
        self._desk.say((live, chunk))
