"""Which rows say nearly what an earlier row said.

Knows sets of 3-word shingles: MinHash finds pairs that may be alike, their exact Jaccard similarity decides. Refuses
to know what numbers mean: they are words like any other, so of questions made from one template by changing a number a
short pair differs (a changed word costs up to three shingles) and a long pair is the same question. Memory grows with
the rows, not with their text: 128 bytes a row (some three times that while they are sorted), and the shingles of kept
rows that share a band with another.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s1kit.curate.fold import folded_words, shown
from s1kit.curate.row import Row
from s1kit.curate.source_draft import PASSAGE
from s1kit.errors import UserError
from s1kit.types import Decision

Words64 = npt.NDArray[np.uint64]
Read = Callable[[], Iterator[Row]]
"""Gives the same rows in the same order each time it is called; it is called twice."""

SHINGLE = 3
THRESHOLD = 0.8
LEAST_THRESHOLD = 0.6
BANDS, PER_BAND = 16, 4
"""A pair of similarity s becomes a candidate with probability 1 - (1 - s^4)^16: 0.99 at 0.7, 0.9998 at 0.8."""
MOST = 32
"""Kept rows that are remembered for one band's value, and candidates that a row is compared with, those with most bands
in common first. Only where more rows than this look alike and are not (rows of one template) does it matter: the cost
stays linear, and duplicates may be missed there, never invented."""
BATCH_WORDS = 1 << 16
_MEMO = 1 << 18
_LONG_WORD = 64
_MULTIPLIERS = np.array(
    [
        int.from_bytes(hashlib.blake2b(b"s1kit near %d" % i, digest_size=8).digest(), "little") | 1
        for i in range(SHINGLE + 3 * BANDS * PER_BAND)
    ],
    dtype=np.uint64,
)


class ThresholdError(UserError, ValueError):
    """A similarity threshold that the search for candidates is not made for."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A kept row that a later one may be near to."""

    number: int
    source: str
    words: str
    grams: Words64
    own: Words64 | None
    """Of what it asks about its passage, where it has one."""


@dataclass(frozen=True, slots=True)
class Match:
    """The earlier row that a row is near to, and how near: the Jaccard similarity of their shingles."""

    number: int
    source: str
    words: str
    similarity: float


def near_duplicates(read: Read, threshold: float = THRESHOLD) -> dict[int, tuple[int, float]]:
    """Dropped row -> (kept row, similarity). See `matches`."""
    found = ((row.number, match) for row, match in matches(read, threshold))
    return {number: (match.number, match.similarity) for number, match in found if match is not None}


def step(read: Read, threshold: float = THRESHOLD, decided: Mapping[int, Decision] | None = None) -> Iterator[Decision]:
    """One decision per row (step ``duplicates``), in the rows' order; ``read`` is called twice.

    ``decided``: by row number, what `duplicates.Exact` has dropped already. These decisions are passed on as they are,
    and their rows are compared with nothing, so exact and near duplicates make one step with one record a row.
    """
    done = decided or {}
    for row, match in matches(read, threshold, skip=done):
        if row.number in done:
            yield done[row.number]
        elif match is None:
            yield row.decide("duplicates", True)
        else:
            where = f"row {match.number} ({match.source})"
            shared = f"{_two_digits(match.similarity)} of {SHINGLE}-word shingles shared"
            yield row.decide("duplicates", False, "near", f"{where}, {shared}: {match.words}")


