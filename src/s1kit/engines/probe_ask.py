"""What trying out an engine is made of: a finding, and somebody who asks.

Knows how requests are put and their chunks joined. Refuses to know what is asked, and what would be right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

from s1kit.engines.base import GREEDY, Chunk, Engine, Request, join_chunks
from s1kit.tokenizer import Tokenizer
from s1kit.types import Record

Ids = tuple[int, ...]
Verdict = Literal["ok", "absent", "ignored", "wrong", "not tried", "more than claimed"]


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
    accepted: bool = False
    """It was asked for and taken without complaint."""

    @property
    def verdict(self) -> Verdict:
        """``wrong``: claimed (or owed by every engine) and not found. ``absent``: not there, and not claimed;
        ``ignored``: that too, but whoever asks for it is not told."""
        if self.found is None:
            return "not tried"
        if self.claimed is False:
            return "more than claimed" if self.found else "ignored" if self.accepted else "absent"
        return "ok" if self.found else "wrong"


def finding(name: str, claimed: bool | None, found: bool | None, detail: str, hint: str) -> Finding:
    """A finding whose hint is left out where all is well."""
    return Finding(probe=name, claimed=claimed, found=found, detail=detail, hint="" if found else hint)


@dataclass(slots=True)
class Asker:
    """Runs requests on an engine one after the other, or several at once, to their last chunk."""

    engine: Engine
    prompt: Ids
    length: int = 24
    """Tokens of the reference continuation: long enough for a stop in the middle, short enough for a slow server."""
    _numbers: count[int] = field(default_factory=count)

    def request(self, max_tokens: int | None = None, prompt: Ids | None = None, **fields: object) -> Request:
        """A request on the probe's prompt, greedy unless told otherwise.

        As in a run, ids of the padded vocabulary are banned: some engines crash when they are fed back.
        """
        name = f"probe/{next(self._numbers)}"
        ids = self.prompt if prompt is None else prompt
        fields["banned_ids"] = (*self._padding(), *fields.get("banned_ids", ()))  # type: ignore[misc]
        return replace(Request(name, ids, max_tokens or self.length, sampling=GREEDY), **fields)  # type: ignore[arg-type]

    def ask(self, max_tokens: int | None = None, prompt: Ids | None = None, **fields: object) -> Chunk:
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

    def _padding(self) -> Ids:
        tokenizer = getattr(self.engine, "tokenizer", None)
        if not isinstance(tokenizer, Tokenizer) or not self.engine.info.banned_ids:
            return ()
        return tuple(range(tokenizer.vocab_size, self.engine.info.vocab_size))


def said(chunk: Chunk) -> str:
    """A chunk in a few words."""
    at = f" at id {chunk.stop_id}" if chunk.stop_id is not None else ""
    return chunk.error or f"{len(chunk.tokens)} tokens, {chunk.finish}{at}"


def common(left: Ids, right: Ids) -> int:
    """Length of the common beginning."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def fresh(tokens: Ids) -> int | None:
    """First position, not the first token, whose id did not come before; None where there is none."""
    return next((i for i in range(1, len(tokens)) if tokens[i] not in tokens[:i]), None)
