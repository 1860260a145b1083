"""The JSON of replies: whole ones and the events of a stream, usage and budget.

Knows OpenAI's shapes and what is added to them: ``reasoning_content``, ``reasoning`` and ``budget``. Refuses to know
how text came about. Thinking never stands in ``content``, nor the answer in ``reasoning_content``.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from s1kit.policies import BudgetForcing
from s1kit.serve.fields import Asked
from s1kit.serve.live import Done, Piece
from s1kit.serve.prompts import Prepared
from s1kit.types import Generation, Phase


class Replies:
    """Makes the JSON of one request's reply."""

    def __init__(self, asked: Asked, prepared: Prepared, model: str) -> None:
        self._asked = asked
        self._prepared = prepared
        self._chat = asked.endpoint == "chat"
        self._common = {
            "id": f"{'chatcmpl' if self._chat else 'cmpl'}-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, texts: Sequence[dict[Phase, str]], done: Sequence[Done]) -> dict[str, Any]:
        """The reply of a request that does not stream. ``texts[i]``: what choice i said in each phase."""
        choices = [self._choice(text, end) for text, end in zip(texts, done, strict=True)]
        return {
            **self._common,
            "object": "chat.completion" if self._chat else "text_completion",
            "choices": choices,
            "usage": self.usage([end.generation for end in done]),
            **({"budget": choices[0]["budget"]} if len(choices) == 1 else {}),
        }

    def opening(self, index: int) -> bytes:
        """The first event of a choice: an assistant begins to speak. Completions have none."""
        return self._event(index, {"role": "assistant", "content": ""}) if self._chat else b""

    def piece(self, piece: Piece) -> bytes:
        """Text as it comes; nothing where the request does not want the thinking."""
        lit = {"forced": True} if piece.forced else {}
        if piece.phase == "think":
            if not self._asked.show_thinking:
                return b""
            said = {"reasoning_content": piece.text, "reasoning": piece.text, "used": piece.used, **lit}
            return self._event(piece.index, said if self._chat else {"text": "", **said})
        return self._event(piece.index, {"content" if self._chat else "text": piece.text, **lit})

    def closing(self, done: Done) -> bytes:
        """The last event of a choice: why it ended, and what became of its budget."""
        budget = self.budget(done.generation)
        return self._event(done.index, {} if self._chat else {"text": ""}, finish_reason(done), budget)

    def usage_event(self, done: Sequence[Done]) -> bytes:
        """The event that ``include_usage`` asks for."""
        return sse({**self._stream_common(), "choices": [], "usage": self.usage([end.generation for end in done])})

    def usage(self, generations: Sequence[Generation]) -> dict[str, Any]:
        """Tokens over all choices; delimiters and the cut-off suffix are nobody's tokens."""
        rows = self._prepared.rows[:: self._asked.n]
        prompt = sum(len(row.prompt_ids) + len(row.open_ids) for row in rows)
        thinking = sum(g.n_thinking for g in generations)
        completion = thinking + sum(g.n_answer for g in generations)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "completion_tokens_details": {"reasoning_tokens": thinking},
        }

    def budget(self, generation: Generation) -> dict[str, Any] | None:
        """What was allowed and what was done; None where nothing was forced."""
        policy = self._prepared.plan.policy
        if not isinstance(policy, BudgetForcing):
            return None
        limit = policy.max_thinking
        if limit is not None and policy.on_overflow == "clamp":
            room = min(self._prepared.plan.room(row) for row in self._prepared.rows)
            limit = min(limit, room)
        return {
            "max": limit,
            "min": policy.min_thinking,
            "used": generation.n_thinking,
            "forced_end": generation.ended in ("cutoff", "context"),
            "ended": generation.ended,
            "min_met": generation.min_met,
            "extensions": generation.extensions,
            "answer_truncated": generation.answer_ended == "length",
            "exact": generation.exact,
        }

    def _choice(self, text: dict[Phase, str], done: Done) -> dict[str, Any]:
        thinking = text.get("think", "") if self._asked.show_thinking else None
        said = {"reasoning_content": thinking, "reasoning": thinking}
        answer = text.get("answer", "")
        body = {"message": {"role": "assistant", "content": answer, **said}} if self._chat else {"text": answer, **said}
        return {
            "index": done.index,
            **body,
            "logprobs": None,
            "finish_reason": finish_reason(done),
            "budget": self.budget(done.generation),
        }

    def _event(
        self, index: int, said: dict[str, Any], finish: str | None = None, budget: dict[str, Any] | None = None
    ) -> bytes:
        choice: dict[str, Any] = {"index": index, **({"delta": said} if self._chat else said)}
        choice |= {"logprobs": None, "finish_reason": finish}
        if finish is None:
            return sse({**self._stream_common(), "choices": [choice]})
        alone = {"budget": budget} if len(self._prepared.rows) == 1 else {}
        return sse({**self._stream_common(), "choices": [{**choice, "budget": budget}], **alone})

    def _stream_common(self) -> dict[str, Any]:
        return {**self._common, "object": "chat.completion.chunk" if self._chat else "text_completion"}


def finish_reason(done: Done) -> str:
    """``stop`` or ``length``, as OpenAI means them."""
    generation = done.generation
    if done.stopped:
        return "stop"
    if generation.answer_ended is None:  # one request without phases, that ran into its maximum
        return "stop" if generation.ended == "model" else "length"
    return "length" if generation.answer_ended == "length" else "stop"


def sse(value: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


END = b"data: [DONE]\n\n"
SILENCE = b": still here\n\n"
"""A comment, so that nobody in between takes a long wait for a dead line."""