def matches(
    read: Read, threshold: float = THRESHOLD, skip: Container[int] = frozenset()
) -> Iterator[tuple[Row, Match | None]]:
    """Every row with the kept row it is near to; rows in ``skip`` and those under 3 words are near to none.

    In the pool's order, a row is dropped where the Jaccard similarity of its set of shingles (3 consecutive folded
    words of text and choices, numbers as they are) with that of a *kept* earlier row is at least ``threshold``; of
    several the most similar counts, then the one with most bands in common. Nothing is dropped for being near a dropped
    row. Of questions on a passage both the whole and what they ask about it have to be so similar. Deterministic; what
    is kept, given again, is kept. Shingles are compared by 64-bit hashes.

    Raises `ThresholdError` for a threshold outside [0.6, 1] (below it the bands find too few), ValueError where the
    second reading gives other rows than the first.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise ThresholdError(
            f"near duplicates from a similarity of {threshold:g}: it must be {LEAST_THRESHOLD:g} to 1\n"
            "hint: 0.8 is the default; lower, too many pairs would be missed"
        )
    hasher = _Hasher()
    numbers, keys = _signatures((row for row in read() if row.number not in skip), hasher)
    held: dict[int, list[_Kept]] = {}
    at = 0
    for row in read():
        if at == len(numbers) or row.number != numbers[at]:
            yield row, None
            continue
        bands = keys[at][keys[at] != 0].tolist()
        at += 1
        yield row, _judge(row, bands, held, hasher, threshold) if bands else None
    if at != len(numbers):
        raise ValueError("the rows changed between the first reading and the second")


def _judge(
    row: Row, bands: Sequence[int], held: dict[int, list[_Kept]], hasher: _Hasher, threshold: float
) -> Match | None:
    """The best verified match of a row among the kept ones of its bands; a row without one joins them."""
    grams = np.unique(hasher.grams([_words(row)])[0])
    own = _own_grams(row, hasher)
    shared_bands = Counter(kept for band in bands for kept in held.get(band, ()))
    ranked = sorted(shared_bands.items(), key=lambda item: (-item[1], item[0].number))[:MOST]
    candidates = [kept for kept, _ in ranked]
    if candidates:
        found = similarities(grams, [kept.grams for kept in candidates])
        if own is not None:  # two questions on one passage are two questions
            asked = similarities(own, [grams if kept.own is None else kept.own for kept in candidates])
            found = [min(pair) for pair in zip(found, asked, strict=True)]
        best, at = max((value, -i) for i, value in enumerate(found))
        if best >= threshold:
            kept = candidates[-at]
            return Match(kept.number, kept.source, kept.words, best)
    kept = _Kept(row.number, row.question.source, shown(row.question.text, 0, 0, around=48), grams, own)
    for band in bands:
        group = held.setdefault(band, [])
        if len(group) < MOST:
            group.append(kept)
    return None


def _own_grams(row: Row, hasher: _Hasher) -> Words64 | None:
    """Shingles of what a question adds to its passage; None without a passage, or with too few words of its own."""
    at = row.question.meta.get(PASSAGE)
    words = _words(row, at) if isinstance(at, int) else []
    return np.unique(hasher.grams([words])[0]) if len(words) >= SHINGLE else None


def similarities(one: Words64, others: Sequence[Words64]) -> list[float]:
    """Jaccard similarity of a set with each of the others, 0..1. Sets are sorted arrays without repeats, none empty."""
    sizes = np.array([len(other) for other in others])
    flat = np.concatenate(others)
    place = np.searchsorted(one, flat)
    place[place == len(one)] = 0
    shared = np.add.reduceat((one[place] == flat).astype(np.int64), np.cumsum(sizes) - sizes)
    return [float(s) for s in shared / (len(one) + sizes - shared)]


def _signatures(rows: Iterable[Row], hasher: _Hasher) -> tuple[npt.NDArray[np.int64], Words64]:
    """Numbers of the rows with a shingle, and for each the values of its bands, 0 where no other row has that value."""
    numbers: list[int] = []
    parts: list[Words64] = []
    batch: list[list[str]] = []
    size = 0
    for row in rows:
        words = _words(row)
        if len(words) < SHINGLE:
            continue
        numbers.append(row.number)
        batch.append(words)
        size += len(words)
        if size >= BATCH_WORDS:
            parts.append(_bands(*hasher.grams(batch)))
            batch, size = [], 0
    if batch:
        parts.append(_bands(*hasher.grams(batch)))
    keys = np.concatenate(parts) if parts else np.zeros((0, BANDS), dtype=np.uint64)
    for band in range(BANDS):
        _, where, counts = np.unique(keys[:, band], return_inverse=True, return_counts=True)
        keys[counts[where] == 1, band] = 0
    return np.array(numbers, dtype=np.int64), keys


def _bands(grams: Words64, starts: npt.NDArray[np.int64]) -> Words64:
    """(rows, BANDS): four minima of permuted shingle hashes in each, mixed; values of different bands differ."""
    keys = np.zeros((len(starts), BANDS), dtype=np.uint64)
    for i in range(BANDS * PER_BAND):
        offset, factor, weight = _MULTIPLIERS[SHINGLE + 3 * i : SHINGLE + 3 * i + 3]
        keys[:, i // PER_BAND] += np.minimum.reduceat((grams ^ offset) * factor, starts) * weight
    return keys


class _Hasher:
    """Words to 64-bit hashes, the frequent ones remembered; the same on every machine."""

    def __init__(self) -> None:
        self._memo: dict[str, int] = {}

    def grams(self, texts: Sequence[Sequence[str]]) -> tuple[Words64, npt.NDArray[np.int64]]:
        """The shingles of all texts (3 words or more each) in one row, and where each text's begin."""
        lengths = np.array([len(words) for words in texts], dtype=np.int64)
        hashes = np.array([self._hash(word) for words in texts for word in words], dtype=np.uint64)
        ends = np.cumsum(lengths)
        inside = np.ones(len(hashes), dtype=bool)
        for back in range(1, SHINGLE):
            inside[ends - back] = False
        last = len(hashes) - SHINGLE + 1
        mixed = np.zeros(last, dtype=np.uint64)
        for i in range(SHINGLE):
            mixed += hashes[i : last + i] * _MULTIPLIERS[i]
        mixed ^= mixed >> np.uint64(32)
        mixed *= _MULTIPLIERS[0]
        mixed ^= mixed >> np.uint64(29)
        return mixed[inside[:last]], ends - lengths - (SHINGLE - 1) * np.arange(len(texts))

    def _hash(self, word: str) -> int:
        known = self._memo.get(word)
        if known is not None:
            return known
        value = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        if len(word) <= _LONG_WORD:
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            self._memo[word] = value
        return value


def _words(row: Row, start: int = 0) -> list[str]:
    return folded_words("\n".join((row.question.text[start:], *row.question.choices)))


def _two_digits(value: float) -> str:
    """Rounded down, so that nothing under the threshold is said to reach it and nothing under 1 to be 1."""
    return f"{int(value * 100) / 100:.2f}"
