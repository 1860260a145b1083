"""A sweep shares prefixes: an Engine around the real one that never generates a token twice.

Knows continuations by their exact context. Cutting one trace at 500, 1,000, 2,000 tokens gives exactly the runs that
those budgets would give, and each further "Wait" continues the last one, so a whole curve pays for its longest point
plus short answers. Refuses to know policies: the unchanged machines run per policy over this engine, so equality with
separate runs holds by construction (greedy, or sampling on an engine with ``crn``).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from s1kit.engines.base import Chunk, Engine, Request

Key = tuple[object, ...]


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
    asked: int = 0
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


class SweepEngine:
    """Serves requests from what was generated before; asks ``inner`` only for the missing tail.

    ``hold_tokens`` bounds the memory: the continuations used longest ago are forgotten first (and would be generated
    again if asked for). Chunks are whole; streaming is not passed through. Log-probabilities are not kept.
    """

    def __init__(self, inner: Engine, *, hold_tokens: int = 50_000_000) -> None:
        self.inner = inner
        self.info = inner.info.model_copy(update={"logprobs": False})
        self._threads: OrderedDict[Key, _Thread] = OrderedDict()
        self._by_inner: dict[str, Key] = {}
        self._key_of: dict[str, Key] = {}
        self._ready: list[Chunk] = []
        self._hold = hold_tokens
        self._held = 0
        self._count = 0

    def submit(self, request: Request) -> None:
        """Queue a request on the thread of its context. Raises ValueError for a live id or unusable stop sequences."""
        if request.id in self._key_of:
            raise ValueError(f"request id {request.id!r} is still live")
        firsts = [s[0] for s in request.stop_seqs]
        if len(set(firsts)) < len(firsts):
            raise ValueError("two stop sequences begin with the same id: a sweep could not tell which one matched")
        key = _key(request)
        self._key_of[request.id] = key
        thread = self._threads.setdefault(key, _Thread(request))
        self._threads.move_to_end(key)
        thread.wanted.append(request)

    def collect(self) -> list[Chunk]:
        """Serve what is there; else ask the real engine for the missing tails and wait for one."""
        while True:
            for key in {self._key_of[i]: None for i in self._key_of}:
                self._serve(key)
            if self._ready:
                ready, self._ready = self._ready, []
                return ready
            if not self._key_of:
                return []
            for chunk in self.inner.collect():
                self._receive(chunk)

    def cancel(self, request_id: str) -> None:
        """End a request early. Its thread goes on only if somebody else waits for it."""
        key = self._key_of.pop(request_id, None)
        if key is None:
            return
        thread = self._threads[key]
        thread.wanted = [r for r in thread.wanted if r.id != request_id]
        self._ready.append(Chunk(request_id, (), "cancelled", paid=0))
        if not thread.wanted and thread.inner_id is not None:
            self.inner.cancel(thread.inner_id)

    def close(self) -> None:
        """Close the real engine too."""
        self._threads.clear()
        self._key_of.clear()
        self.inner.close()

    def _serve(self, key: Key) -> None:
        thread = self._threads[key]
        if thread.inner_id is not None:
            return
        still: list[Request] = []
        for request in sorted(thread.wanted, key=lambda r: -r.max_tokens):  # the longest claims what was paid
            if not thread.serves(request):
                still.append(request)
                continue
            tokens, stopped = thread.cut(request)
            self._ready.append(
                Chunk(
                    request.id,
                    tokens,
                    "stop" if stopped else "length",
                    stop_id=thread.stop_id if stopped else None,
                    elapsed=thread.unclaimed_seconds,
                    paid=thread.unclaimed_tokens,
                    prefilled=thread.unclaimed_prefill,
                )
            )
            thread.unclaimed_tokens = thread.unclaimed_prefill = 0
            thread.unclaimed_seconds = 0.0
            del self._key_of[request.id]
        thread.wanted = still
        if still:
            self._ask(key, thread, still[0].max_tokens)

    def _ask(self, key: Key, thread: _Thread, max_tokens: int) -> None:
        # a stop sequence may straddle the seam: its possible beginning is generated again
        withheld = max((len(s) for s in thread.first.stop_seqs), default=1) - 1
        if thread.tokens and withheld:
            del thread.tokens[-withheld:]
        have = len(thread.tokens)
        self._count += 1
        inner = replace(
            thread.first,
            id=f"sweep/{self._count}",
            prompt_ids=thread.first.prompt_ids + tuple(thread.tokens),
            max_tokens=max_tokens - have,
            min_tokens=max(0, thread.first.min_tokens - have),
            stream=False,
            continues=thread.last_inner,
            top_logprobs=0,
        )
        thread.inner_id = thread.last_inner = inner.id
        thread.asked = inner.max_tokens
        self._by_inner[inner.id] = key
        self.inner.submit(inner)

    def _receive(self, chunk: Chunk) -> None:
        key = self._by_inner[chunk.request_id]
        thread = self._threads[key]
        thread.tokens.extend(chunk.tokens)
        thread.unclaimed_tokens += len(chunk.tokens) if chunk.paid is None else chunk.paid
        thread.unclaimed_prefill += chunk.prefilled
        thread.unclaimed_seconds += chunk.elapsed
        if chunk.finish is None:
            return
        del self._by_inner[chunk.request_id]
        thread.inner_id = None
        if chunk.finish in ("error", "cancelled"):
            self._fail(key, thread, chunk)
            return
        if chunk.finish == "stop":
            thread.ended = thread.stopped = True
            thread.stop_id = chunk.stop_id
            if chunk.stop_id not in thread.first.stop_ids:
                thread.stop_seq = next((s for s in thread.first.stop_seqs if s[0] == chunk.stop_id), ())
        elif len(chunk.tokens) < thread.asked:
            thread.ended = True  # the engine ended early by length: its context is full
        self._held += len(thread.tokens) + len(thread.first.prompt_ids)
        if self._held > self._hold:
            self._forget()

    def _fail(self, key: Key, thread: _Thread, chunk: Chunk) -> None:
        """Everybody who waits gets the failure; the thread is forgotten, so that a later try starts afresh."""
        for i, request in enumerate(thread.wanted):
            paid = thread.unclaimed_tokens if i == 0 else 0
            self._ready.append(replace(chunk, request_id=request.id, tokens=tuple(thread.tokens), paid=paid))
            del self._key_of[request.id]
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
    """What makes two requests the same continuation: everything but its length."""
    return (
        request.prompt_ids,
        request.stop_ids,
        request.stop_seqs,
        request.min_tokens,
        request.banned_ids,
        request.sampling,
    )
