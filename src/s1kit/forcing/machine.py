"""The forcing method, written once: generators that yield requests and receive chunks.

Knows the rules of budget forcing (paper, section 3.1; the exact text is in docs/concepts.md). Refuses to know engines,
files, text and time: it is run by ``drive`` over any engine, and by ``conformance/*.json`` over none. A machine yields
a Request, is sent its chunks (partial ones get None back), and returns the Generation.
"""

from __future__ import annotations

from collections.abc import Generator

from s1kit.engines.base import Chunk, Request, join_chunks
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sureness import confidences
from s1kit.forcing.tape import Ids, Machine, Machine_Chunk, Tape
from s1kit.policies import (
    Bounded,
    BudgetForcing,
    Confident,
    EarlyExit,
    NoThinking,
    NoWait,
    Rejection,
    SoftCutoff,
    Unforced,
)
from s1kit.types import AnswerEnded, Ended


def machine(plan: Plan, row: Row) -> Machine:
    """The machine of a plan's policy for one row. The files of this folder have the policies' names."""
    policy = plan.policy
    if isinstance(policy, Unforced):
        return unforced(plan, row)
    if isinstance(policy, BudgetForcing):
        if policy.compat == "s1":
            from s1kit.forcing.compat import s1_compat  # these all read this module's parts

            return s1_compat(plan, policy, row)
        if policy.max_steps is not None:
            from s1kit.forcing.countdown import counted_down

            return counted_down(plan, policy, row)
        return budget_forced(plan, policy, row)
    if isinstance(policy, Rejection):
        from s1kit.forcing.rejection import rejecting

        return rejecting(plan, policy, row)
    if isinstance(policy, NoThinking):
        from s1kit.forcing.no_thinking import told_it_has_thought

        return told_it_has_thought(plan, policy, row)
    if isinstance(policy, EarlyExit):
        from s1kit.forcing.early_exit import exiting_early

        return exiting_early(plan, policy, row)
    if isinstance(policy, SoftCutoff):
        from s1kit.forcing.soft_cutoff import cut_softly

        return cut_softly(plan, policy, row)
    if isinstance(policy, Confident):
        from s1kit.forcing.confident import while_confident

        return while_confident(plan, policy, row)
    if isinstance(policy, NoWait):
        return budget_forced(plan, BudgetForcing(**policy.model_dump(include=set(Bounded.model_fields))), row)
    raise TypeError(f"policy {policy.kind} has no machine: a tree is grown by s1kit.search")


def begin(tape: Tape, policy: Bounded) -> tuple[int, Ended] | None:
    """Open the thinking: ``(tokens it may have, what running out of them is called)``.

    None where the context is too small for the policy; ``tape.error`` then says so, and nothing is to be requested.
    """
    plan, row = tape.plan, tape.row
    room = plan.room(row)
    asked = [limit for limit in (policy.max_thinking, row.cap) if limit is not None]
    if room < 0 or (policy.max_thinking is not None and room < policy.max_thinking and policy.on_overflow == "refuse"):
        tape.error = overflow(plan, row, room)
        return None
    left = min([room, *asked])
    tape.write("think", "forced", "open", row.open_ids)
    return left, "cutoff" if left in asked else "context"


def budget_forced(plan: Plan, policy: BudgetForcing, row: Row) -> Machine:
    """Budget forcing: at most ``max_thinking``, at least ``min_thinking``, ``extensions`` ends suppressed."""
    tape = Tape(plan, row)
    begun = begin(tape, policy)
    if begun is None:
        return tape.finish("error", None, min_met=policy.min_thinking == 0)
    left, ended = begun
    used = 0
    while left > 0:
        chunk = yield from think(tape, left, used)
        left -= len(chunk.tokens)
        if tape.error:
            ended = "error"
            break
        if left == 0:  # whatever finish says: a thought as long as its budget is a cut in every engine and every sweep
            break
        if used and not chunk.tokens:
            ended = "stuck"
            break
        if chunk.finish == "length":  # less than was asked for: the engine's own limit, which the model did not choose
            ended = "context"
            break
        if used >= policy.extensions and tape.thinking >= policy.min_thinking:
            ended = "model"
            break
        nudge = plan.nudges[used % len(plan.nudges)]
        if left <= len(nudge):
            ended = "no_room"
            break
        tape.write("think", "forced", "nudge", nudge)
        left -= len(nudge)
        used += 1
    min_met = tape.thinking >= policy.min_thinking
    if ended == "error":
        return tape.finish("error", None, used, min_met)
    answer_ended = yield from answer(tape, policy.max_answer, plan.suffix if ended in ("cutoff", "context") else ())
    return tape.finish(ended, answer_ended, used, min_met)


def think(tape: Tape, left: int, used: int = 0) -> Machine_Chunk:
    """One stretch of thinking, written to the tape. After a nudge its first token must not be a stop."""
    plan = tape.plan
    stops, seqs = plan.format.think_stop_ids, plan.format.think_stop_seqs
    if not used:
        chunk = yield from tape.ask("think", left, stops, stop_seqs=seqs)
    elif plan.engine_min_tokens:
        chunk = yield from tape.ask("think", left, stops, stop_seqs=seqs, min_tokens=1)
    else:
        chunk = yield from tape.ask("think", 1, (), banned=stops)
        if not tape.error and left > 1 and chunk.tokens:
            rest = yield from tape.ask("think", left - 1, stops, stop_seqs=seqs, pending=chunk.tokens)
            tape.read = confidences(chunk := join_chunks(chunk, rest))
    stop_id = chunk.stop_id if len(chunk.tokens) < left else None  # a thought as long as its budget was cut, not ended
    tape.write("think", "model", "think", chunk.tokens, stop_id)
    return chunk


