"""An answer from the JSON of an OpenAI-compatible server, whole or in pieces.

Knows the places where servers put text, thinking, the end and the bill. Refuses to know how bytes arrive. Everything
here was written by a stranger: what has an unexpected type is passed over, what has no answer in it is malformed.
"""

from __future__ import annotations

import json
from typing import Any

from s1kit.curate.calls.call import ErrorKind, Reply, whole

OPEN, CLOSE = "<think>", "</think>"
SHOWN = 300
"""Characters of a server's own words that an error keeps."""
LARGEST_ERROR = 1 << 16
"""Bytes of a server's words that are looked at for it."""
_RETRIED_4XX = frozenset({408, 409, 425, 429})


class Failed(Exception):
    """A try that came to nothing, with the server's words as they came: ``shorten`` them before anybody reads them.

    ``again``: another try may do better. ``wait``: seconds that the server asked for.
    """

    def __init__(
        self, kind: ErrorKind, message: str, *, again: bool, status: int | None = None, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.again = again
        self.status = status
        self.wait = wait


def malformed(what: str) -> Failed:
    """The server's answer is not what the protocol says; the next one may be."""
    return Failed("malformed", what, again=True)


def refused_by(status: int, said: str, wait: float | None = None) -> Failed:
    """The failure that an HTTP status other than 2xx means."""
    message = f"HTTP {status}: {said}" if said.strip() else f"HTTP {status}"
    again = status >= 500 or status in _RETRIED_4XX
    kind: ErrorKind = "http_5xx"
    if status == 429:
        kind = "rate_limited"
    elif status < 500:
        kind = "http_4xx" if status >= 400 else "http_3xx"
    return Failed(kind, message, again=again, status=status, wait=wait)


class Gathered:
    """Collects the pieces of one answer."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._refusal: list[str] = []
        self._usage: dict[str, int] = {}
        self._served: str | None = None
        self._finish: str | None = None
        self._begun = False
        self.done = False
        """Whether the server said that this was all."""

    def add(self, data: bytes) -> None:
        """Take in one JSON object, a chunk of a stream or the whole answer. Raises Failed."""
        try:
            payload = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise malformed(f"not JSON: {data[:LARGEST_ERROR].decode(errors='replace')}") from error
        if not isinstance(payload, dict):
            raise malformed(f"a JSON object was expected, this is {type(payload).__name__}")
        if payload.get("error"):
            raise _told(payload["error"])
        self._bill(payload.get("usage"))
        if isinstance(payload.get("model"), str):
            self._served = whole(payload["model"])
        choices = payload.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and not choice.get("index"):  # only the first of several answers
                self._choice(choice)

    def reply(self) -> Reply:
        """The answer. Raises Failed where there is none, it was cut off, or it was filtered."""
        if not self.done:
            raise Failed("cut", "the stream ended before the answer did", again=True)
        if not self._begun:
            raise malformed("there is no answer in what the server sent")
        if self._refusal or self._finish == "content_filter":
            why = "".join(self._refusal) or "its filter ended the answer"
            raise Failed("refused", f"the server refused: {why}", again=False)
        text, thinking = whole("".join(self._text)), whole("".join(self._thinking))
        if not thinking:
            thinking, text = split_thinking(text)
        return Reply(text=text, thinking=thinking, finish=self._finish, usage=self._usage, served=self._served)

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
            self._finish = whole(choice["finish_reason"])

    def _content(self, content: object) -> None:
        """A text, or a list of parts (``text``, or ``thinking`` whose content is a text or parts again)."""
        if isinstance(content, str):
            self._text.append(content)
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("text"), str):
                self._text.append(part["text"])
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
        for name, count in told.items():
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**53:
                self._usage[name] = count


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


def shorten(text: str) -> str:
    """A stranger's words on one line, at most `SHOWN` characters of them, none of which is a control character."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[:LARGEST_ERROR]).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def said_by(body: bytes) -> str:
    """The message in an error's body: what servers put under ``error`` or ``detail``, else the body itself."""
    text = body.decode(errors="replace")
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(payload, dict):
        return text
    told = payload.get("error") or payload.get("detail") or payload.get("message")
    message = told.get("message") if isinstance(told, dict) else told
    return message if isinstance(message, str) else text


def _told(error: object) -> Failed:
    """An error that came with status 200, in place of the answer or in the middle of it."""
    fields = error if isinstance(error, dict) else {"message": error}
    said, code = str(fields.get("message") or error), str(fields.get("code") or fields.get("status") or "")
    return refused_by(int(code) if code.isdecimal() and 400 <= int(code[:4]) <= 599 else 500, said)
