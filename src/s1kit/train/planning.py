"""The plan of a training recipe: what would this run need, and how long would it take?

Knows where the lengths of its rows come from. Refuses to load a model: its ``config.json``, or a published name, is
enough.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.curate.trainset import FILE, lengths_of
from s1kit.formats import load_format
from s1kit.nano.shipped import SHIPPED, resolve_model
from s1kit.tokenizer import Tokenizer
from s1kit.train.plan import Plan, plan
from s1kit.train.plan_settings import setup_of
from s1kit.train.plan_setup import Lengths
from s1kit.train.recipe import NANO, TrainConfig, load_rows

ROWS, MEAN, LONGEST = 1000, 4700, 20000
"""Rows of the published set and their tokens, where the recipe's own are not at hand."""


def plan_of(config: TrainConfig, card: str, devices: int, context_parallel: int = 1, mfu: float = 0.2) -> Plan:
    """The plan of a recipe on so many cards. Lengths are those of its training set, or s1K's where there is none.

    Raises PlanError, ShapeError or LaunchError, with what to do.
    """
    config.check_context_parallel(context_parallel)
    base = resolve_model(config.base) if config.base in SHIPPED else config.base
    return plan(base, setup_of(config, card, devices, context_parallel, mfu), _lengths(config))


def _lengths(config: TrainConfig) -> Lengths:
    """Of a training set's rows, of rows that can be built here, or s1K's where the base or the data is elsewhere."""
    path = Path(config.data)
    file = path / FILE if path.is_dir() else path
    if file.suffix == ".parquet" and file.is_file():
        return Lengths.of(lengths_of(file))
    base = Path(resolve_model(config.base))
    if base.is_dir() and (config.data in NANO or path.is_file()):
        rows, _ = load_rows(config, load_format(config.format).resolve(Tokenizer.load(base)))
        return Lengths.of([row.n_tokens for row in rows])
    return Lengths.like(ROWS, min(MEAN, config.max_tokens or MEAN), min(LONGEST, config.max_tokens or LONGEST))
