"""A sweep shares prefixes: an Engine around the real one that never generates a token twice.

Knows continuations by their exact context. Cutting one trace at 500, 1,000, 2,000 tokens gives exactly the runs that
those budgets would give, and each further "Wait" continues the last one, so a whole curve pays for its longest point
plus short answers. Refuses to know policies: the unchanged machines run per policy over this engine, so equality with
separate runs holds by construction (greedy, or sampling on an engine with ``crn``).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from itertools import count

from s1kit.engines.base import Chunk, Engine, Finish, Request, refusal

Key = tuple[object, ...]
_numbers = count(1)  # over all sweeps of a process: an earlier one may have left requests in the same engine
REMEMBER = 100_000
"""Answered requests whose successor may still come; forgetting one costs a prefill, never a token."""


@dataclass(slots=True)
class _Thread:
    """One context's continuation, as far as anybody asked for it."""

    first: Request
    tokens: list[int] = field(default_factory=list)
    stop_seq: tuple[int, ...] = ()
    """The matched stop sequence, trimmed from ``tokens``: a shorter request may end inside it."""
    stop_id: int | None = None
    ended: bool = False
    """Whether the continuation ended by itself (a stop, or a full context)."""
    stopped: bool = False
    wanted: list[Request] = field(default_factory=list)
    inner_id: str | None = None
    """The request in flight on the real engine."""
    last_inner: str | None = None
    target: int = 0
    """How many tokens there are once that request has run its full length."""
    given_up: bool = False
    """Nobody waited any longer, so that request was cancelled."""
    exact: bool = True
    unclaimed_tokens: int = 0
    unclaimed_prefill: int = 0
    unclaimed_seconds: float = 0.0

    def serves(self, request: Request) -> bool:
        return self.ended or request.max_tokens <= len(self.tokens)

    def cut(self, request: Request) -> tuple[tuple[int, ...], bool]:
        """``(tokens, stopped)`` of what a separate run with this maximum would have returned."""
        raw = len(self.tokens) + len(self.stop_seq)
        reaches_stop = request.max_tokens >= raw if self.stop_seq else request.max_tokens > raw
        if self.stopped and reaches_stop:
            return tuple(self.tokens), True
        return (*self.tokens, *self.stop_seq)[: request.max_tokens], False

    def end_by(self, stop_id: int | None) -> None:
        """The continuation ended at a stop."""
        self.ended = self.stopped = True
        self.stop_id = stop_id
        if stop_id not in self.first.stop_ids:
            self.stop_seq = next((s for s in self.first.stop_seqs if s[0] == stop_id), ())


