"""A policy resolved against one format, tokenizer and engine: everything a machine needs, in ids and numbers.

Knows what can be refused before the first request. Refuses to generate: ``machine`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat
from s1kit.policies import BudgetForcing, Sampling, Unforced, label, policy_id
from s1kit.types import EngineInfo


class PolicyError(UserError, ValueError):
    """A policy that this format, tokenizer or engine cannot carry out; raised before the first request."""


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
    policy: Unforced | BudgetForcing
    format: ResolvedFormat
    sampling: Sampling
    nudges: tuple[tuple[int, ...], ...]
    suffix: tuple[int, ...]
    """Follows ``close`` when the budget ran out."""
    banned: tuple[int, ...]
    """Ids of the padded vocabulary: a model can emit them, no tokenizer can name them, and some engines crash when
    they are fed back."""
    context_len: int
    engine_min_tokens: bool
    """Whether the engine can hold back stops for a number of tokens; else the first token after a nudge is its own
    request with the stops banned."""

    @classmethod
    def make(cls, policy: Unforced | BudgetForcing, fmt: ResolvedFormat, sampling: Sampling, info: EngineInfo) -> Plan:
        """Resolve, or raise PolicyError saying what is missing and what to do."""
        _check_engine(policy, fmt, info)
        if sampling.top_k and not info.top_k:
            raise PolicyError(
                f"top_k={sampling.top_k}: engine {info.name} ({info.version}) has no such cut\nhint: leave top_k at 0"
            )
        encode = fmt.tokenizer.encode
        nudges: tuple[tuple[int, ...], ...] = ()
        suffix: tuple[int, ...] = fmt.cutoff_suffix
        if isinstance(policy, BudgetForcing):
            nudges = tuple(encode(n) for n in (policy.nudges if policy.nudges is not None else (fmt.spec.nudge,)))
            if policy.cutoff_suffix is not None:
                suffix = encode(policy.cutoff_suffix)
            _check_room_for_nudge(policy, nudges)
        return cls(
            policy_id=policy_id(policy, fmt.spec.model_dump(mode="json"), sampling),
            label=label(policy),
            policy=policy,
            format=fmt,
            sampling=sampling,
            nudges=nudges,
            suffix=suffix,
            banned=tuple(range(fmt.tokenizer.vocab_size, info.vocab_size)),
            context_len=info.context_len,
            engine_min_tokens=info.min_tokens,
        )

    def room(self, row: Row) -> int:
        """Thinking tokens that the context leaves this row, after prompt, open, newline, close, suffix and answer.

        Negative when not even the answer fits.
        """
        if isinstance(self.policy, Unforced):
            return self.context_len - len(row.prompt_ids) - len(row.open_ids)
        closing = len(self.format.newline) + len(self.format.close) + len(self.suffix)
        return self.context_len - len(row.prompt_ids) - len(row.open_ids) - closing - self.policy.max_answer


def overflowing(plan: Plan, rows: list[Row]) -> list[tuple[Row, int]]:
    """Rows that cannot hold the plan's maximum, or not even an answer, with the room they have.

    Empty under ``on_overflow="clamp"``: such a row takes what room there is, or fails alone.
    """
    policy = plan.policy
    if not isinstance(policy, BudgetForcing) or policy.on_overflow == "clamp":
        return []
    return [(row, room) for row in rows if (room := plan.room(row)) < (policy.max_thinking or 0)]


def _check_engine(policy: Unforced | BudgetForcing, fmt: ResolvedFormat, info: EngineInfo) -> None:
    if fmt.spec.plain and isinstance(policy, BudgetForcing):
        raise PolicyError(
            f"policy {label(policy)!r} controls thinking, but format {fmt.spec.name!r} has no thinking phase\n"
            "hint: choose the model's think format (s1, qwen3, qwq, r1, harmony or a YAML file), or the policy unforced"
        )
    if info.vocab_size < fmt.tokenizer.vocab_size:
        raise PolicyError(
            f"the tokenizer {fmt.tokenizer.name} has {fmt.tokenizer.vocab_size} ids, the model only {info.vocab_size}\n"
            "hint: tokenizer and model do not belong together"
        )
    if fmt.think_stop_seqs and isinstance(policy, BudgetForcing) and not info.stop_seqs:
        raise PolicyError(
            f"format {fmt.spec.name!r} ends thinking with several tokens, which engine {info.name} cannot match\n"
            "hint: use an engine with stop sequences (hf, vllm, completions), or a format whose stop is one token"
        )
    if isinstance(policy, BudgetForcing) and policy.compat and policy.extensions and not info.min_tokens:
        raise PolicyError(
            f"policy {label(policy)!r} sends min_tokens as the reference does, which {info.name} does not honour\n"
            "hint: leave compat out, or use hf, vllm, or completions in front of vLLM or SGLang"
        )
    needs_ban = info.vocab_size > fmt.tokenizer.vocab_size or (
        isinstance(policy, BudgetForcing) and (policy.extensions or policy.min_thinking) and not info.min_tokens
    )
    if needs_ban and not info.banned_ids:
        raise PolicyError(
            f"policy {label(policy)!r} needs banned ids (or min_tokens), which engine {info.name} does not honour\n"
            "hint: a nudge could be answered by the same end of thinking; use hf, vllm, or completions in front of vLLM"
        )


def _check_room_for_nudge(policy: BudgetForcing, nudges: tuple[tuple[int, ...], ...]) -> None:
    wanted = policy.extensions or policy.min_thinking
    shortest = min(len(n) for n in nudges)
    if wanted and policy.max_thinking is not None and 0 < policy.max_thinking <= shortest:
        raise PolicyError(
            f"max_thinking={policy.max_thinking} has no room for a nudge of {shortest} tokens and a thought after it\n"
            "hint: raise max_thinking, shorten the nudge, or set extensions=0 and min_thinking=0"
        )
