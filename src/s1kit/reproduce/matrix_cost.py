"""What a table or figure would cost on the paper's model: H100 hours to train, tokens and H100 hours to generate.

Knows a model of throughput, and adds up what `matrix_needs` lists. Refuses to know tables. Training is planned as
`s1 train --plan` does; generation is bounded by what memory hands over, as decoding is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from s1kit.train.plan import plan
from s1kit.train.plan_setup import CARDS, Lengths, Setup
from s1kit.train.shapes import read_shape
from s1kit.types import Record

MODEL = "Qwen2.5-32B-Instruct"
CARD, CARDS_PER_COPY = "H100", 2
BANDWIDTH = 3.35e12
"""Bytes per second of one card's memory, as its maker's data sheet gives it."""
REACHED = 0.5
"""Share of that which decoding reaches: an assumption, engines and batches differ."""
USABLE = 0.9
"""Share of the cards' memory that weights and caches may take."""
_BYTES = 2
"""Of a number in bfloat16."""


class Training(Record):
    """One model to train. Two tables with a training of one name share it."""

    name: str
    rows: int = 1000
    mean: float = 4700
    """Tokens of a row."""
    longest: int = 32768


class Load(Record):
    """Generations to make on the model. Two tables with a load of one name share it."""

    name: str
    sequences: float
    tokens: float
    """Generated per sequence, thinking and answer, mean."""


class Cost(Record):
    """Hours are those of one card, added up over cards."""

    training_hours: float
    tokens: float
    generation_hours: float

    @property
    def hours(self) -> float:
        """All of them."""
        return self.training_hours + self.generation_hours


def cost_of(trainings: Iterable[Training], loads: Iterable[Load]) -> Cost:
    """What they cost together; what has the same name is paid once."""
    models = {training.name: training for training in trainings}
    work = {load.name: load for load in loads}
    return Cost(
        training_hours=sum(map(training_hours, models.values())),
        tokens=sum(load.sequences * load.tokens for load in work.values()),
        generation_hours=sum(map(generation_hours, work.values())),
    )


@cache
def training_hours(training: Training) -> float:
    """Card hours of the paper's way of training, from the training planner."""
    lengths = Lengths.like(training.rows, training.mean, training.longest)
    return plan(MODEL, Setup(card=CARD), lengths).work.device_hours


def generation_hours(load: Load) -> float:
    """Card hours to generate a load in batches as large as memory allows."""
    if load.sequences <= 0 or load.tokens <= 0:
        return 0.0
    return load.sequences * load.tokens / tokens_per_second(load) / 3600


def tokens_per_second(load: Load) -> float:
    """Of one card. A step of a batch reads all weights once, and every sequence's keys and values: half of its final
    length in the mean. The batch is what fits at full length, at most the load's sequences."""
    shape = read_shape(MODEL)
    per_token = 2.0 * shape.layers * shape.kv_width * _BYTES
    weights = float(shape.params * _BYTES)
    room = CARDS_PER_COPY * CARDS[CARD].memory_gib * 2**30 * USABLE - weights
    batch = max(1.0, min(load.sequences, room // (per_token * load.tokens)))
    read = weights + batch * per_token * load.tokens / 2
    return batch * BANDWIDTH * REACHED / read


ASSUMPTIONS = (
    f"Training: as `s1 train --plan` has it, {MODEL}, 5 epochs, an MFU of 20% of an {CARD} (the paper's 26 minutes on "
    "16 of them are 19%). The weights of s1-32B are published: who uses them saves the first of these.",
    f"Generation: bfloat16 on {CARDS_PER_COPY} {CARD} per copy of the model; decoding is bounded by memory and reaches "
    f"{REACHED:.0%} of {BANDWIDTH / 1e12:g} TB/s; every step reads the weights and each sequence's keys and values; as "
    f"many sequences at once as fit in {USABLE:.0%} of memory. Prompts, grading and reward models are not counted.",
    "Lengths: the paper's mean thinking tokens where it prints them (Tables 7 and 11 to 13), with 700 tokens of "
    'answer. Where it only draws them they are assumed: two "Wait" double the natural length, six treble it.',
    "Points of a sweep share their prefixes, so a curve costs what its longest point costs.",
)
"""In words, for the page."""
