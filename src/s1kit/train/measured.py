"""A trained folder's card with what was measured: the metrics of finished runs, each with its interval.

Knows which points of a run a stranger wants to read. Refuses a run of other weights, one that is not finished, and one
with ungraded rows: their numbers are not this model's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from s1kit.engines.fingerprint import fingerprint
from s1kit.errors import UserError
from s1kit.metrics.summary import MAIN, Metrics
from s1kit.store.run import RunDir
from s1kit.train.model_card import Metric, ModelCardFacts
from s1kit.train.publish import Published, publish


class MeasuredError(UserError):
    """A run or a folder that no card can be written from."""


def publish_measured(folder: Path, runs: Sequence[Path]) -> Published:
    """Write the card of a trained ``folder`` again, with the metrics of ``runs`` and of no others.

    Raises MeasuredError, StoreError or PublishError; nothing is written unless everything is in order.
    """
    facts = card_of(folder)
    weights = fingerprint(folder)
    metrics = tuple(metric for run in runs for metric in metrics_of(run, folder, weights))
    return publish(folder, facts.model_copy(update={"metrics": metrics}))


def card_of(folder: Path) -> ModelCardFacts:
    """What the training run noted for its card. Raises MeasuredError."""
    path = folder / "manifest.json"
    try:
        return ModelCardFacts.model_validate(json.loads(path.read_bytes())["card"])
    except FileNotFoundError as error:
        raise MeasuredError(f"nothing was trained in {folder}: no manifest.json\nhint: `s1 train` first") from error
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise MeasuredError(
            f"{path} holds no facts for a card ({type(error).__name__})\nhint: it was written by an older s1kit, or "
            "changed; `s1 train` writes it again"
        ) from error


def metrics_of(run: Path, folder: Path, weights: str) -> list[Metric]:
    """One metric per policy of a finished run, by rising thinking tokens; probes and placebos are left out.

    ``weights`` is the fingerprint of ``folder``: a run of any other model is refused.
    """
    found = RunDir.open(run)
    if found.manifest.inputs.get("model") != weights:
        model = found.manifest.config.get("model")
        raise MeasuredError(
            f"{run} measured {model}, whose weights are not those of {folder}\n"
            f"hint: `s1 sweep` or `s1 eval` with --model {folder}"
        )
    values = found.metrics()
    if found.manifest.status != "finished" or values is None:
        raise MeasuredError(
            f"{run} is not finished and measured\nhint: the same command with --resume, then `s1 metrics`"
        )
    measured = Metrics.model_validate(values)
    name = Path(str(found.manifest.config.get("benchmark"))).stem
    return [_metric(name, point, run) for point in measured.points if measured.series[point.policy_id] == MAIN]


def _metric(name: str, point: Any, run: Path) -> Metric:
    if point.accuracy is None:
        raise MeasuredError(
            f"{run}: {point.n_ungraded} of {point.n} rows of {point.label} are ungraded, so there is no accuracy\n"
            "hint: `s1 grade`, or leave out questions without a reference answer"
        )
    interval = point.interval
    bounds = {} if interval is None else {"low": 100 * interval.low, "high": 100 * interval.high}
    return Metric(
        name=name,
        value=100 * point.accuracy,
        **bounds,
        level=0.95 if interval is None else interval.level,
        questions=point.n_questions,
        condition=point.label,
        thinking_tokens=point.thinking_mean,
    )
