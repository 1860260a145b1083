"""The vLLM engine, offline: continuous batching, paged cache, prefix caching, one process or tensor parallel.

Knows vLLM's requests and outputs. Refuses to let vLLM decide anything about a generation: sampling, bans and minimum
are this project's (``vllm_draw``), stops are the request's alone, and neither the model's ``generation_config`` nor its
end of sequence is read. ``Request.continues`` is not needed: vLLM finds a context's blocks by their content, so a
continuation computes only the last partial block and what is new.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s1kit.engines.base import Chunk, EngineError, Finish, Request, StopMatcher, refusal
from s1kit.engines.vllm_load import Options, Running, start, stop
from s1kit.types import EngineInfo

UNWATCHED = 32
"""Tokens per output of vLLM where nobody reads along."""
NOTHING_TO_DRAW = "the model's logits are not numbers, or every token id is banned"


@dataclass(slots=True, eq=False)
class _Live:
    """A request that is not over, with what was generated and what of it was reported."""

    request: Request
    matcher: StopMatcher
    spoke: float
    inner_id: str | None = None
    """vLLM's own name for it."""
    refused: str | None = None
    cancelled: bool = False
    tokens: list[int] = field(default_factory=list)
    logprobs: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    sent: int = 0
    prefilled: int | None = None
    """Prompt tokens that were not in the cache; None until vLLM said so, and again once reported: 0."""

    def chunk(self, upto: int, finish: Finish | None, stop_id: int | None = None, error: str | None = None) -> Chunk:
        """What is new since the last chunk, up to ``upto`` generated tokens."""
        now = time.perf_counter()
        chunk = Chunk(
            request_id=self.request.id,
            tokens=tuple(self.tokens[self.sent : upto]),
            finish=finish,
            stop_id=stop_id,
            logprobs=tuple(self.logprobs[self.sent : upto]) if self.request.top_logprobs else None,
            error=error,
            elapsed=now - self.spoke,
            prefilled=self.prefilled or 0,
        )
        self.sent, self.prefilled, self.spoke = upto, 0, now
        return chunk


