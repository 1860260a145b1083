"""One request from its fields to its reply: queued, listened to, given up in time.

Knows the scheduler, outboxes, time limits and replies. Refuses to know routes and sockets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from s1kit.engines.probe import Finding
from s1kit.serve.body import parse_json
from s1kit.serve.errors import ApiError
from s1kit.serve.fields import Asked, Endpoint, Rules, read_fields
from s1kit.serve.live import Done, Event, Piece
from s1kit.serve.metrics import Metrics
from s1kit.serve.outbox import Outbox
from s1kit.serve.prompts import Model, Prepared, prepare
from s1kit.serve.replies import END, SILENCE, Replies, sse
from s1kit.serve.scheduler import BEHIND, Job, Scheduler
from s1kit.types import Phase

LONG = 20_000
"""Characters from which a prompt is tokenised in a thread, so that streams go on meanwhile."""
SILENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take."""

    body_bytes: int = 4 * 2**20
    prompt_characters: int = 2**20
    seconds: float = 600.0
    """From a request's arrival to the end of its reply."""
    body_seconds: float = 30.0
    stall_seconds: float = 60.0
    """A stream whose reader takes nothing for so long is cut."""


class Service:
    """Answers requests over one scheduler."""

    def __init__(
        self,
        model: Model,
        rules: Rules,
        limits: Limits,
        scheduler: Scheduler,
        metrics: Metrics,
        findings: Sequence[Finding] = (),
    ) -> None:
        """``findings``: what was tried at the start; ``model.info`` has what is left of the engine's claims."""
        self.model = model
        self.rules = rules
        self.limits = limits
        self.scheduler = scheduler
        self.metrics = metrics
        self.findings = tuple(findings)

    async def read(self, raw: bytes, endpoint: Endpoint) -> tuple[Asked, Prepared]:
        """What a body asks for, in ids. Raises ApiError."""
        asked = read_fields(parse_json(raw), endpoint, self.rules)
        if asked.model not in (None, self.model.name):
            raise ApiError(
                f"the model {asked.model!r} is not served here; use {self.model.name!r}",
                status=404,
                param="model",
                code="model_not_found",
            )
        if len(raw) > LONG:
            return asked, await asyncio.to_thread(prepare, asked, self.model, self.limits.prompt_characters)
        return asked, prepare(asked, self.model, self.limits.prompt_characters)

    def open(self, asked: Asked, prepared: Prepared) -> Exchange:
        """Queue it. Raises ApiError where there is no room."""
        job = Job(prepared, Outbox(), asked.stop, asked.stream)
        self.scheduler.offer(job)
        return Exchange(self, asked, job)


class Exchange:
    """One queued request. ``close`` gives its slots back; to be called however it ends."""

    def __init__(self, service: Service, asked: Asked, job: Job) -> None:
        self._service = service
        self._job = job
        self._replies = Replies(asked, job.prepared, service.model.name)
        self._usage = asked.usage_in_stream
        self._rows = len(job.prepared.rows)
        self._started = time.monotonic()
        self._deadline = self._started + service.limits.seconds
        self._silent = True
        self._done: list[Done] = []

    def close(self) -> None:
        """Over: what is still running is cancelled."""
        if len(self._done) < self._rows:
            self._service.scheduler.drop(self._job)
        self._service.metrics.observe("s1_request_seconds", time.monotonic() - self._started)

    async def whole(self) -> dict[str, Any]:
        """The reply once everything is there. Raises ApiError where a choice failed or time ran out."""
        texts: list[dict[Phase, list[str]]] = [{"think": [], "answer": []} for _ in range(self._rows)]
        while len(self._done) < self._rows:
            for event in await self._take(self._service.limits.seconds):
                if isinstance(event, Piece):
                    texts[event.index][event.phase].append(event.text)
        self._done.sort(key=lambda done: done.index)
        return self._replies.whole([{p: "".join(t) for p, t in text.items()} for text in texts], self._done)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The reply as server-sent events. An error that comes too late for a status is an event of its own."""
        try:
            for index in range(self._rows):
                yield self._replies.opening(index)
            while len(self._done) < self._rows:
                events = await self._take(SILENT_SECONDS)
                yield self._written(events) if events else SILENCE
        except ApiError as error:
            yield sse(error.body()) + END
            return
        self._done.sort(key=lambda done: done.index)
        yield (self._replies.usage_event(self._done) if self._usage else b"") + END

    def _written(self, events: list[Event]) -> bytes:
        """Events as bytes; pieces of one choice, phase and origin that waited together go out together."""
        parts: list[bytes] = []
        said: dict[int, Piece] = {}
        for event in events:
            before = said.get(event.index)
            if before is not None and isinstance(event, Piece) and before.goes_on(event):
                said[event.index] = replace(event, text=before.text + event.text)
                continue
            if before is not None:
                parts.append(self._replies.piece(said.pop(event.index)))
            if isinstance(event, Done):
                parts.append(self._replies.closing(event))
            else:
                said[event.index] = event
        return b"".join([*parts, *(self._replies.piece(piece) for piece in said.values())])

    async def _take(self, seconds: float) -> list[Event]:
        """News, or nothing after ``seconds``. Raises ApiError: failed, or out of time."""
        left = self._deadline - time.monotonic()
        events = await self._job.outbox.take(min(seconds, max(0.0, left))) if left > 0 else []
        if not events and time.monotonic() >= self._deadline:
            limit = self._service.limits.seconds
            raise ApiError(
                f"the reply was not complete after {limit:g} seconds; ask for a smaller budget, or start the server "
                "with a larger --timeout",
                status=504,
                code="timeout",
            )
        if len(events) > BEHIND // 2:
            self._service.scheduler.wake(self._job)
        for event in events:
            if isinstance(event, Piece):
                if self._silent:
                    self._service.metrics.observe("s1_first_token_seconds", time.monotonic() - self._started)
                    self._silent = False
                continue
            self._done.append(event)
            if event.generation.error is not None:
                raise ApiError(
                    f"choice {event.index} failed: {event.generation.error}", status=500, code="generation_failed"
                )
        return events
