"""A node of a search tree: the thought so far, and how one step or one answer is added to it.

Knows budgets, step ends and closing for one path, on the tape that budget forcing writes. Refuses to know the tree:
which node gets children is ``tree``'s affair.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import answer
from s1kit.forcing.tape import Tape
from s1kit.search.steps import StepEnd, step_text
from s1kit.types import AnswerEnded, Ended, sha256_hex

Work = Generator[Request | None, Chunk, None]
"""Yields a request, is sent its chunk."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long the thinking of a path may get."""

    thinking: int
    """Tokens, over all its steps."""
    ran_out: Ended
    """What it is called when they are used up: ``cutoff``, or ``context`` where there is no room for more."""


@dataclass(slots=True, eq=False)
class Node:
    """The end of one step. ``tape`` holds the whole path's tokens, but only this node's own cost."""

    path: tuple[int, ...]
    tape: Tape
    subtree: int = 0
    parent: Node | None = None
    asked: str | None = None
    """The latest request on this path: what the next one continues."""
    ended: Ended | None = None
    """None: the thinking goes on."""
    answer_ended: AnswerEnded | None = None
    steps: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    prefilled: int = 0

    @property
    def score(self) -> float:
        """The latest step's; 0.0 where nothing was written yet."""
        return self.scores[-1] if self.scores else 0.0

    def child(self, number: int, seed: int, subtree: int) -> Node:
        """A node that goes on from here, with a seed of its own path; nothing is generated yet."""
        path = (*self.path, number)
        tape = Tape(
            self.tape.plan,
            replace(self.tape.row, seed=path_seed(seed, path)),
            list(self.tape.tokens),
            list(self.tape.segments),
            self.tape.thinking,
            exact=self.tape.exact,
        )
        return Node(path, tape, subtree, self, self.asked, steps=self.steps, scores=self.scores)

    def named(self, request: Request) -> Request:
        """The request as this node's: ids are unique in the tree, and siblings continue their parent's."""
        row = self.tape.row
        at = ".".join(map(str, self.path))
        name = f"{row.question_id}/{self.tape.plan.policy_id}/{row.sample}/tree {at}/{self.tape.rounds}"
        continued, self.asked = self.asked, name
        return replace(request, id=name, continues=continued)

    def think(self, end: StepEnd | None, bounds: Bounds) -> Work:
        """One step, or nothing but the end of thinking where no step or no token is left."""
        tape = self.tape
        left = bounds.thinking - tape.thinking
        if left <= 0 or end is None:
            self.ended = bounds.ran_out if left <= 0 else "cutoff"
            return
        fmt, size = tape.plan.format, min(left, end.max_tokens)
        stops, seqs = (*fmt.think_stop_ids, *end.ids), (*fmt.think_stop_seqs, *end.seqs)
        chunk = yield from tape.ask("think", size, stops, stop_seqs=seqs)
        boundary = end.boundary(chunk.stop_id) if chunk.finish == "stop" else None
        written = chunk.tokens
        if boundary and end.last:
            size_of_marker = len(fmt.reopen_ids)
            if size_of_marker and written[-size_of_marker:] == fmt.reopen_ids:
                written = written[:-size_of_marker]  # it would open the announcement that is dropped
        elif boundary:
            written = (written + boundary)[:left]
            more = len(written) - len(chunk.tokens)
            tape.paid += more
            tape.paid_thinking += more
        start = len(tape.tokens)
        over = chunk.finish == "stop" and (boundary is None or end.last)
        cut = tape.thinking + len(written) >= bounds.thinking
        tape.write("think", "model", "think", written, chunk.stop_id if over and not cut else None)
        self.steps = (*self.steps, step_text(fmt, tuple(tape.tokens[start:])))
        if tape.error:
            self.ended = "error"
        elif cut:  # whatever finish says, as in budget forcing
            self.ended = bounds.ran_out
        elif over:
            self.ended = "model"
        elif chunk.finish == "length" and len(chunk.tokens) < size:
            self.ended = "context"

    def answer(self, seed: int, max_answer: int) -> Work:
        """Close the thinking and answer, as budget forcing does."""
        tape = self.tape
        tape.row = replace(tape.row, seed=path_seed(seed, self.path, "answer"))
        suffix = tape.plan.suffix if self.ended in ("cutoff", "context") else ()
        self.answer_ended = yield from answer(tape, max_answer, suffix)

    def answer_text(self) -> str:
        """The answer in words, the cut-off suffix that it goes on from included."""
        return self._text("cutoff", "answer")

    def thinking_text(self) -> str:
        """The thinking in words."""
        return self._text("think")

    def _text(self, *whys: str) -> str:
        parts = [s for s in self.tape.segments if s.why in whys]
        return self.tape.plan.format.tokenizer.decode([i for s in parts for i in self.tape.tokens[s.start : s.end]])


def path_seed(seed: int, path: tuple[int, ...], phase: str = "think") -> int:
    """Seed of what a node draws, 63 bits: H(row seed, path, phase), so that siblings differ and a rerun is equal."""
    return int(sha256_hex(f"{seed}|{phase}|{path}")[:16], 16) >> 1


class Crew:
    """Work of many nodes under way side by side: every chunk goes to the node that asked for it."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Node, Work]] = {}

    @property
    def busy(self) -> set[Node]:
        """The nodes whose work is not over."""
        return {node for node, _ in self._waiting.values()}

    def start(self, node: Node, work: Work) -> list[Request]:
        """Begin a node's work: its first request, if it has one."""
        return self._advance(node, work, None)

    def take(self, chunk: Chunk) -> list[Request]:
        """Give a whole chunk to its node: the node's next request, if it has one."""
        node, work = self._waiting.pop(chunk.request_id)
        node.prefilled += chunk.prefilled
        return self._advance(node, work, chunk)

    def _advance(self, node: Node, work: Work, chunk: Chunk | None) -> list[Request]:
        try:
            request = next(work) if chunk is None else work.send(chunk)
        except StopIteration:
            return []
        assert request is not None  # chunks come whole: nothing here asks for more of the same
        named = node.named(request)
        self._waiting[named.id] = (node, work)
        return [named]
