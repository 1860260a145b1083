"""Where a text begins in ids: the tokens that hold it, and how it is spelled alone.

Knows a vocabulary. Refuses to know what the text is good for: steps, turns of a thought and ends of lines are others'.
"""

from __future__ import annotations

from functools import lru_cache

from s1kit.tokenizer import Tokenizer

Ids = tuple[int, ...]


@lru_cache(maxsize=16)
def spellings(tokenizer: Tokenizer, text: str) -> tuple[Ids, tuple[Ids, ...]]:
    r"""``(single ids, sequences)`` to stop at where a model is to stop at ``text``; both empty for an empty text.

    Any single id whose text holds it counts (``.\n\n`` is one token to Qwen), and its spelling alone where that takes
    several ids. What a model spells over ids in yet another way is missed.
    """
    alone = tokenizer.encode(text)
    if not text or not alone:
        return (), ()
    single, several = (alone, ()) if len(alone) == 1 else ((), (alone,))
    return tuple(dict.fromkeys((*single, *holding(tokenizer, text)))), several


@lru_cache(maxsize=16)
def holding(tokenizer: Tokenizer, text: str) -> Ids:
    """Ids of ordinary tokens whose own text holds ``text``. Kept: a vocabulary of 150,000 takes about a second."""
    ordinary = (i for i in range(tokenizer.vocab_size) if i not in tokenizer.added_ids)
    return tuple(i for i in ordinary if text in tokenizer.decode([i]))
