"""What an engine really honours, tried out: a dozen small requests, each with one right outcome.

Knows the Engine protocol and what its words mean. Refuses to trust ``EngineInfo``: that is what is held against the
findings. Refuses to repair anything, too: ``corrected`` only takes back what was claimed and not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from s1kit.engines.base import GREEDY, Chunk, Engine, Request, join_chunks
from s1kit.policies import Sampling
from s1kit.types import EngineInfo, Record

Ids = tuple[int, ...]
LENGTH = 24
"""Tokens of the reference continuation: long enough for a stop in the middle, short enough for a slow server."""
WARM = Sampling(temperature=1.0, seed=7)
LONG_PROMPT = 8192
"""A context beyond this is not filled to see what happens at its end: that would cost minutes on a real model."""


class Finding(Record):
    """One thing that was tried."""

    probe: str
    claimed: bool | None
    """What EngineInfo says; None where it says nothing."""
    found: bool | None
    """None: it could not be tried."""
    detail: str
    """What was seen, with numbers."""
    hint: str = ""
    """What it means for whoever uses the engine; empty where it works."""

    @property
    def verdict(self) -> Literal["ok", "absent", "wrong", "not tried", "more than claimed"]:
        """``wrong``: claimed (or owed by every engine) and not found. ``absent``: not there, and not claimed."""
        if self.found is None:
            return "not tried"
        if self.claimed is False:
            return "more than claimed" if self.found else "absent"
        return "ok" if self.found else "wrong"


@dataclass(slots=True)
class Asker:
    """Runs requests on an engine one after the other, or several at once, to their last chunk."""

    engine: Engine
    prompt: Ids
    _numbers: count[int] = field(default_factory=count)

    def request(self, max_tokens: int = LENGTH, prompt: Ids | None = None, **fields: object) -> Request:
        """A request on the probe's prompt, greedy unless told otherwise."""
        name = f"probe/{next(self._numbers)}"
        return replace(Request(name, self.prompt if prompt is None else prompt, max_tokens, sampling=GREEDY), **fields)  # type: ignore[arg-type]

    def ask(self, max_tokens: int = LENGTH, prompt: Ids | None = None, **fields: object) -> Chunk:
        """One request's whole chunk."""
        request = self.request(max_tokens, prompt, **fields)
        return self.together([request])[request.id]

    def together(self, requests: Sequence[Request]) -> dict[str, Chunk]:
        """Whole chunks by request id, all of them in flight at once."""
        return {name: whole for name, (whole, _) in self.pieces(requests).items()}

    def pieces(self, requests: Sequence[Request]) -> dict[str, tuple[Chunk, int]]:
        """Whole chunks and how many pieces they came in."""
        whole: dict[str, tuple[Chunk, int]] = {}
        for request in requests:
            self.engine.submit(request)
        open_ids = {request.id for request in requests}
        while open_ids:
            chunks = self.engine.collect()
            if not chunks:
                for name in open_ids:
                    whole[name] = (Chunk(name, (), "error", error="the engine has nothing to say about it"), 0)
                break
            for chunk in chunks:
                before = whole.get(chunk.request_id)
                joined = chunk if before is None else join_chunks(before[0], chunk)
                whole[chunk.request_id] = (joined, 1 if before is None else before[1] + 1)
                if chunk.finish is not None:
                    open_ids.discard(chunk.request_id)
        return whole


Probe = Callable[[Asker, EngineInfo, Chunk], Finding]


def probe(engine: Engine, prompt: Ids) -> list[Finding]:
    """Every finding, the most basic first. An engine that does not answer at all gives one."""
    asker = Asker(engine, prompt)
    reference = asker.ask()
    if reference.finish == "error":
        return [_finding("answers", None, False, reference.error or "an error", "is it running, and is it this model?")]
    if not reference.tokens:
        return [_finding("answers", None, False, "no tokens came back", "it may stop by itself at an end of turn")]
    return [tried(asker, engine.info, reference) for tried in PROBES]


def corrected(info: EngineInfo, findings: Sequence[Finding]) -> EngineInfo:
    """``info`` without what was claimed and not found, so that a policy that needs it is refused."""
    gone = {f.probe: False for f in findings if f.verdict == "wrong" and f.probe in EngineInfo.model_fields}
    return info.model_copy(update=gone)


def _finding(name: str, claimed: bool | None, found: bool | None, detail: str, hint: str) -> Finding:
    return Finding(probe=name, claimed=claimed, found=found, detail=detail, hint="" if found else hint)


