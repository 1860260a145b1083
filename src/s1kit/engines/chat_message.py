"""What a chat endpoint's answer says: thinking, answer, how it ended, what it cost.

Knows the shapes that providers send, whole and in pieces. Refuses to know HTTP. A field of an unexpected type is passed
over; an answer in which there is none is a failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from s1kit.engines.completions_wire import Failed

OPEN, CLOSE = "<think>", "</think>"


@dataclass(slots=True)
class Message:
    """One answer, as far as it has arrived."""

    thinking: str = ""
    answer: str = ""
    finish: str | None = None
    served: str | None = None
    """The model's name as the endpoint gives it."""
    usage: dict[str, int] = field(default_factory=dict)
    """Tokens: ``prompt``, ``completion`` (thinking included) and, where it is told, ``thinking``."""
    refusal: str = ""

    def add(self, payload: dict[str, Any]) -> None:
        """Take in one object: a chunk of a stream, or the whole answer."""
        model = payload.get("model")
        self.served = model if isinstance(model, str) else self.served
        self._bill(payload.get("usage"))
        choices = payload.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        piece = choice.get("delta") or choice.get("message")
        if isinstance(piece, dict):
            thought = piece.get("reasoning_content") or piece.get("reasoning")  # some send both, alike
            self.thinking += thought if isinstance(thought, str) else ""
            content, refusal = piece.get("content"), piece.get("refusal")
            self.answer += content if isinstance(content, str) else ""
            self.refusal += refusal if isinstance(refusal, str) else ""
            for part in content if isinstance(content, list) else []:
                self._part(part)
        finish = choice.get("finish_reason")
        self.finish = finish if isinstance(finish, str) else self.finish

    def end(self) -> None:
        """All of it is here. Raises Failed where that is no answer; splits think tags that were left in it."""
        if self.refusal or self.finish == "content_filter":
            raise Failed(f"the endpoint refused: {self.refusal or 'its filter ended the answer'}")
        if self.finish is None:
            raise Failed("the answer was cut off", again=True, server=True, lost=True)
        if not self.thinking:
            bare = self.answer.lstrip()
            if bare.startswith(OPEN) or CLOSE in self.answer:
                thinking, _, answer = bare.removeprefix(OPEN).partition(CLOSE)
                self.thinking, self.answer = thinking.strip(), answer.strip()

    def _part(self, part: object) -> None:
        """A piece of a list: ``text``, or ``thinking`` whose content is a text or pieces again."""
        if not isinstance(part, dict):
            return
        text, thought = part.get("text"), part.get("thinking")
        self.answer += text if isinstance(text, str) else ""
        for inner in thought if isinstance(thought, list) else [{"text": thought}]:
            said = inner.get("text") if isinstance(inner, dict) else None
            self.thinking += said if isinstance(said, str) else ""

    def _bill(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        details = usage.get("completion_tokens_details")
        told = {
            "prompt": usage.get("prompt_tokens"),
            "completion": usage.get("completion_tokens"),
            "thinking": details.get("reasoning_tokens") if isinstance(details, dict) else None,
        }
        self.usage |= {name: count for name, count in told.items() if type(count) is int and count >= 0}
