"""What can be refused before the first request: a policy that this format, sampling or engine cannot carry out.

Knows what each policy needs of an engine. Refuses to let a budget be silently ignored.
"""

from __future__ import annotations

from s1kit.errors import UserError
from s1kit.forcing.no_wait import unsaid
from s1kit.forcing.spelling import spellings
from s1kit.formats import ResolvedFormat
from s1kit.policies import (
    Bounded,
    BudgetForcing,
    Confident,
    EarlyExit,
    Forced,
    NoWait,
    Rejection,
    Sampling,
    SoftCutoff,
    TreeSearch,
)
from s1kit.types import EngineInfo


class PolicyError(UserError, ValueError):
    """A policy that this format, tokenizer or engine cannot carry out; raised before the first request."""


def check(policy: Forced, fmt: ResolvedFormat, sampling: Sampling, info: EngineInfo) -> None:
    """Raise PolicyError, saying what is missing and what to do."""
    _check_engine(policy, fmt, info)
    _check_draws(policy, sampling, info)
    _check_words(policy, fmt, info)
    if sampling.top_k and not info.top_k:
        raise PolicyError(
            f"top_k={sampling.top_k}: engine {info.name} ({info.version}) has no such cut\nhint: leave top_k at 0"
        )


def _check_draws(policy: Forced, sampling: Sampling, info: EngineInfo) -> None:
    """What a policy needs of how tokens are drawn."""
    several = (isinstance(policy, Rejection) and policy.tries > 1) or (
        isinstance(policy, TreeSearch) and policy.width > 1
    )
    if several and sampling.temperature == 0:
        raise PolicyError(
            f"policy {policy.label()!r} draws several times, and at temperature 0 all draws are one\n"
            "hint: sample, e.g. temperature=1.0"
        )
    reads = isinstance(policy, Confident) or (isinstance(policy, EarlyExit) and policy.sure is not None)
    if (reads or (isinstance(policy, BudgetForcing) and policy.logprobs)) and not info.logprobs:
        raise PolicyError(
            f"policy {policy.label()!r} reads log-probabilities, which engine {info.name} does not give\n"
            "hint: use hf or vllm, or completions in front of a server that gives them"
        )


def _check_words(policy: Forced, fmt: ResolvedFormat, info: EngineInfo) -> None:
    """What a policy looks for while the model thinks: whether this vocabulary and engine can tell it."""
    if isinstance(policy, NoWait) and not unsaid(policy, fmt):
        raise PolicyError(
            f"policy {policy.label()!r}: no token of {fmt.tokenizer.name} says any of its {len(policy.words)} words\n"
            "hint: only words of one token can be banned; name such words"
        )
    text = policy.until if isinstance(policy, SoftCutoff) else policy.at if isinstance(policy, EarlyExit) else None
    if text is None:
        return
    ids, seqs = spellings(fmt.tokenizer, text)
    if not (ids or seqs):
        raise PolicyError(
            f"policy {policy.label()!r} looks for {text!r}, which {fmt.tokenizer.name} cannot spell\n"
            "hint: look for a text of this model's vocabulary"
        )
    if seqs and not info.stop_seqs:
        raise PolicyError(
            f"policy {policy.label()!r} stops at {text!r}, several tokens, which engine {info.name} cannot match\n"
            "hint: use an engine with stop sequences (hf, vllm, completions), or a text of one token"
        )
    ends = {*fmt.think_stop_ids, *(seq[0] for seq in fmt.think_stop_seqs)}
    if ends & {*ids, *(seq[0] for seq in seqs)}:
        raise PolicyError(
            f"policy {policy.label()!r} looks for {text!r}, which cannot be told from the end of thinking\n"
            f"hint: look for another text; format {fmt.spec.name!r} ends thinking with {fmt.spec.think_stops}"
        )


def _check_engine(policy: Forced, fmt: ResolvedFormat, info: EngineInfo) -> None:
    if fmt.spec.plain and isinstance(policy, Bounded):
        raise PolicyError(
            f"policy {policy.label()!r} controls thinking, but format {fmt.spec.name!r} has no thinking phase\n"
            "hint: choose the model's think format (s1, qwen3, qwq, r1, harmony or a YAML file), or the policy unforced"
        )
    if info.vocab_size < fmt.tokenizer.vocab_size:
        raise PolicyError(
            f"the tokenizer {fmt.tokenizer.name} has {fmt.tokenizer.vocab_size} ids, the model only {info.vocab_size}\n"
            "hint: tokenizer and model do not belong together"
        )
    countdown = isinstance(policy, BudgetForcing) and policy.max_steps is not None
    if countdown and not info.stop_seqs:
        raise PolicyError(
            f"policy {policy.label()!r} stops at every announced step, which engine {info.name} cannot match\n"
            "hint: use an engine with stop sequences (hf, vllm, completions)"
        )
    if countdown and fmt.open[:1] and fmt.open[0] in fmt.think_stop_ids:
        raise PolicyError(
            f"policy {policy.label()!r}: in format {fmt.spec.name!r} the token that opens a step ends thinking\n"
            "hint: use the format s1-steps"
        )
    if fmt.think_stop_seqs and isinstance(policy, Bounded) and not info.stop_seqs:
        raise PolicyError(
            f"format {fmt.spec.name!r} ends thinking with several tokens, which engine {info.name} cannot match\n"
            "hint: use an engine with stop sequences (hf, vllm, completions), or a format whose stop is one token"
        )
    if isinstance(policy, BudgetForcing) and policy.compat and policy.extensions and not info.min_tokens:
        raise PolicyError(
            f"policy {policy.label()!r} sends min_tokens as the reference does, which {info.name} does not honour\n"
            "hint: leave compat out, or use hf, vllm, or completions in front of vLLM or SGLang"
        )
    extends = isinstance(policy, BudgetForcing) and (policy.extensions or policy.min_thinking)
    needs_ban = (
        info.vocab_size > fmt.tokenizer.vocab_size or (extends and not info.min_tokens) or isinstance(policy, NoWait)
    )
    if needs_ban and not info.banned_ids:
        raise PolicyError(
            f"policy {policy.label()!r} needs banned ids (or min_tokens), which engine {info.name} does not honour\n"
            "hint: a nudge could be answered by the same end of thinking; use hf, vllm, or completions in front of vLLM"
        )


def check_room_for_nudge(policy: BudgetForcing, nudges: tuple[tuple[int, ...], ...]) -> None:
    """Raise PolicyError where a nudge and a token behind it exceed the maximum."""
    wanted = policy.extensions or policy.min_thinking
    shortest = min(len(n) for n in nudges)
    if wanted and policy.max_thinking is not None and 0 < policy.max_thinking <= shortest:
        raise PolicyError(
            f"max_thinking={policy.max_thinking} has no room for a nudge of {shortest} tokens and a thought after it\n"
            "hint: raise max_thinking, shorten the nudge, or set extensions=0 and min_thinking=0"
        )
