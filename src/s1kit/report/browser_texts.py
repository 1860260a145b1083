"""The texts of one question, each shared beginning kept and decoded once.

Knows that the rows of a sweep begin alike: a cut trace is the start of the natural one, an extended trace goes on from
its end. Refuses to know what a stretch is for. Ten points of one trace then weigh about as much as the longest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
Spell = Callable[[Ids], str]
WORTH = 48
"""Symbols that two stretches must share before they are stored apart for it: less costs more than it saves."""
LOOK_BACK = 4
"""Tokens that one character may be spread over: a character has at most four bytes."""


def characters(text: str) -> Ids:
    """A stored text as symbols, so that texts without tokens share their beginnings too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.int32)


def spell_characters(ids: Ids) -> str:
    """The inverse of ``characters``."""
    return ids.tobytes().decode("utf-32-le", "surrogatepass")


@dataclass(slots=True)
class Texts:
    """What was said, piece by piece; a stretch is a list of places in ``pieces``."""

    spell: Spell
    pieces: list[str] = field(default_factory=list)

    def add(self, stretches: Sequence[Ids]) -> list[list[int]]:
        """Store stretches of symbols; for each the places of its pieces, in order. They spell the stretch.

        Stretches are sorted, so that those with a common beginning are neighbours; where two of them part is a cut in
        both. Equal cuts of neighbours lie on equal symbols, so what one has stored up to there the next one takes.
        """
        order = sorted(range(len(stretches)), key=lambda i: stretches[i].tobytes())
        ranked = [stretches[i] for i in order]
        common = [_common(a, b) for a, b in pairwise(ranked)]
        places: list[list[int]] = [[] for _ in stretches]
        before: dict[int, int] = {}
        for rank, (index, cuts) in enumerate(zip(order, _cuts(ranked, common), strict=True)):
            shared = common[rank - 1] if rank else 0
            mine: dict[int, int] = {}
            start = 0
            for end in sorted({self._clean(ranked[rank], cut) for cut in cuts} | {len(ranked[rank])}):
                if end <= start:
                    continue
                known = before.get(end) if end <= shared else None
                mine[end] = self._store(ranked[rank], start, end) if known is None else known
                places[index].append(mine[end])
                start = end
            before = mine
        return places

    def _store(self, ids: Ids, start: int, end: int) -> int:
        """Decode with the symbol before, where there is one: some tokenizers drop a blank at the start of a text."""
        text = self.spell(ids[start:end])
        if start:
            lead = self.spell(ids[start - 1 : start])
            led = self.spell(ids[start - 1 : end])
            text = led[len(lead) :] if led.startswith(lead) else text
        self.pieces.append(text)
        return len(self.pieces) - 1

    def _clean(self, ids: Ids, cut: int) -> int:
        """The last place at or before ``cut`` that is not inside a character."""
        for end in range(cut, max(0, cut - LOOK_BACK), -1):
            if not self.spell(ids[max(0, end - LOOK_BACK) : end]).endswith("\ufffd"):
                return end
        return cut


def _common(a: Ids, b: Ids) -> int:
    """How many symbols two stretches begin with alike."""
    n = min(len(a), len(b))
    different = a[:n] != b[:n]
    return int(different.argmax()) if n and different.any() else n


def _cuts(ranked: Sequence[Ids], common: Sequence[int]) -> list[set[int]]:
    """Where each of the sorted stretches parts from another: the running minimum of ``common`` to either side."""
    cuts: list[set[int]] = [set() for _ in ranked]
    for ranks, gaps in (
        (range(1, len(ranked)), common),
        (range(len(ranked) - 2, -1, -1), common[::-1]),
    ):
        open_cuts: list[int] = []
        for rank, gap in zip(ranks, gaps, strict=True):
            # what is shared with anything further away is at most what is shared with the neighbour
            open_cuts = [cut for cut in open_cuts if cut < gap]
            if gap >= WORTH:
                open_cuts.append(gap)
            cuts[rank].update(open_cuts)
    return cuts
