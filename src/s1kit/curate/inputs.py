"""What a curation reads from outside, as hashes: files, models, sets that ship with the package.

Knows which settings name something that may change behind the recipe's back. A hub's data cannot be hashed before it is
read; its id and revision stand for it.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.curate.recipe import CurateConfig, ModelConfig
from s1kit.engines.fingerprint import fingerprint
from s1kit.nano.shipped import resolve_model
from s1kit.store.files import sha256_file


def input_hashes(config: CurateConfig) -> dict[str, str]:
    """Name -> SHA-256 of the content (or the id, for what is not a file of this machine)."""
    found = {f"source {i}": _file(s.path) for i, s in enumerate(config.sources) if s.path is not None}
    found |= {f"evaluation {name}": _file(value) for name, value in config.decontaminate.evaluations.items()}
    if config.trace.file is not None:
        found["traces"] = _file(config.trace.file)
    found["tokenizer"] = _file(str(Path(resolve_model(config.trace.tokenizer)) / "tokenizer.json"))
    for name, model in _models(config).items():
        if model.kind == "local":
            folder = Path(resolve_model(model.model))
            found[name] = fingerprint(folder) if folder.is_dir() else model.model
    return found


def _models(config: CurateConfig) -> dict[str, ModelConfig]:
    named = {"teacher": config.trace.teacher, "classifier": config.domain.model, "judge": config.difficulty.judge}
    named |= {f"solver {name}": model for name, model in config.difficulty.solvers.items()}
    return {name: model for name, model in named.items() if model is not None}


def _file(value: str) -> str:
    path = Path(value)
    return sha256_file(path) if path.is_file() else value
