"""Budget forcing by steps: a model that counts its steps down is held to the number it was given.

Knows when an announced step is one too many. Refuses to know how a step is announced: ``announced`` does. A model that
announces nothing is bounded by ``max_thinking`` and its context alone. Source: s1 paper, section 5 and table 12.
"""

from __future__ import annotations

from s1kit.engines.base import Chunk
from s1kit.forcing.announced import Announcement, Ids, announcement, words
from s1kit.forcing.machine import answer, begin
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import BudgetForcing


def counted_down(plan: Plan, policy: BudgetForcing, row: Row) -> Machine:
    """Think until 0 steps are announced, or one more than ``max_steps``: that announcement is dropped, and thinking
    is cut there. Every other announcement stays: the model wrote it, and it counts as thinking.
    """
    assert policy.max_steps is not None
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None)
    left, ended = begun
    fmt, said, steps = plan.format, words(plan.format), 0
    while left > 0:
        chunk = yield from tape.ask("think", left, fmt.think_stop_ids, stop_seqs=(*fmt.think_stop_seqs, said))
        paused = chunk.finish == "stop" and chunk.stop_id == said[0]
        found = _announced(tape, chunk) if paused else None
        if found and (not found.left or steps == policy.max_steps):
            _drop(tape, chunk, found, said)
            ended = "cutoff"
            break
        left = _keep(tape, chunk, said if paused else (), left)
        if tape.error:
            ended = "error"
            break
        if left == 0:  # whatever finish says, as in budget forcing
            break
        if not paused:
            ended = "model" if chunk.finish == "stop" else "context"
            break
        steps += found is not None
    if ended == "error":
        return tape.finish("error", None)
    answer_ended = yield from answer(tape, policy.max_answer, () if ended == "model" else plan.suffix)
    return tape.finish(ended, answer_ended)


def _announced(tape: Tape, chunk: Chunk) -> Announcement | None:
    """The announcement that a stretch of thinking stopped in, placed among all the thinking so far."""
    thought = (*_thought(tape), *chunk.tokens)
    return announcement(tape.plan.format, thought, len(thought))


def _thought(tape: Tape) -> Ids:
    return tuple(tape.tokens[len(tape.tokens) - tape.thinking :])


def _keep(tape: Tape, chunk: Chunk, boundary: Ids, left: int) -> int:
    """Write a stretch with the words that it stopped at; what is left of the budget then."""
    written = (chunk.tokens + boundary)[:left]
    _pay(tape, chunk, len(written) - len(chunk.tokens))
    natural = not boundary and len(written) < left
    tape.write("think", "model", "think", written, chunk.stop_id if natural else None)
    return left - len(written)


def _drop(tape: Tape, chunk: Chunk, found: Announcement, boundary: Ids) -> None:
    """Write a stretch without the announcement that it ends with."""
    kept = chunk.tokens[: found.start - tape.thinking]
    _pay(tape, chunk, len(boundary))
    tape.discarded += len(chunk.tokens) - len(kept) + len(boundary)
    tape.write("think", "model", "think", kept)


def _pay(tape: Tape, chunk: Chunk, more: int) -> None:
    """Words that were generated and trimmed as a stop; in a sweep, whoever paid for the stretch paid for them too."""
    if chunk.paid != 0:
        tape.paid += more
        tape.paid_thinking += more
