"""A policy resolved against one format, tokenizer and engine: everything a machine needs, in ids and numbers.

Knows what can be refused before the first request. Refuses to generate: ``machine`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from s1kit.forcing.check import check, check_room_for_nudge
from s1kit.forcing.no_wait import unsaid
from s1kit.formats import ResolvedFormat
from s1kit.policies import Bounded, BudgetForcing, Forced, NoThinking, NoWait, Sampling, SoftCutoff, policy_id
from s1kit.types import EngineInfo


@dataclass(frozen=True, slots=True)
class Row:
    """One question on its way through one policy."""

    question_id: str
    prompt_ids: tuple[int, ...]
    """The rendered prompt, without ``open_ids``."""
    open_ids: tuple[int, ...]
    """What opens the thinking; empty where the prompt already does."""
    sample: int = 0
    seed: int = 0
    cap: int | None = None
    """This row's own maximum of thinking tokens, below the policy's (``BudgetForcing.equal_to``)."""

    def capped(self, cap: int) -> Row:
        """The row with a maximum of its own."""
        return replace(self, cap=cap)


@dataclass(frozen=True, slots=True)
class Plan:
    """One policy in ids. Built once, shared by all its rows."""

    policy_id: str
    label: str
    policy: Forced
    format: ResolvedFormat
    sampling: Sampling
    nudges: tuple[tuple[int, ...], ...]
    suffix: tuple[int, ...]
    """Follows ``close`` when the budget ran out."""
    banned: tuple[int, ...]
    """Ids of the padded vocabulary: a model can emit them, no tokenizer can name them, and some engines crash when
    they are fed back."""
    unsaid: tuple[int, ...]
    """Ids that may not be drawn while thinking (``NoWait``)."""
    context_len: int
    engine_min_tokens: bool
    """Whether the engine can hold back stops for a number of tokens; else the first token after a nudge is its own
    request with the stops banned."""

    @classmethod
    def make(cls, policy: Forced, fmt: ResolvedFormat, sampling: Sampling, info: EngineInfo) -> Plan:
        """Resolve, or raise PolicyError saying what is missing and what to do."""
        check(policy, fmt, sampling, info)
        encode = fmt.tokenizer.encode
        nudges: tuple[tuple[int, ...], ...] = ()
        suffix: tuple[int, ...] = fmt.cutoff_suffix
        if isinstance(policy, BudgetForcing):
            nudges = tuple(encode(n) for n in (policy.nudges if policy.nudges is not None else (fmt.spec.nudge,)))
            check_room_for_nudge(policy, nudges)
        if isinstance(policy, Bounded) and policy.cutoff_suffix is not None:
            suffix = encode(policy.cutoff_suffix)
        return cls(
            policy_id=policy_id(policy, fmt.spec.model_dump(mode="json"), sampling),
            label=policy.label(),
            policy=policy,
            format=fmt,
            sampling=sampling,
            nudges=nudges,
            suffix=suffix,
            banned=tuple(range(fmt.tokenizer.vocab_size, info.vocab_size)),
            unsaid=unsaid(policy, fmt) if isinstance(policy, NoWait) else (),
            context_len=info.context_len,
            engine_min_tokens=info.min_tokens,
        )

    @property
    def least_room(self) -> int:
        """Tokens that a row's context must leave between prompt and close, under ``on_overflow="refuse"``."""
        policy = self.policy
        if isinstance(policy, NoThinking):
            return len(self.format.tokenizer.encode(policy.prefill))
        if isinstance(policy, SoftCutoff):
            return policy.max_thinking + policy.grace
        return (policy.max_thinking or 0) if isinstance(policy, Bounded) else 0

    def room(self, row: Row) -> int:
        """Thinking tokens that the context leaves this row, after prompt, open, newline, close, suffix and answer.

        Negative when not even the answer fits.
        """
        if not isinstance(self.policy, Bounded):
            return self.context_len - len(row.prompt_ids) - len(row.open_ids)
        closing = len(self.format.newline) + len(self.format.close) + len(self.suffix)
        return self.context_len - len(row.prompt_ids) - len(row.open_ids) - closing - self.policy.max_answer


def overflowing(plan: Plan, rows: list[Row]) -> list[tuple[Row, int]]:
    """Rows that cannot hold the plan's maximum, or not even an answer, with the room they have.

    Empty under ``on_overflow="clamp"``: such a row takes what room there is, or fails alone.
    """
    policy = plan.policy
    if not isinstance(policy, Bounded) or policy.on_overflow == "clamp":
        return []
    return [(row, room) for row in rows if (room := plan.room(row)) < plan.least_room]
