"""Does an engine give the same row however it is run? The same greedy rows, batched, cut and without its cache.

Knows ways of running that change nothing in exact arithmetic. Refuses to say why they differ: it counts the rows, shows
the first place with both tokens and how likely each was, and leaves the rest to the engine (paper, appendix A, on what
vLLM did to its own numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from s1kit.engines.base import Engine
from s1kit.forcing.drive import drive
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.ways import CUTS, CutEngine, Likely, NotingEngine, UnhintedEngine
from s1kit.types import EngineInfo, Generation, Record

HINTED = ("hf", "scripted")
"""Engines that read ``Request.continues``; the others find a context in their cache by its content."""
ALONE = "1 at once"
"""The way of running that the others are held against."""


class Seen(Record):
    """What one way of running wrote at the place in question."""

    token: int | None
    """None: the row had ended before."""
    likely: Likely = ()
    """The two most likely ids there; empty where the engine does not say, or where it stopped."""


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
    alone: Seen | None = None
    """What the row that ran alone has at that place."""
    here: Seen | None = None
    """What this way of running has."""
    prefilled: int = 0
    """Prompt tokens run through the model, all rows together: what a cache saves, where the engine says so."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One way of running: its rows, in order, and what was noted of the engine's answers."""

    rows: list[Generation]
    noted: NotingEngine


def compare(
    engine: Engine,
    plan: Plan,
    rows: Sequence[Row],
    *,
    others: Mapping[str, Callable[[], Engine]] | None = None,
    logprobs: bool | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[Compared], dict[str, list[Generation]]]:
    """Every setting against one row at a time; and the generations of each setting, in the order of ``rows``.

    ``others``: more engines that have to agree (the same model without its prefix cache), opened when their turn comes,
    at the very end: a maker may close ``engine`` first where a process holds only one. ``logprobs``: note the likely
    ids (default: where the engine claims to give them). Raises ValueError for sampling: only greedy rows have one
    right outcome on every engine.
    """
    if plan.sampling.temperature:
        raise ValueError("determinism is compared on greedy rows: set the temperature to 0")
    ways: list[tuple[str, Callable[[], Engine], int]] = [
        (ALONE, lambda: engine, 1),
        ("8 at once", lambda: engine, 8),
        ("32 at once", lambda: engine, 32),
        (f"cut at {', '.join(map(str, CUTS))}", lambda: CutEngine(engine), 8),
        *([("without cache hints", lambda: UnhintedEngine(engine), 8)] if engine.info.name in HINTED else []),
        *((name, make, 8) for name, make in (others or {}).items()),
    ]
    ran: dict[str, Ran] = {}
    for name, make, at_once in ways:
        tell(name)
        other = make()
        try:
            ran[name] = _run(other, plan, rows, at_once, engine.info.logprobs if logprobs is None else logprobs)
        finally:
            if other is not engine:
                other.close()
    compared = [_compared(name, rows, ran[ALONE], own) for name, own in ran.items() if name != ALONE]
    return compared, {name: own.rows for name, own in ran.items()}


def _run(engine: Engine, plan: Plan, rows: Sequence[Row], at_once: int, logprobs: bool) -> Ran:
    noted = NotingEngine(engine, logprobs)
    made = {g.question_id: g for g in drive((machine(plan, row) for row in rows), noted, in_flight=at_once)}
    return Ran([made[row.question_id] for row in rows], noted)


def _compared(setting: str, rows: Sequence[Row], alone: Ran, own: Ran) -> Compared:
    pairs = list(zip(alone.rows, own.rows, strict=True))
    places = [
        (place, number)
        for number, (a, b) in enumerate(pairs)
        if (place := divergence(a.token_ids or (), b.token_ids or ())) is not None
    ]
    first, number = min(places, default=(None, None))
    result = Compared(
        setting=setting,
        rows=len(pairs),
        identical=len(pairs) - len(places),
        first=first,
        where=None if number is None else rows[number].question_id,
        errors=sum(b.error is not None for _, b in pairs),
        prefilled=own.noted.prefilled,
    )
    if first is None or number is None:
        return result
    seen = [_seen(ran, rows[number], number, first) for ran in (alone, own)]
    return result.model_copy(update={"alone": seen[0], "here": seen[1]})


def _seen(ran: Ran, row: Row, number: int, place: int) -> Seen:
    """What a way of running wrote at ``place`` of a row, and what was likely there."""
    tokens = ran.rows[number].token_ids or ()
    likely = ran.noted.likely((*row.prompt_ids, *tokens[:place]))
    return Seen(token=tokens[place] if place < len(tokens) else None, likely=likely)


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
