"""What a curation reads from outside, as hashes: files, models, sets that ship with the package.

Knows which settings name something that may change behind the recipe's back. A hub's data cannot be hashed before it is
read; its id and revision stand for it.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.curate.recipe import CurateConfig, ModelConfig
from s1kit.engines.fingerprint import fingerprint
from s1kit.store.files import sha256_file
from s1kit.types import canonical_json, sha256_hex


def input_hashes(config: CurateConfig) -> dict[str, str]:
    """Name -> SHA-256 of the content (or the id, for what is not a file of this machine)."""
    found = {f"source {i}": _content(config.file(s.path)) for i, s in enumerate(config.sources) if s.path is not None}
    for name, value in config.decontaminate.evaluations.items():
        path = config.file(value.partition(":")[2] or value)
        found[f"evaluation {name}"] = _content(path) if path.exists() else value
    if config.trace.file is not None:
        found["traces"] = _content(config.file(config.trace.file))
    found["tokenizer"] = _content(Path(config.folder(config.trace.tokenizer)) / "tokenizer.json")
    for name, model in _models(config).items():
        if model.kind == "local":
            folder = Path(config.folder(model.model))
            found[name] = fingerprint(folder) if folder.is_dir() else model.model
    return found


def _models(config: CurateConfig) -> dict[str, ModelConfig]:
    named = {"teacher": config.trace.teacher, "classifier": config.domain.model, "judge": config.difficulty.judge}
    named |= {f"solver {name}": model for name, model in config.difficulty.solvers.items()}
    return {name: model for name, model in named.items() if model is not None}


def _content(path: Path) -> str:
    """Hash of a file, or of the files of a folder with their names; "missing" says so, and whoever reads it will."""
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file())
        return sha256_hex(canonical_json([[p.name, sha256_file(p)] for p in files]))
    return sha256_file(path) if path.is_file() else "missing"
