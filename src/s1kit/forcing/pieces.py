"""A thought that is asked for piece by piece and recorded as the one thought that it is.

Knows what ended a piece, and stops of several ids that lie across the seam of two. Refuses to know why anybody wants
pieces: trial answers, an end of line and a bar of confidence are others'. On an engine that draws by position, pieces
hold the tokens that one request would have.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.tape import Tape

Ids = tuple[int, ...]
How = Literal["more", "boundary", "model", "cut", "context", "error"]
"""What ended a piece. more: nothing did; boundary: one of the pieces' own stops; model: the model ended its thought;
cut: all that the thought may have is used; context: the engine's own limit."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Tokens that are not written yet; ``boundary`` is what the model wrote behind them, where it stopped there."""

    tokens: Ids
    how: How
    boundary: Ids = ()
    stop_id: int | None = None


@dataclass(slots=True)
class Pieces:
    """The thought of one row. ``ids`` and ``seqs`` are boundaries: stops that do not end the thought."""

    tape: Tape
    left: int
    """Tokens that may still be thought."""
    ids: Ids = ()
    seqs: tuple[Ids, ...] = ()
    held: int = 0
    """Tokens of the piece before that may be the beginning of a stop: dropped, and generated again with the next."""

    def next(self, size: int) -> Generator[Request | None, Chunk, Piece]:
        """At most ``size`` tokens behind those that were generated last; ``left`` must be above 0."""
        tape, fmt = self.tape, self.tape.plan.format
        asked, seqs = min(size + self.held, self.left), (*fmt.think_stop_seqs, *self.seqs)
        chunk = yield from tape.ask("think", asked, (*fmt.think_stop_ids, *self.ids), stop_seqs=seqs)
        self.held = 0
        tokens, boundary = chunk.tokens, self._boundary(chunk)
        if tape.error:
            return Piece(tokens, "error")
        if len(tokens) >= self.left:  # whatever finish says, as in budget forcing
            return Piece(tokens, "cut")
        if boundary:
            return Piece(tokens, "boundary", boundary)
        if chunk.finish == "stop":
            return Piece(tokens, "model", stop_id=chunk.stop_id)
        if len(tokens) < asked:
            return Piece(tokens, "context")
        self.held = _beginning(tokens, seqs)
        tape.discarded += self.held
        return Piece(tokens[: len(tokens) - self.held], "more")

    def write(self, tokens: Ids, stop_id: int | None = None) -> None:
        """Put tokens on the record, in one segment with those before."""
        tape, before = self.tape, len(self.tape.segments)
        tape.read = tape.read[: len(tokens)]  # of what was dropped nothing is recorded
        tape.write("think", "model", "think", tokens, stop_id)
        self.left -= len(tokens)
        if before and len(tape.segments) > before and tape.segments[-2].why == "think":
            last = tape.segments.pop()
            first = tape.segments.pop()
            tape.segments.append(last.model_copy(update={"start": first.start}))

    def put_back(self, boundary: Ids) -> None:
        """Go on behind a boundary: the model wrote it, though the engine reported it as a stop."""
        self.tape.paid += len(boundary)
        self.tape.paid_thinking += len(boundary)
        self.write(boundary)

    def _boundary(self, chunk: Chunk) -> Ids:
        if chunk.finish != "stop" or chunk.stop_id is None:
            return ()
        if chunk.stop_id in self.ids:
            return (chunk.stop_id,)
        return next((seq for seq in self.seqs if seq[0] == chunk.stop_id), ())


def _beginning(tokens: Ids, seqs: tuple[Ids, ...]) -> int:
    """How many of the last tokens may be the beginning of one of these."""
    sizes = {
        size for seq in seqs for size in range(1, len(seq)) if size <= len(tokens) and tokens[-size:] == seq[:size]
    }
    return max(sizes, default=0)
