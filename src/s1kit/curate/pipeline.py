"""A curation from beginning to end: the steps in order, then selections, training sets, report.

Knows what is done and goes on with what is not; killed at any moment, it comes to the same selection. Refuses to go on
with other settings or other input files than it began with. The folder's name holds the hash of the settings up to the
selection, so another recipe is another folder, and one folder can hold many selections and training sets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from s1kit.curate.building import build, refuse_untaught
from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.ledger import Ledger
from s1kit.curate.drawing import refuse_missing
from s1kit.curate.evaluation_sets import load_evaluations
from s1kit.curate.folder import Folder
from s1kit.curate.keeping import begin, finish, settings_of
from s1kit.curate.plan import calling
from s1kit.curate.pooling import known
from s1kit.curate.recipe import CurateConfig, SelectConfig
from s1kit.curate.selecting import make_selection
from s1kit.curate.stages import STAGES
from s1kit.curate.work import Bar, Work
from s1kit.errors import UserError
from s1kit.store.difference import config_hash
from s1kit.store.files import write_atomic
from s1kit.store.lock import RunLock


def where(config: CurateConfig) -> Path:
    """The folder of a curation: ``<out>/<name>-<six digits>``."""
    return Path(config.out) / f"{config.name}-{config_hash(settings_of(config))[:6]}"


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
    steps = steps_until(config, until)
    preflight(config, folder, steps, until)
    folder.path.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder.path)
    try:
        previous = begin(folder, config, header)
        with Cache(cache_path(config)) as cache:
            work = Work(config, folder, cache, Ledger(), bar, say)
            _steps(work, steps)
            if until in ("select", "build"):
                for wanted in (config.select, *config.comparisons):
                    make_selection(work, wanted)
            if until == "build":
                _build(work)
            finish(work, previous, time.monotonic() - began)
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


def preflight(config: CurateConfig, folder: Folder, steps: tuple[str, ...], until: str) -> None:
    """Raise UserError for what the end of the recipe would refuse, before anything is read or paid."""
    for source in config.sources:
        known(source)
    if "decontaminate" in steps and "decontaminate" not in folder.steps():
        load_evaluations(config.decontaminate.evaluations, config.data)
    if until in ("select", "build"):
        for wanted in (config.select, *config.comparisons):
            refuse_missing(config.steps, wanted)
    if until == "build":
        refuse_untaught(config)


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
            work.did = True
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
    kept, reasons = work.folder.tally(step)
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    total = kept + reasons.total()
    return f"{step}: {kept:,} of {total:,} rows kept" + (f"; dropped: {dropped}" if dropped else "")


def _build(work: Work) -> None:
    wanted: tuple[SelectConfig, ...] = (work.config.select,)
    if work.config.train.comparisons:
        wanted += work.config.comparisons
    for selection in wanted:
        build(work, selection)