def answer(tape: Tape, max_answer: int, suffix: Ids) -> Generator[Request | None, Chunk, AnswerEnded]:
    """Close the thinking and let the model answer, until its turn ends or it opens another thought."""
    fmt = tape.plan.format
    tape.write("answer", "forced", "close", fmt.newline_for(tape.last_id()) + fmt.close)
    tape.write("answer", "forced", "cutoff", suffix)
    stops = tuple(dict.fromkeys((*fmt.turn_end_ids, *fmt.think_stop_ids, *fmt.reopen_ids)))
    chunk = yield from tape.ask("answer", max_answer, stops, stop_seqs=(*fmt.think_stop_seqs, *fmt.reopen_seqs))
    tape.write("answer", "model", "answer", chunk.tokens, chunk.stop_id)
    if tape.error:
        return "error"
    if chunk.finish == "length":
        return "length"
    # an engine that cannot name the stop (a server hides the EOS) means the end of the turn
    return "turn_end" if chunk.stop_id is None or chunk.stop_id in fmt.turn_end_ids else "reopened"


def unforced(plan: Plan, row: Row) -> Machine:
    """One request that stops only at the end of the turn; phases are found at the first delimiter.

    No delimiter found: all of it is thinking, and there is no answer.
    """
    tape = Tape(plan, row)
    policy = plan.policy
    assert isinstance(policy, Unforced)
    room = plan.room(row)
    if room < 1:
        tape.error = overflow(plan, row, room)
        return tape.finish("error", None)
    limit = room if policy.max_tokens is None else min(policy.max_tokens, room)
    tape.write("think", "forced", "open", row.open_ids)
    chunk = yield from tape.ask("think", limit, plan.format.turn_end_ids)
    thought, close, reply, rest = split_phases(plan, chunk.tokens)
    tape.paid_thinking = min(tape.paid, len(thought) + len(rest))  # one request held both phases
    tape.write("think", "model", "think", thought, None if close or reply else chunk.stop_id)
    tape.write("answer", "model", "close", close)
    tape.write("answer", "model", "answer", reply, chunk.stop_id if (close or reply) and not rest else None)
    tape.write("think", "model", "think", rest, chunk.stop_id if rest else None)
    if tape.error:
        return tape.finish("error", "error" if reply else None)
    ran_out: Ended = "cutoff" if policy.max_tokens is not None and limit == policy.max_tokens else "context"
    answered = bool(close) or plan.format.spec.plain
    ended: Ended = "model" if answered or chunk.finish == "stop" else ran_out
    if not answered:
        return tape.finish(ended, None)
    return tape.finish(ended, "reopened" if rest else "turn_end" if chunk.finish == "stop" else "length")


def split_phases(plan: Plan, tokens: Ids) -> tuple[Ids, Ids, Ids, Ids]:
    """``(thinking, close, answer, reopened)`` of a turn that the model wrote alone; together they are ``tokens``."""
    fmt = plan.format
    if fmt.spec.plain:
        return (), (), tokens, ()
    start, size = _first_stop(tokens, 0, fmt.think_stop_ids, fmt.think_stop_seqs)
    same = 0  # as much of the closing delimiter as the model wrote; at least the stop itself
    while same < len(fmt.close) and tokens[start + same : start + same + 1] == fmt.close[same : same + 1]:
        same += 1
    body = start + max(same, size)
    again, _ = _first_stop(
        tokens, body, (*fmt.think_stop_ids, *fmt.reopen_ids), (*fmt.think_stop_seqs, *fmt.reopen_seqs)
    )
    return tokens[:start], tokens[start:body], tokens[body:again], tokens[again:]


def _first_stop(tokens: Ids, start: int, ids: Ids, seqs: tuple[Ids, ...]) -> tuple[int, int]:
    """Where the first of these stops begins, at or after ``start``, and its length; the end and 0 without one."""
    for i in range(start, len(tokens)):
        if tokens[i] in ids:
            return i, 1
        for seq in seqs:
            if tokens[i : i + len(seq)] == seq:
                return i, len(seq)
    return len(tokens), 0


def failed(plan: Plan, row: Row, why: str) -> Machine:
    """A row that cannot be run, for a reason that lies outside it: an error, and no request."""
    tape = Tape(plan, row)
    tape.error = why
    return tape.finish("error", None)
    yield  # a machine that asks for nothing is a machine all the same


def overflow(plan: Plan, row: Row, room: int) -> str:
    """Why this row cannot hold its policy, as one sentence for its error."""
    asked = plan.policy.max_thinking if isinstance(plan.policy, Bounded) else None
    size = len(row.prompt_ids) + len(row.open_ids)
    wanted = "" if asked is None else f"; max_thinking asks for {asked}"
    return f"the context of {plan.context_len} tokens leaves {room} for thinking after a prompt of {size}{wanted}"
