"""The manifest of a curation: begun before the first step, written in full after the last.

Knows which settings and inputs a folder stands for, and when a curation is finished: every step decided and a training
set built, whatever was asked for last. Refuses to go on with another folder's settings.
"""

from __future__ import annotations

from typing import Any

import yaml

from s1kit.curate.folder import POOL_STEP, Folder
from s1kit.curate.funnel import measure
from s1kit.curate.inputs import input_hashes
from s1kit.curate.recipe import CurateConfig, outputs
from s1kit.curate.work import Work
from s1kit.store.difference import config_hash, outputs_only
from s1kit.store.errors import StoreError
from s1kit.store.files import sha256_file, write_atomic
from s1kit.store.lock import LOCK_FILE
from s1kit.store.manifest import MANIFEST, environment, now, read_manifest, write_manifest
from s1kit.store.recover import refuse_other_config
from s1kit.types import RunManifest

UNHASHED = frozenset({MANIFEST, LOCK_FILE, "ledger.json", "report"})
"""What may change without a row changing: the ledger says what was paid, and by whom it was called last."""


def settings_of(config: CurateConfig) -> dict[str, Any]:
    """The settings that decide what the folder holds up to the selection."""
    return outputs_only(config.model_dump(mode="json"), outputs(config))


def begin(folder: Folder, config: CurateConfig, header: str) -> RunManifest | None:
    """Mark the folder as running; the manifest that was there before, None for a new one.

    Raises StoreError where the folder was begun with other settings or other input files.
    """
    inputs, settings = input_hashes(config), settings_of(config)
    previous = None
    if (folder.path / MANIFEST).exists():
        previous = read_manifest(folder.path)
        try:
            refuse_other_config(folder.path, previous, settings, inputs)
        except StoreError as problem:
            hint = "put back what changed, give the recipe another `name`, or remove the folder and begin again"
            raise StoreError(problem.message, hint) from problem
        manifest = previous.model_copy(update={"status": "running", "finished": None, "hashes": {}})
    else:
        manifest = RunManifest(
            id=folder.path.name,
            kind="curate",
            status="running",
            config=settings,
            config_typed=config.model_dump(mode="json", exclude_unset=True),
            config_hash=config_hash(settings),
            inputs=inputs,
            started=now(),
            **environment(),
        )
    write_manifest(folder.path, manifest)
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
    write_atomic(folder.path / "config.yaml", (f"# {header}\n" if header else "") + text)
    return previous


def finish(work: Work, previous: RunManifest | None, seconds: float) -> None:
    """Measure the funnel, hash every file, and write the manifest, last. A run that did nothing leaves it as it was."""
    folder = work.folder
    if previous is not None and previous.status == "finished" and not work.did:
        write_manifest(folder.path, previous)
        return
    write_atomic(folder.funnel, measure(folder.path).model_dump_json(indent=1) + "\n")
    steps = list(folder.steps())
    counts = {name: int(folder.alive(steps[: i + 1]).sum()) for i, name in enumerate(steps)}
    complete = set(work.config.steps) <= set(steps) and any(folder.trainsets.glob("*/trainset.json"))
    files = sorted(p for p in folder.path.rglob("*") if p.is_file() and not p.name.startswith("."))
    names = [str(p.relative_to(folder.path)) for p in files]
    manifest = read_manifest(folder.path)
    done = {
        "status": "finished" if complete else "interrupted",
        "finished": now() if complete else None,
        "seconds": round((manifest.seconds or 0.0) + seconds, 1),
        "counts": {"rows": len(folder.alive((POOL_STEP,))), **counts},
        "hashes": {name: sha256_file(folder.path / name) for name in names if name.split("/")[0] not in UNHASHED},
    }
    write_manifest(folder.path, manifest.model_copy(update=done))
