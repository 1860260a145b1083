"""The soft cut-off: a thought that may end its line. The policy: ``s1kit.policies.soft_cutoff``.

Knows the window behind the limit. Refuses to look for a good place before the limit: it changes no thought that
budget forcing would not have cut.
"""

from __future__ import annotations

from s1kit.forcing.machine import answer, begin, overflow
from s1kit.forcing.pieces import Pieces
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.spelling import spellings
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import SoftCutoff
from s1kit.types import Ended


def cut_softly(plan: Plan, policy: SoftCutoff, row: Row) -> Machine:
    """Think up to the limit, then at most ``grace`` further tokens, the one that holds ``until`` being the last."""
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None)
    limit, ended = begun
    most = min(plan.room(row), limit + policy.grace if row.cap is None else max(limit, row.cap))
    grace = min(policy.grace, most - limit) if ended == "cutoff" else 0
    if grace < policy.grace and row.cap is None and policy.on_overflow == "refuse":
        tape.error = f"{overflow(plan, row, plan.room(row))}, and up to {policy.grace} more"
        return tape.finish("error", None)
    pieces = Pieces(tape, limit + grace)
    until = spellings(plan.format.tokenizer, policy.until)
    while pieces.left > 0:
        before = limit - tape.thinking - pieces.held
        if before <= 0:
            pieces.ids, pieces.seqs = until
        piece = yield from pieces.next(pieces.left if before <= 0 else before)
        pieces.write(piece.tokens, piece.stop_id)
        pieces.put_back(piece.boundary)
        if piece.how == "boundary" and tape.thinking < limit:
            continue  # in what was generated again across the limit
        if piece.how != "more":
            ended = _ended(piece.how, ended)
            break
    if ended == "error":
        return tape.finish("error", None)
    answer_ended = yield from answer(tape, policy.max_answer, () if ended == "model" else plan.suffix)
    return tape.finish(ended, answer_ended)


def _ended(how: str, ran_out: Ended) -> Ended:
    """What the record calls the end of a piece."""
    return {"model": "model", "context": "context", "error": "error"}.get(how, ran_out)  # type: ignore[return-value]
