"""How a number was obtained, in one line: command, models, questions, seed, date, runs.

Knows manifests. Refuses to name a place: of a model in a folder only the last name is told, with its hash.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from s1kit.store.manifest import read_manifest
from s1kit.types import RunManifest

_SHORT = 12
"""Letters of a hash in a footnote; ``results.json`` has the whole."""


def trained(command: str, folder: Path) -> str:
    """The footnote of what was read from the log of the model in ``folder``."""
    made = json.loads((folder / "manifest.json").read_text())
    recipe = made["recipe"]
    facts = f"base: {Path(recipe['base']).name} ({made['base_sha256'][:_SHORT]}); "
    facts += f"{made['rows']:,} rows ({made['data_sha256'][:_SHORT]}), {recipe['epochs']:g} epochs, "
    facts += f"{recipe['batch_size']} rows a step, learning rate {recipe['learning_rate']:g}; seed: {recipe['seed']}"
    return f"Obtained by `{command}`: {facts}; s1kit {made['s1kit_version']}; model: {folder.name}."


def obtained(command: str, runs: Sequence[Path]) -> str:
    """The footnote of what was made from these runs. Their models, questions and hashes, in the order of the runs."""
    made = {path.name: read_manifest(path) for path in runs}
    if not runs:
        return f"Obtained by `{command}`."
    models, sets = _each(map(_model, made.values())), _each(map(_questions, made.values()))
    seeds = _each(str(one.config.get("seed", 0)) for one in made.values())
    days = _each(sorted((one.finished or one.started)[:10] for one in made.values()))
    names = "; ".join(f"{name} ({one.config_hash[:_SHORT]})" for name, one in made.items())
    version = _each(one.s1kit_version for one in made.values())
    facts = (
        f"model: {models}; questions: {sets}; seed of sampling: {seeds}; date: {days}; s1kit {version}; runs: {names}"
    )
    return f"Obtained by `{command}`: {facts}."


def _model(manifest: RunManifest) -> str:
    name = str(manifest.config.get("model", ""))
    shown = Path(name).name if Path(name).is_absolute() or Path(name).is_dir() else name
    made = manifest.inputs.get("model")
    return f"{shown} ({made[:_SHORT]})" if made else shown


def _questions(manifest: RunManifest) -> str:
    name = Path(str(manifest.config.get("benchmark", ""))).name
    made = manifest.inputs.get("questions", "")
    return f"{name}, {manifest.counts.get('questions', 0):,} questions ({made[:_SHORT]})"


def _each(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))
