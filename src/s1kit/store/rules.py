"""What has to hold of every single generation, given the policy that made it.

Knows the arithmetic of budget forcing as docs state it. Refuses to trust a row's own counts: everything is derived
again from tokens and segments. A rule yields one message per violation and nothing when it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from s1kit.forcing.sureness import first_below
from s1kit.policies import (
    AnyPolicy,
    Bounded,
    BudgetForcing,
    Confident,
    EarlyExit,
    NoThinking,
    Policy,
    Rejection,
    SoftCutoff,
    TreeSearch,
    Unforced,
)
from s1kit.types import Generation, Segment

_POLICY: TypeAdapter[AnyPolicy] = TypeAdapter(Policy)

_ORIGIN = {
    "open": "forced",
    "prefill": "forced",
    "think": "model",
    "nudge": "forced",
    "cutoff": "forced",
    "answer": "model",
}
_PHASE = {
    "open": "think",
    "prefill": "think",
    "think": "think",
    "nudge": "think",
    "close": "answer",
    "cutoff": "answer",
    "answer": "answer",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a row is held to: the policy (None: of a kind unknown here) and the ids that end thinking."""

    policy: AnyPolicy | None
    think_stops: frozenset[int]
    think_stop_seqs: tuple[tuple[int, ...], ...] = ()
    caps: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """(question, sample) -> thinking tokens of the row that ``equal_to`` refers to."""
    unsaid: frozenset[int] = frozenset()
    """Ids that may not be thought (``NoWait``)."""

    @classmethod
    def of(cls, entry: Mapping[str, Any], caps: Mapping[str, Mapping[tuple[str, int], int]] | None = None) -> Terms:
        """From a policy's entry in the manifest; ``caps`` holds thinking tokens by policy id, question and sample."""
        try:
            policy = _POLICY.validate_python(entry.get("policy"))
        except ValidationError:
            policy = None
        stops = frozenset(i for i in entry.get("think_stops") or () if isinstance(i, int))
        other = policy.equal_to if isinstance(policy, BudgetForcing) else None
        seqs = tuple(tuple(seq) for seq in entry.get("think_stop_seqs") or () if isinstance(seq, list) and seq)
        unsaid = frozenset(i for i in entry.get("unsaid") or () if isinstance(i, int))
        return cls(policy, stops, seqs, (caps or {}).get(other, {}) if other else {}, unsaid)

    def limit(self, row: Generation) -> int | None:
        """The most thinking tokens that this row may have."""
        own = self.policy.most_thinking() if isinstance(self.policy, Bounded) else None
        limits = [limit for limit in (own, self.caps.get((row.question_id, row.sample))) if limit is not None]
        return min(limits, default=None)

    @property
    def forcing(self) -> BudgetForcing | None:
        """The policy where budget forcing's exact rules apply; the reference's quirks follow rules of their own."""
        return self.policy if isinstance(self.policy, BudgetForcing) and self.policy.compat is None else None


Rule = Callable[[Generation, Terms], Iterator[str]]


def split_tokens(row: Generation) -> tuple[list[int], list[int]]:
    """``(thinking, answer)`` ids: think and nudge segments; cut-off suffix and answer segments, since the model's
    answer goes on from the suffix. ``thinking_text`` and ``answer_text`` are the decoding of these two."""
    thinking: list[int] = []
    answer: list[int] = []
    where = {"think": thinking, "nudge": thinking, "cutoff": answer, "answer": answer}
    for s in row.segments:
        if s.why in where:
            where[s.why].extend(_ids(row, s))
    return thinking, answer


def tiling(row: Generation, terms: Terms) -> Iterator[str]:
    """Segments lie end to end and cover the tokens; each says a phase and an origin that its reason can have."""
    at = 0
    for i, s in enumerate(row.segments):
        if s.start != at or s.end < s.start:
            yield f"segment {i} is [{s.start}, {s.end}), expected to start at {at}"
        if s.phase != _PHASE[s.why] or s.origin != _ORIGIN.get(s.why, s.origin):
            yield f"segment {i} is {s.why} but {s.phase}/{s.origin}"
        at = s.end
    if at != len(row.token_ids or ()):
        yield f"segments end at {at}, the tokens at {len(row.token_ids or ())}"


def counts(row: Generation, terms: Terms) -> Iterator[str]:
    """The three counts are the lengths of their segments."""
    lengths = {"think": 0, "nudge": 0, "answer": 0}
    for s in row.segments:
        if s.why in lengths:
            lengths[s.why] += s.end - s.start
    claimed = {"think": row.n_thinking_model, "nudge": row.n_thinking_forced, "answer": row.n_answer}
    names = {"think": "n_thinking_model", "nudge": "n_thinking_forced", "answer": "n_answer"}
    for why, length in lengths.items():
        if claimed[why] != length:
            yield f"{names[why]} is {claimed[why]}, its segments hold {length}"
    if row.n_paid_thinking > row.n_paid:
        yield f"n_paid_thinking is {row.n_paid_thinking}, more than n_paid, which is {row.n_paid}"


