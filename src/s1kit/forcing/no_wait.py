"""NoWait in ids: which tokens say one of the words. The policy and its source: ``s1kit.policies.no_wait``.

Knows a vocabulary. Refuses to ban a word in silence that the vocabulary can only spell in several tokens: ``unspelled``
names it, and a manifest says so.
"""

from __future__ import annotations

import re
from functools import lru_cache

from s1kit.formats import ResolvedFormat
from s1kit.policies import NoWait
from s1kit.tokenizer import Tokenizer

_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


def unsaid(policy: NoWait, fmt: ResolvedFormat) -> tuple[int, ...]:
    """Ids whose text, white space and punctuation around it aside, is one of the words, in any case."""
    said = _words_of(fmt.tokenizer)
    return tuple(sorted(i for word in {_bare(w) for w in policy.words} for i in said.get(word, ())))


def unspelled(policy: NoWait, fmt: ResolvedFormat) -> tuple[str, ...]:
    """The words that no single token says: a model can still write them, and nothing here keeps it from that."""
    said = _words_of(fmt.tokenizer)
    return tuple(word for word in policy.words if _bare(word) not in said)


def _bare(text: str) -> str:
    return _AROUND.sub("", text).lower() or text.strip()


@lru_cache(maxsize=4)
def _words_of(tokenizer: Tokenizer) -> dict[str, tuple[int, ...]]:
    """Word -> the ordinary tokens that say it. Kept: a vocabulary of 150,000 takes about a second."""
    found: dict[str, list[int]] = {}
    for i in range(tokenizer.vocab_size):
        if i not in tokenizer.added_ids:
            found.setdefault(_bare(tokenizer.decode([i])), []).append(i)
    return {word: tuple(ids) for word, ids in found.items()}
