"""Server-sent events, from bytes to the data of each event.

Knows the line rules of the format. Refuses to know JSON and what the data mean. Written on bytes, because text is
split at signs (U+2028, U+0085) that are ordinary characters inside a model's answer.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Events:
    """Takes bytes as they come, gives back the data of every event that is complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Data of the events that end within ``chunk``. However a stream is cut into chunks, its events are the same.

        Comments and fields other than ``data`` are passed over; an event without data is none.
        """
        inside_a_line = not self._rest.endswith(b"\r") and _LINE_END.search(chunk) is None
        self._rest += chunk
        if inside_a_line:  # a line of megabytes is not searched again with every chunk
            return []
        buffer = bytes(self._rest)
        held = buffer.endswith(b"\r")  # perhaps the first half of \r\n
        lines = _LINE_END.split(buffer[:-1] if held else buffer)
        self._rest = bytearray(lines.pop() + (b"\r" if held else b""))
        return [event for line in lines if (event := self._line(line)) is not None]

    def end(self) -> bytes | None:
        """The event that was still open when the stream ended, if any: some servers leave its blank line out."""
        rest = bytes(self._rest)
        event = self._line(rest.removesuffix(b"\r")) if rest else None
        return self._line(b"") if event is None else event

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data = self._data, []
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name.removeprefix(b"\xef\xbb\xbf") == b"data":  # the first line may carry a byte order mark
            self._data.append(value.removeprefix(b" "))
        return None
