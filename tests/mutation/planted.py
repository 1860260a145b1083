"""Bugs that somebody could plant in the forcing core: each a small change that the suite has to notice.

A bug is (file under src/s1kit, old text, new text); the old text occurs exactly once.
"""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """One planted bug."""

    name: str
    module: str
    old: str
    new: str


MACHINE, TAPE, PLAN = "forcing/machine.py", "forcing/tape.py", "forcing/plan.py"
SWEEP, FORMATS = "forcing/sweep.py", "formats.py"

PLANTED = (
    Bug("budget off by one", MACHINE, "        left -= len(chunk.tokens)\n", "        left -= len(chunk.tokens) - 1\n"),
    Bug("budget not decremented", MACHINE, "        left -= len(chunk.tokens)\n", ""),
    Bug("nudge not taken from the budget", MACHINE, "        left -= len(nudge)\n", ""),
    Bug("nudge not counted as thinking", TAPE, 'if why in ("think", "nudge"):', 'if why == "think":'),
    Bug(
        "extensions end it, minimum unmet",
        MACHINE,
        "if used >= policy.extensions and tape.thinking >= policy.min_thinking:",
        "if used >= policy.extensions:",
    ),
    Bug(
        "minimum met with extensions left",
        MACHINE,
        "if used >= policy.extensions and tape.thinking >= policy.min_thinking:",
        "if used >= policy.extensions or tape.thinking >= policy.min_thinking:",
    ),
    Bug("one extension too many", MACHINE, "if used >= policy.extensions and", "if used > policy.extensions and"),
    Bug(
        "stop id left in the context",
        MACHINE,
        'tape.write("think", "model", "think", chunk.tokens, stop_id)',
        'tape.write("think", "model", "think", chunk.tokens + ((stop_id,) if stop_id is not None else ()), stop_id)',
    ),
    Bug(
        "close appended twice",
        MACHINE,
        "fmt.newline_for(tape.last_id()) + fmt.close)",
        "fmt.newline_for(tape.last_id()) + fmt.close + fmt.close)",
    ),
    Bug(
        "close cut at what the model meant", MACHINE, "tape.last_id()) + fmt.close)", "tape.last_id()) + fmt.close[1:])"
    ),
    Bug("nudge labelled as the model's", MACHINE, '"forced", "nudge", nudge)', '"model", "nudge", nudge)'),
    Bug("no room called a cutoff", MACHINE, 'ended = "no_room"', 'ended = "cutoff"'),
    Bug(
        "clamped called a cutoff",
        MACHINE,
        '"cutoff" if left in asked else "context"',
        '"cutoff" if asked else "context"',
    ),
    Bug("answer reserve ignored", PLAN, "- closing - self.policy.max_answer", "- closing"),
    Bug("suffix not reserved", PLAN, "+ len(self.format.close) + len(self.suffix)", "+ len(self.format.close)"),
    Bug("nudge appended where it does not fit", MACHINE, "if left <= len(nudge):", "if left < len(nudge):"),
    Bug("suffix missing at the cutoff", MACHINE, 'plan.suffix if ended in ("cutoff", "context") else ()', "()"),
    Bug("suffix at the natural end", MACHINE, 'plan.suffix if ended in ("cutoff", "context") else ()', "plan.suffix"),
    Bug("newline missing", MACHINE, "fmt.newline_for(tape.last_id()) + fmt.close)", "fmt.close)"),
    Bug("newline always", MACHINE, "fmt.newline_for(tape.last_id()) + fmt.close)", "fmt.newline + fmt.close)"),
    Bug(
        "newline counted as thinking",
        MACHINE,
        'tape.write("answer", "forced", "close", fmt.newline_for(tape.last_id()) + fmt.close)',
        'tape.write("think", "model", "think", fmt.newline_for(tape.last_id()))\n'
        '    tape.write("answer", "forced", "close", fmt.close)',
    ),
    Bug("min_tokens not sent after a nudge", MACHINE, "stop_seqs=seqs, min_tokens=1)", "stop_seqs=seqs)"),
    Bug("stops not banned without min_tokens", MACHINE, "(), banned=stops)", "())"),
    Bug("stuck not detected", MACHINE, "if used and not chunk.tokens:", "if False:"),
    Bug("an empty first thought called stuck", MACHINE, "if used and not chunk.tokens:", "if not chunk.tokens:"),
    Bug(
        "natural length at the budget called natural",
        MACHINE,
        "if left == 0:",
        'if left == 0 and chunk.finish != "stop":',
    ),
    Bug(
        "seed depends on the policy",
        TAPE,
        'update={"seed": row.seed}',
        'update={"seed": row.seed + len(plan.policy_id)}',
    ),
    Bug("sampling after a nudge ignored", TAPE, "sampling = plan.policy.after_nudge", "sampling = plan.sampling"),
    Bug("banned ids dropped", TAPE, "banned_ids=(*plan.banned, *banned)", "banned_ids=banned"),
    Bug("padding not banned", PLAN, "range(fmt.tokenizer.vocab_size, info.vocab_size)", "()"),
    Bug(
        "re-opened graded as the end of the turn",
        MACHINE,
        'chunk.stop_id in fmt.turn_end_ids else "reopened"',
        'chunk.stop_id in fmt.turn_end_ids else "turn_end"',
    ),
    Bug(
        "answer asked for after an error",
        MACHINE,
        '    if ended == "error":\n        return',
        "    if False:\n        return",
    ),
    Bug("answer not stopped at open", MACHINE, "*fmt.think_stop_ids, *fmt.reopen_ids)))", ")))"),
    Bug("rotation stuck at the first nudge", MACHINE, "plan.nudges[used % len(plan.nudges)]", "plan.nudges[0]"),
    Bug("an ignored budget accepted", TAPE, "if at >= request.max_tokens:", "if False:"),
    Bug("partial chunks lost", TAPE, "chunk = join_chunks(chunk, (yield None))", "chunk = yield None"),
    Bug(
        "sweep cut off by one",
        SWEEP,
        "*self.stop_seq)[: request.max_tokens]",
        "*self.stop_seq)[: request.max_tokens - 1]",
    ),
    Bug("sweep stops at the budget", SWEEP, "else request.max_tokens > raw", "else request.max_tokens >= raw"),
    Bug("sweep shares across seeds", SWEEP, "        request.sampling,\n", ""),
    Bug(
        "sweep shares across minimums",
        SWEEP,
        "        request.min_tokens,\n        request.banned_ids,",
        "        request.banned_ids,",
    ),
    Bug("sweep forgets a stop's beginning", SWEEP, "if again := _beginning(", "if again := 0 * _beginning("),
    Bug("sweep asks the shortest first", SWEEP, "thread, still[0].max_tokens)", "thread, still[-1].max_tokens)"),
    Bug(
        "sweep pays twice",
        SWEEP,
        "thread.unclaimed_tokens = thread.unclaimed_prefill = 0",
        "thread.unclaimed_prefill = 0",
    ),
)
