"""The process: a listening socket, uvicorn around the application, and an orderly end.

Knows addresses, signals and grace. Refuses to listen beyond this machine without a key unless told to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import uvicorn

from s1kit.engines.base import Engine
from s1kit.engines.probe import Finding, corrected
from s1kit.errors import UserError
from s1kit.formats import ResolvedFormat
from s1kit.serve.app import build_app
from s1kit.serve.connection import Connection
from s1kit.serve.fields import Rules
from s1kit.serve.hosts import loopback
from s1kit.serve.metrics import Metrics
from s1kit.serve.prompts import Model
from s1kit.serve.scheduler import Scheduler
from s1kit.serve.service import Limits, Service

log = logging.getLogger(__name__)
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel may hold for one reader: a slow one is felt soon, and costs little memory."""
AFTER_GRACE = 5.0
"""Seconds in which clients can take their last error, once the time to finish is over."""


class ServeError(UserError, ValueError):
    """A server that cannot start as told."""


@dataclass(frozen=True, slots=True)
class Process:
    """How the process listens and ends."""

    host: str = "127.0.0.1"
    port: int = 8000
    key: str | None = None
    public: bool = False
    """Listen beyond this machine without a key."""
    grace: float = 30.0
    """Seconds that running requests have to finish after SIGTERM."""
    concurrency: int | None = None
    """Rows in the engine at once; None: its slots."""
    waiting: int = 64
    """Rows that may wait for a place."""
    hosts: tuple[str, ...] = ()
    """Names that the server answers to, beside those of this machine."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """What HostGuard lets through; None: any name, since others are meant to reach this address."""
        return self.hosts if self.hosts or loopback(self.host) else None


def key_from(variable: str | None) -> str | None:
    """The API key in an environment variable. Raises ServeError where it is named and not there."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ServeError(f"the environment variable {variable} is empty\nhint: export {variable}=... first")
    return key


def refuse_public(process: Process) -> None:
    """Raise ServeError for an address that others can reach, without a key."""
    if process.key is None and not process.public and not loopback(process.host):
        raise ServeError(
            f"{process.host} can be reached from other machines, and no key is asked for\n"
            "hint: name one with --api-key-env, listen on 127.0.0.1, or say --public"
        )


def build_service(
    engine: Engine,
    fmt: ResolvedFormat,
    name: str,
    rules: Rules,
    limits: Limits,
    process: Process,
    findings: Sequence[Finding] = (),
) -> Service:
    """Everything but the socket: what the tests start too. ``findings``: of the check at the start."""
    if process.waiting < rules.most_choices:
        raise ServeError(f"waiting={process.waiting} rows cannot hold a request of {rules.most_choices} choices")
    metrics = Metrics()
    scheduler = Scheduler(
        engine, metrics, concurrency=process.concurrency or engine.info.slots, waiting=process.waiting
    )
    model = Model.make(name, fmt, corrected(engine.info, findings))
    return Service(model, rules, limits, scheduler, metrics, findings)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServeError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # connections inherit it
        sock.bind((host, port))
        sock.listen(2048)
    except (OSError, OverflowError) as error:
        sock.close()
        raise ServeError(f"cannot listen on {host}:{port}: {error}\nhint: choose another --port or --host") from error
    return sock


class GracefulServer(uvicorn.Server):
    """Finishes what runs when it is told to stop, and ends the rest with an error once the grace is over."""

    def __init__(self, service: Service, process: Process) -> None:
        config = uvicorn.Config(
            build_app(service, process.key, process.names),
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(process.grace + AFTER_GRACE),
        )
        super().__init__(config)
        self._service = service
        self._grace = process.grace

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A first signal ends in order, with exit code 0; a second Ctrl-C does not wait."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, wait for what runs, fail what is late."""
        scheduler = self._service.scheduler
        scheduler.draining = True
        if rows := scheduler.gauges()["s1_rows_open"]:
            log.warning("shutting down: %d open rows have %g seconds (Ctrl-C: none)", rows, self._grace)
        late = asyncio.get_running_loop().call_later(
            self._grace,
            scheduler.fail_all,
            f"the server is shutting down and waited {self._grace:g} seconds; ask again",
        )
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()


def run(service: Service, process: Process, sock: socket.socket) -> None:
    """Serve on ``sock`` until SIGTERM or Ctrl-C; the engine is closed then."""
    GracefulServer(service, process).run(sockets=[sock])
