"""The pretraining stream: batch number n from a seed, always the same, whatever was read before.

Knows packing and the curriculum. A batch is a function of (seed, number), so a resumed run needs no other position than
the number of its next batch. Refuses to know the model; nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from s1kit.nano.sets import held_out, problem_id
from s1kit.nano.text import Document, Mix, write_document
from s1kit.nano.tokenizer import chat, special_id
from s1kit.nano.world import draw

Ints = npt.NDArray[np.int64]
IGNORED = -100


LAST = Mix(levels=(1, 2, 2, 3, 3, 4, 4, 5, 5, 6), most_passes=6, fewer=0.62, direct=0.13, cut=0.15, choice=0.35)
"""What is read at the end of the curriculum, and by a run that goes on from weights."""


@dataclass(frozen=True)
class Plan:
    """Size of a batch, and the curriculum: until which token which mix is read."""

    seed: int = 1
    rows: int = 16
    length: int = 512
    stages: tuple[tuple[int, Mix], ...] = field(
        default_factory=lambda: (
            (2_500_000, Mix(levels=(1, 1, 2), most_passes=2, cut=0.1)),
            (6_000_000, Mix(levels=(1, 2, 2, 3, 3, 4), most_passes=4, cut=0.15)),
            (16_384_000, Mix(levels=(1, 2, 2, 3, 3, 4, 4, 5, 5, 6), most_passes=6)),
            # later passes are copies of earlier ones: once copying has begun, fresh questions teach more
            (1 << 62, LAST),
        )
    )

    def mix(self, number: int) -> Mix:
        tokens = number * self.rows * self.length
        return next(mix for until, mix in self.stages if tokens < until)


@dataclass(frozen=True)
class Batch:
    """`segments` numbers the documents of a row from 1, 0 is padding; a position counts from its document's start."""

    ids: Ints
    labels: Ints
    positions: Ints
    segments: Ints


def encode_document(tokenizer: Tokenizer, rng: Random, document: Document) -> tuple[list[int], int]:
    """Ids of prompt and reply, and where the reply begins; a cut reply is cut between two tokens."""
    prompt = tokenizer.encode(chat(document.problem.text)).ids
    reply = tokenizer.encode(document.reply).ids
    ending = document.ending
    if document.cut and len(reply) > 2:
        reply = reply[: rng.randrange(1, len(reply))]
        ending = ending if tokenizer.decode(reply).endswith("\n") else "\n" + ending
    return prompt + reply + tokenizer.encode(ending + "<|im_end|>\n").ids, len(prompt)


def make_batch(tokenizer: Tokenizer, plan: Plan, number: int) -> Batch:
    """Batch `number`: documents, longest first, each put into the first row that has room."""
    rng = Random(f"{plan.seed}:{number}")
    mix = plan.mix(number)
    encoded: list[tuple[list[int], int]] = []
    total = 0
    while total < plan.rows * plan.length:
        problem = draw(rng, rng.choice(mix.levels), choice=mix.choice)
        if problem_id(problem) in held_out():
            continue
        ids, start = encode_document(tokenizer, rng, write_document(rng, problem, mix))
        if len(ids) <= plan.length:
            encoded.append((ids, start))
            total += len(ids)
    encoded.sort(key=lambda pair: -len(pair[0]))
    return _pack(encoded, plan, special_id(tokenizer, "<|endoftext|>"))


def _pack(encoded: list[tuple[list[int], int]], plan: Plan, pad: int) -> Batch:
    shape = (plan.rows, plan.length)
    ids, labels = np.full(shape, pad, dtype=np.int64), np.full(shape, IGNORED, dtype=np.int64)
    positions, segments = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    used = [0] * plan.rows
    count = [0] * plan.rows
    for tokens, start in encoded:
        row = next((r for r in range(plan.rows) if used[r] + len(tokens) <= plan.length), None)
        if row is None:
            continue
        a, b = used[row], used[row] + len(tokens)
        used[row], count[row] = b, count[row] + 1
        ids[row, a:b] = tokens
        labels[row, a + start : b] = tokens[start:]
        positions[row, a:b] = range(len(tokens))
        segments[row, a:b] = count[row]
    return Batch(ids, labels, positions, segments)


def describe(plan: Plan) -> dict[str, Any]:
    """The plan as it goes into a manifest."""
    return {
        "seed": plan.seed,
        "rows": plan.rows,
        "length": plan.length,
        "stages": [{"until": until, **vars(mix)} for until, mix in plan.stages],
    }
