"""Which questions share word n-grams with an evaluation set, and which n-gram shows it.

Knows words (lower-cased, split at white space: the paper's) and counts. Refuses to decide alone: every hit carries its
evidence, and what cannot be seen (questions shorter than the n-gram) is counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

N = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """One question against one evaluation item."""

    question_id: str
    evaluation: str
    item_id: str
    shared: int
    """Distinct n-grams of the item that the question has too."""
    of: int
    """Distinct n-grams of the item, boilerplate left out."""
    ngram: str
    """The first of them in the item's order."""

    @property
    def coverage(self) -> float:
        """Share of the item that the question holds, 0..1."""
        return self.shared / self.of


@dataclass(frozen=True, slots=True)
class Contamination:
    """All hits, strongest first for each question, and what the comparison could not see."""

    hits: tuple[Hit, ...]
    n_questions: int
    short_questions: int
    """Questions with fewer words than an n-gram: they can never match."""
    short_items: dict[str, int]
    """The same, of each evaluation set."""
    boilerplate: tuple[str, ...]
    """N-grams that were not counted, being in too many questions to tell one from another."""

    def dropped(self, least_coverage: float = 0.0) -> frozenset[str]:
        """Ids to drop: any shared n-gram (the paper's rule), or only where so much of an item is covered."""
        return frozenset(h.question_id for h in self.hits if h.coverage >= least_coverage)


def words(text: str) -> list[str]:
    """Lower-cased, split at any white space."""
    return text.lower().split()


def ngrams(tokens: Sequence[str], n: int) -> list[str]:
    """The distinct n-grams of consecutive words, in order; none where there are fewer words."""
    return list(dict.fromkeys(" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)))


def compare(
    questions: Iterable[tuple[str, str]],
    evaluations: Mapping[str, Sequence[tuple[str, str]]],
    *,
    n: int = N,
    boilerplate: int | None = None,
) -> Contamination:
    """Every pair of a question and an evaluation item that share a word n-gram. Both are given as (id, text).

    ``boilerplate``: n-grams that more than so many questions hold are not counted (a phrase like "where m and n are
    relatively prime positive" proves nothing); None counts all, as the paper does. ``questions`` (ids distinct) is read
    once, lazily, and only its hits are kept.
    """
    if n < 1:
        raise ValueError(f"n-grams of {n} words: at least 1")
    index = _Index(evaluations, n)
    found: dict[str, list[str]] = {}
    count = short = 0
    for question_id, text in questions:
        tokens = words(text)
        count += 1
        short += len(tokens) < n
        if shared := [gram for gram in ngrams(tokens, n) if gram in index.holders]:
            found[question_id] = shared
    common: set[str] = set()
    if boilerplate is not None:
        times = Counter(gram for shared in found.values() for gram in shared)
        common = {gram for gram, held in times.items() if held > boilerplate}
    hits = [hit for name, shared in found.items() for hit in index.hits(name, set(shared) - common, common)]
    return Contamination(tuple(hits), count, short, index.short, tuple(sorted(common)))


class _Index:
    """Which item holds which n-gram."""

    def __init__(self, evaluations: Mapping[str, Sequence[tuple[str, str]]], n: int) -> None:
        self.short = dict.fromkeys(evaluations, 0)
        self.items: dict[tuple[str, str], list[str]] = {}
        self.holders: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, items in evaluations.items():
            for item_id, text in items:
                tokens = words(text)
                self.short[name] += len(tokens) < n
                self.items[name, item_id] = ngrams(tokens, n)
                for gram in self.items[name, item_id]:
                    self.holders[gram].append((name, item_id))

    def hits(self, question_id: str, grams: set[str], common: set[str]) -> list[Hit]:
        """One hit per item that shares any of the n-grams, by falling coverage."""
        hits = []
        for name, item_id in {item for gram in grams for item in self.holders[gram]}:
            counted = [gram for gram in self.items[name, item_id] if gram not in common]
            shared = [gram for gram in counted if gram in grams]
            hits.append(Hit(question_id, name, item_id, len(shared), len(counted), shared[0]))
        return sorted(hits, key=lambda hit: (-hit.coverage, hit.evaluation, hit.item_id))
