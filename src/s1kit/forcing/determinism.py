"""Does an engine give the same row however it is run? The same greedy rows, batched, cut and without cache hints.

Knows ways of running that change nothing in exact arithmetic. Refuses to say why they differ: it counts the rows, shows
the first place, and leaves the rest to the engine (paper, appendix A, on what vLLM did to its own numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from s1kit.engines.base import Chunk, Engine, Request, join_chunks
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.types import EngineInfo, Generation, Record

CUTS = (16, 48, 112)
"""Tokens after which a continuation is cut and asked for again: three places in a thought of ordinary length."""


class Compared(Record):
    """One way of running against rows that ran alone."""

    setting: str
    rows: int
    identical: int
    """Rows that are the same token for token."""
    first: int | None
    """The earliest position, over all rows, at which a token differs; None where none does."""
    where: str | None
    """The question of that row."""
    errors: int


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


def compare(
    engine: Engine,
    plan: Plan,
    rows: Sequence[Row],
    *,
    others: Mapping[str, Callable[[], Engine]] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[Compared], dict[str, list[Generation]]]:
    """Every setting against one row at a time; and the generations of each setting, in the order of ``rows``.

    ``others``: more engines that have to agree (the same model without its prefix cache), opened when their turn comes.
    Raises ValueError for sampling: only greedy rows have one right outcome on every engine.
    """
    if plan.sampling.temperature:
        raise ValueError("determinism is compared on greedy rows: set the temperature to 0")
    alone = _run(engine, plan, rows, 1)
    found = {"1 at once": alone}
    ways: list[tuple[str, Callable[[], Engine], int]] = [
        ("8 at once", lambda: engine, 8),
        ("32 at once", lambda: engine, 32),
        (f"cut at {', '.join(map(str, CUTS))}", lambda: CutEngine(engine), 8),
        ("without cache hints", lambda: UnhintedEngine(engine), 8),
        *((name, make, 8) for name, make in (others or {}).items()),
    ]
    for name, make, at_once in ways:
        tell(name)
        other = make()
        try:
            found[name] = _run(other, plan, rows, at_once)
        finally:
            if other is not engine:
                other.close()
    return [_compared(name, alone, own) for name, own in found.items() if name != "1 at once"], found


def _run(engine: Engine, plan: Plan, rows: Sequence[Row], at_once: int) -> list[Generation]:
    made = {g.question_id: g for g in drive((machine(plan, row) for row in rows), engine, in_flight=at_once)}
    return [made[row.question_id] for row in rows]


def _compared(setting: str, alone: Iterable[Generation], own: Iterable[Generation]) -> Compared:
    pairs = list(zip(alone, own, strict=True))
    places = [
        (place, a.question_id)
        for a, b in pairs
        if (place := divergence(a.token_ids or (), b.token_ids or ())) is not None
    ]
    first, where = min(places, default=(None, None))
    errors = sum(b.error is not None for _, b in pairs)
    return Compared(
        setting=setting, rows=len(pairs), identical=len(pairs) - len(places), first=first, where=where, errors=errors
    )


def divergence(left: Sequence[int], right: Sequence[int]) -> int | None:
    """The first position at which two token sequences differ (one may be a beginning of the other); None: equal."""
    if tuple(left) == tuple(right):
        return None
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def strict_mode(info: EngineInfo) -> str:
    """What removes differences on this kind of engine, and what it costs, as one sentence."""
    if info.name == "vllm":
        return "float32, or VLLM_BATCH_INVARIANT=1 where the kernels have it; both slower"
    if info.dtype not in (None, "float32"):
        return f"float32 instead of {info.dtype}: about twice the memory"
    return "float32 and one row at a time"
