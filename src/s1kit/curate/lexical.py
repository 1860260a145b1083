"""The nearest subject by words alone: a baseline that needs no model and files any pool in seconds.

Knows the word lists of ``msc``. Refuses to be more than it is: it reads no sentence, and ``bench/domain_accuracy.py``
states how often it is right. All weights are whole numbers, so every machine files a question the same.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache, lru_cache

from s1kit.curate.fold import folded
from s1kit.curate.msc import OTHER, classes

CHARACTERS = 20_000
"""Of a text that are read, from its beginning."""
_TOKEN = re.compile(r"\\?[a-z]+(?:'+[a-z]*)?|\\\$|\d+")
_DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|$)", re.DOTALL)
_NAME, _HINT = 3, 1
_REPEATS = 3
"""A term counts at most so often."""

Term = tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Words, numbers and LaTeX commands (``\\binom``), case folded, simple plurals cut (``matrices`` stays as it is).

    The program of an Asymptote drawing is one token, ``asy``: its words are not the question's.
    """
    return [_singular(token) for token in _TOKEN.findall(_DRAWING.sub(" asy ", folded(text).casefold()))]


def classify(text: str) -> tuple[str, float]:
    """The code of the nearest class, and its share of the weight of all classes' terms that were found, 0..1.

    A term weighs by whether it names a subject or hints at it, and less the more classes have it. ``("other", 0.0)``
    where no term is found; of two equal classes the one with the lower code.
    """
    starts, weights = _terms()
    found: Counter[Term] = Counter()
    read = tokens(text[:CHARACTERS])
    for at, token in enumerate(read):
        for term in starts.get(token, ()):
            if len(term) == 1 or tuple(read[at : at + len(term)]) == term:
                found[term] += 1
    scores: Counter[str] = Counter()
    for term, times in found.items():
        for code, weight in weights[term]:
            scores[code] += weight * min(times, _REPEATS)
    if not scores:
        return OTHER, 0.0
    best = min(scores, key=lambda code: (-scores[code], code))
    return best, scores[best] / scores.total()


@lru_cache(maxsize=1 << 16)
def _singular(token: str) -> str:
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is")) and token[0] != "\\":
        return token[:-1]
    return token


@cache
def _terms() -> tuple[dict[str, tuple[Term, ...]], dict[Term, tuple[tuple[str, int], ...]]]:
    """First token -> terms, and term -> (code, weight) pairs. A longer term says more than a word of it."""
    strengths: dict[Term, dict[str, int]] = {}
    for code, entry in classes().items():
        for kind, strength in (("hints", _HINT), ("names", _NAME)):
            for written in entry[kind].split(","):
                if term := tuple(tokens(written)):
                    strengths.setdefault(term, {})[code] = strength
    starts: dict[str, list[Term]] = {}
    weights = {}
    for term, by_code in strengths.items():
        starts.setdefault(term[0], []).append(term)
        rarity = math.log(len(classes()) / len(by_code)) / math.log(len(classes()))
        factor = round(100 * rarity * (1 + 0.5 * (len(term) - 1)))
        weights[term] = tuple((code, factor * strength) for code, strength in by_code.items())
    return {first: tuple(terms) for first, terms in starts.items()}, weights
