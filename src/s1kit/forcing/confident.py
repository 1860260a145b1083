"""Stopping by confidence while the model thinks. The policy and its source: ``s1kit.policies.confident``.

Knows where a thought falls below the bar, to the token. Refuses to answer for it: a trace that was given up does not
vote. ``s1kit.search.confidence.given_up`` finds the same place in a stored row.
"""

from __future__ import annotations

from s1kit.forcing.machine import answer, begin
from s1kit.forcing.pieces import Pieces
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sureness import first_below
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import Confident


def while_confident(plan: Plan, policy: Confident, row: Row) -> Machine:
    """Think in requests of ``every`` tokens; every one of their tokens is judged, and those behind a stop dropped."""
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None)
    left, ended = begun
    pieces, judged = Pieces(tape, left), list[float]()
    while pieces.left > 0:
        piece = yield from pieces.next(policy.every)
        read = tape.read[: len(piece.tokens)]
        if len(read) < len(piece.tokens) and not tape.error:
            tape.error = f"the engine gave {len(read)} log-probabilities for {len(piece.tokens)} tokens"
        if tape.error:
            pieces.write(piece.tokens)
            return tape.finish("error", None)
        unsure = first_below(judged, read, policy.bar, policy.window)
        if unsure is not None:
            tape.discarded += len(piece.tokens) - unsure
            pieces.write(piece.tokens[:unsure])
            return tape.finish("unsure", None)
        judged.extend(read)
        pieces.write(piece.tokens, piece.stop_id)
        if piece.how == "model" or piece.how == "context":
            ended = piece.how
            break
    answer_ended = yield from answer(tape, policy.max_answer, () if ended == "model" else plan.suffix)
    return tape.finish(ended, answer_ended)
