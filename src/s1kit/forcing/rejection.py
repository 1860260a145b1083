"""Rejection sampling: the same question again, with another seed, until a thought ends within the limit.

Knows which try is accepted and what the others cost. Refuses to lend: a try's seed follows from its row's, so no row
depends on another one. The first try is the plain sample of that row. Source: s1 paper, section 5.2 and figure 6.
"""

from __future__ import annotations

from dataclasses import replace

from s1kit.forcing.machine import answer, begin
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Machine, Machine_Chunk, Tape
from s1kit.policies import Rejection
from s1kit.types import Ended, sha256_hex


def rejecting(plan: Plan, policy: Rejection, row: Row) -> Machine:
    """Draw until thinking ends by itself within the limit; ``unmet``, and no answer, where no try did.

    A thought that the engine's own context ended is not within the limit, for the model did not end it. Where the
    context holds less than ``max_thinking`` (``on_overflow="clamp"``) or ended the last try, a row that no try met
    is ``context`` instead of ``unmet``. A try that fails ends the row.
    """
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None)
    limit, ended = begun[0], _unmet(begun[0], policy)
    for attempt in range(policy.tries):
        if attempt:
            tape = _again(tape, row, attempt)
        chunk = yield from _try(tape, limit)
        if tape.error:
            return tape.finish("error", None)
        if chunk.finish == "stop" and len(chunk.tokens) <= limit:
            return tape.finish("model", (yield from answer(tape, policy.max_answer, ())))
        ended = "context" if len(chunk.tokens) <= limit else _unmet(limit, policy)
    return tape.finish(ended, None)


def try_seed(seed: int, attempt: int) -> int:
    """Seed of a try, 63 bits: the row's own for the first, H(row seed, attempt) for every further one."""
    return int(sha256_hex(f"{seed}|{attempt}")[:16], 16) >> 1 if attempt else seed


def _unmet(limit: int, policy: Rejection) -> Ended:
    return "unmet" if limit == policy.max_thinking else "context"


def _try(tape: Tape, limit: int) -> Machine_Chunk:
    """One thought, up to the first token by which it is too long.

    A stop of several ids needs room of its own, or the longest thought that fits could not be seen to end.
    """
    fmt, room = tape.plan.format, tape.plan.context_len - len(tape.row.prompt_ids) - len(tape.tokens)
    longest = max((len(seq) for seq in fmt.think_stop_seqs), default=1)
    asked = min(limit + longest, room)
    chunk = yield from tape.ask("think", asked, fmt.think_stop_ids, stop_seqs=fmt.think_stop_seqs)
    kept = chunk.tokens[: limit + 1]
    tape.discarded += len(chunk.tokens) - len(kept)
    tape.write("think", "model", "think", kept, chunk.stop_id if len(chunk.tokens) <= limit else None)
    return chunk


def _again(tape: Tape, row: Row, attempt: int) -> Tape:
    """An empty tape for the next try, on which the cost of those before it is written."""
    fresh = Tape(
        tape.plan,
        replace(row, seed=try_seed(row.seed, attempt)),
        rounds=tape.rounds,
        began=tape.rounds,
        paid=tape.paid,
        paid_thinking=tape.paid_thinking,
        discarded=tape.discarded + tape.thinking,
        tries=attempt + 1,
        seconds=tape.seconds,
        exact=tape.exact,
    )
    fresh.write("think", "forced", "open", row.open_ids)
    return fresh
