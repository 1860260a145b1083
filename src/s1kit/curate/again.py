"""Done once more: failed calls asked again, a fixed selection taught by another teacher.

Knows what has to be undone for it, and takes the same lock and cache as the pipeline.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from s1kit.curate.calls.cache import Cache
from s1kit.curate.calls.ledger import Ledger
from s1kit.curate.folder import Folder
from s1kit.curate.keeping import finish
from s1kit.curate.pipeline import cache_path, keep_bill, where
from s1kit.curate.plan import calling
from s1kit.curate.recipe import CurateConfig, ModelConfig
from s1kit.curate.reteaching import Taught
from s1kit.curate.reteaching import reteach as reteach_selection
from s1kit.curate.verify import read_config
from s1kit.curate.work import Bar, Work
from s1kit.store.files import remove
from s1kit.store.lock import RunLock
from s1kit.store.manifest import read_manifest


def forget_failed(config: CurateConfig) -> tuple[int, list[str]]:
    """Forget the calls that failed and undo the steps that made them and what came after; both, for people."""
    folder = Folder(where(config))
    with Cache(cache_path(config)) as cache:
        count = cache.forget_errors()
    undone = []
    if folder.path.is_dir():
        lock = RunLock(folder.path)
        try:
            names = list(folder.steps())
            first = next((i for i, name in enumerate(names) if name in calling(config)), len(names))
            undone = names[first:] if count else []
            if undone:
                for part in (folder.selections, folder.trainsets):
                    shutil.rmtree(part, ignore_errors=True)
            for name in reversed(undone):
                remove(folder.steps()[name])
        finally:
            lock.release()
    return count, undone


def reteach(
    path: Path, selection: str, teacher: ModelConfig, *, judged: bool, bar: Bar, say: Callable[[str], None]
) -> Taught:
    """`reteaching.reteach` on the curation at ``path``, with its own settings, cache and lock."""
    folder = Folder(path)
    began, manifest = time.monotonic(), read_manifest(path)
    config = read_config(folder)
    lock = RunLock(path)
    try:
        with Cache(cache_path(config)) as cache:
            work = Work(config, folder, cache, Ledger(), bar, say, step="reteach")
            try:
                taught = reteach_selection(work, selection, teacher, judged)
            finally:
                work.close_callers()
            keep_bill(work)
            work.did = True
            finish(work, manifest, time.monotonic() - began)
            return taught
    finally:
        lock.release()
