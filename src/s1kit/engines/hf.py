"""The transformers engine: its own decoding loop over slots, on CPU and CUDA.

Knows when which row is fed, when it is over, and how to go on when memory ends. Refuses to know think formats, and to
use ``model.generate``: that runs a batch until its longest row is done and cannot take up a sequence where it was left.
Neighbours: ``hf_load`` (model), ``hf_cache`` (tensors), ``hf_slots`` (prefixes and eviction), ``hf_sample`` (draws).

Every iteration of ``collect`` admits waiting requests into free slots, runs at most one batched forward pass over rows
that have many tokens to catch up on (prompts), then one decoding pass of one token per row. A row with few tokens to
catch up on, a nudge or a closing delimiter, is fed them one by one inside the decoding passes: a pass of its own would
cost more than it brings.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from pathlib import Path

import torch
import transformers

from s1kit.engines.base import Chunk, EngineError, Finish, Request, StopMatcher, refusal
from s1kit.engines.hf_cache import CacheFull, SlotCache
from s1kit.engines.hf_load import Loaded, load
from s1kit.engines.hf_pass import forward
from s1kit.engines.hf_row import Live
from s1kit.engines.hf_sample import sample, top_logprobs
from s1kit.engines.hf_slots import SlotTable
from s1kit.types import EngineInfo

log = logging.getLogger(__name__)

PATIENCE = 8
"""Decoding passes that an admitted prompt waits for company before it is run through the model anyway."""


class HFEngine:
    """Continues token sequences with a transformers model; common random numbers, exact ids, KV re-use."""

    def __init__(
        self,
        model: str | Path,
        *,
        slots: int = 32,
        dtype: str = "float32",
        device: str = "cpu",
        context_len: int | None = None,
        prefill_chunk: int = 2048,
        spare: int | None = None,
        max_cache_tokens: int | None = None,
        prefix_caching: bool = True,
        revision: str | None = None,
    ) -> None:
        """Load ``model``, a folder or a hub id.

        ``slots``: rows generated at once. ``spare``: more rows in which finished sequences wait for a continuation
        (default: a quarter of slots). ``prefill_chunk``: prompt tokens per forward pass, all rows together.
        ``context_len``: default what the model was made for. ``max_cache_tokens``: bound on the cache, in rows x
        length, treated like a device that is out of memory. ``prefix_caching``: without it every
        request runs its whole prompt, whatever was computed before. Raises EngineError when the model cannot be run.
        """
        if slots < 1 or prefill_chunk < 1:
            raise EngineError(f"slots={slots}, prefill_chunk={prefill_chunk}: both must be at least 1")
        with torch.inference_mode():
            self._loaded: Loaded = load(model, dtype=dtype, device=device, context_len=context_len, revision=revision)
        self.tokenizer = self._loaded.tokenizer
        self.info = EngineInfo(
            name="hf",
            model=str(model),
            revision=self._loaded.revision,
            version=transformers.__version__,
            dtype=dtype,
            device=str(self._loaded.device),
            slots=slots,
            context_len=self._loaded.context_len,
            vocab_size=self._loaded.vocab_size,
            tokenizer_hash=self.tokenizer.hash,
            logprobs=True,
            # in half precision the logits, and now and then a draw, depend on which rows share a pass
            crn=dtype == "float32",
        )
        self._prefill_chunk = prefill_chunk
        self._max_cache_tokens = max_cache_tokens
        self._prefix_caching = prefix_caching
        self._spare = slots // 4 if spare is None else spare
        self._live: dict[str, Live] = {}
        self._waiting: list[Live] = []
        self._active: list[Live] = []
        self._bans: dict[tuple[int, ...], torch.Tensor] = {}
        self._closed = False
        self._table = self._fresh_table()

    def submit(self, request: Request) -> None:
        """Queue a request. Raises ValueError for an id that is live, EngineError after ``close``."""
        if self._closed:
            raise EngineError("the engine is closed")
        if request.id in self._live:
            raise ValueError(f"request id {request.id!r} is still live")
        refused = refusal(request, self.info)
        bans = request.banned_ids if refused is None else ()
        live = Live(
            request=request,
            ids=list(request.prompt_ids),
            matcher=StopMatcher(request.stop_seqs, request.min_tokens),
            banned=self._ban_tensor(bans),
            held_back=self._ban_tensor((*bans, *request.stop_ids) if refused is None else ()),
            spoke=time.perf_counter(),
            refused=refused,
        )
        self._live[request.id] = live
        self._waiting.append(live)

    def cancel(self, request_id: str) -> None:
        """End a request early: its last chunk comes with the next ``collect``."""
        live = self._live.get(request_id)
        if live is not None:
            live.cancelled = True

    def close(self) -> None:
        """Drop the model, the cache and everything in flight; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._live.clear()
        self._waiting.clear()
        self._active.clear()
        self._bans.clear()
        self._table = self._fresh_table()
        del self._loaded
        self._release_device_memory()

    @torch.inference_mode()
    def collect(self) -> list[Chunk]:
        """Run the model until at least one chunk can be reported; ``[]`` only when nothing is in flight."""
        while self._live:
            chunks = self._settle()
            trouble: str | None = None
            try:
                if self._active or self._waiting:
                    self._iterate(chunks)
            except (CacheFull, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                trouble = str(error).splitlines()[0]
            if trouble is not None:  # outside the handler: a live exception would keep the tensors alive
                chunks += self._recover(trouble)
            if chunks:
                return chunks
        return []

    # -- one iteration

    def _settle(self) -> list[Chunk]:
        """Final chunks of requests that need no model: refused ones and cancelled ones."""
        chunks = [self._end(live, "cancelled") for live in [*self._active, *self._waiting] if live.cancelled]
        return chunks + [self._end(live, "error", error=live.refused) for live in list(self._waiting) if live.refused]

    def _iterate(self, chunks: list[Chunk]) -> None:
        """One turn; what finishes goes into ``chunks`` at once, so that a pass that fails loses nothing."""
        self._admit()
        late, ready = self._split()
        if late and self._prefill_is_due(late, ready):
            chunks += self._prefill(late)
            late, ready = self._split()
        for live in late:
            live.waited += 1
        if ready:
            chunks += self._decode(ready)

    def _admit(self) -> None:
        """Fill free slots: continuations whose parent is still held first, longest first, then by arrival.

        First, because another request could evict the parent. Longest first, because a fork that is cut out of the
        parent's slot leaves only its own length to the others.
        """
        free = self.info.slots - len(self._active)
        if not self._waiting or free <= 0:
            return
        parents = {live: self._table.holder(live.request.continues) for live in self._waiting}
        order = sorted(self._waiting, key=lambda live: (parents[live] is None, -len(live.ids) if parents[live] else 0))
        wanted = Counter(slot for slot in parents.values() if slot is not None)
        for live in order[:free]:
            parent = parents[live]
            if parent is not None:
                wanted[parent] -= 1
            live.slot = self._table.take(live.request.id, live.ids, [s for s, n in wanted.items() if n > 0])
            live.waited = 0
            self._waiting.remove(live)
            self._active.append(live)

    def _split(self) -> tuple[list[Live], list[Live]]:
        """Rows that need a pass of their own to catch up, and rows that go on token by token.

        k tokens fed one by one occupy k of a pass's many rows; a pass of its own costs about one whole pass. So few
        tokens go with the others where there are others, and a lone row never crawls.
        """
        steady = sum(1 for live in self._active if live.behind == 1)
        patience = min(16, steady // 2)
        late = [live for live in self._active if live.behind > max(1, patience)]
        held = set(late)
        return late, [live for live in self._active if live not in held]

    def _prefill_is_due(self, late: list[Live], ready: list[Live]) -> bool:
        """A pass costs about the same for one short prompt as for several, so a few are awaited while others decode."""
        return (
            not ready
            or not self._waiting
            or len(late) >= max(1, self.info.slots // 8)
            or any(live.waited >= PATIENCE for live in late)
        )

    def _prefill(self, late: list[Live]) -> list[Chunk]:
        """One pass over as many rows as ``prefill_chunk`` tokens allow.

        Shortest first, so that padding stays small; but whoever has waited too long comes before all others, since a
        steady stream of short prompts would otherwise hold a long one back for ever.
        """
        late = sorted(late, key=lambda live: (live.waited < PATIENCE, live.behind))
        batch = [late[0]]
        for live in late[1:]:
            if (len(batch) + 1) * max(batch[0].behind, live.behind) > self._prefill_chunk:
                break
            batch.append(live)
        width = min(max(live.behind for live in batch), self._prefill_chunk)
        fed = [live.next_ids(width) for live in batch]
        starts = [len(live.home.ids) for live in batch]
        rows = torch.tensor([live.home.index for live in batch])
        logits = forward(self._loaded.model, self._table.cache, fed, starts, rows)
        return self._advance(batch, fed, logits)

    def _decode(self, ready: list[Live]) -> list[Chunk]:
        """One token for every row, over the storage rows ``0..n-1`` as they lie, without a copy.

        A few idle rows in between are computed and thrown away; when there are many, the busy ones move together.
        """
        span = max(live.home.index for live in ready) + 1
        if span - len(ready) > len(ready) // 8:
            self._table.compact([live.home for live in ready])
            span = len(ready)
        fed: list[list[int]] = [[] for _ in range(span)]
        starts = [0] * span
        for live in ready:
            slot = live.home
            fed[slot.index] = live.next_ids(1)
            starts[slot.index] = len(slot.ids)
        logits = forward(self._loaded.model, self._table.cache, fed, starts, slice(0, span))
        if span > len(ready):
            logits = logits[torch.tensor([live.home.index for live in ready], device=logits.device)]
        else:
            ready = sorted(ready, key=lambda live: live.home.index)
        return self._advance(ready, [fed[live.home.index] for live in ready], logits)

    # -- after a pass

    def _advance(self, rows: list[Live], fed: list[list[int]], logits: torch.Tensor) -> list[Chunk]:
        """Record what was fed; draw the next token of every row that has caught up."""
        for live, ids in zip(rows, fed, strict=True):
            slot = live.home
            live.prefilled += max(0, min(len(slot.ids) + len(ids), live.n_prompt) - len(slot.ids))
            slot.ids.extend(ids)
        current = [i for i, live in enumerate(rows) if not live.behind]
        if len(current) < len(rows):
            logits = logits[torch.tensor(current, device=logits.device, dtype=torch.int64)]
            rows = [rows[i] for i in current]
        if not rows:
            return []
        asked = [(i, live, live.request.top_logprobs) for i, live in enumerate(rows) if live.request.top_logprobs]
        likely = [(live, top_logprobs(logits[i], count)) for i, live, count in asked]  # sampling changes the logits
        tokens = sample(logits, [live.draw() for live in rows])
        for live, entry in likely:
            live.logprobs.append(entry)
        chunks = [self._accept(live, token) for live, token in zip(rows, tokens, strict=True)]
        return [chunk for chunk in chunks if chunk is not None]

    def _accept(self, live: Live, token: int | None) -> Chunk | None:
        """Take a drawn token into the context; a chunk when there is something to say."""
        request = live.request
        if token is None:
            return self._end(live, "error", error="the model's logits are not numbers, or every token id is banned")
        if token in request.stop_ids:
            return self._end(live, "stop", stop_id=token)
        live.ids.append(token)
        if request.stop_seqs:
            stop = live.matcher.match(live.ids[live.n_prompt :])
            if stop is not None:
                del live.ids[-len(stop) :]
                return self._end(live, "stop", stop_id=stop[0])
        if live.n_new >= request.max_tokens or len(live.ids) >= self.info.context_len:
            return self._end(live, "length")
        if request.stream and live.n_new - live.matcher.withheld > live.sent:
            return live.chunk(live.n_new - live.matcher.withheld, None)
        return None

    def _end(self, live: Live, finish: Finish, stop_id: int | None = None, error: str | None = None) -> Chunk:
        if live.slot is not None:
            if finish == "error":
                self._table.forget(live.slot)
            else:
                self._table.park(live.slot)
            live.slot = None
            self._active.remove(live)
        else:
            self._waiting.remove(live)
        del self._live[live.request.id]
        return live.chunk(live.n_new, finish, stop_id, error)

    # -- memory

    def _recover(self, trouble: str) -> list[Chunk]:
        """Out of memory: give up the spare rows, then half of the slots; with one slot left, that row.

        Everything in flight goes back to the queue with the tokens it has and is run through the model again, which
        costs time and nothing else: the next token depends on the context, not on when it is computed.
        """
        chunks: list[Chunk] = []
        if self._spare:
            self._spare = 0
        elif self.info.slots > 1:
            self.info = self.info.model_copy(update={"slots": self.info.slots // 2})
        else:
            hint = "use a smaller context, a smaller dtype or a larger device"
            text = f"out of memory with one slot left ({trouble}); {hint}"
            chunks = [self._end(live, "error", error=text) for live in self._active[:1] or self._waiting[:1]]
        log.warning("out of memory (%s): going on with %d slots", trouble, self.info.slots)
        self._prefill_chunk = min(self._prefill_chunk, max(64, self._prefill_chunk // 2))
        for live in self._active:
            live.slot = None
        self._waiting = self._active + self._waiting
        self._active = []
        self._table = self._fresh_table()
        self._release_device_memory()
        return chunks

    def _fresh_table(self) -> SlotTable:
        cache = SlotCache(self._loaded.layers, self.info.context_len, self._max_cache_tokens)
        return SlotTable(cache, self.info.slots, self._spare, reuse=self._prefix_caching)

    @staticmethod
    def _release_device_memory() -> None:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _ban_tensor(self, ids: tuple[int, ...]) -> torch.Tensor | None:
        """One tensor per distinct set of bans, so that rows with the same bans are recognised by identity."""
        known = tuple(sorted({i for i in ids if 0 <= i < self.info.vocab_size}))
        if not known:
            return None
        if known not in self._bans:
            self._bans[known] = torch.tensor(known, device=self._loaded.device)
        return self._bans[known]


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ended, in the words of CUDA, of torch's CPU allocator, or of our own bound."""
    words = ("out of memory", "not enough memory", "DefaultCPUAllocator", "can't allocate memory")
    return isinstance(error, (CacheFull, torch.OutOfMemoryError)) or any(word in str(error) for word in words)
