"""NoWait in ids: which tokens say one of the words. The policy and its source: ``s1kit.policies.no_wait``.

Knows a vocabulary. Refuses to ban a word in silence that the vocabulary can only spell in several tokens.
"""

from __future__ import annotations

from functools import lru_cache

from s1kit.formats import ResolvedFormat
from s1kit.policies import NoWait
from s1kit.tokenizer import Tokenizer


def unsaid(policy: NoWait, fmt: ResolvedFormat) -> tuple[int, ...]:
    """Ids whose text, white space and punctuation around it aside, is one of the words, in any case."""
    return _saying(fmt.tokenizer, policy.words)


@lru_cache(maxsize=8)
def _saying(tokenizer: Tokenizer, words: tuple[str, ...]) -> tuple[int, ...]:
    wanted = {word.strip().lower() for word in words}
    ordinary = (i for i in range(tokenizer.vocab_size) if i not in tokenizer.added_ids)
    return tuple(i for i in ordinary if tokenizer.decode([i]).strip(" \t\n.,:;!?").lower() in wanted)
