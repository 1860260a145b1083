"""What any engine owes a request, held against what it really answered: limit, stops, bans, minimum.

Knows the contract of ``s1kit.engines.base``. Refuses to know policies: a row can keep every rule of its policy because
the machine mended what an engine got wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

from s1kit.engines.base import Chunk, Request
from s1kit.types import EngineInfo


def owed(request: Request, chunk: Chunk, info: EngineInfo) -> Iterator[str]:
    """What is wrong with a request's whole chunk, in words; nothing where the engine kept its word.

    An engine without ids (``exact`` False) is held to the limit only: its text may be cut into tokens otherwise.
    """
    if chunk.finish in ("error", "cancelled", None):
        return
    if len(chunk.tokens) > request.max_tokens:
        yield f"{len(chunk.tokens)} tokens, asked for {request.max_tokens}"
    if not (info.exact and chunk.exact):
        return
    if strange := [token for token in chunk.tokens if not 0 <= token < info.vocab_size]:
        yield f"id {strange[0]} is outside the vocabulary of {info.vocab_size}"
    if banned := set(chunk.tokens).intersection(request.banned_ids):
        yield f"id {min(banned)} was banned"
    if inside := set(chunk.tokens).intersection(request.stop_ids):
        yield f"stop id {min(inside)} is among the tokens"
    full = len(request.prompt_ids) + len(chunk.tokens) >= info.context_len
    if chunk.finish == "length" and len(chunk.tokens) < request.max_tokens and not full:
        yield f"ended by length after {len(chunk.tokens)} of {request.max_tokens} tokens"
    if chunk.finish == "stop":
        if chunk.stop_id is None or chunk.stop_id not in {*request.stop_ids, *(s[0] for s in request.stop_seqs if s)}:
            yield f"it stopped at {chunk.stop_id}, which is no stop of the request"
        if len(chunk.tokens) < request.min_tokens:
            yield f"it stopped after {len(chunk.tokens)} tokens, at least {request.min_tokens} were asked for"
