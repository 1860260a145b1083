"""The reference harness's budget forcing with its quirks, for reproducing published s1 runs.

Knows what ``max_tokens_thinking`` and ``thinking_n_ignore`` do in the paper's evaluation fork. Refuses to improve on
it: every round gets the whole maximum and the surplus is trimmed afterwards; the trimmed path gets no "Final Answer:";
``open`` and ``close`` go without their last newline and the suffix starts with one; a round that ends by length gets
no nudge.
"""

from __future__ import annotations

from s1kit.forcing.machine import overflow
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import BudgetForcing
from s1kit.types import AnswerEnded, Ended


def s1_compat(plan: Plan, policy: BudgetForcing, row: Row) -> Machine:
    """Budget forcing as the paper's own runs did it."""
    tape = Tape(plan, row)
    fmt, encode = plan.format, plan.format.tokenizer.encode
    room = plan.room(row)
    limit = room if policy.max_thinking is None else policy.max_thinking
    if limit < 1 or room < 1 or (room < limit and policy.on_overflow == "refuse"):
        tape.error = overflow(plan, row, room)
        return tape.finish("error", None)
    tape.write("think", "forced", "open", encode(fmt.spec.open.removesuffix("\n")) if row.open_ids else ())
    ended: Ended = "model"
    used, trimmed = 0, False
    while True:
        left = min(limit, room - tape.thinking)  # the reference overflows here; an engine would refuse
        if left < 1:
            ended = "context"
            break
        least = 1 if policy.extensions else 0
        chunk = yield from tape.ask("think", left, fmt.think_stop_ids, stop_seqs=fmt.think_stop_seqs, min_tokens=least)
        keep = chunk.tokens[: max(0, limit - tape.thinking)]
        trimmed = len(keep) < len(chunk.tokens)  # the cut after the fact: these tokens were paid for and thrown away
        tape.write("think", "model", "think", keep, None if trimmed else chunk.stop_id)
        if tape.error:
            return tape.finish("error", None, used)
        if chunk.finish == "length" or trimmed:
            ended = "cutoff"
            break
        if used == policy.extensions:
            break
        tape.write("think", "forced", "nudge", plan.nudges[used % len(plan.nudges)])
        used += 1
    by_length = ended != "model" and not trimmed
    newline = fmt.newline_for(tape.last_id()) if by_length else ()
    tape.write("answer", "forced", "close", newline + encode(fmt.spec.close.removesuffix("\n")))
    if by_length:
        tape.write("answer", "forced", "cutoff", encode("\n") + plan.suffix)
    chunk = yield from tape.ask("answer", policy.max_answer, fmt.turn_end_ids)
    tape.write("answer", "model", "answer", chunk.tokens, chunk.stop_id)
    answered: AnswerEnded = "error" if tape.error else "length" if chunk.finish == "length" else "turn_end"
    return tape.finish(ended, answered, used)
