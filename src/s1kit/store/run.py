"""A run directory: created, appended to, resumed, finished, read.

Knows the order in which files reach the disk, so that a crash at any moment leaves a run that can be resumed. Refuses
to know how a row came about and what a metric means.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from s1kit.store import layout
from s1kit.store.create import create_directory
from s1kit.store.difference import outputs_only
from s1kit.store.errors import StoreError
from s1kit.store.files import remove, sha256_file, write_atomic
from s1kit.store.journal import Journal, decode, read_offsets
from s1kit.store.layout import Key
from s1kit.store.lock import RunLock
from s1kit.store.manifest import now, read_manifest, write_manifest
from s1kit.store.recover import locate, recover, refuse_other_config
from s1kit.store.rows import GENERATIONS, GRADES, count_rows, read_questions, read_records, write_parquet
from s1kit.types import EngineInfo, Generation, Grade, Question, RunKind, RunManifest

HEARTBEAT = 10.0
"""Seconds between two notes of how long a run has taken so far."""


class RunDir:
    """One run on disk. ``create`` and ``resume`` give a writer, which holds the run's lock; ``open`` gives a reader.

    A writer is a context manager: leaving it unfinished (an exception, Ctrl-C) marks the run interrupted, leaving it
    always releases the lock. Every method raises StoreError, which says what, where and what to do.
    """

    def __init__(
        self, path: Path, manifest: RunManifest, lock: RunLock | None = None, done: Collection[Key] = ()
    ) -> None:
        """Use ``create``, ``resume`` or ``open``."""
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._done = set(done)
        self._journal: Journal | None = None
        self._began = self._told = time.monotonic()
        self._carried = manifest.seconds or 0.0
        """Seconds of earlier sessions."""
        self._questions = {q.id: i for i, q in enumerate(self.questions())} if lock else {}

    @classmethod
    def create(
        cls,
        root: Path,
        kind: RunKind,
        slug: str,
        *,
        config_resolved: Mapping[str, Any],
        config_typed: Mapping[str, Any] | None = None,
        questions: Sequence[Question],
        inputs: Mapping[str, str] | None = None,
        engine: EngineInfo | None = None,
        findings: Sequence[Mapping[str, Any]] = (),
        policies: Mapping[str, Mapping[str, Any]] | None = None,
        seeds: Mapping[str, int] | None = None,
        non_output: Collection[str] = (),
        header: str = "",
        parent: str | None = None,
    ) -> Self:
        """A new run ``<root>/<date>-<slug>-<hash6>/`` with a ``running`` manifest, the configuration and the questions.

        The six digits are of kind, configuration, inputs and question ids: the same experiment on the same day gets
        the same name, and ``-2``, ``-3`` behind it. The directory appears whole or not at all.

        ``non_output`` names (dotted) the fields that change no row: they stay in ``config.yaml`` and out of the
        manifest and its hash. ``header`` is put above ``config.yaml`` as a comment (the command).

        ``policies`` maps each policy id to ``{"label", "policy", "sampling", "format", "think_stops", "samples"}``:
        the dumps of policy, sampling (seed aside) and format, the token ids that end thinking, and the samples per
        question; what is missing ``verify`` calls unverifiable.
        """
        path, lock = create_directory(
            Path(root),
            kind,
            slug,
            config_resolved=config_resolved,
            config_typed=config_typed or {},
            questions=questions,
            inputs=inputs or {},
            engine=engine,
            findings=findings,
            policies=policies or {},
            seeds=seeds or {},
            non_output=non_output,
            header=header,
            parent=parent,
        )
        return cls(path, read_manifest(path), lock)

    @classmethod
    def open(cls, path: Path) -> Self:
        """A run for reading (and for adding grades and metrics), whether it is running or finished.

        A curation holds no generations and is refused.
        """
        manifest = read_manifest(Path(path))
        if manifest.kind == "curate":
            raise StoreError(f"`{path}` is a curation, not a run of a model", f"`s1 curate show {path}` shows it")
        return cls(Path(path), manifest)

    @classmethod
    def resume(
        cls,
        path_or_root: Path,
        config_resolved: Mapping[str, Any],
        *,
        non_output: Collection[str] = (),
        inputs: Mapping[str, str] | None = None,
    ) -> tuple[Self, list[str]]:
        """The run again as a writer, and notes for the user; ``done`` then holds the keys that are there already.

        ``path_or_root`` is a run, or a root below which the newest unfinished run of this configuration is taken.
        Refuses (StoreError, fields named) a configuration that changes outputs, changed ``inputs`` (where given), and
        a run that another process is writing. Failed rows are made again; ``s1kit.store.recover`` says how.
        """
        outputs = outputs_only(config_resolved, non_output)
        path = locate(Path(path_or_root), outputs)
        lock = RunLock(path)
        try:
            manifest = read_manifest(path)
            refuse_other_config(path, manifest, outputs, inputs)
            recovered = recover(path, manifest)
            run = cls(path, manifest, lock, recovered.done)
            if not recovered.complete:
                kept = {name: value for name, value in manifest.hashes.items() if name not in recovered.touched}
                run._update(status="running", finished=None, hashes=kept)
        except BaseException:
            lock.release()
            raise
        return run, recovered.notes

    @property
    def id(self) -> str:
        """The run's name, also where its directory was renamed."""
        return self.manifest.id

    @property
    def done(self) -> frozenset[Key]:
        """Keys of the rows that need not be made (writers only; a reader's is empty)."""
        return frozenset(self._done)

    def append(self, generation: Generation) -> None:
        """Add one row; on return it survives a power cut. See ``append_many``."""
        self.append_many((generation,))

    def append_many(self, generations: Sequence[Generation]) -> None:
        """Add rows with a single fsync: all of them are safe on return.

        Refuses a key that is there already, and a question or policy that the run does not have. On a full disk none
        of the rows is kept, StoreError names the file and the free space, and the run stays resumable.
        """
        self._need_lock()
        fresh: set[Key] = set()
        for row in generations:
            self._refuse_stray(row, fresh)
            fresh.add(row.key)
        if not fresh:
            return
        if self._journal is None:
            if self.manifest.status == "finished":
                raise StoreError(f"`{self.path}` is finished", "a row can only be added to a run that is not")
            self._journal = Journal(self.path / layout.JOURNAL)
        self._journal.append(generations)
        self._done |= fresh
        if time.monotonic() - self._told > HEARTBEAT:  # a killed session's time is not lost with it
            self._told = time.monotonic()
            self._update(seconds=self._seconds())

    def _refuse_stray(self, row: Generation, fresh: set[Key]) -> None:
        name = "/".join(map(str, row.key))
        if row.key in self._done or row.key in fresh:
            raise StoreError(f"row {name} is in `{self.path}` already", "skip the keys in `done`")
        if row.question_id not in self._questions:
            raise StoreError(f"row {name} is about a question that `{self.path}` does not have")
        if self.manifest.policies and row.policy_id not in self.manifest.policies:
            raise StoreError(f"row {name} is of a policy that `{self.path}` does not have")

    def finish(self, counts: Mapping[str, int] | None = None) -> None:
        """Turn the journal into ``generations.parquet`` and write the full manifest, last.

        Rows are ordered by question, policy and sample, so that the file does not depend on which row came first. The
        journal is removed only after the Parquet file is in place with as many rows. ``questions``, ``generations`` and
        ``errors`` are added to ``counts``.
        """
        self._need_lock()
        self._close_journal()
        journal, parquet = self.path / layout.JOURNAL, self.path / layout.GENERATIONS
        if journal.exists():
            written = write_parquet(parquet, GENERATIONS, self._in_order(journal))
            if count_rows(parquet) != written or written != len(self._done):
                raise StoreError(f"`{parquet}` has {written} rows, {len(self._done)} were appended", "resume the run")
            remove(journal)
        elif self.manifest.status == "finished":
            return
        errors = sum(failed for _, failed in layout.read_outcomes(self.path))
        total = {"questions": len(self._questions), "generations": len(self._done), "errors": errors}
        self._update(
            status="finished",
            finished=now(),
            seconds=self._seconds(),
            counts={**(counts or {}), **total},
            hashes={name: sha256_file(self.path / name) for name in self._hashed_files()},
        )

    def _in_order(self, journal: Path) -> Iterator[dict[str, Any]]:
        policies = {name: i for i, name in enumerate(self.manifest.policies)}
        index = [
            (self._questions.get(row.question_id, -1), policies.get(row.policy_id, -1), row.policy_id, row.sample, at)
            for at, row in read_offsets(journal)
        ]
        with journal.open("rb") as handle:
            for number, (*_, offset) in enumerate(sorted(index), start=1):
                handle.seek(offset)
                yield decode(handle.readline(), journal, number).model_dump()

    def interrupt(self, counts: Mapping[str, int] | None = None) -> None:
        """Mark the run interrupted, with what it has so far; it can be resumed."""
        self._need_lock()
        self._close_journal()
        done = {"questions": len(self._questions), "generations": len(self._done)}
        self._update(status="interrupted", seconds=self._seconds(), counts={**(counts or {}), **done})

    def generations(self) -> Iterator[Generation]:
        """The rows: from Parquet when finished, from the journal (complete lines only) while running."""
        return layout.read_generations(self.path)

    def questions(self) -> Iterator[Question]:
        """The exact questions, in the run's order."""
        return read_questions(self.path / layout.QUESTIONS)

    def write_grades(self, grader: str, grades: Sequence[Grade]) -> Path:
        """Write ``grades/<grader>@<version>.parquet``, replacing an older one of the same version; its path.

        All of ``grades`` have to be of this grader and one version.
        """
        versions = {grade.version for grade in grades if grade.grader == grader}
        if len(versions) != 1 or any(grade.grader != grader for grade in grades):
            raise StoreError(f"grades for `{self.path}` are not all of one version of grader {grader!r}")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", grader):
            raise StoreError(f"{grader!r} cannot name a file", "use letters, digits, '_', '.' and '-'")
        name = f"{layout.GRADES}/{grader}@{versions.pop()}.parquet"
        with self._writing():
            (self.path / layout.GRADES).mkdir(exist_ok=True)
            write_parquet(self.path / name, GRADES, (grade.model_dump() for grade in grades))
            self._record(name)
        return self.path / name

    def grades(self, grader: str | None = None) -> Iterator[Grade]:
        """Grades: all (None), the newest version of a grader (``"math"``), or one version (``"math@2"``)."""
        files = self.grade_files()
        if grader is not None and "@" not in grader:
            mine = [key for key in files if key.rpartition("@")[0] == grader]
            grader = max(mine, key=lambda key: int(key.rpartition("@")[2]), default=grader)
        if grader is not None and grader not in files:
            have = ", ".join(sorted(files)) or "none"
            raise StoreError(f"`{self.path}` has no grades by {grader!r} (there are: {have})", "run `s1 grade` on it")
        for key in sorted(files) if grader is None else [grader]:
            yield from read_records(files[key], Grade)

    def grade_files(self) -> dict[str, Path]:
        """``"<grader>@<version>"`` -> file."""
        return {path.stem: path for path in sorted((self.path / layout.GRADES).glob("*@*.parquet"))}

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write ``metrics.json``. ``metrics["points"]``, a list of objects, is what the ``points`` view shows.

        Refuses NaN and infinities, which JSON has no word for: say None.
        """
        for name in _not_finite(metrics, ""):
            raise StoreError(f"metric {name} of `{self.path}` is not a finite number", "write None where there is none")
        with self._writing():
            text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False)
            write_atomic(self.path / layout.METRICS, text + "\n")
            self._record(layout.METRICS)

    def metrics(self) -> dict[str, Any] | None:
        """What ``write_metrics`` wrote; None where there is none yet."""
        path = self.path / layout.METRICS
        try:
            value: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as problem:
            raise StoreError(f"`{path}` is not JSON: {problem}", "compute it again with `s1 metrics`") from problem
        return value

    def close(self) -> None:
        """Release journal and lock; doing it twice is fine. Does not change the run's status."""
        self._close_journal()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._lock is not None and self.manifest.status == "running":
                if kind is None:
                    self.interrupt()
                else:
                    with suppress(StoreError):  # a full disk must not hide the exception that is on its way
                        self.interrupt()
        finally:
            self.close()

    def _need_lock(self) -> None:
        if self._lock is None:
            raise StoreError(f"`{self.path}` is open for reading only", "use RunDir.create or RunDir.resume to write")

    def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; a reader takes it for this write alone, and reads the manifest again under it."""
        if self._lock is not None:
            yield
            return
        lock = RunLock(self.path, wait=5.0)
        try:
            self.manifest = read_manifest(self.path)
            yield
        finally:
            lock.release()

    def _record(self, name: str) -> None:
        self._update(hashes={**self.manifest.hashes, name: sha256_file(self.path / name)})

    def _update(self, **changes: Any) -> None:
        self.manifest = self.manifest.model_copy(update=changes)
        write_manifest(self.path, self.manifest)

    def _hashed_files(self) -> list[str]:
        grades = [f"{layout.GRADES}/{path.name}" for path in self.grade_files().values()]
        scores = [f"scores/{path.name}" for path in sorted((self.path / "scores").glob("*.jsonl"))]
        names = [layout.CONFIG, layout.QUESTIONS, layout.GENERATIONS, layout.METRICS, *grades, *scores]
        return [name for name in names if os.path.exists(self.path / name)]

    def _seconds(self) -> float:
        """Seconds spent writing, over all sessions; of one that was killed, up to its last heartbeat."""
        return round(self._carried + time.monotonic() - self._began, 3)


def _not_finite(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield name
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _not_finite(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _not_finite(item, f"{name}.{i}")
