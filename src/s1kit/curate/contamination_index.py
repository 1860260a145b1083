"""Evaluation items by the word n-grams they hold, so that a pool is read once and every question is looked up.

Knows words, n-grams and triples, and which item has which. Refuses to judge: what an overlap means is
``decontaminate``'s. Memory grows with the evaluation sets, never with the pool.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from s1kit.curate.fold import folded

SHINGLE = 3
"""Words of the shingles that near-duplicates are compared by."""
_SIGNS = str.maketrans("", "", "$\\(){}[].,;:!?\"'`")

Item = tuple[str, str]
"""Name of the evaluation set, id in it."""
Shingle = tuple[str, ...]
"""Three words; one or two where the text has no more."""


def words(text: str) -> list[str]:
    """Lower-cased, split at any white space: the words of the paper's rule."""
    return text.lower().split()


def plain_words(text: str) -> list[str]:
    """The words of the coverage rule: folded (NFKC, no format characters, case folded), without punctuation, brackets,
    backslashes and dollar signs. ``\\(x^{2}\\),`` and ``$x^2$`` are one word; signs of operation stay."""
    plain = text if text.isascii() else folded(text)  # which does nothing to ASCII that splitting undoes not
    return plain.casefold().translate(_SIGNS).split()


def ngrams(tokens: Sequence[str], n: int) -> list[str]:
    """The distinct n-grams of consecutive words, in order; none where there are fewer words."""
    return list(dict.fromkeys(" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)))


def shingles(tokens: Sequence[str]) -> list[Shingle]:
    """The distinct word triples, in order; a text of one or two words is a single shingle, one of none has none."""
    return list(dict.fromkeys(_triples(tokens)))


@dataclass(frozen=True, slots=True)
class Shares:
    """What a question shares with the evaluation sets at all."""

    grams: tuple[int, ...]
    """Numbers of the n-grams."""
    n_grams: int
    """Distinct n-grams of the question."""
    near: tuple[tuple[Item, float, str], ...]
    """Near-duplicates: the item, the Jaccard index of the triples, the first shared triple in the item's order."""


class Index:
    """N-grams of ``evaluations`` (name -> (id, text) pairs), and their triples where ``near`` (a Jaccard index above 0)
    is given. ``plain``: words of the coverage rule instead of the paper's."""

    def __init__(
        self, evaluations: Mapping[str, Sequence[tuple[str, str]]], n: int, *, plain: bool, near: float | None
    ) -> None:
        self.n, self.near = n, near
        self.words = plain_words if plain else words
        self.short = dict.fromkeys(evaluations, 0)
        self.grams: dict[str, int] = {}
        self.items: dict[Item, tuple[int, ...]] = {}
        self.holders: list[list[Item]] = []
        self._shingles: dict[Item, list[Shingle]] = {}
        for name, pairs in evaluations.items():
            for item_id, text in pairs:
                self._add((name, item_id), self.words(text))
        self.names = tuple(self.grams)
        self._vocabulary = {word for gram in self.grams for word in gram.split()}
        self._rare: dict[Shingle, list[Item]] = {}
        if near is not None:
            self._add_rare(near)
        self._rare_shingles = frozenset(self._rare)

    def shares(self, tokens: Sequence[str]) -> Shares | None:
        """What a question of these words shares; None where nothing is."""
        grams = dict.fromkeys(
            number
            for at in runs(tokens, self._vocabulary, self.n)
            if (number := self.grams.get(" ".join(tokens[at : at + self.n]))) is not None
        )
        near = tuple(self._near(tokens)) if self.near is not None else ()
        if not grams and not near:
            return None
        return Shares(tuple(grams), len(ngrams(tokens, self.n)) if grams else 0, near)

    def _add(self, item: Item, tokens: Sequence[str]) -> None:
        """Two items of one id in one set are refused: their hits could not be told apart."""
        if item in self.items:
            raise ValueError(f"evaluation set {item[0]}: two items have the id {item[1]!r}")
        self.short[item[0]] += len(tokens) < self.n
        self.items[item] = tuple(self.grams.setdefault(gram, len(self.grams)) for gram in ngrams(tokens, self.n))
        self.holders.extend([] for _ in range(len(self.grams) - len(self.holders)))
        for number in self.items[item]:
            self.holders[number].append(item)
        if self.near is not None:
            self._shingles[item] = shingles(tokens)

    def _add_rare(self, near: float) -> None:
        """Index each item by so many of its rarest triples that no question with a Jaccard index of ``near`` misses.

        Such a question has at least ``near`` of the item's triples, so of any ``1 - near`` of them and one more it has
        at least one.
        """
        times = Counter(triple for triples in self._shingles.values() for triple in triples)
        for item, triples in self._shingles.items():
            enough = len(triples) - max(1, math.ceil(near * len(triples) - 1e-9)) + 1
            for triple in sorted(triples, key=lambda t: (times[t], t))[: enough if triples else 0]:
                self._rare.setdefault(triple, []).append(item)

    def _near(self, tokens: Sequence[str]) -> Iterator[tuple[Item, float, str]]:
        assert self.near is not None
        rare = self._rare_shingles.intersection(_triples(tokens))
        own: set[Shingle] = set()
        for item in {item for triple in rare for item in self._rare[triple]}:
            triples = self._shingles[item]
            if len(tokens) < self.near * len(triples):
                continue
            own = own or set(_triples(tokens))
            shared = [triple for triple in triples if triple in own]
            index = len(shared) / (len(own) + len(triples) - len(shared))
            if index >= self.near:
                yield item, index, " ".join(shared[0])


def _triples(tokens: Sequence[str]) -> Iterator[Shingle]:
    size = min(SHINGLE, len(tokens))
    return zip(*(tokens[start:] for start in range(size)), strict=False)


def runs(tokens: Sequence[str], vocabulary: set[str], n: int) -> Iterator[int]:
    """Where ``n`` consecutive words begin that are all in the vocabulary. Most questions leave here, at C's speed."""
    known = bytes(map(vocabulary.__contains__, tokens))
    run = b"\x01" * n
    at = known.find(run)
    while at >= 0:
        yield at
        at = known.find(run, at + 1)