def _said(chunk: Chunk) -> str:
    at = f" at id {chunk.stop_id}" if chunk.stop_id is not None else ""
    return chunk.error or f"{len(chunk.tokens)} tokens, {chunk.finish}{at}"


def _exact(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    known = all(0 <= token < info.vocab_size for token in reference.tokens)
    detail = f"{len(reference.tokens)} ids came back" if reference.exact else "text came back, encoded again here"
    hint = "counts are approximate and a budget may miss by some tokens; use a server that returns token ids"
    return _finding("exact", info.exact, known and reference.exact, detail, hint)


def _length(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    found = reference.finish == "length" and len(reference.tokens) == LENGTH
    hint = "it ends by itself at stops of its own; a minimum of thinking cannot be kept"
    return _finding("max_tokens", None, found, f"asked {LENGTH}: {_said(reference)}", hint)


def _repeats(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    again = asker.ask()
    same = _common(again.tokens, reference.tokens)
    found = again.tokens == reference.tokens
    detail = "the same tokens twice" if found else f"the second time differs from token {same} on"
    return _finding(
        "greedy repeats", None, found, detail, "greedy decoding is not deterministic here; see --determinism"
    )


def _batch(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    others = [asker.request(prompt=asker.prompt[i:] + asker.prompt[:i]) for i in range(1, min(8, len(asker.prompt)))]
    own = asker.request()
    found = asker.together([*others, own])[own.id]
    same = _common(found.tokens, reference.tokens)
    detail = f"beside {len(others)} others: " + (
        "the same tokens" if found.tokens == reference.tokens else f"differs from token {same} on"
    )
    hint = "what runs beside a row changes it (half precision, usually); see --determinism"
    return _finding("batch does not matter", None, found.tokens == reference.tokens, detail, hint)


def _continues(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    cut = len(reference.tokens) // 3
    rest = asker.ask(len(reference.tokens) - cut, asker.prompt + reference.tokens[:cut])
    found = rest.tokens == reference.tokens[cut:]
    same = cut + _common(rest.tokens, reference.tokens[cut:])
    detail = f"cut after {cut} tokens and continued: " + ("the same" if found else f"differs from token {same} on")
    hint = "a sweep's points are then not exactly separate runs; float32 or the engine's strict mode removes it"
    return _finding("cut and continued", None, found, detail, hint)


def _stop_ids(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    at = _fresh(reference.tokens)
    if at is None:
        return _finding("stop ids", None, None, "the reference repeats one token", "try another prompt")
    stop = reference.tokens[at]
    chunk = asker.ask(stop_ids=(stop,))
    found = chunk.finish == "stop" and chunk.tokens == reference.tokens[:at] and chunk.stop_id == stop
    hint = "stops are ignored, reported without their id or left in the text: the end of thinking would be missed"
    return _finding("stop ids", None, found, f"stop {stop} is token {at}: {_said(chunk)}", hint)


def _stop_seqs(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    at = _fresh(reference.tokens[:-1])
    if at is None:
        return _finding("stop_seqs", info.stop_seqs, None, "the reference repeats one token", "try another prompt")
    chunk = asker.ask(stop_seqs=(reference.tokens[at : at + 2],))
    found = chunk.finish == "stop" and chunk.tokens == reference.tokens[:at]
    hint = "formats whose thinking ends with several tokens cannot be used"
    return _finding("stop_seqs", info.stop_seqs, found, f"a stop of two ids at token {at}: {_said(chunk)}", hint)


def _min_tokens(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    stop = reference.tokens[0]
    chunk = asker.ask(stop_ids=(stop,), min_tokens=3)
    found = chunk.finish != "error" and len(chunk.tokens) >= 3 and stop not in chunk.tokens[:3]
    hint = "the token after a nudge is then protected by banned ids, if the engine has those"
    return _finding("min_tokens", info.min_tokens, found, f"first token a stop, at least 3: {_said(chunk)}", hint)


def _banned(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    banned = reference.tokens[0]
    chunk = asker.ask(banned_ids=(banned,))
    found = chunk.finish != "error" and len(chunk.tokens) > 0 and banned not in chunk.tokens
    times = chunk.tokens.count(banned)
    detail = _said(chunk) if chunk.finish == "error" else f"id {banned} came {times} times"
    return _finding(
        "banned_ids", info.banned_ids, found, detail, 'without it (or min_tokens) "Wait" can be answered by a stop'
    )


def _seed(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    first, again, other = (asker.ask(sampling=WARM.model_copy(update={"seed": s})) for s in (7, 7, 8))
    if "error" in (first.finish, again.finish, other.finish):
        return _finding("seed", None, False, _said(first), "sampling with a seed fails: use temperature 0, or no seed")
    found = first.tokens == again.tokens and first.tokens != other.tokens
    detail = "equal seeds, equal tokens; other seed, others" if found else "a seed does not decide the sample"
    return _finding("seed", None, found, detail, "a sampled run cannot be made again token for token")


def _crn(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    whole = asker.ask(sampling=WARM)
    cut = len(whole.tokens) // 2
    if whole.finish == "error" or not cut:
        return _finding("crn", info.crn, False, _said(whole), "sampled sweeps draw each point by itself")
    rest = asker.ask(len(whole.tokens) - cut, asker.prompt + whole.tokens[:cut], sampling=WARM)
    found = rest.tokens == whole.tokens[cut:]
    detail = f"sampled, cut after {cut} and continued: {'the same' if found else 'another sample'}"
    return _finding("crn", info.crn, found, detail, "sampled sweeps draw each point by itself")


def _stream(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    request = asker.request(stream=True)
    whole, pieces = asker.pieces([request])[request.id]
    found = whole.tokens == reference.tokens and pieces > 1
    return _finding("streams", None, found, f"{pieces} pieces", "tokens appear all at once at the end")


def _cancel(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    request = asker.request(max_tokens=min(512, info.context_len - len(asker.prompt)))
    asker.engine.submit(request)
    asker.engine.cancel(request.id)
    last = asker.pieces([])  # nothing new: only what is still in flight
    chunk: Chunk | None = None
    while chunk is None or chunk.finish is None:
        chunks = asker.engine.collect()
        if not chunks:
            break
        chunk = next((c for c in chunks if c.request_id == request.id), chunk)
    after = asker.ask(4)
    found = not last and chunk is not None and chunk.finish == "cancelled" and after.tokens == reference.tokens[:4]
    detail = "nothing came back" if chunk is None else f"ended as {chunk.finish}; {_said(after)} afterwards"
    return _finding("cancel", None, found, detail, "a row that nobody waits for keeps its slot")


def _logprobs(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    chunk = asker.ask(4, top_logprobs=2)
    rows = chunk.logprobs or ()
    found = len(rows) == len(chunk.tokens) > 0 and all(
        row and row[0][0] == token and row[0][1] <= 1e-6 for row, token in zip(rows, chunk.tokens, strict=True)
    )
    detail = f"of {len(rows)} of {len(chunk.tokens)} tokens" if chunk.finish != "error" else _said(chunk)
    return _finding("logprobs", info.logprobs, found, detail, "methods that read confidence cannot be used")


def _context(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    if info.context_len > LONG_PROMPT:
        return _finding("context", None, None, f"{info.context_len:,} tokens are not filled here", "")
    full = (asker.prompt * (info.context_len // len(asker.prompt) + 1))[: info.context_len]
    refused, cut = asker.ask(1, full), asker.ask(8, full[:-3])
    found = refused.finish == "error" and cut.finish == "length" and 2 <= len(cut.tokens) <= 3
    detail = f"a prompt of {info.context_len} tokens: {refused.finish}; 3 below: {_said(cut)}"
    return _finding(
        "context", None, found, detail, "a long prompt is cut in silence, or the stated context is not its own"
    )


def _prefix(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    prompt = (asker.prompt * 8)[: max(len(asker.prompt), min(256, info.context_len // 2))]
    first = asker.request(4, prompt)
    whole = asker.together([first])[first.id]
    second = asker.ask(4, prompt + whole.tokens, continues=first.id)
    if not whole.prefilled and not second.prefilled:
        return _finding("prefix reuse", None, None, "the engine does not say what it prefills", "")
    detail = f"prompt tokens run again by a continuation: {second.prefilled} of {len(prompt) + len(whole.tokens)}"
    found = 2 * second.prefilled < len(prompt) + len(whole.tokens)
    hint = "every round of forcing pays for the whole context again"
    return _finding("prefix reuse", None if found else False, found, detail, hint)  # a wish, not part of the contract


PROBES: tuple[Probe, ...] = (
    *(_exact, _length, _repeats, _batch, _continues, _stop_ids, _stop_seqs, _min_tokens, _banned),
    *(_seed, _crn, _stream, _cancel, _logprobs, _context, _prefix),
)


def _common(left: Ids, right: Ids) -> int:
    """Length of the common beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _fresh(tokens: Ids) -> int | None:
    """First position, not the first token, whose id did not come before; None where there is none."""
    return next((i for i in range(1, len(tokens)) if tokens[i] not in tokens[:i]), None)
