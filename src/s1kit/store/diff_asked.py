"""What differs in what two runs were asked to do: their manifests, field by field, what changes rows first.

Knows which fields of a manifest change rows, which may, and which only say when a run happened. Refuses to know rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from s1kit.store.difference import Difference, differences
from s1kit.types import Record, RunManifest

Effect = Literal["changes", "may"]
"""changes: other rows are to be expected; may: the same rows are, and this is where to look if they differ."""

_INPUTS = {"questions": "questions", "model": "model weights", "tokenizer": "tokenizer", "chat_template": "template"}
_MAY_ENGINE = frozenset({"model", "version", "device", "slots", "logprobs", "streams"})
"""``model`` is where the weights lay; what they are is an input's hash."""
_NOT_ASKED = frozenset({"policies"})
"""Of the configuration: the policies are compared one by one, under the names that they are matched by."""


class Asked(Record):
    """One field that differs: ``area`` is its part of the manifest, ``a`` and ``b`` are JSON, "(absent)" for none."""

    effect: Effect
    area: str
    field: str
    a: str
    b: str


def asked(a: RunManifest, b: RunManifest, matched: Mapping[str, str]) -> list[Asked]:
    """Every difference between two manifests, those that change rows first; [] where both were asked the same.

    ``matched`` maps policy ids of ``a`` to those of ``b``; a policy that only one has changes no row of another. When
    a run started, how long it took, where it lies and what it was typed as are no differences.
    """
    found = [*_inputs(a, b), *_engine(a, b), *_policies(a, b, matched), *_surroundings(a, b)]
    return sorted(found, key=lambda one: one.effect != "changes")


def _of(effect: Effect, area: str, found: list[Difference]) -> Iterator[Asked]:
    for d in found:
        yield Asked(effect=effect, area=area, field=d.field, a=d.old, b=d.new)


def _inputs(a: RunManifest, b: RunManifest) -> Iterator[Asked]:
    for d in differences(a.inputs, b.inputs):
        if d.field != "policies":  # said of each policy below
            yield Asked(effect="changes", area=_INPUTS.get(d.field, d.field), field="sha256", a=d.old, b=d.new)
    kept = [{k: v for k, v in m.config.items() if k not in _NOT_ASKED} for m in (a, b)]
    yield from _of("changes", "config", differences(*kept))
    yield from _of("changes", "seeds", differences(a.seeds, b.seeds))
    yield from _of("changes", "run", differences({"kind": a.kind}, {"kind": b.kind}))


def _engine(a: RunManifest, b: RunManifest) -> Iterator[Asked]:
    left, right = ({} if m.engine is None else m.engine.model_dump(mode="json") for m in (a, b))
    if "tokenizer" in a.inputs and "tokenizer" in b.inputs:
        left.pop("tokenizer_hash", None)
        right.pop("tokenizer_hash", None)
    for d in differences(left, right):
        yield from _of("may" if d.field in _MAY_ENGINE else "changes", "engine", [d])
    tried = [_found(m) for m in (a, b)]
    both = tried[0].keys() & tried[1].keys()  # what was not tried on one of them says nothing
    yield from _of("may", "engine", differences(*({k: v for k, v in t.items() if k in both} for t in tried)))


def _found(manifest: RunManifest) -> dict[str, Any]:
    """What was tried on the engine, and seen."""
    return {f"found {one.get('probe')}": one.get("found") for one in manifest.findings}


def _policies(a: RunManifest, b: RunManifest, matched: Mapping[str, str]) -> Iterator[Asked]:
    for mine, other in matched.items():
        label = str(a.policies[mine].get("label", mine))
        yield from _of("changes", f"policy {label}", differences(a.policies[mine], b.policies[other]))


def _surroundings(a: RunManifest, b: RunManifest) -> Iterator[Asked]:
    yield from _of("may", "s1kit", differences({"version": a.s1kit_version}, {"version": b.s1kit_version}))
    yield from _of("may", "git", differences(a.git, b.git))
    yield from _of("may", "packages", differences(a.packages, b.packages))
    yield from _of("may", "hardware", differences(a.hardware, b.hardware))
