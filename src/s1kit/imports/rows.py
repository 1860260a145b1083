"""Found texts as generations: split in phases, counted where that is possible.

Knows what a row without tokens can say of itself. Refuses to make up counts: they are stated by the file, or counted
with a tokenizer that the user names, or there are none, and then the policy says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from s1kit.imports.found import Found
from s1kit.imports.split import Parts, split
from s1kit.policies import BudgetForcing
from s1kit.tokenizer import Tokenizer
from s1kit.types import AnswerEnded, Ended, Generation, Segment

Counted = Literal["stated", "counted", "not counted"]
SUFFIX = "Final Answer:"
"""What the reference's harness writes behind a thought that it cut off."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Thinking and answer tokens, and where they are from. 0 where there are none to be had."""

    thinking: int
    answer: int
    paid: int
    source: Counted


def parts_of(found: Found, name: str) -> Parts:
    """Thinking and answer: as the file has them apart, else by the delimiters of format ``name``."""
    if found.thinking is not None:
        return Parts(found.thinking, found.text, "apart", closed=bool(found.text.strip()) or not found.cut)
    return split(found.text, name)


def counts_of(found: Found, parts: Parts, tokenizer: Tokenizer | None) -> Counts:
    """Tokens of both phases."""
    stated = found.tokens
    thinking, answer = stated.thinking, stated.answer
    if thinking is None and not parts.thinking:
        thinking = 0
    if answer is None and thinking is not None and stated.output is not None:
        answer = max(0, stated.output - thinking)
    if answer is None and not parts.answer:
        answer = 0
    if thinking is not None and answer is not None:
        return Counts(thinking, answer, max(stated.output or 0, thinking + answer), "stated")
    if tokenizer is None:
        return Counts(0, 0, stated.output or 0, "not counted")
    thinking, answer = (len(tokenizer.encode(text)) for text in (parts.thinking, parts.answer))
    return Counts(thinking, answer, stated.output or thinking + answer, "counted")


def generation(found: Found, parts: Parts, counts: Counts, question: str, policy: str, sample: int) -> Generation:
    """The record: text in segments, no ids."""
    if found.error is not None:
        return Generation(
            question_id=question, policy_id=policy, sample=sample, ended="error", exact=False, error=found.error
        )
    forced = isinstance(found.policy, BudgetForcing)
    cut_off = forced and parts.answer.startswith(SUFFIX)
    ended: Ended = "cutoff" if cut_off or not parts.closed else "model"
    answer_ended: AnswerEnded | None = "length" if found.cut else "turn_end"
    extensions = found.policy.extensions if isinstance(found.policy, BudgetForcing) and ended == "model" else 0
    return Generation(
        question_id=question,
        policy_id=policy,
        sample=sample,
        n_prompt=found.tokens.prompt or 0,
        segments=tuple(_segments(parts, counts, cut_off)),
        ended=ended,
        answer_ended=answer_ended if parts.closed else None,
        extensions=extensions,
        n_thinking_model=counts.thinking,
        n_answer=counts.answer,
        n_paid=counts.paid,
        n_paid_thinking=counts.thinking,
        exact=False,
        thinking_text=parts.thinking,
        answer_text=parts.answer,
    )


def _segments(parts: Parts, counts: Counts, cut_off: bool) -> list[Segment]:
    """Thinking and answer, one behind the other. Which words inside the thinking were forced no text can tell."""
    end = counts.thinking + counts.answer
    segments = []
    if parts.thinking:
        segments.append(
            Segment(phase="think", origin="model", why="think", start=0, end=counts.thinking, text=parts.thinking)
        )
    if cut_off:
        segments.append(
            Segment(
                phase="answer", origin="forced", why="cutoff", start=counts.thinking, end=counts.thinking, text=SUFFIX
            )
        )
    if parts.closed:
        rest = parts.answer.removeprefix(SUFFIX) if cut_off else parts.answer
        segments.append(
            Segment(phase="answer", origin="model", why="answer", start=counts.thinking, end=end, text=rest)
        )
    return segments
