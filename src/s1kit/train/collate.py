"""A batch of rows as tensors: padded, or packed so that nothing is computed for padding.

Knows that packing must change no loss: rows that share a sequence keep their own positions and never see each other.
Refuses to choose rows: the same rows make a batch, however they are laid out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from s1kit.curate.rows import IGNORED

Layout = Literal["padded", "packed", "flat"]
"""padded: a row per sequence. packed: rows side by side in sequences as long as the longest row; needs attention that
reads position_ids (SDPA builds a block-diagonal mask). flat: all rows in one sequence, for variable-length kernels."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Token ids, labels and positions of one sequence, all of one length."""

    ids: list[int]
    labels: list[int]
    positions: list[int]


def first_fit(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Rows (by place) for each sequence of ``width`` tokens: longest first, each into the first that has room.

    Raises ValueError for a row longer than ``width``.
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[place]
        if length > width:
            raise ValueError(f"a row of {length} tokens does not fit a sequence of {width}")
        at = next((i for i, left in enumerate(room) if left >= length), None)
        if at is None:
            bins.append([])
            room.append(width)
            at = len(bins) - 1
        bins[at].append(place)
        room[at] -= length
    return bins


def lay_out(
    rows: Sequence[tuple[Sequence[int], Sequence[int]]], layout: Layout, pad: int, multiple: int = 1
) -> list[Filled]:
    """The sequences of a batch, their width a multiple of ``multiple``; ``rows`` are (ids, labels).

    Every row begins at position 0, and its first label is never learned (it would be predicted from the row before);
    padding is a stretch of its own behind the rows, with no labels.
    """
    lengths = [len(ids) for ids, _ in rows]
    width = sum(lengths) if layout == "flat" else max(lengths)
    width = -(-width // multiple) * multiple
    places = [[i] for i in range(len(rows))] if layout == "padded" else first_fit(lengths, width)
    if layout == "flat":
        places = [list(range(len(rows)))]
    sequences = []
    for own in places:
        filled = Filled([], [], [])
        for place in own:
            ids, labels = rows[place]
            filled.ids.extend(ids)
            filled.labels.extend((IGNORED, *labels[1:]))
            filled.positions.extend(range(len(ids)))
        rest = width - len(filled.ids)
        filled.ids.extend([pad] * rest)
        filled.labels.extend([IGNORED] * rest)
        filled.positions.extend(range(rest))
        sequences.append(filled)
    return sequences


class Collator:
    """What the trainer calls with the rows of a batch; remembers their ids, for whoever has to name a bad batch."""

    def __init__(self, layout: Layout, pad: int, remember: int = 64, multiple: int = 1) -> None:
        self.layout: Layout = layout
        self._multiple = multiple
        self._pad = pad
        self._remember = remember
        self.seen: list[str] = []
        """Ids of the rows collated last, at most ``remember`` of them, newest last."""
        self.tokens = 0
        self.slots = 0
        """Tokens of rows, and positions computed for them (padding included), so far."""

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """input_ids, labels and position_ids, (sequences, width) each; padded rows get an attention_mask instead."""
        import torch

        self.seen = [*self.seen, *(e["id"] for e in examples)][-self._remember :]
        filled = lay_out([(e["input_ids"], e["labels"]) for e in examples], self.layout, self._pad, self._multiple)
        self.tokens += sum(len(e["input_ids"]) for e in examples)
        self.slots += sum(len(f.ids) for f in filled)
        batch = {"input_ids": torch.tensor([f.ids for f in filled]), "labels": torch.tensor([f.labels for f in filled])}
        if self.layout == "padded":
            mask = torch.zeros_like(batch["input_ids"])
            for i, example in enumerate(examples):
                mask[i, : len(example["input_ids"])] = 1
            return {**batch, "attention_mask": mask}
        return {**batch, "position_ids": torch.tensor([f.positions for f in filled])}
