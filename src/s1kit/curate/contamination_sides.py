"""Two texts side by side, with the words marked that each has from the other.

Knows which words as written became which words as compared. Refuses to show anything unbounded or unprintable: a long
text is shown from shortly before its first mark, and every word goes through ``shown``.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Self

from s1kit.curate.contamination_index import plain_words, runs
from s1kit.curate.decontaminate import Mode
from s1kit.curate.fold import shown
from s1kit.types import Record

WORDS = 400
"""Words of a text that are shown."""
BEFORE = 40
"""Of them, before the first mark."""
CHARACTERS = 200
"""Of one word."""


class Side(Record):
    """One text of a pair."""

    words: tuple[str, ...]
    """Split at white space and made printable; to be joined by blanks."""
    marks: tuple[tuple[int, int], ...]
    """Ranges ``[start, end)`` of ``words`` that the other text has too, in order, not touching each other."""
    first: int
    """How many words of the text stand before ``words``."""
    of: int
    """Words of the whole text."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A text's words as written, as compared, and which of the first each of the second comes from."""

    written: list[str]
    compared: list[str]
    place: list[int]

    @classmethod
    def of(cls, text: str, mode: Mode) -> Self:
        """The words that ``mode`` compares. Folded, one written word may become none, or several."""
        written = text.split()
        if mode == "paper":
            return cls(written, text.lower().split(), list(range(len(written))))
        folded = [plain_words(word) for word in written]
        place = [i for i, words in enumerate(folded) for _ in words]
        return cls(written, [word for words in folded for word in words], place)

    def side(self, other: Placed, n: int, without: Container[str]) -> Side:
        """This text with the words marked that stand in an n-gram which ``other`` has too and ``without`` has not."""
        marks = self._marks(other, n, without)
        first = max(0, marks[0][0] - BEFORE) if marks and len(self.written) > WORDS else 0
        last = min(first + WORDS, len(self.written))
        inside = tuple((start - first, min(end, last) - first) for start, end in marks if start < last)
        words = tuple(shown(word, 0, len(word), most=CHARACTERS) for word in self.written[first:last])
        return Side(words=words, marks=inside, first=first, of=len(self.written))

    def _marks(self, other: Placed, n: int, without: Container[str]) -> list[tuple[int, int]]:
        n = min(n, len(self.compared), len(other.compared))
        if n == 0:
            return []
        mine, theirs = self.compared, other.compared
        shared = {" ".join(theirs[at : at + n]) for at in runs(theirs, set(mine), n)}
        marks: list[tuple[int, int]] = []
        for at in runs(mine, set(theirs), n):
            gram = " ".join(mine[at : at + n])
            if gram not in shared or gram in without:
                continue
            start, end = self.place[at], self.place[at + n - 1] + 1
            if marks and start <= marks[-1][1]:
                marks[-1] = marks[-1][0], end
            else:
                marks.append((start, end))
        return marks