class SweepEngine:
    """Serves requests from what was generated before; asks ``inner`` only for the missing tail.

    ``hold_tokens`` bounds the memory: the continuations used longest ago are forgotten first (and would be generated
    again if asked for). Chunks are whole; streaming is not passed through. Log-probabilities are not kept: a request
    for them goes straight to ``inner``, and shares nothing.
    """

    def __init__(self, inner: Engine, *, hold_tokens: int = 50_000_000) -> None:
        self.inner = inner
        self.info = inner.info
        self._passed: set[str] = set()
        """Requests that are the real engine's own."""
        self._threads: OrderedDict[Key, _Thread] = OrderedDict()
        self._by_inner: dict[str, Key] = {}
        self._key_of: dict[str, Key] = {}
        self._served_by: dict[str, str] = {}
        """Answered request -> the real one whose cache holds its context, for whoever continues it."""
        self._ready: list[Chunk] = []
        self._hold = hold_tokens
        self._held = 0

    def submit(self, request: Request) -> None:
        """Queue a request on the thread of its context. Raises ValueError for a live id."""
        if request.id in self._key_of or request.id in self._passed:
            raise ValueError(f"request id {request.id!r} is still live")
        if request.max_tokens < 1:  # what is held would answer it; every engine refuses it
            self._ready.append(Chunk(request.id, (), "error", error=refusal(request, self.info), paid=0))
            return
        if request.top_logprobs:
            self._passed.add(request.id)
            self.inner.submit(request)
            return
        key = _key(request)
        self._key_of[request.id] = key
        thread = self._threads.setdefault(key, _Thread(request))
        self._threads.move_to_end(key)
        thread.wanted.append(request)

    def learn(self, request: Request, chunk: Chunk) -> None:
        """Take in what a request was answered elsewhere (an earlier session of the same run), at no cost."""
        if chunk.finish not in ("stop", "length"):
            return
        thread = self._threads.setdefault(_key(request), _Thread(request))
        if thread.ended or len(chunk.tokens) < len(thread.tokens) or thread.inner_id is not None:
            return
        self._held += len(chunk.tokens) - len(thread.tokens) + (0 if thread.tokens else len(request.prompt_ids))
        thread.tokens = list(chunk.tokens)
        if chunk.finish == "stop":
            thread.end_by(chunk.stop_id)

    def collect(self) -> list[Chunk]:
        """Serve what is there; else ask the real engine for the missing tails and wait for one."""
        while True:
            for key in {self._key_of[i]: None for i in self._key_of}:
                self._serve(key)
            if self._ready:
                ready, self._ready = self._ready, []
                return ready
            if not self._key_of and not self._passed:
                return []
            chunks = self.inner.collect()
            if not chunks:
                return []  # the real engine has nothing to say: the driver says so, instead of asking for ever
            for chunk in chunks:
                self._receive(chunk)

    def cancel(self, request_id: str) -> None:
        """End a request early. Its thread goes on only if somebody else waits for it."""
        if request_id in self._passed:
            self.inner.cancel(request_id)
        key = self._key_of.pop(request_id, None)
        if key is None:
            return
        thread = self._threads[key]
        thread.wanted = [r for r in thread.wanted if r.id != request_id]
        self._ready.append(Chunk(request_id, (), "cancelled", paid=0))
        if not thread.wanted and thread.inner_id is not None:
            thread.given_up = True
            self.inner.cancel(thread.inner_id)

    def close(self) -> None:
        """Close the real engine too."""
        self._threads.clear()
        self._key_of.clear()
        self._passed.clear()
        self.inner.close()

    def _serve(self, key: Key) -> None:
        thread = self._threads[key]
        if thread.inner_id is not None:
            return
        still: list[Request] = []
        for request in sorted(thread.wanted, key=lambda r: -r.max_tokens):  # the longest claims what was paid
            if thread.serves(request):
                tokens, stopped = thread.cut(request)
                finish: Finish = "stop" if stopped else "length"
                self._say(thread, request, tokens, finish, thread.stop_id if stopped else None)
            else:
                still.append(request)
        thread.wanted = still
        if still:
            self._ask(key, thread, still[0].max_tokens)

    def _say(
        self,
        thread: _Thread,
        request: Request,
        tokens: tuple[int, ...],
        finish: Finish,
        stop_id: int | None = None,
        error: str | None = None,
    ) -> None:
        """Answer one request for good; it claims whatever the thread paid since the last answer."""
        self._ready.append(
            Chunk(
                request.id,
                tokens,
                finish,
                stop_id=stop_id,
                error=error,
                exact=thread.exact,
                elapsed=thread.unclaimed_seconds,
                paid=thread.unclaimed_tokens,
                prefilled=thread.unclaimed_prefill,
            )
        )
        thread.unclaimed_tokens = thread.unclaimed_prefill = 0
        thread.unclaimed_seconds = 0.0
        del self._key_of[request.id]
        if thread.last_inner is not None:
            self._served_by[request.id] = thread.last_inner
            if len(self._served_by) > REMEMBER:
                del self._served_by[next(iter(self._served_by))]

    def _ask(self, key: Key, thread: _Thread, max_tokens: int) -> None:
        # a stop sequence may straddle the seam: what may be its beginning is generated again
        if again := _beginning(thread.tokens, thread.first.stop_seqs):
            del thread.tokens[-again:]
        have = len(thread.tokens)
        inner = replace(
            thread.first,
            id=f"sweep/{next(_numbers)}",
            prompt_ids=thread.first.prompt_ids + tuple(thread.tokens),
            max_tokens=max_tokens - have,
            min_tokens=max(0, thread.first.min_tokens - have),
            stream=False,
            continues=thread.last_inner or self._served_by.get(thread.first.continues or ""),
            top_logprobs=0,
        )
        thread.inner_id = thread.last_inner = inner.id
        thread.target = max_tokens
        self._by_inner[inner.id] = key
        self.inner.submit(inner)

    def _receive(self, chunk: Chunk) -> None:
        if chunk.request_id in self._passed:
            self._ready.append(chunk)
            if chunk.finish is not None:
                self._passed.remove(chunk.request_id)
            return
        key = self._by_inner.get(chunk.request_id)
        if key is None:
            return  # the rest of a request that an earlier user of the engine abandoned
        thread = self._threads[key]
        thread.tokens.extend(chunk.tokens)
        thread.unclaimed_tokens += len(chunk.tokens) if chunk.paid is None else chunk.paid
        thread.unclaimed_prefill += chunk.prefilled
        thread.unclaimed_seconds += chunk.elapsed
        thread.exact = thread.exact and chunk.exact
        if chunk.finish is None:
            return
        del self._by_inner[chunk.request_id]
        thread.inner_id = None
        given_up, thread.given_up = thread.given_up, False
        if chunk.finish == "error" or (chunk.finish == "cancelled" and not given_up):
            self._fail(key, thread, chunk)
            return
        if chunk.finish == "stop":
            thread.end_by(chunk.stop_id)
        elif chunk.finish == "length" and len(thread.tokens) < thread.target:
            thread.ended = True  # the engine ended early by length: its context is full
        self._held += len(thread.tokens) + len(thread.first.prompt_ids)
        if self._held > self._hold:
            self._forget()

    def _fail(self, key: Key, thread: _Thread, chunk: Chunk) -> None:
        """Who asked for less than is there gets it, as alone; the others get the failure.

        The thread is forgotten, so that a later try starts afresh.
        """
        for request in sorted(thread.wanted, key=lambda r: -r.max_tokens):
            if request.max_tokens <= len(thread.tokens):
                self._say(thread, request, tuple(thread.tokens[: request.max_tokens]), "length")
            else:
                self._say(thread, request, tuple(thread.tokens), chunk.finish or "error", error=chunk.error)
        del self._threads[key]

    def _forget(self) -> None:
        """Drop the continuations used longest ago until three quarters of the bound are left."""
        self._held = sum(len(t.tokens) + len(t.first.prompt_ids) for t in self._threads.values())
        for key in list(self._threads):
            if self._held <= self._hold * 3 // 4:
                return
            thread = self._threads[key]
            if not thread.wanted and thread.inner_id is None:
                self._held -= len(thread.tokens) + len(thread.first.prompt_ids)
                del self._threads[key]


def _key(request: Request) -> Key:
    """What makes two requests the same continuation: everything but its length.

    Where two stop sequences begin with the same id, a chunk does not tell which one matched, so a shorter request
    could not be cut inside it: lengths are then kept apart, and nothing is shared between them.
    """
    firsts = [s[0] for s in request.stop_seqs]
    return (
        request.prompt_ids,
        request.stop_ids,
        request.stop_seqs,
        request.min_tokens,
        request.banned_ids,
        request.sampling,
        request.max_tokens if len(set(firsts)) < len(firsts) else None,
    )


def _beginning(tokens: list[int], stop_seqs: tuple[tuple[int, ...], ...]) -> int:
    """How many of the last tokens may be the beginning of a stop sequence."""
    longest = 0
    for seq in stop_seqs:
        for size in range(longest + 1, min(len(seq), len(tokens) + 1)):
            if tuple(tokens[-size:]) == seq[:size]:
                longest = size
    return longest
