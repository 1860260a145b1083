"""One row's tokens as they come about: who wrote what, what it cost, and the requests that it grows by.

Knows segments and counts, and holds an engine to its promises. Refuses to know any policy's rules: ``machine`` and the
files beside it do.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace

from s1kit.engines.base import Chunk, Request, join_chunks
from s1kit.forcing.announced import steps_used
from s1kit.forcing.plan import Plan, Row
from s1kit.forcing.sureness import confidences
from s1kit.policies import BudgetForcing
from s1kit.types import AnswerEnded, Ended, Generation, Origin, Phase, Segment, Why

Ids = tuple[int, ...]
Machine = Generator[Request | None, Chunk, Generation]
"""Yields a Request to be submitted, or None for "send me the next chunk of the one I am waiting for"."""


@dataclass(slots=True)
class Tape:
    """One row's tokens behind the prompt, with who wrote what: grows, never rewrites."""

    plan: Plan
    row: Row
    tokens: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    thinking: int = 0
    rounds: int = 0
    began: int = 0
    """The round that wrote the first of these tokens: later than 0 where a tape before this one was thrown away."""
    paid: int = 0
    paid_thinking: int = 0
    discarded: int = 0
    """Tokens generated on the way and thrown away."""
    tries: int = 1
    sure: list[float] | None = None
    """Confidence of every token the model wrote, where the policy records it."""
    read: tuple[float, ...] = ()
    """Confidence of the latest chunk's tokens."""
    seconds: float = 0.0
    exact: bool = True
    error: str | None = None

    def write(self, phase: Phase, origin: Origin, why: Why, ids: Ids, stop_id: int | None = None) -> None:
        """Append ids as one segment; an empty one is kept only where it records a stop or an (empty) nudge."""
        start = len(self.tokens)
        self.tokens.extend(ids)
        if self.read and origin == "model":
            self.sure = [*(self.sure or ()), *self.read[: len(ids)]]
            self.read = self.read[len(ids) :]
        if why in ("think", "nudge"):
            self.thinking += len(ids)
        if ids or stop_id is not None or why == "nudge":
            self.segments.append(
                Segment(phase=phase, origin=origin, why=why, start=start, end=len(self.tokens), stop_id=stop_id)
            )

    def ask(
        self,
        phase: Phase,
        max_tokens: int,
        stop_ids: Ids,
        *,
        stop_seqs: tuple[Ids, ...] = (),
        min_tokens: int = 0,
        banned: Ids = (),
        pending: Ids = (),
        logprobs: int = 0,
    ) -> Machine_Chunk:
        """Request a continuation of everything so far (then ``pending``), and return it whole."""
        plan, row = self.plan, self.row
        name = f"{row.question_id}/{plan.policy_id}/{row.sample}"
        sampling = plan.sampling
        if phase == "think":
            banned = (*plan.unsaid, *banned)
        if phase == "think" and isinstance(plan.policy, BudgetForcing) and plan.policy.after_nudge and self.nudged:
            sampling = plan.policy.after_nudge
        request = Request(
            id=f"{name}/{self.rounds}",
            prompt_ids=(*row.prompt_ids, *self.tokens, *pending),
            max_tokens=max_tokens,
            stop_ids=stop_ids,
            stop_seqs=stop_seqs,
            min_tokens=min_tokens,
            banned_ids=(*plan.banned, *banned),
            sampling=sampling.model_copy(update={"seed": row.seed}),
            continues=f"{name}/{self.rounds - 1}" if self.rounds > self.began else None,
            top_logprobs=logprobs or getattr(plan.policy, "logprobs", 0),
        )
        self.rounds += 1
        chunk = yield request
        while chunk.finish is None:
            chunk = join_chunks(chunk, (yield None))
        paid = len(chunk.tokens) if chunk.paid is None else chunk.paid
        self.paid += paid
        self.paid_thinking += paid if phase == "think" else 0
        self.seconds += chunk.elapsed
        self.exact = self.exact and chunk.exact
        chunk = _held_to_contract(request, chunk)
        self.read = confidences(chunk) if request.top_logprobs else ()
        if chunk.finish in ("error", "cancelled"):
            self.error = chunk.error or f"the engine answered {chunk.finish!r}"
        return chunk

    @property
    def nudged(self) -> bool:
        """Whether a nudge was written."""
        return any(s.why == "nudge" for s in self.segments)

    def last_id(self) -> int | None:
        """Last id of the context, prompt included."""
        if self.tokens:
            return self.tokens[-1]
        return self.row.prompt_ids[-1] if self.row.prompt_ids else None

    def finish(
        self, ended: Ended, answer_ended: AnswerEnded | None, extensions: int = 0, min_met: bool = True
    ) -> Generation:
        """The record of this row."""
        count = {"think": 0, "nudge": 0, "answer": 0}
        for s in self.segments:
            if s.why in count:
                count[s.why] += s.end - s.start
        thought = [t for s in self.segments if s.why in ("think", "nudge") for t in self.tokens[s.start : s.end]]
        n_steps, n_step_tokens = steps_used(self.plan, thought)
        return Generation(
            question_id=self.row.question_id,
            policy_id=self.plan.policy_id,
            sample=self.row.sample,
            n_prompt=len(self.row.prompt_ids),
            token_ids=tuple(self.tokens),
            segments=tuple(self.segments),
            ended=ended,
            answer_ended=answer_ended,
            extensions=extensions,
            min_met=min_met,
            looped=loops(thought),
            n_thinking_model=count["think"],
            n_thinking_forced=count["nudge"],
            n_answer=count["answer"],
            n_paid=self.paid,
            n_paid_thinking=self.paid_thinking,
            n_discarded=self.discarded,
            tries=self.tries,
            n_steps=n_steps,
            n_step_tokens=n_step_tokens,
            confidence=None if self.sure is None else tuple(self.sure),
            exact=self.exact,
            engine_ms=round(self.seconds * 1000, 3),
            error=self.error,
        )


Machine_Chunk = Generator[Request | None, Chunk, Chunk]


def _held_to_contract(request: Request, chunk: Chunk) -> Chunk:
    """The chunk, or an error in its place where the engine broke a promise: a budget is never silently ignored.

    Tokens from the first broken one on are dropped, so that not even a failed row holds a stop or exceeds its budget.
    """
    unwanted = {*request.stop_ids, *request.banned_ids}
    for at, token in enumerate(chunk.tokens):
        if at >= request.max_tokens:
            problem = f"the engine returned {len(chunk.tokens)} tokens where {request.max_tokens} were asked for"
        elif token in unwanted:
            kind = "stop" if token in request.stop_ids else "banned"
            problem = f"the engine returned {kind} id {token} among the tokens"
        else:
            continue
        return replace(chunk, tokens=chunk.tokens[:at], finish="error", stop_id=None, error=chunk.error or problem)
    return chunk


def loops(tokens: list[int], shortest: int = 8, longest: int = 64, times: int = 4) -> bool:
    """Whether the tail is one n-gram of ``shortest``..``longest`` tokens repeated ``times`` or more."""
    for n in range(shortest, min(longest, len(tokens) // times) + 1):
        tail = tokens[-n * times :]
        if tail == tail[:n] * times:
            return True
    return False
