"""What a chat endpoint's answer says: thinking, answer, how it ended, what it cost.

Knows the places where providers put these, whole and in pieces. Refuses to know HTTP. Everything here was written by a
stranger: what has an unexpected type is passed over, what has no answer in it is a failure.
"""

from __future__ import annotations

from typing import Any

from s1kit.wire.failed import Failed, malformed
from s1kit.wire.words import whole

OPEN, CLOSE = "<think>", "</think>"


class Message:
    """One answer, as far as it has arrived; its texts after ``end``."""

    def __init__(self) -> None:
        self.thinking = ""
        self.answer = ""
        self.finish: str | None = None
        """``stop``, ``length``, or a word of the endpoint's own."""
        self.served: str | None = None
        """The model's name as the endpoint gives it."""
        self.usage: dict[str, int] = {}
        """Tokens: ``prompt``, ``completion`` (thinking included) and, where it is told, ``thinking``."""
        self.done = False
        """Whether the endpoint said that this was all; also for the reader of the stream to set."""
        self._thinking: list[str] = []
        self._answer: list[str] = []
        self._refusal: list[str] = []
        self._begun = False

    def add(self, payload: dict[str, Any]) -> None:
        """Take in one object: a chunk of a stream, or the whole answer. Only the first of several answers counts."""
        self._bill(payload.get("usage"))
        if isinstance(payload.get("model"), str):
            self.served = whole(payload["model"])
        choices = payload.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and not choice.get("index"):
                self._choice(choice)

    def end(self) -> None:
        """All of it is here: joins the texts, and splits think tags that were left in. Raises Failed where the answer
        was cut off or filtered, or there is none."""
        if not self.done:
            raise Failed("cut", "the answer was cut off", again=True)
        if not self._begun:
            raise malformed("there is no answer in what the server sent")
        if self._refusal or self.finish == "content_filter":
            why = "".join(self._refusal) or "its filter ended the answer"
            raise Failed("refused", f"the endpoint refused: {why}")
        self.answer, self.thinking = whole("".join(self._answer)), whole("".join(self._thinking))
        if not self.thinking:
            self.thinking, self.answer = split_thinking(self.answer)

    def _choice(self, choice: dict[str, Any]) -> None:
        piece = choice.get("delta")
        piece = choice.get("message") if piece is None else piece
        if isinstance(piece, dict):
            self._begun = True
            thought = piece.get("reasoning_content") or piece.get("reasoning")  # some servers send both, alike
            self._thinking.append(thought if isinstance(thought, str) else "")
            self._content(piece.get("content"))
            if isinstance(piece.get("refusal"), str):
                self._refusal.append(piece["refusal"])
        if isinstance(choice.get("finish_reason"), str):
            self._begun = self.done = True
            self.finish = whole(choice["finish_reason"])

    def _content(self, content: object) -> None:
        """A text, or a list of parts (``text``, or ``thinking`` whose content is a text or parts again)."""
        if isinstance(content, str):
            self._answer.append(content)
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("text"), str):
                self._answer.append(part["text"])
            thought = part.get("thinking")
            for inner in thought if isinstance(thought, list) else [{"text": thought}]:
                if isinstance(inner, dict) and isinstance(inner.get("text"), str):
                    self._thinking.append(inner["text"])

    def _bill(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        details = usage.get("completion_tokens_details")
        told = {
            "prompt": usage.get("prompt_tokens"),
            "completion": usage.get("completion_tokens"),
            "thinking": details.get("reasoning_tokens") if isinstance(details, dict) else None,
        }
        self.usage |= {name: count for name, count in told.items() if type(count) is int and 0 <= count < 2**53}


def split_thinking(text: str) -> tuple[str, str]:
    """``(thinking, answer)`` of a text with think tags: white space at the seams belongs to the tags.

    The opening tag counts only as the first thing in the text, and may be missing, since chat templates write it. A
    thought that is never closed has no answer. Without tags all of it is the answer, unchanged.
    """
    bare = text.lstrip()
    if not bare.startswith(OPEN) and CLOSE not in text:
        return "", text
    thinking, _, answer = bare.removeprefix(OPEN).partition(CLOSE)
    return thinking.strip(), answer.strip()
