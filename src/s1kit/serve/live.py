"""One row on its way: its machine, what it asked the engine, and what a reader may already be told.

Knows phases, stop strings and how a request is taken up again where it was left. Refuses to know threads and HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from s1kit.engines.base import Chunk, Finish, Request
from s1kit.forcing.machine import machine
from s1kit.forcing.plan import Plan, Row
from s1kit.policies import Unforced
from s1kit.serve.text import Detokeniser, StopStrings
from s1kit.types import Generation, Phase


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one choice, in one phase."""

    index: int
    phase: Phase
    text: str
    forced: bool = False
    """The model did not write it."""
    used: int = 0
    """Thinking tokens of the choice so far, as its budget counts them."""

    def goes_on(self, later: Piece) -> bool:
        """Whether a later piece of the same choice can be said in one breath with this one."""
        return (self.phase, self.forced) == (later.phase, later.forced)


@dataclass(frozen=True, slots=True)
class Done:
    """A choice that is complete."""

    index: int
    generation: Generation
    stopped: bool
    """A stop string ended it."""


Event = Piece | Done


@dataclass(slots=True)
class _Heard:
    """What the engine has said about the machine's request so far, over all the times it was asked."""

    tokens: list[int] = field(default_factory=list)
    exact: bool = True
    elapsed: float = 0.0
    paid: int = 0
    prefilled: int = 0

    def add(self, chunk: Chunk, tokens: tuple[int, ...]) -> None:
        self.tokens.extend(tokens)
        self.exact &= chunk.exact
        self.elapsed += chunk.elapsed
        self.paid += len(chunk.tokens) if chunk.paid is None else chunk.paid
        self.prefilled += chunk.prefilled

    def whole(self, request: Request, finish: Finish, stop_id: int | None = None, error: str | None = None) -> Chunk:
        return Chunk(
            request.id,
            tuple(self.tokens),
            finish,
            stop_id=stop_id,
            error=error,
            exact=self.exact,
            elapsed=self.elapsed,
            paid=self.paid,
            prefilled=self.prefilled,
        )


class LiveRow:
    """Runs one machine, chunk by chunk. ``request`` is what the engine should be asked next; None when it is over.

    The machine is handed each request's tokens whole; readers get their text as it comes, in ``events``.
    """

    def __init__(
        self, plan: Plan, row: Row, index: int, name: str, stop: tuple[str, ...] = (), *, stream: bool = True
    ) -> None:
        """``stream``: the engine is to say every token as it comes; stop strings are seen only then."""
        self.index = index
        self.request: Request | None = None
        self.generation: Generation | None = None
        self.events: list[Event] = []
        self.rounds = 0
        self._name = name
        self._stream = stream or bool(stop)
        self._plan = plan
        self._machine = machine(plan, row)
        self._asked: Request | None = None  # the machine's own request; self.request may be the rest of it
        self._heard = _Heard()
        self._told = len(row.prompt_ids) + len(row.open_ids)  # context ids that need no telling any more
        self._used = 0
        self._phase: Phase = "answer" if isinstance(plan.policy, Unforced) else "think"
        self._text = Detokeniser(plan.format.tokenizer.decode, (*row.prompt_ids, *row.open_ids)[-1])
        self._stops = StopStrings(stop)
        self._move(None)

    def take(self, chunk: Chunk) -> bool:
        """Hear the engine. Returns True when a stop string ended the request that is still running there."""
        if chunk.finish is None:
            return self._partial(chunk)
        self._heard.add(chunk, chunk.tokens)
        self._say(chunk.tokens)
        assert self._asked is not None
        self._move(self._heard.whole(self._asked, chunk.finish, chunk.stop_id, chunk.error))
        return False

    def rest(self, chunk: Chunk) -> None:
        """The engine was told to cancel the request, to be asked for its rest later; this is its last chunk.

        Tokens that were withheld (they might begin a stop of several ids) are forgotten: the rest draws them again.
        """
        assert self._asked is not None
        if chunk.finish != "cancelled":  # it was over before it heard
            self.take(chunk)
            return
        self._heard.add(chunk, ())
        have = tuple(self._heard.tokens)
        self.request = self._named(
            replace(
                self._asked,
                prompt_ids=self._asked.prompt_ids + have,
                max_tokens=self._asked.max_tokens - len(have),
                min_tokens=max(0, self._asked.min_tokens - len(have)),
            )
        )

    def close(self) -> None:
        """Give up: nobody reads on."""
        self.request = None
        self._machine.close()

    def _partial(self, chunk: Chunk) -> bool:
        self._heard.add(chunk, chunk.tokens)
        self._say(chunk.tokens)
        assert self._asked is not None
        if not self._stops.hit:
            return False
        self._move(self._heard.whole(self._asked, "stop"))
        return True

    def _move(self, chunk: Chunk | None) -> None:
        """Let the machine go on with a whole chunk (None starts it)."""
        self._heard = _Heard()
        try:
            asked = next(self._machine) if chunk is None else self._machine.send(chunk)
        except StopIteration as stop:
            self.request, self.generation = None, stop.value
            self._end_phase()
            self.events.append(Done(self.index, stop.value, self._stops.hit))
            return
        assert asked is not None  # whole chunks only, so it never waits for more of one
        self._asked = asked
        self._tell_forced(asked.prompt_ids)
        self.request = self._named(asked)

    def _named(self, request: Request) -> Request:
        """With an id of this row alone: two clients may well ask the same thing at the same time."""
        before = f"{self._name}/{self.rounds - 1}" if self.rounds else None
        self.rounds += 1
        return replace(request, id=f"{self._name}/{self.rounds - 1}", continues=before, stream=self._stream)

    def _say(self, ids: tuple[int, ...]) -> None:
        self._told += len(ids)
        self._used += len(ids) if self._phase == "think" else 0
        text = self._text.feed(ids)
        self._give(self._stops.feed(text) if self._phase == "answer" else text)

    def _tell_forced(self, context: tuple[int, ...]) -> None:
        """Forced ids are what a request's context holds beyond what was told: a nudge, or the close and a suffix."""
        forced, self._told = context[self._told :], max(self._told, len(context))
        if not forced:  # a thought that goes on in another request
            return
        close = self._plan.format.close
        at = next((i for i in range(len(forced)) if forced[i : i + len(close)] == close), None) if close else None
        if at is None:
            self._give(self._text.flush())  # half a character before a nudge stays half, and is the model's
            self._used += len(forced)
            self._give(self._text.feed(forced), True)
            return
        self._end_phase()
        self._phase = "answer"
        self._text = Detokeniser(self._plan.format.tokenizer.decode, close[-1])
        self._give(self._text.feed(forced[at + len(close) :]), True)

    def _end_phase(self) -> None:
        text = self._text.flush()
        if self._phase == "answer":
            text = self._stops.feed(text) + self._stops.flush()
        self._give(text)

    def _give(self, text: str, forced: bool = False) -> None:
        if text:
            self.events.append(Piece(self.index, self._phase, text, forced, self._used))
