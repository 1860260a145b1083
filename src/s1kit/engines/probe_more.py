"""What a user wants to know beyond what policies rest on: repeats, batches, seeds, streams, cache, context.

Knows several requests per finding, one after the other. Refuses to accuse an engine of what it never claimed: a wish
that is not met is ``absent``.
"""

from __future__ import annotations

from collections.abc import Callable

from s1kit.engines.base import Chunk
from s1kit.engines.probe_ask import Asker, Finding, common, finding, said
from s1kit.engines.probe_basic import FEW, WARM, continued
from s1kit.types import EngineInfo

LONG_PROMPT = 8192
"""A context beyond this is not filled to see what happens at its end: that would cost minutes on a real model."""

Probe = Callable[[Asker, EngineInfo, Chunk], Finding]


def repeats(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """The greedy reference a second time."""
    again = asker.ask()
    found = again.tokens == reference.tokens
    same = common(again.tokens, reference.tokens)
    detail = "the same tokens twice" if found else f"the second time differs from token {same} on"
    hint = "greedy decoding is not deterministic here; see --determinism"
    return finding("greedy repeats", None, found, detail, hint)


def batch(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """The reference beside seven other prompts."""
    others = [asker.request(prompt=asker.prompt[i:] + asker.prompt[:i]) for i in range(1, min(8, len(asker.prompt)))]
    own = asker.request()
    got = asker.together([*others, own])[own.id]
    found = got.tokens == reference.tokens
    parts = f"differs from token {common(got.tokens, reference.tokens)} on"
    detail = f"beside {len(others)} others: " + ("the same tokens" if found else parts)
    hint = "what runs beside a row changes it (half precision, usually); see --determinism"
    return finding("batch does not matter", None, found, detail, hint)


def goes_on(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """The reference cut after a third and continued."""
    cut = len(reference.tokens) // 3
    rest = asker.ask(len(reference.tokens) - cut, asker.prompt + reference.tokens[:cut])
    found = rest.tokens == reference.tokens[cut:]
    same = cut + common(rest.tokens, reference.tokens[cut:])
    detail = f"cut after {cut} tokens and continued: " + ("the same" if found else f"differs from token {same} on")
    hint = "a sweep's points are then not exactly separate runs; float32 or the engine's strict mode removes it"
    return finding("cut and continued", None if info.exact else False, found, detail, hint)


def seed(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """Equal seeds give equal samples, another seed another one."""
    first, again, other = (asker.ask(sampling=WARM.model_copy(update={"seed": s})) for s in (7, 7, 8))
    if "error" in (first.finish, again.finish, other.finish):
        return finding("seed", None, False, said(first), "sampling with a seed fails: use temperature 0, or no seed")
    found = first.tokens == again.tokens and first.tokens != other.tokens
    detail = "equal seeds, equal tokens; other seed, others" if found else "a seed does not decide the sample"
    return finding("seed", None, found, detail, "a sampled run cannot be made again token for token")


def crn(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """A sample cut in the middle and continued."""
    whole = asker.ask(sampling=WARM)
    cut = len(whole.tokens) // 2
    if whole.finish == "error" or not cut:
        return continued(info, whole, 0, whole)
    rest = asker.ask(len(whole.tokens) - cut, asker.prompt + whole.tokens[:cut], sampling=WARM)
    return continued(info, whole, cut, rest)


def streams(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """The reference in pieces."""
    request = asker.request(stream=True)
    whole, pieces = asker.pieces([request])[request.id]
    found = whole.tokens == reference.tokens and pieces > 1
    return finding("streams", info.streams, found, f"{pieces} pieces", "tokens appear all at once at the end")


def cancel(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """A long request ended at once, and the engine asked again."""
    request = asker.request(min(512, info.context_len - len(asker.prompt)))
    asker.engine.submit(request)
    asker.engine.cancel(request.id)
    chunk: Chunk | None = None
    while chunk is None or chunk.finish is None:
        chunks = asker.engine.collect()
        if not chunks:
            break
        chunk = next((c for c in chunks if c.request_id == request.id), chunk)
    after = asker.ask(FEW)
    found = chunk is not None and chunk.finish == "cancelled" and after.tokens == reference.tokens[:FEW]
    detail = "nothing came back" if chunk is None else f"ended as {chunk.finish}; {said(after)} afterwards"
    return finding("cancel", None, found, detail, "a row that nobody waits for keeps its slot")


def logprobs(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """The two most likely ids of every token, the chosen one first."""
    chunk = asker.ask(FEW, top_logprobs=2)
    rows = chunk.logprobs or ()
    found = len(rows) == len(chunk.tokens) > 0 and all(
        row and row[0][0] == token and row[0][1] <= 1e-6 for row, token in zip(rows, chunk.tokens, strict=True)
    )
    detail = f"of {len(rows)} of {len(chunk.tokens)} tokens" if chunk.finish != "error" else said(chunk)
    return finding("logprobs", info.logprobs, found, detail, "methods that read confidence cannot be used")


def context(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """A prompt as long as the context is refused; three tokens below it, three fit."""
    if info.context_len > LONG_PROMPT:
        return finding("context", None, None, f"{info.context_len:,} tokens are not filled here", "")
    full = (asker.prompt * (info.context_len // len(asker.prompt) + 1))[: info.context_len]
    refused, cut = asker.ask(1, full), asker.ask(8, full[:-3])
    found = refused.finish == "error" and cut.finish == "length" and 2 <= len(cut.tokens) <= 3
    detail = f"a prompt of {info.context_len} tokens: {refused.finish}; 3 below: {said(cut)}"
    hint = "a long prompt is cut in silence, or the stated context is not its own"
    return finding("context", None, found or None if cut.finish == "stop" else found, detail, hint)


def prefix(asker: Asker, info: EngineInfo, reference: Chunk) -> Finding:
    """A continuation does not run its whole context through the model again."""
    prompt = (asker.prompt * 8)[: max(len(asker.prompt), min(256, info.context_len // 2))]
    first = asker.request(FEW, prompt)
    whole = asker.together([first])[first.id]
    second = asker.ask(FEW, prompt + whole.tokens, continues=first.id)
    if not whole.prefilled and not second.prefilled:
        return finding("prefix reuse", None, None, "the engine does not say what it prefills", "")
    again = len(prompt) + len(whole.tokens)
    found = 2 * second.prefilled < again
    detail = f"prompt tokens run again by a continuation: {second.prefilled} of {again}"
    hint = "every round of forcing pays for the whole context again"
    return finding("prefix reuse", None if found else False, found, detail, hint)  # a wish, not part of the contract


PROBES: tuple[tuple[str, Probe], ...] = (
    ("greedy repeats", repeats),
    ("batch does not matter", batch),
    ("cut and continued", goes_on),
    ("seed", seed),
    ("crn", crn),
    ("streams", streams),
    ("cancel", cancel),
    ("logprobs", logprobs),
    ("context", context),
    ("prefix reuse", prefix),
)
