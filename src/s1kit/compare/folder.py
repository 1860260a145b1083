"""The folder of a comparison: its runs, by model, format and phase, and the files that say what came out.

Knows which stored rows serve again: those of a finished run on the same questions with the same model and settings.
Refuses to generate: it says what is missing. A method that is added to a recipe costs only its own rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1kit.compare.recipe import CompareConfig, CompareRun, PolicyWanted
from s1kit.compare.settings import RunKey, identity
from s1kit.evaluate import Wanted
from s1kit.evaluate_scores import weights_of
from s1kit.policies import TreeSearch
from s1kit.store.difference import outputs_only
from s1kit.store.manifest import read_manifest
from s1kit.store.run import RunDir
from s1kit.types import Question, RunManifest, sha256_hex


def folder_of(config: CompareConfig) -> Path:
    """Where a comparison lies."""
    return Path(config.out) / config.name


def run_config(config: CompareConfig, key: RunKey, policies: Sequence[Wanted]) -> CompareRun:
    """The configuration of a run that holds these policies."""
    merged: dict[tuple[Any, Any], int] = {}
    for wanted in policies:  # two methods may want different numbers of the same samples
        known = merged.get((wanted.policy, wanted.sampling), 0)
        merged[wanted.policy, wanted.sampling] = max(known, wanted.samples or 1)
    return CompareRun(
        benchmark=config.benchmark,
        limit=config.limit,
        model=key.model,
        format=key.format,
        phase=key.phase,
        system=config.system,
        engine=config.engine,
        seed=config.seed,
        policies=tuple(PolicyWanted(policy=p, sampling=s, samples=n) for (p, s), n in merged.items()),
        grader=config.grader,
        out=str(folder_of(config) / "runs" / _slug(key)),
    )


@dataclass(frozen=True, slots=True)
class Now:
    """What rows have to be of, beside the configuration, to be used."""

    questions: tuple[Question, ...]
    """As they are now: a benchmark's file may have changed since, its reference answers too."""
    model: str | None
    """The weights' hash; None where there is none to compare with."""
    ignore: frozenset[str]
    """Settings that change no row."""

    def made(self, path: Path, manifest: RunManifest) -> bool:
        """Whether a run is of these questions and weights, those of its reward models included."""
        if self.model is not None and manifest.inputs.get("model") != self.model:
            return False
        read = {name.partition(":")[2]: made for name, made in manifest.inputs.items() if name.startswith("scorer:")}
        if any(weights_of(name) != made for name, made in read.items()):
            return False
        return tuple(RunDir.open(path).questions()) == self.questions


def finished(config: CompareRun, now: Now) -> list[RunDir]:
    """Finished runs whose rows can be used: same questions, settings and weights, and no row that failed."""
    base = outputs_only(config.base(), now.ignore)
    usable = []
    for path, manifest in _manifests(config):
        theirs = {name: value for name, value in manifest.config.items() if name in base}
        if not _lacks_rows(manifest) and theirs == base and now.made(path, manifest):
            usable.append(RunDir.open(path))
    return usable


def unfinished(config: CompareRun, now: Now) -> Path | None:
    """A run of exactly this configuration that was interrupted, or in which rows failed."""
    mine = outputs_only(config.model_dump(mode="json"), now.ignore)
    for path, manifest in _manifests(config):
        if _lacks_rows(manifest) and manifest.config == mine and now.made(path, manifest):
            return path
    return None


def _lacks_rows(manifest: RunManifest) -> bool:
    return manifest.status != "finished" or bool(manifest.counts.get("errors"))


def missing(policies: Sequence[Wanted], runs: Sequence[RunDir], format_spec: Mapping[str, Any]) -> list[Wanted]:
    """What no run holds, or not with so many samples."""
    held: dict[str, int] = {}
    for run in runs:
        for name, entry in run.manifest.policies.items():
            held[name] = max(held.get(name, 0), int(entry.get("samples") or 1))
    return [w for w in policies if held.get(identity(w, dict(format_spec)), 0) < _rows(w)]


def _rows(wanted: Wanted) -> int:
    policy = wanted.policy
    return (wanted.samples or 1) * (policy.width if isinstance(policy, TreeSearch) else 1)


def _manifests(config: CompareRun) -> Iterator[tuple[Path, RunManifest]]:
    """All runs of the comparison: a tree search that is called otherwise now lies in another folder."""
    for path in sorted(Path(config.out).parent.glob("*/*/manifest.json")):
        yield path.parent, read_manifest(path.parent)


def _slug(key: RunKey) -> str:
    """A readable folder name; two models of the same last name are told apart by a hash."""
    last = re.sub(r"[^a-z0-9]+", "-", Path(key.model).name.lower()).strip("-")
    phase = re.sub(r"[^a-z0-9]+", "-", key.phase.lower()).strip("-")
    return f"{last}-{key.format.replace('/', '-')}-{phase}-{sha256_hex(f'{key}')[:4]}"
