"""From a model's settings to somebody who answers calls.

Knows which settings make which caller. Torch loads for a local model only.
"""

from __future__ import annotations

from s1kit.curate.calls.call import Caller, Prices
from s1kit.curate.calls.endpoint import Endpoint
from s1kit.curate.nano_teacher import NanoTeacher
from s1kit.curate.recipe import CurateConfig, LocalConfig, ModelConfig
from s1kit.errors import UserError
from s1kit.nano.pool import SOURCE, by_text


def open_caller(config: ModelConfig, curation: CurateConfig) -> Caller:
    """The caller of these settings. Raises UserError where it cannot be opened, with what to do."""
    if config.kind == "endpoint":
        known = config.price_in is not None and config.price_out is not None
        return Endpoint(
            config.base_url,
            config.model,
            key_env=config.key_env,
            concurrency=config.concurrency,
            timeout=config.timeout,
            tries=config.tries,
            stream=config.stream,
            prices=Prices(config.price_in or 0.0, config.price_out or 0.0) if known else None,
        )
    if config.kind == "nano_teacher":
        pools = [by_text(s.limit or NANO_POOL_SIZE, s.seed) for s in curation.sources if s.source == SOURCE]
        if not pools:
            raise UserError(f"the nano teacher knows the questions of {SOURCE} only\nhint: add `source: {SOURCE}`")
        return NanoTeacher({k: v for pool in pools for k, v in pool.items()}, seed=config.seed, fails=config.fails)
    return _local(config, curation.folder(config.model))


NANO_POOL_SIZE = 1200
"""Rows of a nano pool whose ``limit`` is not given."""


def _local(config: LocalConfig, folder: str) -> Caller:
    from s1kit.curate.calls.local import LocalCaller
    from s1kit.engines.open import open_engine
    from s1kit.formats import load_format
    from s1kit.policies import BudgetForcing, Unforced

    engine, tokenizer = open_engine("hf", folder, slots=config.slots, dtype=config.dtype, device=config.device)
    form = load_format(config.format).resolve(tokenizer)
    policy = (
        Unforced(max_tokens=config.max_answer)
        if form.spec.plain
        else BudgetForcing(max_thinking=config.max_thinking, max_answer=config.max_answer, on_overflow="clamp")
    )
    return LocalCaller(engine, form, policy)
