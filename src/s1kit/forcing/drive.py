"""Runs many machines over one engine, each moving on as soon as it can.

Knows which machine waits for which request. Refuses to know policies and files: machines come in, generations go out
in the order in which they finish. There is no round: a sequence that got its chunk asks for its next one at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from s1kit.engines.base import Chunk, Engine, EngineError, Request
from s1kit.forcing.tape import Machine
from s1kit.types import Generation

Watch = Callable[[Request, Chunk], None]
"""Called with every chunk, partial ones included, before its machine sees it: for live display and progress."""


def drive(
    machines: Iterable[Machine],
    engine: Engine,
    *,
    in_flight: int | None = None,
    stream: bool = False,
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """Yield the generation of every machine as it finishes.

    ``machines`` is read lazily: at most ``in_flight`` of them are open at once (default: four per engine slot, so that
    a slot never waits for the driver). Raises EngineError when the engine stops answering while rows are open.
    """
    waiting: dict[str, tuple[Machine, Request]] = {}
    source = iter(machines)
    limit = in_flight or 4 * engine.info.slots
    try:
        while True:
            while len(waiting) < limit and (machine := next(source, None)) is not None:
                done = _send(machine, None, engine, waiting, stream)
                if done is not None:
                    yield done
            if not waiting:
                return
            chunks = engine.collect()
            if not chunks:
                raise EngineError(f"engine {engine.info.name} has nothing to say about {len(waiting)} open requests")
            for chunk in chunks:
                if chunk.request_id not in waiting:
                    continue  # the rest of a request that an earlier reader abandoned
                machine, request = waiting.pop(chunk.request_id)
                if watch is not None:
                    watch(request, chunk)
                done = _send(machine, chunk, engine, waiting, stream, request)
                if done is not None:
                    yield done
    except (
        GeneratorExit,
        KeyboardInterrupt,
    ):  # the reader left early, and the engine may be used again: let nothing linger in it
        _abandon(engine, waiting)
        raise
    finally:
        for machine, request in waiting.values():
            engine.cancel(request.id)
            machine.close()


def _abandon(engine: Engine, waiting: dict[str, tuple[Machine, Request]]) -> None:
    """Cancel every open request and take its last chunk."""
    for _, request in waiting.values():
        engine.cancel(request.id)
    open_ids = set(waiting)
    while open_ids and (chunks := engine.collect()):
        open_ids.difference_update(chunk.request_id for chunk in chunks if chunk.finish is not None)


def _send(
    machine: Machine,
    chunk: Chunk | None,
    engine: Engine,
    waiting: dict[str, tuple[Machine, Request]],
    stream: bool,
    request: Request | None = None,
) -> Generation | None:
    """Hand a machine its chunk (None starts it); submit what it asks for, or return its generation."""
    try:
        asked = next(machine) if chunk is None else machine.send(chunk)
    except StopIteration as stop:
        generation: Generation = stop.value
        return generation
    if asked is None:  # a partial chunk: the machine waits for more of the same request
        assert request is not None
        waiting[request.id] = (machine, request)
        return None
    asked = replace(asked, stream=True) if stream else asked
    waiting[asked.id] = (machine, asked)
    engine.submit(asked)
    return None
