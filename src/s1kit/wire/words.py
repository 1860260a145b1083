"""A stranger's words, made fit to be shown and kept.

Knows where servers put the message of an error, and which signs no file or terminal can take. Refuses to know what the
words mean.
"""

from __future__ import annotations

import json

SHOWN = 300
"""Characters of a server's own words that an error keeps."""
LARGEST_ERROR = 1 << 16
"""Characters (or bytes) of a server's words that are looked at for it."""


def shorten(text: str) -> str:
    """A stranger's words on one line, at most ``SHOWN`` characters of them, none of which is a control character."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[:LARGEST_ERROR]).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def whole(text: str) -> str:
    """``text`` with surrogate pairs joined to the character they mean, and every half of one replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def said_by(body: bytes) -> str:
    """The message in an error's body: what servers put under ``error``, ``detail`` or ``message``, else the body."""
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
