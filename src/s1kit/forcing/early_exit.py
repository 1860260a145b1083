"""Early exit: trial answers while the model thinks. The policy and its sources: ``s1kit.policies.early_exit``.

Knows when a trial is made and when trials settle a thought. Refuses to let them touch it: a trial is a request of its
own behind the thought so far, drawn as budget forcing's answer at that place would be, and the thinking is a prefix of
what it is without trials.
"""

from __future__ import annotations

import math
from collections.abc import Generator

from s1kit.engines.base import Chunk, Request
from s1kit.forcing.machine import answer, begin
from s1kit.forcing.pieces import Pieces
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.spelling import spellings
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import EarlyExit

LIKELY = 20
"""Most likely ids that are read of each trial token: one that is drawn from outside them has no probability here."""
Trial = tuple[str | None, float]
"""A trial answer's text (None: it has none, or did not come to its end) and how sure the model was of it, 0..1."""


def exiting_early(plan: Plan, policy: EarlyExit, row: Row) -> Machine:
    """Think; at every place ask for a trial answer; close the thinking where trials settle it, then answer afresh."""
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None)
    left, ended = begun
    ids, seqs = spellings(plan.format.tokenizer, policy.at or "")
    pieces, trials = Pieces(tape, left, ids, seqs), list[Trial]()
    while pieces.left > 0:
        piece = yield from pieces.next(policy.every or pieces.left)
        pieces.write(piece.tokens, piece.stop_id)
        if piece.how in ("more", "boundary") and tape.thinking:
            trials.append((yield from _trial(tape, policy)))
        if tape.error:
            ended = "error"
        elif trials and piece.how in ("more", "boundary") and settled(policy, trials):
            ended = "early"
        elif piece.how == "model" or piece.how == "context":
            ended = piece.how
        else:  # a cut leaves nothing, and ends the loop
            pieces.put_back(piece.boundary)
            continue
        break
    if ended == "error":
        return tape.finish("error", None)
    answer_ended = yield from answer(tape, policy.max_answer, () if ended == "model" else plan.suffix)
    return tape.finish(ended, answer_ended)


def settled(policy: EarlyExit, trials: list[Trial]) -> bool:
    """Whether either rule is met by these trials, the latest last."""
    text, sure = trials[-1]
    if text is None:
        return False
    if policy.sure is not None and sure >= policy.sure:
        return True
    return policy.agree is not None and [t for t, _ in trials[-policy.agree :]] == [text] * policy.agree


def _trial(tape: Tape, policy: EarlyExit) -> Generator[Request | None, Chunk, Trial]:
    """Close, probe and up to ``max_probe`` tokens, none of which stays; as many as the context holds."""
    plan, fmt = tape.plan, tape.plan.format
    probe = plan.suffix if policy.probe is None else fmt.tokenizer.encode(policy.probe)
    pending = fmt.newline_for(tape.last_id()) + fmt.close + probe
    room = plan.context_len - len(tape.row.prompt_ids) - len(tape.tokens) - len(pending)
    if room < 1:
        return None, 0.0
    stops = tuple(dict.fromkeys((*fmt.turn_end_ids, *fmt.think_stop_ids, *fmt.reopen_ids)))
    chunk = yield from tape.ask(
        "answer",
        min(policy.max_probe, room),
        stops,
        stop_seqs=(*fmt.think_stop_seqs, *fmt.reopen_seqs),
        pending=pending,
        logprobs=LIKELY if policy.sure is not None else 0,
    )
    tape.read = ()
    tape.discarded += len(chunk.tokens)
    size, text = _first_line(plan, chunk)
    return text, _sureness(chunk, size) if policy.sure is not None else 0.0


def _first_line(plan: Plan, chunk: Chunk) -> tuple[int, str | None]:
    """Tokens of a trial up to the end of its first line that says anything, and that line; None where it is not whole.

    What a model explains behind its answer is no part of it, and half a line may be half a number.
    """
    decode = plan.format.tokenizer.decode
    for size in range(1, len(chunk.tokens) + 1):
        line, broken, _ = decode(chunk.tokens[:size]).lstrip().partition("\n")
        if broken:
            return size, line.strip()
    text = decode(chunk.tokens).strip()
    return len(chunk.tokens), text if text and chunk.finish == "stop" else None


def _sureness(chunk: Chunk, size: int) -> float:
    """Geometric mean of the probabilities of the first ``size`` tokens; 0 where one of them is not known."""
    rows = (chunk.logprobs or ())[:size]
    drawn = [dict(row).get(token, -math.inf) for token, row in zip(chunk.tokens, rows, strict=False)]
    return math.exp(math.fsum(drawn) / size) if size and len(drawn) == size else 0.0
