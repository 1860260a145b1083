"""What policies rest on, each tried with one request: stops, limits, bans, samples that can be continued.

Knows which request shows a promise kept, and when the answer is right. Each is a pair, what to ask and how to judge, so
that several can be asked at once. All of them go on from the greedy reference, without which nothing can be judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s1kit.engines.base import Chunk, Request
from s1kit.engines.probe_ask import Asker, Finding, finding, fresh, said
from s1kit.policies import Sampling
from s1kit.types import EngineInfo

WARM = Sampling(temperature=2.0, seed=7)
"""Hot, so that a model that is sure of itself does not draw the same tokens by chance."""
FEW = 4
"""Tokens that show whether the first one was banned or held back."""

Judge = Callable[[EngineInfo, Chunk, Request, Chunk], Finding]


@dataclass(frozen=True, slots=True)
class Trial:
    """One promise: ``name`` as in EngineInfo where it has a field, what to ask, and how to judge the answer."""

    name: str
    ask: Callable[[Asker, Chunk], Request | None]
    """From the reference; None where it gives nothing to ask with."""
    judge: Judge
    """From the claims, the reference, the request and its whole chunk."""

    def claimed(self, info: EngineInfo) -> bool | None:
        """What EngineInfo says of it; None where it has no such field."""
        claim = getattr(info, self.name, None)
        return claim if isinstance(claim, bool) else None

    def untried(self, info: EngineInfo) -> Finding:
        """The finding where there was nothing to ask with."""
        said = "the reference says the same token again and again"
        return finding(self.name, self.claimed(info), None, said, "try another prompt")


def exact(info: EngineInfo, reference: Chunk) -> Finding:
    """Token ids of this model come back, not text."""
    found = reference.exact and not vocabulary(info, reference)
    detail = f"{len(reference.tokens)} ids came back" if reference.exact else "text came back, encoded again here"
    hint = "counts are approximate and a budget may miss by some tokens; use a server that returns token ids"
    return finding("exact", info.exact, found, detail, hint)


def vocabulary(info: EngineInfo, reference: Chunk) -> list[Finding]:
    """A finding where ids came back that the model cannot have; nothing where they all can be its own."""
    strange = [token for token in reference.tokens if not 0 <= token < info.vocab_size]
    if not strange:
        return []
    detail = f"id {strange[0]} came back, the vocabulary has {info.vocab_size}"
    return [finding("vocabulary", None, False, detail, "tokenizer and model do not belong together")]


def limit(info: EngineInfo, reference: Chunk, asked: int) -> Finding:
    """As many tokens as asked for, unless it stopped."""
    detail = f"asked {asked}: {said(reference)}"
    if reference.finish == "stop":
        hint = "it has stops of its own: a thought that meets one ends there, whatever its minimum"
        return finding("max_tokens", None, None, detail, hint)
    found = reference.finish == "length" and len(reference.tokens) == asked
    hint = "its own limit is lower, or it does not count as asked: no budget can be kept"
    return finding("max_tokens", None, found, detail, hint)


def _ask_stop(asker: Asker, reference: Chunk) -> Request | None:
    at = fresh(reference.tokens)
    return None if at is None else asker.request(at + 2, stop_ids=(reference.tokens[at],))


def _stop(info: EngineInfo, reference: Chunk, request: Request, chunk: Chunk) -> Finding:
    [stop] = request.stop_ids
    at = reference.tokens.index(stop)
    named = (stop,) if info.exact else (stop, None)  # plain OpenAI servers never say which stop it was
    found = chunk.finish == "stop" and chunk.stop_id in named and _reaches(reference, chunk, at)
    hint = "stops are ignored, reported without their id or left in the text: the end of thinking would be missed"
    return finding("stop ids", None, found, f"stop {stop} is token {at}: {said(chunk)}", hint)


def _ask_stop_seq(asker: Asker, reference: Chunk) -> Request | None:
    at = fresh(reference.tokens[:-1])
    return None if at is None else asker.request(at + 3, stop_seqs=(reference.tokens[at : at + 2],))


def _stop_seq(info: EngineInfo, reference: Chunk, request: Request, chunk: Chunk) -> Finding:
    at = reference.tokens.index(request.stop_seqs[0][0])
    found = chunk.finish == "stop" and _reaches(reference, chunk, at)
    hint = "formats whose thinking ends with several tokens cannot be used"
    return finding("stop_seqs", info.stop_seqs, found, f"a stop of two ids at token {at}: {said(chunk)}", hint)


def _reaches(reference: Chunk, chunk: Chunk, at: int) -> bool:
    """Whether a chunk ends where its stop began; as text, a stop may begin inside an earlier token."""
    if reference.exact and chunk.exact:
        return chunk.tokens == reference.tokens[:at]
    return len(chunk.tokens) <= at + 1


def _ask_min(asker: Asker, reference: Chunk) -> Request:
    return asker.request(FEW, stop_ids=(reference.tokens[0],), min_tokens=3)


def _min(info: EngineInfo, reference: Chunk, request: Request, chunk: Chunk) -> Finding:
    found = chunk.finish != "error" and len(chunk.tokens) >= 3 and reference.tokens[0] not in chunk.tokens[:3]
    hint = "the token after a nudge is then protected by banned ids, if the engine has those"
    return finding("min_tokens", info.min_tokens, found, f"first token a stop, at least 3: {said(chunk)}", hint)


def _ask_ban(asker: Asker, reference: Chunk) -> Request:
    return asker.request(FEW, banned_ids=(reference.tokens[0],))


def _ban(info: EngineInfo, reference: Chunk, request: Request, chunk: Chunk) -> Finding:
    banned = reference.tokens[0]
    times = chunk.tokens.count(banned)
    detail = said(chunk) if chunk.finish == "error" else f"id {banned} came {times} times"
    found = chunk.finish != "error" and len(chunk.tokens) > 0 and not times
    hint = 'without it (or min_tokens) "Wait" can be answered by a stop'
    return finding("banned_ids", info.banned_ids, found, detail, hint)


def continued(info: EngineInfo, whole: Chunk, cut: int, rest: Chunk) -> Finding:
    """A sample that was cut and continued is the sample in one piece: common random numbers."""
    hint = "sampled sweeps draw each point by itself"
    failed = next((chunk for chunk in (whole, rest) if chunk.finish == "error"), None)
    if failed is not None:
        return finding("crn", info.crn, False, said(failed), hint)
    if not cut:
        return finding("crn", info.crn, None, f"nothing to cut: {said(whole)}", "try another prompt")
    found = rest.tokens == whole.tokens[cut:]
    detail = f"sampled, cut after {cut} and continued: {'the same' if found else 'another sample'}"
    return finding("crn", info.crn, found, detail, hint)


TRIALS = (
    Trial("stop ids", _ask_stop, _stop),
    Trial("stop_seqs", _ask_stop_seq, _stop_seq),
    Trial("min_tokens", _ask_min, _min),
    Trial("banned_ids", _ask_ban, _ban),
)
"""One request each."""
