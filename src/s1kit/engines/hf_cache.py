"""Key and value storage for many sequences of different lengths: one row per slot, every row from position 0.

Knows tensors: where a step's keys and values are written, which part of the storage attention reads, how rows are
copied, exchanged and dropped. Refuses to know requests and token ids: ``hf_slots`` decides which row holds what.

Rows are never padded. A step names the rows and positions it writes; attention gets a view of the rows up to the
longest of them and a mask that hides whatever lies behind each row's own length. What lies there must be finite (zero
probability times NaN is NaN), hence storage starts as zeros and ``wipe`` is for rows a broken model has filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

LENGTH_STEP = 64
"""Lengths are rounded up to this: few reallocations, and aligned masks on CUDA."""


class CacheFull(RuntimeError):
    """The storage would exceed ``max_cache_tokens``: the same event as a device out of memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where one forward pass writes and what it reads. B rows of Q tokens; N = B x Q, less what ``keep`` leaves out."""

    rows: slice | torch.Tensor
    """Storage rows that attention reads, in batch order: a slice (a view, no copy) or int64 [B] (a gather)."""
    view: int
    """Attention reads positions ``0..view-1``."""
    write_rows: torch.Tensor
    """int64 [N]: storage row of every token written."""
    write_positions: torch.Tensor
    """int64 [N]: its position."""
    keep: torch.Tensor | None = None
    """int64 [N]: which of the B x Q tokens, flattened, are written; None: all (no padding)."""


class SlotLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """Keys and values of one model layer, each [rows, heads, length, dim]; allocated when the first token arrives."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, owner: SlotCache) -> None:
        super().__init__()
        self._owner = owner

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate for the head count and sizes of the first states; keys and values may differ in size."""
        rows, length = self._owner.rows, self._owner.length
        self.keys = key_states.new_zeros(rows, key_states.shape[1], length, key_states.shape[3])
        self.values = value_states.new_zeros(rows, value_states.shape[1], length, value_states.shape[3])
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write [B, heads, Q, dim] where the owner's step says; return what attention reads: [B, heads, view, dim]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        step = self._owner.step
        self._write(self.keys, key_states, step)
        self._write(self.values, value_states, step)
        return self._read(self.keys, step), self._read(self.values, step)

    @staticmethod
    def _write(storage: torch.Tensor, states: torch.Tensor, step: Step) -> None:
        tokens = states.transpose(1, 2).reshape(-1, states.shape[1], states.shape[3])
        if step.keep is not None:
            tokens = tokens.index_select(0, step.keep)
        storage[step.write_rows, :, step.write_positions] = tokens

    @staticmethod
    def _read(storage: torch.Tensor, step: Step) -> torch.Tensor:
        seen = storage[:, :, : step.view]
        return seen[step.rows] if isinstance(step.rows, slice) else seen.index_select(0, step.rows)

    def resize(self, rows: int, length: int) -> None:
        """Reallocate with what fits of the old content."""
        if self.is_initialized:
            self.keys = _resized(self.keys, rows, length)
            self.values = _resized(self.values, rows, length)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Not used for masks (the engine passes its own), but part of the interface."""
        return self._owner.step.view, 0

    def get_seq_length(self) -> int:
        """Longest sequence the current step reads. Rows have lengths of their own; the engine passes positions."""
        return self._owner.step.view

    def get_max_length(self) -> int:
        """Positions allocated."""
        return self._owner.length


def _resized(old: torch.Tensor, rows: int, length: int) -> torch.Tensor:
    new = old.new_zeros(rows, old.shape[1], length, old.shape[3])
    kept_rows, kept_length = min(rows, old.shape[0]), min(length, old.shape[2])
    new[:kept_rows, :, :kept_length] = old[:kept_rows, :, :kept_length]
    return new


class SlotCache(Cache):  # type: ignore[misc]  # transformers is untyped
    """All layers' rows. ``reserve`` before a step, set ``step``, then run the model with this as past_key_values."""

    def __init__(self, layers: int, max_length: int, max_tokens: int | None = None) -> None:
        """``max_length``: positions a row may ever need. ``max_tokens``: bound on rows x length, None for none."""
        self.rows = 0
        self.length = 0
        self._max_length = -(-max_length // LENGTH_STEP) * LENGTH_STEP
        self._max_tokens = max_tokens
        nothing = torch.empty(0, dtype=torch.int64)
        self.step = Step(slice(0, 0), 0, nothing, nothing)
        super().__init__(layers=[SlotLayer(self) for _ in range(layers)])

    def reserve(self, rows: int, length: int) -> None:
        """Make room for ``rows`` rows of ``length`` positions, keeping content.

        Length grows by half at least, so that a long generation reallocates a few times only. Raises CacheFull beyond
        ``max_tokens``; torch raises its own errors when memory ends. Nothing is changed or lost by a refusal.
        """
        if rows <= self.rows and length <= self.length:
            return
        rows = max(rows, self.rows)
        needed = max(-(-length // LENGTH_STEP) * LENGTH_STEP, self.length)
        roomy = min(max(needed, self.length * 3 // 2 // LENGTH_STEP * LENGTH_STEP), self._max_length)
        length = roomy if length > self.length else self.length
        if self._max_tokens is not None and rows * length > self._max_tokens:
            length = needed
            if rows * length > self._max_tokens:
                raise CacheFull(f"{rows} rows of {length} tokens exceed max_cache_tokens={self._max_tokens}")
        for layer in self.layers:
            layer.resize(rows, length)
        self.rows, self.length = rows, length

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first ``length`` positions of a row over another row's."""
        if length:
            for layer in self._filled():
                layer.keys[target, :, :length] = layer.keys[source, :, :length]
                layer.values[target, :, :length] = layer.values[source, :, :length]

    def exchange(self, first: int, first_length: int, second: int, second_length: int) -> None:
        """Swap the contents of two rows, of which only the given lengths matter."""
        if not first_length or not second_length:
            if first_length:
                self.copy(first, second, first_length)
            elif second_length:
                self.copy(second, first, second_length)
            return
        for layer in self._filled():
            for storage in (layer.keys, layer.values):
                held = storage[first, :, :first_length].clone()
                storage[first, :, :second_length] = storage[second, :, :second_length]
                storage[second, :, :first_length] = held

    def wipe(self, row: int) -> None:
        """Zero a row: for one whose numbers are not finite, which would poison any later sequence in it."""
        for layer in self._filled():
            layer.keys[row].zero_()
            layer.values[row].zero_()

    def _filled(self) -> list[SlotLayer]:
        return [layer for layer in self.layers if layer.is_initialized]
