"""Tokens to text while they come: no character is ever split, no stop string ever shown.

Knows decoding and strings. Refuses to know phases and requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

BROKEN = "\ufffd"
_MOST_BYTES = 3
"""An unfinished character of UTF-8 has at most three bytes, so at most three signs are held back."""


class Detokeniser:
    """Gives out the text of the tokens it was fed, except for what may be an unfinished character.

    One token before the first is decoded along, since some tokenizers drop a leading blank. What was given out is
    never taken back.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], before: int | None = None) -> None:
        self._decode = decode
        self._ids: list[int] = [] if before is None else [before]
        self._given = len(decode(self._ids)) if self._ids else 0

    def feed(self, ids: Sequence[int]) -> str:
        """Text that has become certain."""
        if not ids:
            return ""
        self._ids.extend(ids)
        text = self._decode(self._ids)
        end = len(text)
        while end > max(self._given, len(text) - _MOST_BYTES) and text[end - 1] == BROKEN:
            end -= 1
        new, self._given = text[self._given : end], max(self._given, end)
        if end == len(text):
            self._restart()
        return new

    def flush(self) -> str:
        """What was held back: bytes that never became a character."""
        new = self._decode(self._ids)[self._given :] if self._ids else ""
        self._restart()
        return new

    def _restart(self) -> None:
        self._ids = self._ids[-1:]
        self._given = len(self._decode(self._ids)) if self._ids else 0


class StopStrings:
    """Looks for stop strings in a text that comes in pieces, holding back what may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.hit = False

    def feed(self, text: str) -> str:
        """Text that is certain to come before any stop; ``hit`` says that one was found."""
        if self.hit or not self._stops:
            return "" if self.hit else text
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.hit = True
            text, self._held = self._held[: min(found)], ""
            return text
        keep = self._beginning()
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text

    def flush(self) -> str:
        """What was held back and turned out to be no stop."""
        text, self._held = self._held, ""
        return text

    def _beginning(self) -> int:
        """Length of the longest tail that begins a stop."""
        longest = min(len(self._held), max(len(stop) for stop in self._stops) - 1)
        return next((n for n in range(longest, 0, -1) if self._held.endswith(tuple(s[:n] for s in self._stops))), 0)