def budget(row: Generation, terms: Terms) -> Iterator[str]:
    """Never over the maximum; cut off if and only if it is used up; the answer within its reserve."""
    policy = terms.policy
    if not isinstance(policy, Bounded) or (terms.forcing is None and isinstance(policy, BudgetForcing)):
        return
    limit, used = terms.limit(row), row.n_thinking
    if limit is not None and used > limit:
        most = "max_thinking is" if terms.forcing else "the most is"
        yield f"{used} thinking tokens, {most} {limit}"
    yield from _cut(row, policy, limit)
    if row.ended == "context" and limit is not None and policy.on_overflow == "refuse":
        yield "ended is context, but the policy refuses rows whose context is too small"
    if row.n_answer > policy.max_answer:
        yield f"{row.n_answer} answer tokens, max_answer is {policy.max_answer}"


def _cut(row: Generation, policy: Bounded, limit: int | None) -> Iterator[str]:
    """Whether ``ended`` says what the thinking tokens say."""
    used = row.n_thinking
    if isinstance(policy, Rejection):
        short = used <= policy.max_thinking
        if row.ended == "cutoff" or (row.ended in ("model", "unmet") and short != (row.ended == "model")):
            yield f"ended is {row.ended} after {used} thinking tokens, the limit is {policy.max_thinking}"
        return
    if row.ended == "unmet":
        yield "ended is unmet, which only rejection sampling can be"
    steps = isinstance(policy, TreeSearch) or (isinstance(policy, BudgetForcing) and policy.max_steps is not None)
    least = policy.max_thinking if isinstance(policy, SoftCutoff) else limit
    if row.ended == "cutoff" and not steps and (limit is None or least is None or used < least):
        yield f"ended is cutoff after {used} thinking tokens, max_thinking is {least}"
    fine = ("model", "error") if isinstance(policy, NoThinking) else ("cutoff", "error", "unsure")
    if limit is not None and used == limit and row.ended not in fine:
        yield f"the whole budget of {limit} is used, but ended is {row.ended}"


def tries(row: Generation, terms: Terms) -> Iterator[str]:
    """Rejection sampling gives up when its tries are used up and never before, and without an answer; every try that
    it gave up was longer than the limit."""
    policy = terms.policy
    if not isinstance(policy, Rejection):
        if row.tries != 1:
            yield f"tries is {row.tries}, which only rejection sampling can have"
        return
    if not 1 <= row.tries <= policy.tries:
        yield f"tries is {row.tries}, the policy allows {policy.tries}"
    if row.ended == "unmet" and row.tries < policy.tries:
        yield f"ended is unmet after {row.tries} of {policy.tries} tries"
    if row.ended in ("unmet", "context") and (row.answer_ended or any(s.phase == "answer" for s in row.segments)):
        yield "no try was short enough, but there is an answer"
    least = (row.tries - 1) * (policy.max_thinking + 1)
    if policy.on_overflow == "refuse" and row.ended != "context" and row.n_discarded < least:
        yield f"n_discarded is {row.n_discarded}, {row.tries - 1} tries that were too long hold at least {least}"


def steps(row: Generation, terms: Terms) -> Iterator[str]:
    """Never more announced steps than were allowed, and no more tokens in them than were thought."""
    policy = terms.policy
    most = policy.max_steps if isinstance(policy, BudgetForcing) else None
    if most is not None and (row.n_steps or 0) > most:
        yield f"{row.n_steps} steps, max_steps is {most}"
    if (row.n_steps is None) != (row.n_step_tokens is None) or (row.n_step_tokens or 0) > row.n_thinking:
        yield f"n_step_tokens is {row.n_step_tokens} with {row.n_steps} steps and {row.n_thinking} thinking tokens"


def extensions(row: Generation, terms: Terms) -> Iterator[str]:
    """As many nudges as suppressed ends, as many of those as the policy asks for, and the minimum judged rightly."""
    policy = terms.policy
    nudges = sum(s.why == "nudge" for s in row.segments)
    if nudges != row.extensions:
        yield f"extensions is {row.extensions}, there are {nudges} nudges"
    if isinstance(policy, BudgetForcing) and row.extensions > policy.extensions and not policy.min_thinking:
        yield f"{row.extensions} extensions, the policy allows {policy.extensions}"
    if terms.forcing is None:
        return
    if row.ended == "model" and row.extensions < terms.forcing.extensions:
        yield f"ended is model after {row.extensions} of {terms.forcing.extensions} extensions"
    met = row.n_thinking >= terms.forcing.min_thinking
    if row.min_met != met:
        yield f"min_met is {row.min_met} with {row.n_thinking} of {terms.forcing.min_thinking} thinking tokens"
    if row.ended == "model" and not met:
        yield f"ended is model after {row.n_thinking} thinking tokens, min_thinking is {terms.forcing.min_thinking}"


