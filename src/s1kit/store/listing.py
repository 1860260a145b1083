"""What ``s1 runs ls`` and ``s1 runs show`` say.

Knows that a run whose manifest says "running" while nobody holds its lock was killed. Refuses to hide a directory that
it cannot read: it is listed as unreadable, with the reason.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from s1kit.store import layout
from s1kit.store.errors import StoreError
from s1kit.store.lock import is_locked
from s1kit.store.manifest import MANIFEST, read_manifest
from s1kit.store.rows import count_rows
from s1kit.store.run import RunDir
from s1kit.types import RunKind, RunManifest

Status = Literal["running", "finished", "interrupted", "killed", "unreadable"]
"""As in the manifest, but "killed" where it says running and no process is writing."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the listing. ``rows`` of ``expected`` are on disk; None where that cannot be known."""

    id: str
    directory: str
    status: Status
    kind: RunKind | None = None
    model: str | None = None
    started: str | None = None
    seconds: float | None = None
    questions: int | None = None
    policies: int | None = None
    rows: int | None = None
    expected: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    problem: str | None = None


def list_runs(root: Path) -> list[RunSummary]:
    """The runs directly below ``root``, oldest first; none when there is no such directory yet."""
    if not root.is_dir():
        return []
    found = [summary(path) for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda run: (run.started or "", run.id))


def summary(path: Path) -> RunSummary:
    """One run, whatever state it is in. Never raises for a damaged one."""
    try:
        manifest = read_manifest(path)
    except StoreError as problem:
        return RunSummary(id=path.name, directory=path.name, status="unreadable", problem=problem.message)
    problem_text = None
    n_questions = rows = None
    try:
        if manifest.kind == "curate":
            n_questions = manifest.counts.get("rows")
        else:
            n_questions = count_rows(path / layout.QUESTIONS)
            rows = layout.count_generations(path)
    except StoreError as problem:
        problem_text = problem.message
    return RunSummary(
        id=manifest.id,
        directory=path.name,
        status="unreadable" if problem_text else _status(path, manifest),
        kind=manifest.kind,
        model=manifest.engine.model if manifest.engine else None,
        started=manifest.started,
        seconds=manifest.seconds,
        questions=n_questions,
        policies=len(manifest.policies),
        rows=rows,
        expected=layout.expected_rows(manifest, n_questions) if n_questions is not None and manifest.policies else None,
        counts=manifest.counts,
        problem=problem_text,
    )


def show(path: Path) -> dict[str, Any]:
    """Everything the manifest and the listing know, plus files with their bytes and the points of ``metrics.json``.

    Plain JSON values. Raises StoreError when there is no readable run.
    """
    run = RunDir.open(path)
    files = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {
        "summary": asdict(summary(path)),
        "manifest": run.manifest.model_dump(mode="json"),
        "files": {str(p.relative_to(path)): p.stat().st_size for p in files},
        "graders": sorted(run.grade_files()),
        "points": (run.metrics() or {}).get("points", []),
    }


def find_run(reference: str | Path, root: Path) -> Path:
    """The run that a person means: a path, a run id, the start of one, or ``latest``.

    Raises StoreError when nothing fits, or more than one run does (they are named).
    """
    path = Path(reference)
    for candidate in (path, root / path):
        if (candidate / MANIFEST).exists():
            return candidate
    runs = [run for run in list_runs(root) if run.status != "unreadable"]
    if str(reference) == "latest" and runs:
        return root / runs[-1].directory
    fits = [run for run in runs if str(reference) and str(reference) in run.id]
    if len(fits) == 1:
        return root / fits[0].directory
    if fits:
        names = ", ".join(run.id for run in fits[:5])
        raise StoreError(f"{str(reference)!r} fits {len(fits)} runs: {names}", "write more of the name")
    raise StoreError(f"no run {str(reference)!r} in `{root}`", "`s1 runs ls` lists the runs")


def _status(path: Path, manifest: RunManifest) -> Status:
    return "killed" if manifest.status == "running" and not is_locked(path) else manifest.status
