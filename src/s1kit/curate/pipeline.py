"""A curation from beginning to end: the steps in order, then selections, training sets, report.

Knows what is done and goes on with what is not; killed at any moment, it comes to the same selection. Refuses to go on
with other settings or other input files than it began with. The folder's name holds the hash of the settings up to the
selection, so another recipe is another folder, and one folder can hold many selections and training sets.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from s1kit.curate.building import build
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.ledger import Ledger
from s1kit.curate.folder import POOL_STEP, Folder
from s1kit.curate.funnel import measure
from s1kit.curate.inputs import input_hashes
from s1kit.curate.plan import calling
from s1kit.curate.recipe import CurateConfig, SelectConfig, outputs
from s1kit.curate.selecting import make_selection
from s1kit.curate.stages import STAGES
from s1kit.curate.work import Bar, Work
from s1kit.errors import UserError
from s1kit.store.difference import config_hash, outputs_only
from s1kit.store.files import sha256_file, write_atomic
from s1kit.store.lock import LOCK_FILE, RunLock
from s1kit.store.manifest import MANIFEST, environment, now, read_manifest, write_manifest
from s1kit.store.recover import refuse_other_config
from s1kit.types import RunManifest

UNHASHED = frozenset({MANIFEST, LOCK_FILE, "ledger.json", "report"})
"""What may change without a row changing: the ledger says what was paid, and by whom it was called last."""


def where(config: CurateConfig) -> Path:
    """The folder of a curation: ``<out>/<name>-<six digits>``."""
    return Path(config.out) / f"{config.name}-{config_hash(_outputs(config))[:6]}"


def run(
    config: CurateConfig,
    *,
    bar: Bar,
    say: Callable[[str], None],
    until: str = "build",
    header: str = "",
) -> Folder:
    """Do what is not done yet, up to ``until``, and write the manifest.

    ``until``: a step, ``free`` (the steps before the first that calls a model), ``filter`` (all steps), ``select`` or
    ``build``.

    Raises StoreError where the folder was begun with other settings or inputs or is being written, and UserError for
    whatever a step refuses.
    """
    began = time.monotonic()
    folder = Folder(where(config))
    folder.path.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder.path)
    try:
        _begin(folder, config, header)
        with Cache(cache_path(config)) as cache:
            work = Work(config, folder, cache, Ledger(), bar, say)
            _steps(work, steps_until(config, until))
            if until in ("select", "build"):
                for wanted in (config.select, *config.comparisons):
                    make_selection(work, wanted)
            if until == "build":
                _build(work)
            finish(work, complete=until == "build", seconds=time.monotonic() - began)
    finally:
        lock.release()
    return folder


def steps_until(config: CurateConfig, until: str) -> tuple[str, ...]:
    """The steps that ``until`` asks for. Raises UserError for a step that the recipe does not have."""
    steps = ("pool", *config.steps)
    if until in ("filter", "select", "build"):
        return steps
    if until == "free":
        paid = [step for step in steps if step in calling(config)]
        return steps[: steps.index(paid[0])] if paid else steps
    if until not in steps:
        raise UserError(f"the recipe has no step {until}\nhint: its steps are {', '.join(steps)}")
    return steps[: steps.index(until) + 1]


def cache_path(config: CurateConfig) -> Path:
    """Where a curation keeps its model calls."""
    return Path(config.cache) if config.cache else Path(config.out) / "calls.sqlite"


def _steps(work: Work, steps: tuple[str, ...]) -> None:
    for number, step in enumerate(steps):
        work.step, work.number = step, number
        again = step in work.folder.steps()
        if not again:
            work.ledger = Ledger()
            try:
                work.folder.write_decisions(number, step, STAGES[step](work))
            finally:
                work.close_callers()
            keep_bill(work)
        work.before = (*work.before, step)
        work.say(_told(work, step) + (" (done before)" if again else ""))


def keep_bill(work: Work) -> None:
    """Put what this step's calls cost into ledger.json, in place of an earlier try at it."""
    path = work.folder.ledger
    bills = json.loads(path.read_bytes()) if path.exists() else {"entries": []}
    kept = [entry for entry in bills["entries"] if entry["step"] != work.step]
    kept += [{"step": work.step, **entry} for entry in work.ledger.as_dict()["entries"]]
    total = {}
    for kind in ("paid", "used"):
        costs = [entry[kind]["cost"] for entry in kept]
        total[kind] = None if None in costs else sum(costs)
    write_atomic(path, json.dumps({"entries": kept, "cost": total}, indent=1) + "\n")


def _told(work: Work, step: str) -> str:
    """``quality: 1,194 of 1,200 rows kept; ascii_art 4, asymptote 2``."""
    kept = total = 0
    reasons: Counter[str] = Counter()
    for decision in work.folder.decisions(step):
        total, kept = total + 1, kept + decision.kept
        if not decision.kept:
            reasons[decision.reason] += 1
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return f"{step}: {kept:,} of {total:,} rows kept" + (f"; dropped: {dropped}" if dropped else "")


def _build(work: Work) -> None:
    wanted: tuple[SelectConfig, ...] = (work.config.select,)
    if work.config.train.comparisons:
        wanted += work.config.comparisons
    for selection in wanted:
        build(work, selection)


def _outputs(config: CurateConfig) -> dict[str, object]:
    return outputs_only(config.model_dump(mode="json"), outputs(config))


def _begin(folder: Folder, config: CurateConfig, header: str) -> None:
    """A new folder's manifest, or a look at whether this is the one that was begun."""
    inputs = input_hashes(config)
    settings = _outputs(config)
    if (folder.path / MANIFEST).exists():
        manifest = read_manifest(folder.path)
        refuse_other_config(folder.path, manifest, settings, inputs)
        write_manifest(folder.path, manifest.model_copy(update={"status": "running", "finished": None, "hashes": {}}))
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


def finish(work: Work, *, complete: bool, seconds: float) -> None:
    """Measure the funnel, hash every file, and write the manifest, last."""
    folder = work.folder
    funnel = measure(folder.path)
    write_atomic(folder.funnel, funnel.model_dump_json(indent=1) + "\n")
    steps = folder.steps()
    counts = {name: int(folder.alive(list(steps)[: i + 1]).sum()) for i, name in enumerate(steps)}
    files = sorted(p for p in folder.path.rglob("*") if p.is_file() and not p.name.startswith("."))
    names = [str(p.relative_to(folder.path)) for p in files]
    manifest = read_manifest(folder.path)
    done = {
        "status": "finished" if complete else "interrupted",
        "finished": now() if complete else None,
        "seconds": round(seconds, 1),
        "counts": {"rows": len(folder.alive((POOL_STEP,))), **counts},
        "hashes": {name: sha256_file(folder.path / name) for name in names if not _unhashed(name)},
    }
    write_manifest(folder.path, manifest.model_copy(update=done))


def _unhashed(name: str) -> bool:
    return name.split("/")[0] in UNHASHED