def closing(row: Generation, terms: Terms) -> Iterator[str]:
    """Closed by force once at most, nothing thought afterwards; the cut-off suffix only where thinking was cut."""
    forced = [s for s in row.segments if s.why == "close" and s.origin == "forced"]
    ids = _ids(row, forced[0]) if forced else []
    half = len(ids) // 2
    if len(forced) > 1 or (ids and ids[:half] == ids[half:]):
        yield "thinking is closed by force twice"
    if isinstance(terms.policy, Unforced):
        if any(s.origin == "forced" and s.why != "open" for s in row.segments):
            yield "the policy forces nothing, but there are forced tokens"
        return
    phases = [s.phase for s in row.segments]
    if "answer" in phases and "think" in phases[phases.index("answer") :]:
        yield "there is thinking after the answer began"
    if isinstance(terms.policy, Bounded) and "answer" in phases and not forced:
        yield "there is an answer, but thinking was never closed"
    if any(s.why == "cutoff" for s in row.segments) and row.ended not in ("cutoff", "context", "early"):
        yield f"there is a cut-off suffix, but ended is {row.ended}"


def stops(row: Generation, terms: Terms) -> Iterator[str]:
    """No id that ends thinking inside what the model thought (before its answer, where it wrote both phases)."""
    for i, s in enumerate(row.segments):
        if s.phase == "answer":
            return
        if s.why == "think":
            found = sorted(terms.think_stops.intersection(_ids(row, s)))
            if found:
                yield f"segment {i} holds {found}, which end thinking"
            ids = tuple(_ids(row, s))
            least = any(earlier.why == "nudge" for earlier in row.segments[:i])  # nothing may end on a nudge's heels
            for seq in terms.think_stop_seqs:
                if any(ids[at : at + len(seq)] == seq for at in range(least, len(ids) - len(seq) + 1)):
                    yield f"segment {i} holds {list(seq)}, which ends thinking"


def outcome(row: Generation, terms: Terms) -> Iterator[str]:
    """A row that failed says why and has no answer; a row that did not fail says nothing of the kind."""
    is_error = "error" in (row.ended, row.answer_ended)
    if is_error and not row.error:
        yield "the row failed, but error is empty"
    if row.error and not is_error:
        yield f"ended is {row.ended}, but error says {row.error!r}"
    if row.ended == "error" and row.answer_ended not in (None, "error"):
        yield f"ended is error, but answer_ended is {row.answer_ended}"


def method(row: Generation, terms: Terms) -> Iterator[str]:
    """What only one policy can say or write; a word that may not be thought is not."""
    policy = terms.policy
    own = {"early": EarlyExit, "unsure": Confident}.get(row.ended)
    if own is not None and policy is not None and not isinstance(policy, own):
        yield f"ended is {row.ended}, which policy {policy.kind} cannot be"
    prefills = sum(s.why == "prefill" for s in row.segments)
    if isinstance(policy, NoThinking) and row.ended != "error" and prefills != bool(policy.prefill):
        yield f"{prefills} segments of prefill, the policy writes one"
    if isinstance(policy, Bounded) and not isinstance(policy, NoThinking) and prefills:
        yield "there is a prefill, which the policy does not write"
    for i, s in enumerate(row.segments):
        if s.why == "think" and (said := sorted(terms.unsaid.intersection(_ids(row, s)))):
            yield f"segment {i} holds {said}, which may not be thought"


def sureness(row: Generation, terms: Terms) -> Iterator[str]:
    """One confidence per token that the model wrote; given up where the bar says so, and nowhere else."""
    policy, read = terms.policy, row.confidence or ()
    written = row.n_thinking_model + row.n_answer
    recorded = isinstance(policy, Confident) or (isinstance(policy, BudgetForcing) and policy.logprobs > 0)
    if (recorded or read) and len(read) != written and not row.error:
        yield f"{len(read)} confidences for {written} tokens that the model wrote"
    if not isinstance(policy, Confident) or row.error or len(read) != written:
        return
    at = first_below((), read[: row.n_thinking_model], policy.bar, policy.window)
    if row.ended != "unsure" and at is not None:
        yield f"ended is {row.ended}, but confidence is below {policy.bar:g} after {at} tokens"
    if row.ended == "unsure" and at != row.n_thinking_model:
        yield f"given up after {row.n_thinking_model} tokens, but confidence is below {policy.bar:g} after {at}"
    if row.ended == "unsure" and row.n_answer:
        yield f"given up, but there are {row.n_answer} answer tokens"


ROW_RULES: Mapping[str, Rule] = {
    "segments": tiling,
    "counts": counts,
    "budgets": budget,
    "tries": tries,
    "steps": steps,
    "extensions": extensions,
    "closing": closing,
    "stops": stops,
    "outcome": outcome,
    "method": method,
    "sureness": sureness,
}
"""Every rule that looks at one row, by the name that findings use."""


def _ids(row: Generation, segment: Segment) -> list[int]:
    return list((row.token_ids or ())[segment.start : segment.end])
