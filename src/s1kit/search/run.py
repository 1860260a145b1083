"""Runs tree searches over one engine, several questions side by side.

Knows which search waits for which requests. Refuses to know trees. A depth ends with its longest step; while one
question waits for that, the slots it leaves idle work for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from s1kit.engines.base import Chunk, Engine, EngineError, join_chunks
from s1kit.search.leaf import Tree
from s1kit.search.tree import Growing


@dataclass(slots=True, eq=False)
class _Open:
    """A search with requests out."""

    search: Growing
    out: set[str] = field(default_factory=set)
    got: dict[str, Chunk] = field(default_factory=dict)


def run_searches(searches: Iterable[Growing], engine: Engine, *, in_flight: int | None = None) -> Iterator[Tree]:
    """Yield the tree of every search as it is finished.

    ``searches`` is read lazily: one more is opened while fewer than two requests per engine slot are out, or while
    fewer than ``in_flight`` searches are open. Raises EngineError when the engine stops answering, and whatever a
    search raises (RewardError); the engine is left without open requests.
    """
    owners: dict[str, _Open] = {}
    opened: list[_Open] = []
    source = iter(searches)
    engine_works = True

    def full() -> bool:
        return len(opened) >= in_flight if in_flight else len(owners) >= 2 * engine.info.slots

    try:
        while True:
            while not full() and (search := next(source, None)) is not None:
                opened.append(_Open(search))
                if (tree := _advance(opened[-1], engine, owners)) is not None:
                    opened.pop()
                    yield tree
            if not opened:
                return
            for state in _collected(engine, owners):
                if (tree := _advance(state, engine, owners)) is not None:
                    opened.remove(state)
                    yield tree
    except EngineError:
        engine_works = False
        raise
    finally:
        for name in owners:
            engine.cancel(name)
        while engine_works and owners and (chunks := engine.collect()):
            for chunk in chunks:
                if chunk.finish is not None:
                    owners.pop(chunk.request_id, None)
        for state in opened:
            state.search.close()


def _collected(engine: Engine, owners: dict[str, _Open]) -> list[_Open]:
    """Take in what the engine has to say; the searches whose requests are all answered."""
    chunks = engine.collect()
    if not chunks:
        raise EngineError(f"engine {engine.info.name} has nothing to say about {len(owners)} open requests")
    ready: list[_Open] = []
    for chunk in chunks:
        state = owners.get(chunk.request_id)
        if state is None:
            continue  # the rest of a request that an earlier reader abandoned
        before = state.got.get(chunk.request_id)
        state.got[chunk.request_id] = chunk if before is None else join_chunks(before, chunk)
        if chunk.finish is not None:
            del owners[chunk.request_id]
            state.out.remove(chunk.request_id)
            if not state.out:
                ready.append(state)
    return ready


def _advance(state: _Open, engine: Engine, owners: dict[str, _Open]) -> Tree | None:
    """Give a search its chunks and submit what it asks for next; its tree when it is finished."""
    got, state.got = state.got, {}
    try:
        requests = state.search.send(got) if got else next(state.search)
    except StopIteration as stop:
        tree: Tree = stop.value
        return tree
    for request in requests:
        state.out.add(request.id)
        owners[request.id] = state
        engine.submit(request)
    return None
