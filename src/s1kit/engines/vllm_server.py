"""vLLM's own server as a child process, set up so that it writes the tokens that engine ``vllm`` writes.

Knows its command line, when it answers, and how to end everything it started. Refuses to know what is asked of it: that
is engine ``completions``. Its log goes to a file and is quoted where it does not start.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

from s1kit.engines.base import EngineError
from s1kit.engines.vllm_load import CPU_BLOCK, ENVIRONMENT

HOST = "127.0.0.1"


def command(
    model: str | Path,
    *,
    port: int,
    served: str,
    slots: int,
    dtype: str,
    cache_bytes: int | None,
    eager: bool,
    block_size: int | None,
    extra: Sequence[str] = (),
) -> list[str]:
    """What starts the server; ``extra`` is appended as it is, for instance ``("--data-parallel-size", "2")``.

    The module is called, not the command ``vllm``: that looks for a package of this name, which the CPU build is not.
    """
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model), "--served-model-name", served, "--host", HOST, "--port", str(port)),
        *("--dtype", dtype, "--max-num-seqs", str(slots)),
        *("--generation-config", "vllm"),  # else the model's own sampling fills in for what a request leaves out
        "--enable-prompt-tokens-details",  # says how much of a prompt was in the cache
        *(("--enforce-eager",) if eager else ()),
        *(("--block-size", str(block_size)) if block_size else ()),
        *(("--kv-cache-memory-bytes", str(cache_bytes)) if cache_bytes else ()),
        *extra,
    ]


class VLLMServer:
    """A running server; use it in ``with``. ``url`` is what engine ``completions`` wants."""

    def __init__(
        self,
        model: str | Path,
        *,
        served: str | None = None,
        slots: int = 16,
        dtype: str = "float32",
        cache_bytes: int | None = 1 << 30,
        eager: bool = True,
        block_size: int | None = CPU_BLOCK,
        extra: Sequence[str] = (),
        within: float = 300.0,
    ) -> None:
        """Start it on a free port of this machine and wait until it answers, at most ``within`` seconds.

        ``served``: the model's name there, default ``model``. Raises EngineError with the end of its log.
        """
        self.served = served or str(model)
        port = _free_port()
        self.url = f"http://{HOST}:{port}/v1"
        self._log = tempfile.NamedTemporaryFile(prefix="vllm-server-", suffix=".log")  # noqa: SIM115 - lives as long
        self.process = subprocess.Popen(
            command(
                model,
                port=port,
                served=self.served,
                slots=slots,
                dtype=dtype,
                cache_bytes=cache_bytes,
                eager=eager,
                block_size=block_size,
                extra=extra,
            ),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **os.environ},
            start_new_session=True,  # one group, so that its engine processes end with it
        )
        try:
            self._wait(within)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> VLLMServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, patience: float = 20.0) -> None:
        """Ask it to end, and kill what has not ended after ``patience`` seconds. A second call does nothing."""
        if self._log.closed:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        self.kill()
        self._log.close()

    def kill(self) -> None:
        """End it and every process of its own at once, as ``kill -9`` does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log(self, lines: int = 12) -> str:
        """The last lines that it wrote."""
        text = Path(self._log.name).read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _wait(self, within: float) -> None:
        health = f"{self.url.removesuffix('/v1')}/health"
        end = time.monotonic() + within
        with httpx.Client(trust_env=False, timeout=5.0) as client:  # no proxy between here and this machine
            while time.monotonic() < end:
                if (code := self.process.poll()) is not None:
                    raise EngineError(f"vLLM's server ended with code {code} before it answered:\n{self.log()}")
                with suppress(httpx.TransportError):
                    if client.get(health).status_code == 200:
                        return
                time.sleep(0.2)
        raise EngineError(f"vLLM's server did not answer within {within:g} seconds; the end of its log:\n{self.log()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
