"""A request on its way through the hf engine.

Knows its context, what of it is in the cache and what was already reported. Refuses to know the model and the other
requests.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch

from s1kit.engines.base import Chunk, Finish, Request, StopMatcher
from s1kit.engines.hf_sample import Draw
from s1kit.engines.hf_slots import Slot


@dataclass(slots=True, eq=False)
class Live:
    """A request that is not over. ``ids`` is its context: the prompt and everything generated."""

    request: Request
    ids: list[int]
    matcher: StopMatcher
    banned: torch.Tensor | None
    held_back: torch.Tensor | None
    """Bans while fewer than ``min_tokens`` are out: the stops too."""
    spoke: float
    """When its last chunk left, at first when it was submitted."""
    refused: str | None = None
    slot: Slot | None = None
    sent: int = 0
    prefilled: int = 0
    waited: int = 0
    cancelled: bool = False
    logprobs: list[tuple[tuple[int, float], ...]] = field(default_factory=list)

    @property
    def n_prompt(self) -> int:
        """Ids given, as against generated."""
        return len(self.request.prompt_ids)

    @property
    def n_new(self) -> int:
        """Ids generated."""
        return len(self.ids) - self.n_prompt

    @property
    def home(self) -> Slot:
        """The slot of an admitted request."""
        assert self.slot is not None
        return self.slot

    @property
    def behind(self) -> int:
        """Ids whose keys and values are not in the cache yet; at least 1 between passes."""
        return len(self.ids) - len(self.home.ids)

    def next_ids(self, count: int) -> list[int]:
        """At most ``count`` of the ids that come next into the cache."""
        start = len(self.home.ids)
        return self.ids[start : start + count]

    def draw(self) -> Draw:
        """How the token after ``ids`` is drawn."""
        banned = self.held_back if self.n_new < self.request.min_tokens else self.banned
        return Draw(self.request.sampling, len(self.ids), banned, self.ids)

    def chunk(self, upto: int, finish: Finish | None, stop_id: int | None = None, error: str | None = None) -> Chunk:
        """What is new since the last chunk, up to ``upto`` generated tokens."""
        now = time.perf_counter()
        chunk = Chunk(
            request_id=self.request.id,
            tokens=tuple(self.ids[self.n_prompt + self.sent : self.n_prompt + upto]),
            finish=finish,
            stop_id=stop_id,
            logprobs=tuple(self.logprobs[self.sent : upto]) if self.request.top_logprobs else None,
            error=error,
            elapsed=now - self.spoke,
            prefilled=self.prefilled,
        )
        self.sent, self.prefilled, self.spoke = upto, 0, now
        return chunk
