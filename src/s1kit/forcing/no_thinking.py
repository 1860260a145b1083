"""NoThinking: a thought that the model is told it has had. The policy and its source: ``s1kit.policies.no_thinking``.

Knows where the sentence stands. Refuses to count it as thinking: the model wrote none of it.
"""

from __future__ import annotations

from s1kit.forcing.machine import answer, begin, overflow
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.tape import Machine, Tape
from s1kit.policies import NoThinking


def told_it_has_thought(plan: Plan, policy: NoThinking, row: Row) -> Machine:
    """Open, the sentence, close, answer; no cut-off suffix, for nothing was cut off."""
    tape = Tape(plan, row)
    prefill = plan.format.tokenizer.encode(policy.prefill)
    if (room := plan.room(row)) < len(prefill):
        tape.error = overflow(plan, row, room)
    if tape.error or begin(tape, policy) is None:
        return tape.finish("error", None)
    tape.write("think", "forced", "prefill", prefill)
    answer_ended = yield from answer(tape, policy.max_answer, ())
    return tape.finish("model", answer_ended)
