"""An engine without a model: the next token is whatever a function of the context says.

Knows the engine contract exactly (limits, stops, minimum, bans, streaming, cancelling) and nothing else. Public: use
it to test a policy, an adapter or a report without weights. ``ScriptedEngine.random`` is a stateless random "model":
the same context always goes on the same way, so sweeps, cuts and continuations can be compared token for token.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from s1kit.engines.base import Chunk, Finish, Request, StopMatcher, refusal
from s1kit.types import EngineInfo, sha256_hex

NextToken = Callable[[tuple[int, ...], Request], int]
"""The token that follows a context (prompt and everything generated so far)."""


@dataclass(slots=True)
class _Live:
    request: Request
    tokens: list[int] = field(default_factory=list)
    sent: int = 0
    cancelled: bool = False


class ScriptedEngine:
    """Runs up to ``slots`` requests, one token each per step, in an order shuffled by ``seed``."""

    def __init__(
        self,
        next_token: NextToken,
        *,
        vocab_size: int = 256,
        context_len: int = 4096,
        slots: int = 16,
        seed: int = 0,
        min_tokens: bool = True,
        stop_seqs: bool = True,
        name: str = "scripted",
    ) -> None:
        self.info = EngineInfo(
            name="scripted",
            model=name,
            version="1",
            slots=slots,
            context_len=context_len,
            vocab_size=vocab_size,
            min_tokens=min_tokens,
            stop_seqs=stop_seqs,
        )
        self.submitted: list[Request] = []
        """Every request ever submitted, in order: what a test wants to look at."""
        self._next = next_token
        self._order = random.Random(seed)
        self._waiting: list[_Live] = []
        self._active: list[_Live] = []

    @classmethod
    def random(
        cls, seed: int = 0, *, stops: Mapping[int, float] | None = None, **options: int | bool
    ) -> ScriptedEngine:
        """A "model" whose next token is drawn from a hash of (seed, context, row seed if sampling).

        ``stops`` maps token ids to the probability with which each is drawn; all others share the rest evenly.
        """
        vocab = int(options.get("vocab_size", 256))
        weights = dict(stops or {})

        def draw(context: tuple[int, ...], request: Request) -> int:
            row = request.sampling.seed if request.sampling.temperature else 0
            source = random.Random(int(sha256_hex(f"{seed}|{row}|{context}")[:16], 16))
            for token, probability in weights.items():
                if token not in _banned(request, context) and source.random() < probability:
                    return token
            banned = _banned(request, context) | set(weights)
            token = source.randrange(vocab)
            while token in banned:
                token = (token + 1) % vocab
            return token

        return cls(draw, seed=seed, **options)  # type: ignore[arg-type]

    @classmethod
    def from_scripts(cls, scripts: Mapping[tuple[int, ...], Sequence[int]], **options: int | bool) -> ScriptedEngine:
        """Follow scripts: a context that starts with a key goes on with that key's tokens, position by position.

        The longest matching key counts. Behind the end of a script, or where none matches, id 0 follows.
        """
        keys = sorted(scripts, key=len, reverse=True)

        def follow(context: tuple[int, ...], request: Request) -> int:
            for key in keys:
                at = len(context) - len(key)
                if context[: len(key)] == key and at < len(scripts[key]):
                    return scripts[key][at]
            return 0

        return cls(follow, **options)  # type: ignore[arg-type]

    def submit(self, request: Request) -> None:
        """Queue a request."""
        if any(live.request.id == request.id for live in (*self._waiting, *self._active)):
            raise ValueError(f"request id {request.id!r} is still live")
        self.submitted.append(request)
        self._waiting.append(_Live(request))

    def collect(self) -> list[Chunk]:
        """Step every active row by one token until something can be reported."""
        chunks: list[Chunk] = []
        while not chunks and (self._waiting or self._active):
            while self._waiting and len(self._active) < self.info.slots:
                self._active.append(self._waiting.pop(0))
            self._order.shuffle(self._active)
            for live in list(self._active):
                chunk = self._step(live)
                if chunk is None:
                    continue
                chunks.append(chunk)
                if chunk.finish is not None:
                    self._active.remove(live)
        return chunks

    def cancel(self, request_id: str) -> None:
        """End a request early."""
        for live in (*self._waiting, *self._active):
            if live.request.id == request_id:
                live.cancelled = True

    def close(self) -> None:
        """Forget everything in flight."""
        self._waiting.clear()
        self._active.clear()

    def _step(self, live: _Live) -> Chunk | None:
        request = live.request
        if live.cancelled:
            return Chunk(request.id, tuple(live.tokens[live.sent :]), "cancelled")
        problem = refusal(request, self.info)
        if problem is not None:
            return Chunk(request.id, (), "error", error=problem)
        context = request.prompt_ids + tuple(live.tokens)
        if len(live.tokens) >= request.max_tokens or len(context) >= self.info.context_len:
            return _end(live, len(live.tokens), "length", None)
        token = self._next(context, request)
        banned = _banned(request, context)
        while token in banned:  # a script may name a token that this request rules out: the next allowed id follows
            token = (token + 1) % self.info.vocab_size
        if token in request.stop_ids:
            return _end(live, len(live.tokens), "stop", token)
        live.tokens.append(token)
        matcher = StopMatcher(request.stop_seqs, request.min_tokens)
        stop = matcher.match(live.tokens)
        if stop is not None:
            return _end(live, len(live.tokens) - len(stop), "stop", stop[0])
        if len(live.tokens) >= request.max_tokens:
            return _end(live, len(live.tokens), "length", None)
        safe = len(live.tokens) - matcher.withheld
        if request.stream and safe > live.sent:
            delta, live.sent = tuple(live.tokens[live.sent : safe]), safe
            return Chunk(request.id, delta, None)
        return None


def _end(live: _Live, length: int, finish: Finish, stop_id: int | None) -> Chunk:
    """The last chunk: what was not sent yet, up to ``length``. There is no cache, so the whole prompt was prefilled."""
    return Chunk(
        live.request.id,
        tuple(live.tokens[live.sent : length]),
        finish,
        stop_id=stop_id,
        prefilled=len(live.request.prompt_ids),
    )


def _banned(request: Request, context: tuple[int, ...]) -> set[int]:
    generated = len(context) - len(request.prompt_ids)
    held_back = set(request.stop_ids) if generated < request.min_tokens else set()
    return set(request.banned_ids) | held_back
