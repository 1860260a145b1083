"""What an engine is: two methods, ``submit`` and ``collect``, and the values that pass through them.

Knows token ids, limits and stops. Refuses to know what thinking is: an engine continues token sequences, and every
rule about budgets lives in ``s1kit.forcing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from s1kit.errors import UserError
from s1kit.policies import Sampling
from s1kit.types import EngineInfo

Finish = Literal["stop", "length", "error", "cancelled"]
GREEDY = Sampling()


class EngineError(UserError, RuntimeError):
    """An engine that cannot start or go on at all. What fails for one row only is a Chunk with ``finish="error"``."""


@dataclass(frozen=True, slots=True)
class Request:
    """Continue ``prompt_ids`` by at most ``max_tokens`` tokens."""

    id: str
    """Unique per round."""
    prompt_ids: tuple[int, ...]
    max_tokens: int
    """At least 1."""
    stop_ids: tuple[int, ...] = ()
    """Generating one of these ends the request; it is reported as ``stop_id`` and is not among the tokens."""
    stop_seqs: tuple[tuple[int, ...], ...] = ()
    """Stops of several ids each, matched on ids; the match is trimmed and never streamed."""
    min_tokens: int = 0
    """Stop ids are banned until this many tokens are out; stop sequences do not count until then."""
    banned_ids: tuple[int, ...] = ()
    sampling: Sampling = GREEDY
    stream: bool = False
    """Partial chunks (``finish=None``) come first."""
    continues: str | None = None
    """Id of the request whose context this one extends: a hint for re-using its KV cache, never more. In a sweep that
    request may have gone on further than this one's prompt, so an engine compares ids and keeps the common prefix."""
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one request: a delta. The last one carries ``finish``."""

    request_id: str
    tokens: tuple[int, ...]
    finish: Finish | None
    stop_id: int | None = None
    """The id it stopped at; for a stop sequence its first id."""
    logprobs: tuple[tuple[tuple[int, float], ...], ...] | None = None
    """Per token the ``top_logprobs`` most likely ids with natural-log probabilities, most likely first."""
    error: str | None = None
    exact: bool = True
    elapsed: float = 0.0
    """Seconds from submit to this chunk (partial chunks: since the one before)."""
    paid: int | None = None
    """Tokens that were really generated for this chunk; None: all of them (a sweep serves some from its store)."""
    prefilled: int = 0
    """Prompt tokens that the engine had to run through the model before the first new one."""


class Engine(Protocol):
    """Anything that continues token sequences."""

    info: EngineInfo

    def submit(self, request: Request) -> None:
        """Queue a request. Never blocks, never generates. A second request with a live id raises ValueError."""

    def collect(self) -> list[Chunk]:
        """Block until something can be said about a submitted request; ``[]`` only if nothing is in flight."""

    def cancel(self, request_id: str) -> None:
        """End a request early: its last chunk has ``finish="cancelled"``. An unknown or finished id is ignored."""

    def close(self) -> None:
        """Give back memory and processes. The engine cannot be used afterwards."""


def refusal(request: Request, info: EngineInfo) -> str | None:
    """Why this engine cannot run the request at all, as one sentence for the row's error; None when it can.

    Shared by engines so that every one refuses the same rows with the same words.
    """
    if not request.prompt_ids:
        return "the prompt is empty: there is nothing to continue"
    if request.max_tokens < 1:
        return f"max_tokens is {request.max_tokens}; ask for at least 1"
    unknown = [i for i in request.prompt_ids if not 0 <= i < info.vocab_size]
    if unknown:
        return f"token id {unknown[0]} is outside the model's vocabulary (0..{info.vocab_size - 1})"
    if len(request.prompt_ids) >= info.context_len:
        return f"the prompt has {len(request.prompt_ids)} tokens, the context holds {info.context_len}"
    asked = {"min_tokens": request.min_tokens, "stop_seqs": request.stop_seqs, "banned_ids": request.banned_ids}
    unable = [name for name, value in asked.items() if value and not getattr(info, name)]
    if unable:
        return f"engine {info.name} does not honour {', '.join(unable)}"
    return None


def join_chunks(first: Chunk, second: Chunk) -> Chunk:
    """Two deltas of one request as one chunk; the later one's finish counts."""
    logprobs = None
    if first.logprobs is not None or second.logprobs is not None:
        logprobs = (first.logprobs or ()) + (second.logprobs or ())
    paid = None
    if first.paid is not None or second.paid is not None:
        paid = (len(first.tokens) if first.paid is None else first.paid) + (
            len(second.tokens) if second.paid is None else second.paid
        )
    return Chunk(
        request_id=first.request_id,
        tokens=first.tokens + second.tokens,
        finish=second.finish,
        stop_id=second.stop_id,
        logprobs=logprobs,
        error=second.error,
        exact=first.exact and second.exact,
        elapsed=first.elapsed + second.elapsed,
        paid=paid,
        prefilled=first.prefilled + second.prefilled,
    )


class StopMatcher:
    """Matches multi-id stops in a growing list of tokens, and says how many tokens are safe to stream.

    The last ``n - 1`` tokens are withheld, n the longest stop: they might be the beginning of one.
    """

    def __init__(self, stop_seqs: tuple[tuple[int, ...], ...], min_tokens: int = 0) -> None:
        self._seqs = sorted((s for s in stop_seqs if s), key=len, reverse=True)  # the one that began first counts
        self._min_tokens = min_tokens
        self.withheld = max((len(s) for s in self._seqs), default=1) - 1

    def match(self, tokens: list[int]) -> tuple[int, ...] | None:
        """The stop that ``tokens`` now ends with, if any; one that begins before ``min_tokens`` does not count."""
        for seq in self._seqs:
            start = len(tokens) - len(seq)
            if start >= self._min_tokens and tuple(tokens[start:]) == seq:
                return seq
        return None
