"""The policies of an import: one for each model, label and budget that the files tell apart.

Knows what makes two imported rows the same point of a curve. Refuses to merge what has different names: a label that
is given always makes a point of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from s1kit.evaluate import role_of
from s1kit.imports.found import Found
from s1kit.imports.rows import Counted
from s1kit.policies import AnyPolicy, BudgetForcing, Sampling, label, policy_id


@dataclass(frozen=True, slots=True)
class Point:
    """One policy. ``format`` stands where other runs name their think format: whose text it is and how it was split."""

    id: str
    policy: AnyPolicy
    sampling: Sampling
    stated: bool
    """Whether the files say how tokens were drawn."""
    format: dict[str, Any]
    model: str
    label: str | None


def point_of(found: Found, marks: Mapping[str, str]) -> Point:
    """The policy of one row; ``marks`` name the format that most rows of the import are in, and its delimiters."""
    sampling = found.sampling or Sampling()
    spec: dict[str, Any] = {
        **marks,
        "think_stops": [],  # no token is known that could end the thinking
        "model": found.model,
        "label": found.label,
        "sampling_stated": found.sampling is not None,
    }
    name = policy_id(found.policy, spec, sampling)
    return Point(name, found.policy, sampling, found.sampling is not None, spec, found.model, found.label)


def describe(
    points: Sequence[Point], samples: Mapping[str, int], counted: Mapping[str, Counted]
) -> dict[str, dict[str, Any]]:
    """The manifest's ``policies``. ``tokens`` says where a policy's counts are from; of several models the first is
    the run's main one, and every other a series of its own."""
    models = list(dict.fromkeys(point.model for point in points))
    points = sorted(points, key=_place)
    names = _labels(points, several=len(models) > 1)
    return {
        point.id: {
            "label": names[point.id],
            "role": role_of(point.policy),
            **({"series": point.model or "unnamed model"} if point.model != models[0] else {}),
            "policy": point.policy.model_dump(mode="json"),
            "sampling": point.sampling.model_dump(mode="json", exclude={"seed"}),
            "format": point.format,
            "samples": samples[point.id],
            "model": point.model,
            "tokens": counted[point.id],
        }
        for point in points
    }


def _place(point: Point) -> int:
    """Extensions last, and "Wait" the first of them: the first extension is the curve's, another is a placebo."""
    policy = point.policy
    if not (isinstance(policy, BudgetForcing) and policy.extensions):
        return 0
    return 1 if policy.nudges in (None, ("Wait",)) else 2


def _asked(policy: AnyPolicy) -> str:
    """What was asked, without the word for the reference's quirks: here every row has them, or none."""
    return label(policy.model_copy(update={"compat": None}) if isinstance(policy, BudgetForcing) else policy)


def _labels(points: Sequence[Point], *, several: bool) -> dict[str, str]:
    """A name for each: the label given, else what was asked; the model before it where there are several."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for point in points:
        said = point.label or _asked(point.policy)
        if several and point.model:
            said = f"{PurePosixPath(point.model).name}: {said}"
        if said in taken:  # alike but for the sampling
            said = f"{said}, {point.id[-4:]}"
        taken.add(said)
        names[point.id] = said
    return names