class VLLMEngine:
    """Continues token sequences with vLLM; common random numbers, exact ids, prefixes shared by content."""

    def __init__(
        self,
        model: str | Path,
        *,
        slots: int = 64,
        dtype: str = "float32",
        device: str = "cpu",
        context_len: int | None = None,
        revision: str | None = None,
        tensor_parallel: int = 1,
        data_parallel: int = 1,
        prefix_caching: bool = True,
        block_size: int | None = None,
        cache_bytes: int | None = None,
        gpu_memory: float = 0.9,
        eager: bool | None = None,
        in_process: bool | None = None,
    ) -> None:
        """Load ``model``, a folder or a hub id; the settings are those of ``vllm_load.Options``.

        Raises EngineError when vLLM is missing or cannot run the model, or when another engine runs in this process.
        """
        self._running: Running = start(
            model,
            Options(
                slots=slots,
                dtype=dtype,
                device=device,
                context_len=context_len,
                revision=revision,
                tensor_parallel=tensor_parallel,
                data_parallel=data_parallel,
                prefix_caching=prefix_caching,
                block_size=block_size,
                cache_bytes=cache_bytes,
                gpu_memory=gpu_memory,
                eager=eager,
                in_process=in_process,
            ),
        )
        running = self._running
        self.tokenizer = running.tokenizer
        self.block_size = running.block_size
        self.info = EngineInfo(
            name="vllm",
            model=str(model),
            revision=running.revision,
            version=running.version,
            dtype=dtype,
            device=running.device,
            slots=running.slots,
            context_len=running.context_len,
            vocab_size=running.vocab_size,
            tokenizer_hash=self.tokenizer.hash,
            logprobs=True,
            # in half precision the logits, and now and then a draw, depend on which rows share a pass
            crn=dtype == "float32",
        )
        self._live: dict[str, _Live] = {}
        self._idle: list[_Live] = []
        """Live requests that need no model: refused or cancelled ones, until the next ``collect``."""
        self._closed = False

    def submit(self, request: Request) -> None:
        """Queue a request. Raises ValueError for an id that is live, EngineError after ``close``."""
        if self._closed:
            raise EngineError("the engine is closed")
        if request.id in self._live:
            raise ValueError(f"request id {request.id!r} is still live")
        live = _Live(
            request=request,
            matcher=StopMatcher(request.stop_seqs, request.min_tokens),
            spoke=time.perf_counter(),
            refused=refusal(request, self.info),
        )
        self._live[request.id] = live
        if live.refused is None:
            self._hand_over(live)
        if live.refused is not None:
            self._idle.append(live)

    def cancel(self, request_id: str) -> None:
        """End a request early: its last chunk comes with the next ``collect``."""
        live = self._live.get(request_id)
        if live is not None and not live.cancelled and live.refused is None:
            live.cancelled = True
            self._idle.append(live)

    def close(self) -> None:
        """End vLLM and everything in flight; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._live.clear()
        self._idle.clear()
        stop(self._running)

    def collect(self) -> list[Chunk]:
        """Step vLLM until at least one chunk can be reported; ``[]`` only when nothing is in flight.

        Raises EngineError when vLLM itself fails: it cannot be used after that.
        """
        while self._live:
            if self._idle:
                idle, self._idle = self._idle, []
                return [
                    self._end(live, "cancelled" if live.cancelled else "error", error=live.refused) for live in idle
                ]
            chunks = [chunk for output in self._step() if (chunk := self._take(output)) is not None]
            if chunks:
                return chunks
        return []

    def _hand_over(self, live: _Live) -> None:
        """Give a request to vLLM; what it will not take is refused for that row alone."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        from s1kit.engines.vllm_draw import KEY, settings

        request, size = live.request, self.info.vocab_size
        stops = tuple(sorted({i for i in request.stop_ids if 0 <= i < size}))
        banned = tuple(sorted({i for i in request.banned_ids if 0 <= i < size}))
        params = SamplingParams(
            temperature=0.0,
            max_tokens=request.max_tokens,
            stop_token_ids=list(stops),
            ignore_eos=True,
            detokenize=False,
            output_kind=RequestOutputKind.DELTA,
            # vLLM builds an output per token otherwise, also where nobody reads along
            stream_interval=None if request.stream or request.stop_seqs else UNWATCHED,
            logprobs=request.top_logprobs or None,
            extra_args={KEY: settings(request.sampling, banned, stops, request.min_tokens)},
        )
        try:
            live.inner_id = self._running.llm.add_request(
                request.id, {"prompt_token_ids": list(request.prompt_ids)}, params
            )
        except ValueError as error:
            live.refused = f"vLLM refused the request: {error}"

    def _step(self) -> list[Any]:
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            outputs: list[Any] = self._running.llm.step()
        except (RuntimeError, ValueError, AssertionError, OSError, EngineDeadError) as error:
            rows = len(self._live)
            raise EngineError(
                f"vLLM failed with {rows} requests in flight: {error}\n"
                "hint: fewer slots, a shorter context or more cache memory; the rows that are done are safe"
            ) from error
        return outputs

    def _take(self, output: Any) -> Chunk | None:
        """What one step of vLLM says about one request; a chunk when there is something to report."""
        live = self._live.get(output.request_id)
        if live is None or live.cancelled:
            return None
        request, new = live.request, output.outputs[0]
        if live.prefilled is None:
            live.prefilled = len(request.prompt_ids) - (output.num_cached_tokens or 0)
        if new.finish_reason not in (None, "stop", "length"):
            return self._end(live, "error", error=f"vLLM ended the request with {new.finish_reason!r}")
        for at, token in enumerate(new.token_ids):
            if token in request.stop_ids and len(live.tokens) >= request.min_tokens:
                return self._end(live, "stop", stop_id=token)
            if token in request.banned_ids or token in request.stop_ids:
                return self._end(live, "error", error=NOTHING_TO_DRAW)
            live.tokens.append(token)
            if request.top_logprobs:
                live.logprobs.append(_top(new.logprobs[at], request.top_logprobs))
            matched = live.matcher.match(live.tokens) if request.stop_seqs else None
            if matched is not None:
                del live.tokens[-len(matched) :]
                return self._end(live, "stop", stop_id=matched[0])
        if new.finish_reason is not None:
            return self._end(live, "length")
        if request.stream and len(live.tokens) - live.matcher.withheld > live.sent:
            return live.chunk(len(live.tokens) - live.matcher.withheld, None)
        return None

    def _end(self, live: _Live, finish: Finish, stop_id: int | None = None, error: str | None = None) -> Chunk:
        if live.inner_id is not None:  # vLLM forgets by itself what it ended by itself
            self._running.llm.abort_request([live.inner_id], internal=True)
        del self._live[live.request.id]
        return live.chunk(len(live.tokens), finish, stop_id, error)


def _top(entry: Any, count: int) -> tuple[tuple[int, float], ...]:
    """The ``count`` most likely ids of one position; vLLM adds the drawn one where it is not among them."""
    ranked = sorted(entry.items(), key=lambda item: item[1].rank)
    return tuple((int(token), float(found.logprob)) for token, found in ranked[:count])
