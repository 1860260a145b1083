"""Engines around an engine that ask it for the same rows in another way, and one that notes what it answers.

Knows what changes nothing in exact arithmetic: cutting a continuation, keeping a hint to oneself. Refuses to compare
anything. None of them owns the engine inside: whoever opened that closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from s1kit.engines.base import Chunk, Engine, Request, join_chunks

CUTS = (16, 48, 112)
"""Tokens after which a continuation is cut and asked for again: three places in a thought of ordinary length."""


Likely = tuple[tuple[int, float], ...]
"""Ids with natural-log probabilities, most likely first."""


class CutEngine:
    """An engine whose continuations are cut after ``cuts`` tokens and continued, as a budget or a lost line would."""

    def __init__(self, inner: Engine, cuts: Sequence[int] = CUTS) -> None:
        self.inner, self.info = inner, inner.info
        self._cuts = tuple(sorted(cuts))
        self._of: dict[str, tuple[Request, Chunk | None]] = {}

    def submit(self, request: Request) -> None:
        """Queue a request; the first piece of it goes to the engine."""
        self._piece(request, None)

    def collect(self) -> list[Chunk]:
        """Whole chunks, put together from their pieces."""
        ready: list[Chunk] = []
        while not ready:
            chunks = self.inner.collect()
            if not chunks:
                return []
            for chunk in chunks:
                if chunk.request_id not in self._of:
                    continue
                request, before = self._of.pop(chunk.request_id)
                own = replace(chunk, request_id=request.id)
                whole = own if before is None else join_chunks(before, own)
                if chunk.finish is None:
                    self._of[chunk.request_id] = (request, whole)
                elif chunk.finish == "length" and len(whole.tokens) < request.max_tokens and chunk.tokens:
                    self._piece(request, replace(whole, finish=None))
                else:
                    ready.append(whole)
        return ready

    def cancel(self, request_id: str) -> None:
        """End a request early."""
        for piece, (request, _) in self._of.items():
            if request.id == request_id:
                self.inner.cancel(piece)
                return

    def close(self) -> None:
        """Nothing of its own to give back: the engine belongs to whoever opened it."""

    def _piece(self, request: Request, before: Chunk | None) -> None:
        have = () if before is None else before.tokens
        end = next((cut for cut in self._cuts if cut > len(have)), request.max_tokens)
        name = f"{request.id}/from{len(have)}"
        self._of[name] = (request, before)
        self.inner.submit(
            replace(
                request,
                id=name,
                prompt_ids=request.prompt_ids + have,
                max_tokens=min(end, request.max_tokens) - len(have),
                min_tokens=max(0, request.min_tokens - len(have)),
                continues=None,
            )
        )


class UnhintedEngine:
    """An engine that is never told which request a context extends, so that it uses what cache it finds by itself."""

    def __init__(self, inner: Engine) -> None:
        self.inner, self.info = inner, inner.info
        self.collect, self.cancel = inner.collect, inner.cancel

    def submit(self, request: Request) -> None:
        """Queue a request without its hint."""
        self.inner.submit(replace(request, continues=None))

    def close(self) -> None:
        """Nothing of its own to give back."""


class NotingEngine:
    """An engine whose answers are noted; where ``logprobs``, with the two most likely ids of every token."""

    def __init__(self, inner: Engine, logprobs: bool) -> None:
        self.inner, self.info = inner, inner.info
        self.prefilled = 0
        self._top = 2 if logprobs else 0
        self._asked: dict[str, Request] = {}
        self._said: list[tuple[tuple[int, ...], Chunk]] = []
        self.cancel = inner.cancel

    def submit(self, request: Request) -> None:
        """Queue a request, with log-probabilities where they are wanted."""
        self._asked[request.id] = request
        self.inner.submit(replace(request, top_logprobs=self._top))

    def collect(self) -> list[Chunk]:
        """The engine's chunks as they are."""
        chunks = self.inner.collect()
        for chunk in chunks:
            self.prefilled += chunk.prefilled
            if chunk.logprobs and chunk.request_id in self._asked:
                self._said.append((self._asked[chunk.request_id].prompt_ids, chunk))
        return chunks

    def likely(self, context: tuple[int, ...]) -> Likely:
        """What could have followed ``context``; nothing where no token was written there."""
        for prompt, chunk in self._said:
            at = len(context) - len(prompt)
            if 0 <= at < len(chunk.tokens) and prompt + chunk.tokens[:at] == context and chunk.logprobs:
                return chunk.logprobs[at]
        return ()

    def close(self) -> None:
        """Nothing of its own to give back."""
